"""Nodes and their attributes (model spec chapter 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.nvpairs import expand
from hashell.model.options import option_value
from hashell.model.rules import Context
from hashell.model.scores import score
from hashell.stack.pengine.assign.nodes import name_key
from hashell.stack.pengine.kinds import NodeVariant
from hashell.stack.pengine.messages import config_error, config_warning
from hashell.stack.pengine.state import Node
from hashell.stack.pengine.unpack.config import note_change

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet


def create_node(
    ws: WorkingSet, id: str, name: str, type: str | None, node_score: int, element: _Element | None = None
) -> Node | None:
    """A new node in its place of the sorted list; None when the type is unknown."""
    lowered = (type or "member").lower()
    if lowered not in ("member", "remote"):
        config_error(ws, "node-type", element, id=id, value=type or "")
        return None
    if ws.find_node(name) is not None:
        config_warning(ws, "node-twice", element, id=name)
    variant = NodeVariant.REMOTE if lowered == "remote" else NodeVariant.CLUSTER
    node = Node(id, name, variant, node_score)
    if variant == NodeVariant.REMOTE:
        ws.have_remote_nodes = True
    node.attrs["#kind"] = variant
    key = name_key(name)
    position = next((i for i, other in enumerate(ws.nodes) if name_key(other.name) >= key), len(ws.nodes))
    ws.nodes.insert(position, node)
    ws.node_by_name[name.lower()] = node
    ws.node_by_id[id.lower()] = node
    return node


def unpack_nodes(ws: WorkingSet, nodes: _Element | None) -> None:
    """The `<node>` entries."""
    if nodes is None:
        return
    for element in nodes.iterchildren("node"):
        id = element.get("id")
        if not id:
            config_error(ws, "no-id", element, name="node")
            continue
        name = element.get("uname") or ""
        node = create_node(ws, id, name, element.get("type"), score(element.get("score")), element)
        if node is None:
            return
        apply_startup_fencing(ws, node)
        add_attributes(ws, element, node, overwrite=False)


def apply_startup_fencing(ws: WorkingSet, node: Node) -> None:
    """Nodes of which nothing is known are unclean, unless the configuration says otherwise."""
    if node.variant == NodeVariant.REMOTE and node.remote is None:
        return
    node.unclean = ws.startup_fencing


def add_attributes(ws: WorkingSet, element: _Element | None, node: Node, overwrite: bool) -> None:
    """Add the attributes and utilization below `element` (a node entry or transient attributes)."""
    attrs = node.attrs
    ws.caches.setdefault("fail_attributes", {}).pop(node, None)
    attrs["#uname"] = node.name
    attrs["#id"] = node.id
    if ws.dc_node is None and node.id.lower() == (ws.cib.get("dc-uuid") or "").lower() and node.id:
        ws.dc_node = node
        attrs["#is_dc"] = "true"
    elif node is not ws.dc_node:
        attrs["#is_dc"] = "false"
    cluster_name = option_value(ws.options, "cluster-name")
    if cluster_name is not None:
        attrs["#cluster-name"] = cluster_name
    if element is not None:
        context = Context(ws.now)
        if overwrite:
            fresh: dict[str, str] = {}
            expand(element, "instance_attributes", context, fresh)
            attrs.update(fresh)
        else:
            expand(element, "instance_attributes", context, attrs)
        expand(element, "utilization", context, node.utilization)
        note_change(ws, context.next_change)
    if "#site-name" not in attrs:
        site = attrs.get("site-name") or cluster_name
        if site is not None:
            attrs["#site-name"] = site


def node_attribute(node: Node, name: str, target: str | None, assigned: bool = False) -> str | None:
    """An attribute of the node, or of its host when the target is `host` and the node is a guest (spec 7.6)."""
    if target is None or target.lower() != "host" or not node.is_guest():
        return node.attrs.get(name)
    assert node.remote is not None and node.remote.launcher is not None
    launcher = node.remote.launcher
    if assigned:
        host = launcher.assigned_node.node if launcher.assigned_node is not None else None
    else:
        host = launcher.active_nodes[0] if launcher.active_nodes else None
    return host.attrs.get(name) if host is not None else None
