"""The node list of a status display (actions spec 18.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.view.briefly import write_briefly
from hashell.client.view.primitives import is_hidden, primitive_line, resource_class
from hashell.stack.pengine.unpack.activity import active_node
from hashell.stack.pengine.unpack.health import health_class

if TYPE_CHECKING:
    from hashell.client.view.display import Display
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Node, WorkingSet

_HEALTH = {-1: " (health is RED)", 0: " (health is YELLOW)"}
_HEALTH_CLASS = {-1: "health_red", 0: "health_yellow"}


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


def node_title(node: Node, display: Display) -> str:
    """The name of a node; with details the host of a guest and the id of others."""
    if not display.detail:
        return node.name
    name = node.name
    if node.is_guest():
        assert node.remote is not None and node.remote.launcher is not None
        host = active_node(node.remote.launcher)
        name += f"@{host.name if host is not None else ''}"
    return name if node.id.lower() == node.name.lower() else f"{name} ({node.id})"


def feature_set(node: Node) -> str:
    """The feature set that a full node in the cluster runs; nodes that do not say run one before 3.15.1."""
    if not node.online or node.shutdown or not node.expected_up or node.is_pacemaker_remote():
        return ""
    return node.attrs.get("#feature-set") or "<3.15.1"


def _special(node: Node, health: int) -> bool:
    return (
        node.unclean
        or node.pending
        or (node.fail_standby and node.online)
        or node.standby
        or node.maintenance
        or health <= 0
    )


def write_nodes(ws: WorkingSet, out: Outline, display: Display) -> bool:
    """The list of all nodes, those in a special state one a line; nothing without nodes.

    With `by_node` each node has a list of what runs there. Returns whether there is a list.
    """
    if not ws.nodes:
        return False
    out.begin("Node List")
    groups: dict[str, list[str]] = {
        name: []
        for name in ("Online", "OFFLINE", "RemoteOnline", "RemoteOFFLINE", "GuestOnline", "GuestOFFLINE")
    }
    for node in ws.nodes:
        health = health_class(ws, node)
        kind = node_kind(node)
        if display.by_node:
            _write_node_with_resources(ws, node, health, out, display)
        elif _special(node, health) or display.detail or out.is_page:
            out.item(_line(node, health, display), spans=[("bold", f"{node_title(node, display)}:"),
                                                          *_status_spans(node, health, display)])  # fmt: skip
        else:
            groups[kind.removesuffix("Node") + ("Online" if node.online else "OFFLINE")].append(node.name)
    for name, members in groups.items():
        if members and name != "GuestOFFLINE":
            out.item(f"{name}: [ {' '.join(members)} ]")
    out.end()
    return True


def _line(node: Node, health: int, display: Display) -> str:
    text = f"{node_kind(node)} {node_title(node, display)}: {node_status(node)}{_HEALTH.get(health, '')}"
    version = feature_set(node) if display.detail else ""
    return text + (f", feature set {version}" if version else "")


def _status_spans(node: Node, health: int, display: Display) -> list[tuple[str, str]]:
    spans = [("online", " online") if node.online else ("offline", " OFFLINE")]
    more = ", with active resources" if node.running_rsc else ""
    if node.fail_standby and node.online:
        spans.append(("standby", f" (in standby due to on-fail{more})"))
    elif node.standby:
        spans.append(("standby", f" (in standby{more})"))
    if node.maintenance:
        spans.append(("maint", " (in maintenance mode)"))
    if health in _HEALTH:
        spans.append((_HEALTH_CLASS[health], _HEALTH[health]))
    version = feature_set(node) if display.detail else ""
    if version:
        spans.append(("", f", feature set {version}"))
    return spans


def _write_node_with_resources(ws: WorkingSet, node: Node, health: int, out: Outline, display: Display) -> None:
    running = [rsc for rsc in node.running_rsc if display.detail or display.brief or not is_hidden(rsc)]
    if display.brief and not running and not out.is_page:
        return
    out.begin(_line(node, health, display), html=f"{node_title(node, display)}:")
    out.page_only([("", "Status:"), *_status_spans(node, health, display)])
    if running or not out.is_page:
        out.begin_in_item("Resources")
        if display.brief:
            write_briefly(running, out, display, totals=False)
        else:
            for rsc in running:
                out.item(primitive_line(ws, rsc, display=display), css=resource_class(rsc))
        out.end()
    out.end()
