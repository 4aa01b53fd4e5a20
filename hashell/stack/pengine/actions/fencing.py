"""Fencing and shutdown of nodes, and what that means for the resources on them (scheduler actions §13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import can_fence, fencing_op, new_action, newest_action
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Needs, Variant
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.messages import config_warning
from hashell.stack.pengine.order.create import new_ordering
from hashell.stack.pengine.order.relate import relate

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def schedule_fencing_and_shutdowns(ws: WorkingSet) -> None:
    """Fence what is unclean, shut down what wants to leave; the DC goes last."""
    dc_down: Action | None = None
    have_managed = any(leaf.managed for top in ws.resources for leaf in top.walk())
    fencings: list[Action] = []
    shutdowns: list[Action] = []
    for node in ws.nodes:
        if node.is_guest():
            if node.remote_reset and have_managed and can_fence(ws, node):
                _fence_guest(ws, node)
            continue
        if node.unclean and have_managed and can_fence(ws, node):
            op = fencing_op(ws, node, None, False, "node is unclean", False)
            order_all_vs_fencing(ws, op)
            if node is ws.dc_node:
                dc_down = op
            else:
                if not ws.concurrent_fencing and fencings:
                    relate(fencings[-1], op, Rel.ORDERED)
                fencings.append(op)
        elif node.online and node.shutdown and not node.is_pacemaker_remote():
            op = _shutdown(ws, node)
            if node is ws.dc_node:
                dc_down = op
            else:
                shutdowns.append(op)
        if node.unclean and not can_fence(ws, node):
            config_warning(ws, "unclean", id=node.id, name=node.name, value="")
    if dc_down is not None:
        _order_dc(ws, dc_down, fencings, shutdowns)


def _order_dc(ws: WorkingSet, dc_down: Action, fencings: list[Action], shutdowns: list[Action]) -> None:
    if dc_down.task == "do_shutdown":
        for shutdown in reversed(shutdowns):
            relate(shutdown, dc_down, Rel.ORDERED)
    if ws.concurrent_fencing:
        for fencing in reversed(fencings):
            relate(fencing, dc_down, Rel.ORDERED)
    elif fencings:
        relate(fencings[-1], dc_down, Rel.ORDERED)


def _shutdown(ws: WorkingSet, node: Node) -> Action:
    action = new_action(ws, None, f"do_shutdown-{node.name}", "do_shutdown", node, False)
    action.meta["op_no_wait"] = "true"
    for stop in reversed(list(ws.actions)):
        rsc = stop.rsc
        if rsc is None or stop.node is not node or stop.task != "stop":
            continue
        if rsc.maintenance or node.maintenance or (not rsc.managed and not rsc.blocked):
            continue
        stop.flags &= ~Act.OPTIONAL
        flags = Rel.ORDERED | Rel.UNRUNNABLE_FIRST_BLOCKS
        new_ordering(ws, rsc, None, stop, None, action.key, action, flags)
    return action


def order_all_vs_fencing(ws: WorkingSet, fencing: Action) -> None:
    """Order the actions of all managed resources around the fencing."""
    for top in ws.resources:
        for leaf in list(top.leaves()):
            if leaf.managed:
                _order_starts(leaf, fencing)
                _order_stops(ws, leaf, fencing)


def _order_starts(rsc: Resource, fencing: Action) -> None:
    node = fencing.node
    assert node is not None
    for action in reversed(list(rsc.actions)):
        if action.needs == Needs.FENCING:
            relate(fencing, action, Rel.ORDERED)
        elif action.needs == Needs.QUORUM and action.task == "start" and node.id in rsc.allowed_nodes \
                and not _known_on(rsc, node):  # fmt: skip
            relate(fencing, action, Rel.ORDERED | Rel.UNRUNNABLE_FIRST_BLOCKS)


def _known_on(rsc: Resource, node: Node) -> bool:
    """Whether it is known what the resource, or its clone when anonymous, did on the node."""
    if node.id in rsc.probed_nodes:
        return True
    parent = rsc.parent
    if parent is None or parent.variant != Variant.CLONE or parent.unique:
        return False  # of an instance that is a group, no more than one member may be known
    return node.id in parent.probed_nodes


def _order_stops(ws: WorkingSet, rsc: Resource, fencing: Action) -> None:
    node = fencing.node
    assert node is not None
    if not rsc.actions:
        return
    top = rsc.top()
    implicit = rsc.needs_fencing or node.is_guest()
    parent_stop: Action | None = None
    for stop in reversed(list(rsc.actions)):
        if stop.task != "stop" or stop.node is not node:
            continue
        stop.flags |= Act.PSEUDO | Act.RUNNABLE
        if implicit:
            if not rsc.is_bundled():
                relate(fencing, stop, Rel.GUEST_ALLOWED)
            if parent_stop is None:
                parent_stop = newest_action(top, task="stop")
            relate(fencing, parent_stop, Rel.GUEST_ALLOWED)
        if rsc.notify:
            from hashell.stack.pengine.actions.notify import notify_after_fencing

            notify_after_fencing(ws, rsc, stop, fencing)
    for demote in reversed(list(rsc.actions)):
        if demote.task != "demote" or demote.node is not node:
            continue
        if not node.online or node.unclean or rsc.failed:
            demote.flags |= Act.PSEUDO | Act.RUNNABLE
            if implicit and not rsc.is_bundled():
                relate(fencing, demote, Rel.GUEST_ALLOWED | Rel.ORDERED)


def _fence_guest(ws: WorkingSet, node: Node) -> None:
    """A guest goes down with what launches it; a pseudo-fencing stands for that."""
    connection = node.remote
    assert connection is not None
    launcher = connection.launcher
    stop: Action | None = None
    name = "off"
    if launcher is not None:
        stop = newest_action(launcher, task="stop")
        if newest_action(launcher, task="start") is not None:
            name = "reboot"
    op = fencing_op(ws, node, name, False, "guest is unclean", False)
    op.flags |= Act.PSEUDO | Act.RUNNABLE
    flags = Rel.UNRUNNABLE_FIRST_BLOCKS | Rel.FIRST_IMPLIES_THEN
    if stop is not None and stop.pseudo and stop.node is not None:
        host_op = fencing_op(ws, stop.node, None, True, None, False)
        relate(host_op, op, flags)
    elif stop is not None:
        relate(stop, op, flags)
    else:
        connection_stop = newest_action(connection, task="stop")
        relate(connection_stop, op, Rel.ORDERED)
    order_all_vs_fencing(ws, op)
