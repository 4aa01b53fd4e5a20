"""Location scores put on resources (scheduler actions §3.2, §3.3, §3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.nodes import add_scores
from hashell.stack.pengine.kinds import INF, ProbeMode, Role, Variant
from hashell.stack.pengine.relations import Location
from hashell.stack.pengine.unpack.locations import resource_location

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, NodeCopy, Resource, WorkingSet


def ban(ws: WorkingSet, rsc: Resource, node: Node | None = None) -> None:
    """No part of the resource may run on the node (None = anywhere)."""
    resource_location(ws, rsc, node, -INF)


def apply_location(rsc: Resource, location: Location) -> None:
    """Apply a location constraint to the resource as its variant demands."""
    if rsc.variant == Variant.PRIMITIVE:
        apply_to_one(rsc, location)
    elif rsc.variant == Variant.GROUP:
        _apply_to_group(rsc, location)
    elif rsc.variant == Variant.CLONE:
        apply_to_one(rsc, location)
        for instance in rsc.children:
            apply_location(instance, location)
    else:
        _apply_to_bundle(rsc, location)


def apply_to_one(rsc: Resource, location: Location) -> None:
    """Add the constraint's scores to the resource's own table only."""
    if location.role_filter > Role.UNKNOWN and location.role_filter != rsc.next_role:
        return
    for wanted in location.nodes:
        entry = rsc.allowed_nodes.get(wanted.node.id)
        if entry is None:
            entry = rsc.allowed_nodes[wanted.node.id] = wanted.copy()
        else:
            entry.score = add_scores(entry.score, wanted.score)
        if entry.probe_mode < location.probe_mode:
            if location.probe_mode == ProbeMode.EXCLUSIVE:
                rsc.exclusive_probes = True
            entry.probe_mode = location.probe_mode


def _apply_to_group(group: Resource, location: Location) -> None:
    apply_to_one(group, location)
    original = location.nodes
    zeroed: list[NodeCopy] | None = None
    for index, member in enumerate(group.children):
        if index and group.group.colocated:
            if zeroed is None:
                zeroed = [entry.copy() for entry in reversed(original)]
                for entry in zeroed:
                    entry.score = 0
            location.nodes = zeroed
        apply_location(member, location)
    location.nodes = original


def _apply_to_bundle(bundle: Resource, location: Location) -> None:
    apply_to_one(bundle, location)
    for replica in bundle.bundle.replicas:
        apply_location(replica.container, location)
        if replica.ip is not None:
            apply_location(replica.ip, location)
    child = bundle.bundle.child
    if child is not None and location.role_filter in (Role.UNPROMOTED, Role.PROMOTED):
        apply_location(child, location)
        child.location_constraints.insert(0, location)
