"""Which instance of one collective belongs to an instance of another (scheduler actions §7.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.nodes import sort_entries
from hashell.stack.pengine.assign.queries import ACTIVE, ASSIGNED, matches, single_location
from hashell.stack.pengine.kinds import Role, Variant

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def instances_of(rsc: Resource) -> list[Resource]:
    """The instances of a clone, the containers of a bundle."""
    if rsc.variant == Variant.BUNDLE:
        return [replica.container for replica in rsc.bundle.replicas]
    return rsc.children


def compatible_instance(
    ws: WorkingSet, rsc: Resource, collective: Resource, role: int = Role.UNKNOWN, current: bool = False
) -> Resource | None:
    """The first instance of the collective in that role (UNKNOWN = any) where `rsc` is, or would best be."""
    node = single_location(rsc, ACTIVE if current else ASSIGNED)
    if node is not None:
        return _on_node(ws, collective, node, role, current)
    for entry in sort_entries(ws, rsc.allowed_nodes.values()):
        found = _on_node(ws, collective, entry.node, role, current)
        if found is not None:
            return found
    return None


def _on_node(ws: WorkingSet, collective: Resource, node: Node, role: int, current: bool) -> Resource | None:
    for instance in _by_location(ws, collective, current).get(node.id, ()):
        if matches(instance, node, role, current):
            return instance
    return None


def _by_location(ws: WorkingSet, collective: Resource, current: bool) -> dict[str, list[Resource]]:
    """Node id -> the instances with their single location there, in order; kept until an assignment changes."""
    cache: dict[tuple[str, bool], tuple[int, dict[str, list[Resource]]]] = ws.caches.setdefault("locations", {})
    version, index = cache.get((collective.id, current), (-1, {}))
    if version != ws.assignment_version:
        index = {}
        which = ACTIVE if current else ASSIGNED
        for instance in instances_of(collective):
            node = single_location(instance, which)
            if node is not None:
                index.setdefault(node.id, []).append(instance)
        cache[collective.id, current] = ws.assignment_version, index
    return index
