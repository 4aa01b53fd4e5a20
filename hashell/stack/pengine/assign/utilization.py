"""Capacity of nodes and demand of resources (scheduler actions §6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.apply import AFFECTS_LOCATION, affects
from hashell.stack.pengine.assign.colocations import this_with, with_this
from hashell.stack.pengine.assign.gtable import iteration_order
from hashell.stack.pengine.assign.location import ban
from hashell.stack.pengine.assign.nodes import amount, compare_capacity, usable
from hashell.stack.pengine.kinds import INF, Variant
from hashell.stack.pengine.ledger.kinds import Kind

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def limit_by_utilization(ws: WorkingSet, rsc: Resource) -> Node | None:
    """Ban nodes without room for the resource and what must be with it; the roomiest node when no node has enough."""
    if ws.placement_strategy == "default":
        return None
    together = colocated_resources(rsc, rsc)
    if not together:
        return None
    if rsc not in together:
        together.append(rsc)
    needed: dict[str, int] = {}
    for other in together:
        if other.unassigned:
            _add_demand(needed, other, together)
    own = {name: amount(rsc.utilization, name) for name in rsc.utilization}
    most_capable: Node | None = None
    any_capable = False
    for key in iteration_order(rsc.allowed_nodes):
        entry = rsc.allowed_nodes[key]
        if not usable(entry):
            continue
        any_capable = any_capable or has_room(entry.node, needed)
        if most_capable is None or compare_capacity(entry.node, most_capable) < 0:
            most_capable = entry.node
    wanted = needed if any_capable else own
    for entry in list(rsc.allowed_nodes.values()):
        if usable(entry) and not has_room(entry.node, wanted):
            ban(ws, rsc, entry.node, Kind.CAPACITY)
    return None if any_capable else most_capable


def has_room(node: Node, needed: dict[str, int]) -> bool:
    return all(value <= amount(node.utilization, name) for name, value in needed.items())


def colocated_resources(rsc: Resource, orig: Resource) -> list[Resource]:
    """Everything that must be where the resource is, the last found first."""
    found: list[Resource] = []
    _collect(rsc, orig, found)
    found.reverse()
    return found


def _collect(rsc: Resource, orig: Resource, found: list[Resource]) -> None:
    if rsc in found:
        return
    if rsc.variant == Variant.GROUP and (
        rsc.group.colocated or (rsc.parent is not None and rsc.parent.variant == Variant.CLONE)
    ):
        found.append(rsc)
        for member in rsc.children:
            _collect(member, orig, found)
        return
    found.append(rsc)
    for coloc in this_with(rsc):
        primary = coloc.primary
        if primary is not orig and coloc.score == INF \
                and affects(rsc, primary, coloc, True) == AFFECTS_LOCATION:  # fmt: skip
            _collect(primary, orig, found)
    for coloc in with_this(rsc):
        dependent = coloc.dependent
        if dependent is orig or (rsc.variant == Variant.CLONE and dependent.variant != Variant.CLONE):
            continue
        if coloc.score == INF and affects(dependent, rsc, coloc, True) == AFFECTS_LOCATION:
            _collect(dependent, orig, found)


def _add_demand(needed: dict[str, int], rsc: Resource, together: list[Resource]) -> None:
    if not rsc.unassigned:
        return
    if rsc.variant == Variant.PRIMITIVE:
        for name in rsc.utilization:
            needed[name] = needed.get(name, 0) + amount(rsc.utilization, name)
    elif rsc.variant == Variant.GROUP:
        in_clone = rsc.parent is not None and rsc.parent.variant == Variant.CLONE
        members = rsc.children if rsc.group.colocated or in_clone else rsc.children[:1]
        for member in members:
            if member.unassigned and member not in together:
                _add_demand(needed, member, together)
    elif rsc.variant == Variant.CLONE:
        _add_clone_demand(needed, rsc, together)
    elif rsc.bundle.replicas:
        _add_demand(needed, rsc.bundle.replicas[0].container, together)


def _add_clone_demand(needed: dict[str, int], clone: Resource, together: list[Resource]) -> None:
    existing = False
    for instance in clone.children:
        if instance in together:
            existing = True
        elif any(member in together for member in instance.children):
            _add_demand(needed, instance, together)
            existing = True
    if not existing and clone.children:
        _add_demand(needed, clone.children[0], together)
