"""One-time monitors that find out what runs where (scheduler actions §10.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.outcomes import OcfCode
from hashell.stack.pengine.actions.create import newest_action, op_key, rsc_op
from hashell.stack.pengine.actions.implicit import instance_number
from hashell.stack.pengine.actions.unfencing import order_vs_unfencing
from hashell.stack.pengine.assign.queries import ASSIGNED, is_known_on, single_location
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import ProbeMode, Role, Variant
from hashell.stack.pengine.order.create import new_ordering
from hashell.stack.pengine.unpack.fencing import fence_node

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def schedule_probes(ws: WorkingSet) -> None:
    """Probe every resource on every node where its state is not known yet."""
    for node in ws.nodes:
        if not node.online:
            if _failed_remote(node):
                fence_node(ws, node, "the connection is unrecoverable", False)
            continue
        if node.unclean or not node.probes_allowed:
            continue
        for rsc in ws.resources:
            create_probe(ws, rsc, node)


def _failed_remote(node: Node) -> bool:
    if not node.is_pacemaker_remote() or node.is_guest() or node.remote is None:
        return False
    from hashell.stack.pengine.actions.remote import remote_state

    return remote_state(node) == "failed"


def create_probe(ws: WorkingSet, rsc: Resource, node: Node) -> bool:
    """Create the probe, or those of the parts; whether there is any."""
    if rsc.variant == Variant.CLONE:
        return _clone_probe(ws, rsc, node)
    if rsc.variant == Variant.BUNDLE:
        return _bundle_probe(ws, rsc, node)
    if _not_probed_on_remote(rsc, node):
        return False
    if rsc.variant == Variant.GROUP:
        probes = [create_probe(ws, member, node) for member in rsc.children]
        return any(probes)
    return _leaf_probe(ws, rsc, node)


def _not_probed_on_remote(rsc: Resource, node: Node) -> bool:
    if not node.is_pacemaker_remote():
        return False
    if rsc.fence_device or rsc.is_remote_connection:
        return True
    return node.is_guest() and any(part.is_remote_connection for part in rsc.launched)


def _exclusive_elsewhere(rsc: Resource, node: Node) -> bool:
    """Whether discovery is limited to nodes that this one does not belong to."""
    if not rsc.exclusive_probes and not rsc.top().exclusive_probes:
        return False
    entry = rsc.allowed_nodes.get(node.id)
    return entry is None or entry.probe_mode != ProbeMode.EXCLUSIVE


def _leaf_probe(ws: WorkingSet, rsc: Resource, node: Node) -> bool:
    if (rsc.launcher is not None and not rsc.is_remote_connection) or rsc.removed:
        return False
    if node.id in rsc.probed_nodes or _exclusive_elsewhere(rsc, node):
        return False
    entry = rsc.allowed_nodes.get(node.id)
    if (entry.probe_mode if entry is not None else node.probe_mode) == ProbeMode.NEVER:
        return False
    top = rsc.top()
    if node.is_guest() and _guest_prevents(ws, node, top):
        return False
    _create(ws, rsc, node, top if top.variant == Variant.CLONE else rsc)
    return True


def _guest_prevents(ws: WorkingSet, node: Node, top: Resource) -> bool:
    """A guest that is down or will go down is not probed; what it might have found is ordered around that."""
    assert node.remote is not None and node.remote.launcher is not None
    guest = node.remote.launcher
    where = guest.assigned_node.node if guest.assigned_node is not None else None
    if guest.orig_role == Role.STOPPED:
        if where is not None and where.id not in guest.probed_nodes:
            new_ordering(
                ws, guest, op_key(guest, "monitor"), None, top, op_key(top, "start"), None, Rel.ORDERED
            )
        return True
    if (
        node.remote_reset
        or node.unclean
        or guest.failed
        or guest.next_role == Role.STOPPED
        or (where is not None and where not in guest.active_nodes)
    ):
        new_ordering(ws, guest, op_key(guest, "stop"), None, top, op_key(top, "start"), None, Rel.ORDERED)
        return True
    return False


def _create(ws: WorkingSet, rsc: Resource, node: Node, top: Resource) -> None:
    probe = rsc_op(ws, rsc, "monitor", node, False)
    probe.flags &= ~Act.OPTIONAL
    order_vs_unfencing(ws, rsc, node, probe, Rel.ORDERED)
    if node not in rsc.active_nodes:
        probe.meta["op_target_rc"] = str(OcfCode.NOT_RUNNING)
    elif rsc.orig_role == Role.PROMOTED:
        probe.meta["op_target_rc"] = str(OcfCode.PROMOTED)
    flags = Rel.ORDERED
    if not probe.flags & Act.RUNNABLE and not top.active_nodes:
        flags |= Rel.UNRUNNABLE_FIRST_BLOCKS
    new_ordering(ws, rsc, None, probe, top, op_key(top, "start"), None, flags)
    new_ordering(ws, rsc, None, probe, top, op_key(top, "reload-agent"), None, Rel.ORDERED)


def _clone_probe(ws: WorkingSet, clone: Resource, node: Node) -> bool:
    if clone.exclusive_probes:
        entry = clone.allowed_nodes.get(node.id)
        if entry is None or entry.probe_mode != ProbeMode.EXCLUSIVE:
            clone.allowed_nodes.pop(node.id, None)
            return False
    clone.children.sort(key=instance_number)
    ws.assignment_version += 1
    if clone.unique:
        probes = [create_probe(ws, instance, node) for instance in clone.children]
        return any(probes)
    return create_probe(ws, _instance_to_probe(clone, node), node)


def _instance_to_probe(clone: Resource, node: Node) -> Resource:
    for instance in clone.children:
        if is_known_on(instance, node):
            return instance
    for instance in clone.children:
        if single_location(instance, ASSIGNED) is node:
            return instance
    return clone.children[0]


def _bundle_probe(ws: WorkingSet, bundle: Resource, node: Node) -> bool:
    any_created = False
    for replica in bundle.bundle.replicas:
        if replica.ip is not None:
            any_created |= create_probe(ws, replica.ip, node)
        if replica.child is not None and replica.node is not None and replica.node.node is node:
            any_created |= create_probe(ws, replica.child, node)
        if create_probe(ws, replica.container, node):
            any_created = True
            if bundle.bundle.nreplicas_per_host == 1:
                for other in bundle.bundle.replicas:
                    if other is not replica:
                        _probe_before_start(ws, replica.container, other.container)
        if replica.remote is not None and create_probe(ws, replica.remote, node):
            probe = newest_action(replica.remote, key=op_key(replica.remote, "monitor"), node=node)
            if probe is not None:
                any_created = True
                start = op_key(replica.container, "start")
                new_ordering(
                    ws, replica.container, start, None, replica.remote, None, probe, Rel.NESTED_REMOTE_PROBE
                )
    return any_created


def _probe_before_start(ws: WorkingSet, container: Resource, other: Resource) -> None:
    flags = Rel.ORDERED | Rel.IF_ON_SAME_NODE
    new_ordering(ws, container, op_key(container, "monitor"), None, other, op_key(other, "start"), None, flags)

