"""What decides on nodes after the constraints: locks, locations, stickiness, failures, discovery (model spec 15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.durations import ms_to_s
from hashell.model.scores import add_scores
from hashell.model.values import integer
from hashell.stack.pengine.actions.create import new_action
from hashell.stack.pengine.kinds import INF, ProbeMode, Role, Variant
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.state import Location, NodeCopy
from hashell.stack.pengine.unpack.config import note_change
from hashell.stack.pengine.unpack.failcounts import failcount
from hashell.stack.pengine.unpack.locations import resource_location

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def apply_criteria(ws: WorkingSet) -> None:
    """Apply everything that changes scores before assignment begins."""
    if ws.shutdown_lock:
        for rsc in ws.resources:
            _lock(ws, rsc)
    for location in reversed(ws.location_constraints):
        apply_location(location.rsc, location)
    for top in ws.resources:
        for leaf in top.leaves():
            _stickiness(ws, leaf)
    leaves = [leaf for rsc in ws.resources for leaf in rsc.leaves()]
    exclusive = [rsc for rsc in ws.resources if rsc.exclusive_probes]
    for node in ws.nodes:
        if any(name.startswith("fail-count-") for name in node.attrs):
            for leaf in leaves:
                _threshold(ws, leaf, node)
        for rsc in exclusive:
            _exclusive_discovery(rsc, node)


def _lock(ws: WorkingSet, rsc: Resource) -> None:
    if rsc.variant == Variant.GROUP:
        for child in rsc.children:
            _lock(ws, child)
        return
    if rsc.variant != Variant.PRIMITIVE or rsc.fence_device or rsc.is_remote_connection:
        return
    if rsc.lock_node is not None:
        if rsc.active_nodes:
            new_action(ws, rsc, f"{rsc.id}_lrm_delete_0", "lrm_delete", rsc.lock_node, False)
            rsc.lock_node, rsc.lock_time = None, 0
    elif len(rsc.active_nodes) == 1 and rsc.active_nodes[0].shutdown:
        node = rsc.active_nodes[0]
        if not node.unclean:
            rsc.lock_node = node
            rsc.lock_time = integer(node.attrs.get("shutdown")) or ws.now_s()
    if rsc.lock_node is None:
        return
    if ws.shutdown_lock_ms > 0:
        note_change(ws, rsc.lock_time + ms_to_s(ws.shutdown_lock_ms) + 1)
    for node in ws.nodes:
        if node is not rsc.lock_node:
            resource_location(ws, rsc, node, -INF, cause=Kind.LOCK)


def apply_location(rsc: Resource, location: Location) -> None:
    """Apply one location to a resource and its parts."""
    ledger = rsc.working_set.ledger
    if ledger is not None and (location.role_filter in (Role.UNKNOWN, rsc.next_role)):
        ledger.location(rsc, location, rsc.working_set.health_strategy)
    apply_to_one(rsc, location)
    if rsc.variant == Variant.GROUP:
        rest = location
        for index, child in enumerate(rsc.children):
            apply_location(child, rest)
            if index == 0 and rsc.group.colocated:
                nodes = [NodeCopy(copy.node, 0, copy.probe_mode) for copy in reversed(location.nodes)]
                rest = Location(location.id, location.rsc, location.role_filter, location.probe_mode, nodes)
    elif rsc.variant == Variant.CLONE:
        for child in rsc.children:
            apply_location(child, location)
    elif rsc.variant == Variant.BUNDLE:
        for replica in rsc.bundle.replicas:
            apply_location(replica.container, location)
            if replica.ip is not None:
                apply_location(replica.ip, location)
        clone = rsc.bundle.child
        if clone is not None and location.role_filter in (Role.PROMOTED, Role.UNPROMOTED):
            apply_location(clone, location)
            clone.location_constraints.append(location)


def apply_to_one(rsc: Resource, location: Location) -> None:
    """Add the scores of a location to the resource's own table only."""
    if location.role_filter > Role.UNKNOWN and location.role_filter != rsc.next_role:
        return
    for entry in location.nodes:
        allowed = rsc.allowed_nodes.get(entry.node.id)
        if allowed is None:
            allowed = rsc.allowed_nodes[entry.node.id] = entry.copy()
        else:
            allowed.score = add_scores(allowed.score, entry.score)
        if allowed.probe_mode < location.probe_mode:
            if location.probe_mode == ProbeMode.EXCLUSIVE:
                rsc.exclusive_probes = True
            allowed.probe_mode = location.probe_mode


def _stickiness(ws: WorkingSet, leaf: Resource) -> None:
    if not leaf.managed or leaf.stickiness < 1 or len(leaf.active_nodes) != 1:
        return
    node = leaf.active_nodes[0]
    if ws.symmetric_cluster or node.id in leaf.allowed_nodes:
        resource_location(ws, leaf, node, leaf.stickiness, cause=Kind.STICKINESS)


def threshold_reached(ws: WorkingSet, rsc: Resource, node: Node) -> Resource | None:
    """The resource to keep off the node because of too many failures there, or None."""
    if rsc.ban_after_failures == 0 or rsc.ignore_failure:
        return None
    count, _ = failcount(ws, node, rsc, effective=True, launched=True)
    if count <= 0 or count < rsc.ban_after_failures:
        return None
    return rsc if rsc.unique else rsc.top()


def _threshold(ws: WorkingSet, leaf: Resource, node: Node) -> None:
    cleared = leaf.actions_by_key.get(f"{leaf.id}_clear_failcount_0".lower(), ())
    if any(action.node is node for action in cleared):
        return
    failed = threshold_reached(ws, leaf, node)
    if failed is not None:
        resource_location(ws, failed, node, -INF, cause=Kind.THRESHOLD)


def _exclusive_discovery(rsc: Resource, node: Node) -> None:
    if not rsc.exclusive_probes and not rsc.top().exclusive_probes:
        return
    for child in rsc.children:
        _exclusive_discovery(child, node)
    entry = rsc.allowed_nodes.get(node.id)
    if entry is not None and entry.probe_mode != ProbeMode.EXCLUSIVE:
        if rsc.working_set.ledger is not None:
            rsc.working_set.ledger.add(Kind.EXCLUSIVE, rsc, node, -INF)
        entry.score = -INF
