"""Node states: who is online, who must be fenced, and the passes over the resource history (model spec ch. 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.durations import ms_to_s
from hashell.model.values import boolean, integer, is_true, scan_integer
from hashell.stack.pengine.actions.create import new_action
from hashell.stack.pengine.kinds import INF, NodeVariant, QuorumPolicy, Role
from hashell.stack.pengine.messages import config_warning
from hashell.stack.pengine.state import Ticket
from hashell.stack.pengine.unpack.activity import active_node
from hashell.stack.pengine.unpack.config import note_change
from hashell.stack.pengine.unpack.fencing import fence_node
from hashell.stack.pengine.unpack.history import unpack_node_history
from hashell.stack.pengine.unpack.nodes import add_attributes

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Node, WorkingSet


def unpack_status(ws: WorkingSet, status: _Element) -> None:
    """The status section: tickets, nodes, history."""
    for element in status.iterchildren("*"):
        if element.tag == "tickets":
            for state in element.iterchildren("ticket_state"):
                _unpack_ticket(ws, state)
        elif element.tag == "node_state":
            _unpack_node_state(ws, element)
    while _history_pass(ws, status, False):
        pass
    _history_pass(ws, status, ws.fencing_enabled)
    for rsc in reversed(ws.stop_needed):
        node = active_node(rsc)
        if node is not None:
            new_action(ws, rsc, f"{rsc.id}_stop_0", "stop", node, False)
    for node in ws.nodes:
        if node.variant != NodeVariant.REMOTE:
            continue
        if node.shutdown and node.remote is not None:
            node.remote.next_role = Role.STOPPED
        if not node.unpacked:
            _remote_online(node)


def _unpack_ticket(ws: WorkingSet, element: _Element) -> None:
    id = element.get("id")
    if not id:
        return
    ticket = ws.tickets.setdefault(id, Ticket(id))
    for name, value in element.items():
        if name != "id":
            ticket.state[str(name)] = str(value)
    ticket.granted = is_true(ticket.state.get("granted"))
    last = ticket.state.get("last-granted")
    if last is not None:
        ticket.last_granted = integer(last)
    ticket.standby = is_true(ticket.state.get("standby"))


def _unpack_node_state(ws: WorkingSet, state: _Element) -> None:
    node = ws.find_node_any(state.get("id"), state.get("uname")) if state.get("id") else None
    if node is None:
        return
    if node.variant == NodeVariant.REMOTE:
        node.remote_fenced = integer(state.get("node_fenced")) != 0
        return
    add_attributes(ws, state.find("transient_attributes"), node, overwrite=True)
    if is_true(node.attrs.get("standby")):
        node.standby = True
    if is_true(node.attrs.get("maintenance")):
        node.maintenance = True
    if boolean(node.attrs.get("resource-discovery-enabled")) is False:
        config_warning(ws, "discovery", state, id=node.name)
    node.unclean = False
    node.seen = True
    _cluster_online(ws, node, state)
    if not ws.quorate and node.online and ws.no_quorum_policy == QuorumPolicy.FENCE:
        fence_node(ws, node, "cluster does not have quorum")


def _cluster_online(ws: WorkingSet, node: Node, state: _Element) -> None:
    shutdown = node.attrs.get("shutdown")
    node.shutdown = shutdown is not None and shutdown != "0"
    if not node.shutdown and (state.get("expected") or "").lower() == "member":
        node.expected_up = True
    member, crmd = _membership(ws, state), _process(state)
    if ws.fencing_enabled:
        online = _online_with_fencing(ws, node, state, member, crmd)
    else:
        online = _online_without_fencing(ws, node, state, member, crmd)
    if online:
        node.online = True
    else:
        node.score = -INF
    if online and node.shutdown:
        node.score = -INF


def _membership(ws: WorkingSet, state: _Element) -> int:
    """Epoch seconds since when the node is a member; 0 if it is none, -1 if unknown."""
    text = state.get("in_ccm")
    member = boolean(text)
    if member is not None:
        return ws.now_s() if member else 0
    value, _ = scan_integer(text)
    return value if value is not None and value >= 0 else -1


def _process(state: _Element) -> int:
    """Epoch seconds since when the node's controller is there; 0 if it is not."""
    text = (state.get("crmd") or "offline").lower()
    if text in ("offline", "online"):
        return int(text == "online")
    value, _ = scan_integer(text)
    return value if value is not None and value >= 0 else 0


def _online_without_fencing(ws: WorkingSet, node: Node, state: _Element, member: int, crmd: int) -> bool:
    if member <= 0:
        return False
    if crmd > 0:
        return (state.get("join") or "").lower() == "member"
    if node.expected_up:
        fence_node(ws, node, "peer is unexpectedly down")
    return False


def _online_with_fencing(ws: WorkingSet, node: Node, state: _Element, member: int, crmd: int) -> bool:
    if node.shutdown:
        return crmd > 0
    if member < 0:
        fence_node(ws, node, "peer has not been seen by the cluster")
        return False
    join, expected = state.get("join"), state.get("expected")
    if join == "banned":
        fence_node(ws, node, "peer failed Pacemaker membership criteria")
    elif _termination(node):
        if member <= 0 and crmd <= 0 and join == "down":
            return False
        fence_node(ws, node, "fencing was requested")
    elif expected is None or expected == "down":
        _unexpected_peer(ws, node, member, crmd)
    elif member <= 0:
        fence_node(ws, node, "peer is no longer part of the cluster", True)
    elif crmd <= 0:
        fence_node(ws, node, "peer process is no longer available")
    elif join in ("pending", "down"):
        node.standby = True
        node.pending = True
    elif join != "member":
        fence_node(ws, node, "peer was in an unknown state")
    return member > 0


def _termination(node: Node) -> bool:
    text = node.attrs.get("terminate")
    value = boolean(text)
    return value if value is not None else integer(text) > 0


def _unexpected_peer(ws: WorkingSet, node: Node, member: int, crmd: int) -> None:
    if ws.node_pending_ms > 0 and member > 0 and crmd <= 0:
        deadline = member + ms_to_s(ws.node_pending_ms)
        if ws.now_s() >= deadline:
            fence_node(ws, node, "peer pending timed out on joining the process group")
            return
        note_change(ws, deadline)
    if member > 0 or crmd > 0:
        node.standby = True
        node.pending = True


def _remote_attributes(ws: WorkingSet, node: Node, state: _Element) -> None:
    node.remote_maint = integer(state.get("node_in_maintenance")) != 0
    if not node.remote_reset:
        node.unclean = False
        node.seen = True
    add_attributes(ws, state.find("transient_attributes"), node, overwrite=True)
    if is_true(node.attrs.get("shutdown")) or integer(node.attrs.get("shutdown")) != 0:
        node.shutdown = True
    if is_true(node.attrs.get("standby")):
        node.standby = True
    if is_true(node.attrs.get("maintenance")) or (node.remote is not None and not node.remote.managed):
        node.maintenance = True
    if boolean(node.attrs.get("resource-discovery-enabled")) is False:
        if node.is_remote() and not ws.fencing_enabled:
            config_warning(ws, "discovery", state, id=node.name)
        else:
            node.probes_allowed = False


def _remote_online(node: Node) -> None:
    connection = node.remote
    if connection is None:
        node.online = False
        return
    launcher = connection.launcher
    if connection.orig_role == Role.STARTED:
        node.online = True
        if connection.next_role == Role.STOPPED:
            node.shutdown = True
    if launcher is not None and launcher.failed:
        node.online = False
        node.remote_reset = True
    elif connection.failed:
        node.online = False
    elif connection.orig_role == Role.STOPPED or (launcher is not None and launcher.orig_role == Role.STOPPED):
        node.online = False
        node.remote_reset = False
    elif launcher is not None and len(connection.active_nodes) == 1:
        host = connection.active_nodes[0]
        if not host.online and host.unclean:
            node.online = False
            node.remote_reset = True


def _history_pass(ws: WorkingSet, status: _Element, fence: bool) -> bool:
    """Unpack the history of the nodes whose turn it is; whether there was one."""
    unpacked = False
    for state in status.iterchildren("node_state"):
        id, name = state.get("id"), state.get("uname")
        if not id or not name:
            continue
        node = ws.find_node_any(id, name)
        if node is None or node.unpacked or not (fence or _ready(ws, node)):
            continue
        if node.variant == NodeVariant.REMOTE:
            _remote_online(node)
            _remote_attributes(ws, node, state)
        node.unpacked = True
        unpack_node_history(ws, node, state)
        unpacked = True
    return unpacked


def _ready(ws: WorkingSet, node: Node) -> bool:
    """Whether enough is known to read the node's history without fencing in mind."""
    connection = node.remote
    if node.is_guest():
        assert connection is not None and connection.launcher is not None
        return connection.orig_role == Role.STARTED and connection.launcher.orig_role == Role.STARTED
    if node.variant == NodeVariant.REMOTE:
        return connection is not None and (ws.shutdown_lock or connection.orig_role == Role.STARTED)
    return ws.fencing_enabled or ws.shutdown_lock or node.online
