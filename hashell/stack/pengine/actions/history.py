"""Recorded operations against the present configuration: cancel, reload, restart (scheduler actions §10.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.durations import readable_interval
from hashell.stack.pengine.actions.create import change_task, clear_failcount_op, new_action, op_key, rsc_op, set_reason
from hashell.stack.pengine.actions.unfencing import trigger_unfencing
from hashell.stack.pengine.assign.nodes import node_ok
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import DigestResult, Variant
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.order.create import new_ordering, order_tasks
from hashell.stack.pengine.unpack.digests import compare_digests, needs_address
from hashell.stack.pengine.unpack.entry import Entry, active_range, sorted_entries
from hashell.stack.pengine.unpack.failcounts import failcount
from hashell.stack.pengine.unpack.operations import find_op

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_AS_START = ("migrate_from", "promote")
_RESTART_REASON = "resource definition change"


def check_histories(ws: WorkingSet) -> None:
    """Compare everything that runs with its configuration, node by node."""
    states: dict[str, list[_Element]] = {}
    for state in ws.cib.iter("node_state"):
        states.setdefault(state.get("uname") or "", []).append(state)
    by_id: dict[str, list[Resource]] = {}
    for top in ws.resources:
        for rsc in top.walk():
            by_id.setdefault(rsc.id, []).append(rsc)
            if rsc.history_id is not None and rsc.history_id != rsc.id:
                by_id.setdefault(rsc.history_id, []).append(rsc)
    for node in ws.nodes:
        if not node.maintenance and not node_ok(node):
            continue
        for state in states.get(node.name, ()):
            for history in state.iter("lrm_resource"):
                if not len(history):
                    continue
                for rsc in reversed(by_id.get(history.get("id") or "", ())):
                    if rsc.variant == Variant.PRIMITIVE:
                        _check_history(ws, rsc, node, history)


def _check_history(ws: WorkingSet, rsc: Resource, node: Node, history: _Element) -> None:
    if rsc.removed:
        if not rsc.top().is_anonymous_clone():
            schedule_cleanup(ws, rsc, node)
        return
    active = node in rsc.active_nodes
    if _agent_changed(ws, rsc, node, history, active):
        schedule_cleanup(ws, rsc, node)
    if not active:
        return
    entries = sorted_entries(history)
    start, stop = active_range(entries)
    if start < stop:
        return
    for entry in entries[max(start, 0) :]:
        if entry.interval > 0 and (rsc.maintenance or node.maintenance):
            schedule_cancel(ws, rsc, entry, node)
        elif entry.interval > 0 or entry.task in ("monitor", "start", *_AS_START):
            if needs_address(rsc):
                ws.param_check.insert(0, ("active", entry, rsc, node))
            elif check_definition(ws, rsc, node, entry) and failcount(ws, node, rsc)[0] != 0:
                clear_failcount_op(ws, rsc, node, "action definition changed")


def _agent_changed(ws: WorkingSet, rsc: Resource, node: Node, history: _Element, active: bool) -> bool:
    changed = False
    agent = rsc.scratch.get("agent")
    if agent is None:
        agent = rsc.scratch["agent"] = tuple((name, rsc.xml.get(name)) for name in ("type", "class", "provider"))
    for name, value in agent:
        if value != history.get(name):
            changed = True
            trigger_unfencing(ws, rsc, node, "Device definition changed")
    if changed and active:
        rsc_op(ws, rsc, "stop", node, False)
        rsc.start_pending = True
    return changed


def schedule_cleanup(ws: WorkingSet, rsc: Resource, node: Node, optional: bool = False) -> None:
    """Delete the resource's history on the node, between its stop and its start."""
    if rsc.failed or node.unclean or not node.online:
        return
    rsc_op(ws, rsc, "delete", node, optional)
    flags = Rel.FIRST_IMPLIES_THEN if optional else Rel.ORDERED
    order_tasks(ws, rsc, "stop", rsc, "delete", flags)
    order_tasks(ws, rsc, "delete", rsc, "start", flags)


def new_cancel(ws: WorkingSet, rsc: Resource, task: str, interval_ms: int, node: Node | None) -> Action:
    """The cancellation of a recurring operation; it takes the place of an action of that key."""
    cancel = new_action(ws, rsc, op_key(rsc, task, interval_ms), "cancel", node, False)
    change_task(cancel, "cancel")
    cancel.cancel_task = task
    cancel.meta["operation"] = task
    cancel.meta["interval"] = str(interval_ms)
    return cancel


def schedule_cancel(ws: WorkingSet, rsc: Resource, entry: Entry, node: Node) -> None:
    """Cancel a recurring operation found in the history."""
    cancel = new_cancel(ws, rsc, entry.task, entry.interval, node)
    call_id = entry.xml.get("call-id")
    if call_id is not None:
        cancel.meta["call-id"] = call_id
    new_ordering(ws, rsc, op_key(rsc, "stop"), None, rsc, None, cancel, Rel.ORDERED)


def check_definition(ws: WorkingSet, rsc: Resource, node: Node, entry: Entry) -> bool:
    """Whether the operation would be run with other parameters today; what has to follow is scheduled."""
    if entry.interval > 0 and find_op(rsc, entry.task, entry.interval, include_disabled=False) is None:
        if ws.cancel_removed_actions:
            schedule_cancel(ws, rsc, entry, node)
        return True
    data = compare_digests(ws, rsc, entry, node)
    if (
        ws.sanitized
        and data.result != DigestResult.MATCH
        and data.digest_secure is not None
        and data.digest_secure == entry.xml.get("op-secure-digest")
    ):
        task = "start" if entry.task in _AS_START else entry.task
        ws.notes.append(
            f"Only 'private' parameters to {readable_interval(entry.interval)}-interval {task} for {rsc.id} on "
            f"{node.name} changed: {entry.xml.get('transition-magic')}"
        )
        return False
    if data.result == DigestResult.RESTART:
        _force_restart(ws, rsc, entry, node)
        return True
    if data.result not in (DigestResult.UNKNOWN, DigestResult.MISMATCH):
        return False
    if entry.interval > 0:
        trigger_unfencing(ws, rsc, node, "Device parameters changed (reschedule)")
        op = new_action(ws, rsc, op_key(rsc, entry.task, entry.interval), entry.task, node, True)
        op.flags |= Act.RESCHEDULE
    elif entry.xml.get("op-restart-digest") is not None:
        trigger_unfencing(ws, rsc, node, "Device parameters changed (reload)")
        schedule_reload(ws, rsc, node)
    else:
        _force_restart(ws, rsc, entry, node)
    return True


def _force_restart(ws: WorkingSet, rsc: Resource, entry: Entry, node: Node) -> None:
    task = "start" if entry.is_probe() or entry.task in _AS_START else entry.task
    required = new_action(ws, rsc, op_key(rsc, task, entry.interval), task, None, False)
    set_reason(required, _RESTART_REASON, overwrite=True)
    if ws.ledger is not None:
        ws.ledger.add(Kind.PARAMETERS, rsc, node, None, entry.id)
    trigger_unfencing(ws, rsc, node, "Device parameters changed")


def schedule_reload(ws: WorkingSet, rsc: Resource, node: Node | None) -> None:
    """Have the agent take over new parameters without a restart."""
    if rsc.variant > Variant.PRIMITIVE:
        for child in rsc.children:
            schedule_reload(ws, child, node)
        return
    if node is None or not rsc.managed or rsc.failed:
        return
    if rsc.start_pending:
        rsc_op(ws, rsc, "stop", node, False)
        return
    rsc.reload = True
    if ws.ledger is not None:
        ws.ledger.add(Kind.PARAMETERS, rsc, node)
    reload = rsc_op(ws, rsc, "reload-agent", node, False)
    set_reason(reload, _RESTART_REASON)
    flags = Rel.ORDERED | Rel.THEN_CANCELS_FIRST
    for task in ("stop", "demote"):
        new_ordering(ws, None, None, reload, rsc, op_key(rsc, task), None, flags)


def run_deferred_checks(ws: WorkingSet) -> None:
    """The checks that had to wait for the address of a bundle's connection."""
    for kind, entry, rsc, node, *_ in ws.param_check:
        if kind == "active":
            if check_definition(ws, rsc, node, entry) and failcount(ws, node, rsc)[0] != 0:
                clear_failcount_op(ws, rsc, node, "action definition changed")
        elif compare_digests(ws, rsc, entry, node).result not in (DigestResult.UNKNOWN, DigestResult.MATCH):
            clear_failcount_op(ws, rsc, node, "resource parameters have changed")


def clear_orphan_failcounts(ws: WorkingSet) -> None:
    """Forget the failures of resources that are no longer configured, before they stop."""
    for rsc in ws.resources:
        if not rsc.removed:
            continue
        for node in ws.nodes:
            if node.online and failcount(ws, node, rsc)[0] != 0:
                clear = clear_failcount_op(ws, rsc, node, "it is orphaned")
                new_ordering(ws, rsc, None, clear, rsc, op_key(rsc, "stop"), None, Rel.ORDERED)
