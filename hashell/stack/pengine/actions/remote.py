"""Actions on remote and guest nodes in relation to the connection that carries them (scheduler actions §14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import op_key
from hashell.stack.pengine.assign.queries import current_node
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Role
from hashell.stack.pengine.order.create import new_ordering
from hashell.stack.pengine.unpack.fencing import fence_node

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def remote_state(node: Node) -> str:
    """What becomes of the connection: unknown, alive, resting (still to be established), failed or stopped."""
    connection = node.remote
    assert connection is not None
    current = current_node(connection)
    if connection.next_role == Role.STOPPED or connection.assigned_node is None:
        if current is not None and current.unclean:
            return "failed"
        if not connection.failed:
            return "stopped"
        if (
            connection.next_role == Role.STOPPED
            and connection.remote_reconnect_ms > 0
            and node.remote_fenced
            and not _shutdown_requested(node)
        ):
            return "unknown"
        return "failed"
    if current is None:
        return "unknown"
    if current.unclean or not current.online:
        return "resting"
    if (
        len(connection.active_nodes) > 1
        and connection.partial_migration_source is not None
        and connection.partial_migration_target is not None
    ):
        return "resting"
    return "alive"


def _shutdown_requested(node: Node) -> bool:
    return node.attrs.get("shutdown", "0") not in ("", "0")


def order_remote_connections(ws: WorkingSet) -> None:
    """Order every action on a remote node with its connection."""
    if not ws.have_remote_nodes:
        return
    for action in reversed(list(ws.actions)):
        rsc = action.rsc
        if rsc is None:
            continue
        if rsc.is_remote_connection and action.task == "clear_failcount":
            new_ordering(ws, rsc, None, action, rsc, op_key(rsc, "start"), None, Rel.ORDERED)
            continue
        node = action.node
        if node is None or not node.is_pacemaker_remote() or action.pseudo or node.remote is None:
            continue
        if action.task == "start":
            _start_before_stops_elsewhere(ws, rsc, action, node, node.remote)
        if node.remote.launcher is not None:
            _order_on_guest(ws, action, node, node.remote, node.remote.launcher)
        else:
            _order_on_remote(ws, action, node, node.remote)


def _start_before_stops_elsewhere(
    ws: WorkingSet, rsc: Resource, action: Action, node: Node, connection: Resource
) -> None:
    for other in reversed(rsc.actions):
        if other.node is not None and other.node is not node and other.task == "stop":
            new_ordering(ws, connection, op_key(connection, "start"), None, rsc, None, other, Rel.ORDERED)


def _start_then(ws: WorkingSet, connection: Resource, action: Action, extra: int = 0) -> None:
    flags = Rel.GUEST_ALLOWED | Rel.UNRUNNABLE_FIRST_BLOCKS | extra
    new_ordering(ws, connection, op_key(connection, "start"), None, action.rsc, None, action, flags)


def _then_stop(ws: WorkingSet, action: Action, connection: Resource, extra: int = 0) -> None:
    flags = Rel.GUEST_ALLOWED | extra
    new_ordering(ws, action.rsc, None, action, connection, op_key(connection, "stop"), None, flags)


def _is_recurring(action: Action) -> bool:
    return action.meta.get("interval", "0") not in ("", "0")


def _order_on_remote(ws: WorkingSet, action: Action, node: Node, connection: Resource) -> None:
    state = remote_state(node)
    task = "stop" if action.task in ("migrate_to", "migrate_from") else action.task
    if task in ("start", "promote"):
        _start_then(ws, connection, action, Rel.FIRST_IMPLIES_THEN if state == "failed" else 0)
    elif task == "stop":
        if state == "alive":
            _then_stop(ws, action, connection, Rel.THEN_IMPLIES_FIRST)
        elif state == "failed":
            fence_node(ws, node, "resources are active but connection is unrecoverable", False)
        elif connection.next_role == Role.STOPPED:
            _then_stop(ws, action, connection, Rel.THEN_IMPLIES_FIRST)
        else:
            _start_then(ws, connection, action)
    elif task == "demote":
        if state in ("resting", "unknown"):
            _start_then(ws, connection, action)
    elif _is_recurring(action):
        _start_then(ws, connection, action, Rel.FIRST_IMPLIES_THEN)
    else:
        if task == "monitor" and state == "failed":
            reason = "resources are in unknown state and connection is unrecoverable"
            fence_node(ws, node, reason, False)
        if current_node(connection) is not None and state == "stopped":
            _then_stop(ws, action, connection, Rel.UNRUNNABLE_FIRST_BLOCKS)
        else:
            _start_then(ws, connection, action)


def _order_on_guest(
    ws: WorkingSet, action: Action, node: Node, connection: Resource, launcher: Resource
) -> None:
    if launcher.failed:
        fence_node(ws, node, "container failed", False)
    task = "stop" if action.task in ("migrate_to", "migrate_from") else action.task
    if task in ("start", "promote"):
        _start_then(ws, launcher, action, Rel.FIRST_IMPLIES_THEN)
        _start_then(ws, connection, action)
    elif task in ("stop", "demote"):
        if not launcher.failed:
            _then_stop(ws, action, connection)
    elif _is_recurring(action) and task in ("monitor", "notify"):
        _start_then(ws, connection, action, Rel.FIRST_IMPLIES_THEN)
    elif not _is_recurring(action):
        _start_then(ws, connection, action)


_BEGAN_TASKS = frozenset({"cancel", "stop", "demote", "migrate_to", "migrate_from"})


def router_of(action: Action) -> Node | None:
    """The cluster node that carries an action on a remote node; None when the action needs none."""
    node = action.node
    if node is None or not node.is_pacemaker_remote() or action.task == "stonith" or node.remote is None:
        return None
    connection = node.remote
    began = current_node(connection)
    ended = connection.assigned_node.node if connection.assigned_node is not None else None
    if began is None or ended is None or began is ended:
        return began or ended
    task = action.task
    if task == "notify":
        task = action.meta.get("notify_operation", task)
    to_target = connection.partial_migration_target is not None
    if task in _BEGAN_TASKS and not to_target:
        return began
    return ended


