"""The node list of a status display (actions spec 18.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.unpack.health import health_class

if TYPE_CHECKING:
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Node, WorkingSet

_HEALTH = {-1: " (health is RED)", 0: " (health is YELLOW)"}


def node_status(node: Node) -> str:
    """The status of one node in words."""
    if node.unclean:
        if node.online:
            return "UNCLEAN (online)"
        return "UNCLEAN (pending)" if node.pending else "UNCLEAN (offline)"
    if node.pending:
        return "pending"
    if node.fail_standby and node.online:
        return "standby (on-fail)"
    if node.standby:
        if not node.online:
            return "OFFLINE (standby)"
        return "standby (with active resources)" if node.running_rsc else "standby"
    if node.maintenance:
        return "maintenance" if node.online else "OFFLINE (maintenance)"
    return "online" if node.online else "OFFLINE"


def node_kind(node: Node) -> str:
    """Node, GuestNode or RemoteNode."""
    if node.is_guest():
        return "GuestNode"
    return "RemoteNode" if node.is_remote() else "Node"


def _special(node: Node, health: int) -> bool:
    return (
        node.unclean
        or node.pending
        or (node.fail_standby and node.online)
        or node.standby
        or node.maintenance
        or health <= 0
    )


def write_nodes(ws: WorkingSet, out: Outline) -> None:
    """The list of all nodes, those in a special state one a line, and a blank line; nothing without nodes."""
    start = out.begin_some("Node List")
    groups: dict[str, list[str]] = {
        name: []
        for name in ("Online", "OFFLINE", "RemoteOnline", "RemoteOFFLINE", "GuestOnline", "GuestOFFLINE")
    }
    for node in ws.nodes:
        health = health_class(ws, node)
        kind = node_kind(node)
        if _special(node, health):
            out.item(f"{kind} {node.name}: {node_status(node)}{_HEALTH.get(health, '')}")
        else:
            groups[kind.removesuffix("Node") + ("Online" if node.online else "OFFLINE")].append(node.name)
    for name, members in groups.items():
        if members and name != "GuestOFFLINE":
            out.item(f"{name}: [ {' '.join(members)} ]")
    if out.end_some(start):
        out.blank()
