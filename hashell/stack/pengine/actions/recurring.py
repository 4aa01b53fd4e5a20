"""Recurring operations of a primitive (scheduler actions §10.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.outcomes import OcfCode
from hashell.stack.pengine.actions.create import find_actions, new_action, op_key, rsc_op
from hashell.stack.pengine.actions.history import new_cancel
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Role
from hashell.stack.pengine.order.create import new_ordering
from hashell.stack.pengine.order.flagsof import action_flags
from hashell.stack.pengine.order.relate import relate
from hashell.stack.pengine.unpack.operations import configured_ops, op_enabled

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_NOT_RECURRING = frozenset({"start", "stop", "promote", "demote", "reload-agent", "migrate_to", "migrate_from"})
_ROLES = {
    "stopped": Role.STOPPED,
    "started": Role.STARTED,
    "unpromoted": Role.UNPROMOTED,
    "slave": Role.UNPROMOTED,
    "promoted": Role.PROMOTED,
    "master": Role.PROMOTED,
}
_AFTER = Rel.FIRST_IMPLIES_THEN | Rel.UNRUNNABLE_FIRST_BLOCKS


class RecurringOp:
    """A configured recurring operation; `role` is UNKNOWN when none is given."""

    __slots__ = ("name", "interval_ms", "key", "role")

    def __init__(self, rsc: Resource, name: str, interval_ms: int, role: int) -> None:
        self.name = name
        self.interval_ms = interval_ms
        self.key = op_key(rsc, name, interval_ms)
        self.role = role


def recurring_ops(rsc: Resource) -> list[RecurringOp]:
    """The valid recurring operations in configuration order; of duplicates none is valid."""
    ops = configured_ops(rsc)
    seen: dict[tuple[str | None, int], int] = {}
    for name, interval, _ in ops:
        seen[name, interval] = seen.get((name, interval), 0) + 1
    found = []
    for name, interval, xml in ops:
        if interval <= 0 or not xml.get("id") or not name or name in _NOT_RECURRING or seen[name, interval] > 1:
            continue
        text = xml.get("role")
        role = Role.UNKNOWN if text is None else _ROLES.get(text.lower())
        if role is None or not op_enabled(xml):
            continue
        found.append(RecurringOp(rsc, name, interval, role))
    return found


def _running_on(rsc: Resource, op: RecurringOp, node: Node) -> list[Action]:
    """The known actions of that operation on exactly that node."""
    return [action for action in rsc.actions_by_key.get(op.key.lower(), ()) if action.node is node]


def create_recurring(ws: WorkingSet, rsc: Resource) -> None:
    """Schedule, keep or cancel the recurring operations."""
    if rsc.blocked or rsc.maintenance:
        return
    start: Action | None = None
    target = rsc.assigned_node.node if rsc.assigned_node is not None else None
    if target is not None and not target.maintenance and (rsc.next_role != Role.STOPPED or not rsc.managed):
        start = rsc_op(ws, rsc, "start", target, True)
    for op in recurring_ops(rsc):
        if start is not None and op.role != Role.STOPPED:
            _create_active(ws, rsc, start, target, op)
        if op.role == Role.STOPPED and rsc.unique:
            _create_inactive(ws, rsc, target, op)


def _create_active(ws: WorkingSet, rsc: Resource, start: Action, node: Node | None, op: RecurringOp) -> None:
    assert node is not None
    running = _running_on(rsc, op, node)
    optional = (
        bool(action_flags(start, None) & Act.OPTIONAL)
        and bool(running)
        and not any(action.flags & Act.RESCHEDULE for action in running)
    )
    matches = rsc.next_role != Role.PROMOTED if op.role == Role.UNKNOWN else rsc.next_role == op.role
    if not matches:
        if optional:
            _cancel_wrong_role(ws, rsc, node, op)
        return
    action = new_action(ws, rsc, op.key, op.name, node, optional)
    if not start.runnable or not node.online or node.unclean:
        action.flags &= ~Act.RUNNABLE
    if rsc.next_role == Role.PROMOTED:
        action.meta["op_target_rc"] = str(OcfCode.PROMOTED)
    if not rsc.managed:
        return
    for task in ("start", "reload-agent"):
        new_ordering(ws, rsc, op_key(rsc, task), None, rsc, None, action, _AFTER)
    flags = Rel.ORDERED | Rel.UNRUNNABLE_FIRST_BLOCKS
    if rsc.next_role == Role.PROMOTED:
        new_ordering(ws, rsc, op_key(rsc, "promote"), None, rsc, None, action, flags)
    elif rsc.orig_role == Role.PROMOTED:
        new_ordering(ws, rsc, op_key(rsc, "demote"), None, rsc, None, action, flags)


def _cancel_wrong_role(ws: WorkingSet, rsc: Resource, node: Node, op: RecurringOp) -> None:
    """An operation for another role ends before the role changes."""
    cancel = new_cancel(ws, rsc, op.name, op.interval_ms, node)
    after: str | None = None
    if rsc.orig_role in (Role.UNPROMOTED, Role.STARTED):
        after = {Role.PROMOTED: "promote", Role.STOPPED: "stop"}.get(rsc.next_role)
    elif rsc.orig_role == Role.PROMOTED:
        after = "demote"
    if after is not None:
        new_ordering(ws, rsc, None, cancel, rsc, op_key(rsc, after), None, Rel.UNRUNNABLE_FIRST_BLOCKS)


def _create_inactive(ws: WorkingSet, rsc: Resource, target: Node | None, op: RecurringOp) -> None:
    """Operations that watch that the resource stays stopped where it should be."""
    for node in ws.nodes:
        if node is target:
            if _running_on(rsc, op, node):
                cancel = new_cancel(ws, rsc, op.name, op.interval_ms, node)
                if rsc.next_role in (Role.STARTED, Role.UNPROMOTED):
                    new_ordering(
                        ws, rsc, None, cancel, rsc, op_key(rsc, "start"), None, Rel.UNRUNNABLE_FIRST_BLOCKS
                    )
            continue
        optional = bool(_running_on(rsc, op, node))
        action = new_action(ws, rsc, op.key, op.name, node, optional)
        action.meta["op_target_rc"] = str(OcfCode.NOT_RUNNING)
        if rsc.managed:
            for probe in find_actions(rsc, op_key(rsc, "monitor"), node):
                relate(probe, action, Rel.UNRUNNABLE_FIRST_BLOCKS)
        for stop in find_actions(rsc, op_key(rsc, "stop"), node):
            if not stop.optional and not action.optional and not rsc.managed:
                action.flags |= Act.OPTIONAL
            if not stop.runnable:
                action.flags &= ~Act.RUNNABLE
            if rsc.managed:
                new_ordering(ws, rsc, stop.key, stop, rsc, None, action, _AFTER)
        if not node.online or node.unclean:
            action.flags &= ~Act.RUNNABLE
