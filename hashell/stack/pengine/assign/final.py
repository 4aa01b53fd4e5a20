"""The final word on where a resource goes, and its withdrawal (scheduler actions §6.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.nodes import amount, usable
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Role, Variant

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, NodeCopy, Resource, WorkingSet

_INT_MAX = 2147483647


def assign_resource(
    ws: WorkingSet, rsc: Resource, entry: NodeCopy | None, *, force: bool, stop_if_fail: bool
) -> bool:
    """Assign the resource and all below it to the node, or to none; whether that changed anything."""
    if rsc.variant != Variant.PRIMITIVE or rsc.children:
        changed = False
        for child in rsc.children:
            changed |= assign_resource(ws, child, entry, force=force, stop_if_fail=stop_if_fail)
        return changed
    if not force and entry is not None:
        node = entry.node
        if entry.score < 0 or (not usable(entry) and not node.is_guest()):
            if stop_if_fail:
                rsc.next_role = Role.STOPPED
            entry = None
    previous = rsc.assigned_node
    if previous is not None:
        changed = entry is None or previous.node is not entry.node
    else:
        changed = entry is not None
    unassign(ws, rsc)
    rsc.unassigned = False
    if entry is None:
        if stop_if_fail:
            rsc.next_role = Role.STOPPED
            _cancel_actions(rsc)
        return changed
    rsc.assigned_node = entry.copy()
    entry.node.num_resources += 1
    entry.count += 1
    _consume(entry.node, rsc, -1)
    if ws.show_utilization:
        values = "".join(f" {name}={value}" for name, value in rsc.utilization.items())
        where = entry.node.name
        ws.scores.append(f"pcmk__assign_resource: {rsc.id} utilization on {where}:{values}")
    return changed


def _cancel_actions(rsc: Resource) -> None:
    for action in rsc.actions:
        if action.task == "stop":
            action.flags &= ~Act.OPTIONAL
        elif action.task == "start" or (
            action.meta.get("interval", "0") != "0" and action.meta.get("op_target_rc") != "7"
        ):
            action.flags &= ~Act.RUNNABLE


def unassign(ws: WorkingSet, rsc: Resource) -> None:
    """Take the assignment back; a collective's parts are treated one by one."""
    rsc.unassigned = True
    ws.assignment_version += 1
    if rsc.children:
        for child in rsc.children:
            unassign(ws, child)
        return
    entry = rsc.assigned_node
    if entry is None:
        return
    rsc.assigned_node = None
    entry.node.num_resources -= 1
    _consume(entry.node, rsc, 1)


def _consume(node: Node, rsc: Resource, sign: int) -> None:
    for name in rsc.utilization:
        value = amount(node.utilization, name) + sign * amount(rsc.utilization, name)
        node.utilization[name] = str(max(-_INT_MAX - 1, min(_INT_MAX, value)))
