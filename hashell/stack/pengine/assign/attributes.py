"""Node attributes as colocations compare them (scheduler actions §4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource


def assigned_attribute(node: Node | None, name: str, target: str | None) -> str | None:
    """The attribute of the node, or for guests with target `host` of where their launcher is going to run."""
    if node is None:
        return None
    if target is not None and target.lower() == "host" and node.is_guest():
        assert node.remote is not None and node.remote.launcher is not None
        host = node.remote.launcher.assigned_node
        return host.node.attrs.get(name) if host is not None else None
    return node.attrs.get(name)


def current_attribute(node: Node | None, name: str, target: str | None) -> str | None:
    """As assigned_attribute, but the host is where the launcher runs now."""
    if node is None:
        return None
    if target is not None and target.lower() == "host" and node.is_guest():
        assert node.remote is not None and node.remote.launcher is not None
        hosts = node.remote.launcher.active_nodes
        return hosts[0].attrs.get(name) if hosts else None
    return node.attrs.get(name)


def colocation_value(node: Node | None, name: str, rsc: Resource) -> str | None:
    """The value, in lower case for comparison, that the node has on behalf of the resource."""
    if node is None:
        return None
    target = rsc.meta.get("container-attribute-target")
    if node.remote is not None and node.is_guest() and node.remote.launcher is not None:
        if node.remote.launcher.replica_container and rsc.is_bundled():
            bundle = rsc.top(include_bundle=True)
            if rsc.top() is bundle.bundle.child:
                target = "host"
        value = assigned_attribute(node, name, target)
    else:
        value = node.attrs.get(name)
    return value.lower() if value is not None else None
