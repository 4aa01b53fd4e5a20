"""Where each resource is to run: criteria, colocation, assignment of every variant (scheduler actions §3-§8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.stack.pengine.state import WorkingSet


def assign(ws: WorkingSet) -> None:
    """Internal constraints, configuration changes and the assignment itself: stages 7 to 9."""
    from hashell.stack.pengine.actions.history import check_histories
    from hashell.stack.pengine.actions.implicit import add_internal_constraints
    from hashell.stack.pengine.assign.output import show_capacity
    from hashell.stack.pengine.assign.placement import sort_for_placement
    from hashell.stack.pengine.assign.primitive import assign_any

    for rsc in ws.resources:
        add_internal_constraints(ws, rsc)
    check_histories(ws)
    if ws.placement_strategy != "default":
        sort_for_placement(ws)
    show_capacity(ws, "Original")
    if ws.have_remote_nodes:
        for rsc in ws.resources:
            if rsc.is_remote_connection:
                assign_any(ws, rsc, rsc.partial_migration_target, True)
    for rsc in ws.resources:
        if not rsc.is_remote_connection:
            assign_any(ws, rsc, None, True)
    show_capacity(ws, "Remaining")
