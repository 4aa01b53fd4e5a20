"""What has to be done: creation of operations, probes, fencing, notifications (scheduler actions §9, §10, §13-§15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.stack.pengine.state import WorkingSet


def create_actions(ws: WorkingSet) -> None:
    """Create every action of the run, required or optional: stages 10 to 12."""
    from hashell.stack.pengine.actions.collective import create_resource_actions
    from hashell.stack.pengine.actions.fencing import schedule_fencing_and_shutdowns
    from hashell.stack.pengine.actions.history import clear_orphan_failcounts, run_deferred_checks
    from hashell.stack.pengine.actions.probes import schedule_probes
    from hashell.stack.pengine.actions.remote import order_remote_connections

    run_deferred_checks(ws)
    if ws.probe_resources:
        schedule_probes(ws)
    if ws.stop_removed_resources:
        clear_orphan_failcounts(ws)
    for rsc in ws.resources:
        create_resource_actions(ws, rsc)
    order_remote_connections(ws)
    schedule_fencing_and_shutdowns(ws)
