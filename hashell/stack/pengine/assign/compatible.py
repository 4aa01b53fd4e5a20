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
        return _on_node(collective, node, role, current)
    for entry in sort_entries(ws, rsc.allowed_nodes.values()):
        found = _on_node(collective, entry.node, role, current)
        if found is not None:
            return found
    return None


def _on_node(collective: Resource, node: Node, role: int, current: bool) -> Resource | None:
    for instance in instances_of(collective):
        if matches(instance, node, role, current):
            return instance
    return None
