"""Assignment of a bundle and all its replicas (scheduler actions §7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.colocations import new_colocation
from hashell.stack.pengine.assign.instances import distribute, sort_instances
from hashell.stack.pengine.assign.output import show_scores
from hashell.stack.pengine.assign.primitive import assign_any
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.unpack.criteria import threshold_reached

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Replica, Resource, WorkingSet


#: How often the assignment of a bundle may be entered again from within, which colocations in a circle do.
_NESTING = 4


def assign_bundle(ws: WorkingSet, bundle: Resource, prefer: Node | None, stop_if_fail: bool) -> None:
    """Assign the containers, what belongs to each, and then the bundled clone."""
    data = bundle.bundle
    if data.nesting >= _NESTING:
        return
    data.nesting += 1
    bundle.assigning = True
    show_scores(ws, "pcmk__bundle_assign", bundle)
    containers = [replica.container for replica in data.replicas]
    sort_instances(ws, containers)
    distribute(ws, bundle, containers, data.nreplicas, data.nreplicas_per_host)
    for replica in data.replicas:
        _assign_replica(ws, replica, prefer, stop_if_fail)
    if data.child is not None:
        own = {replica.node.node.id for replica in data.replicas if replica.node is not None}
        for entry in data.child.allowed_nodes.values():
            entry.score = 0 if entry.node.id in own else -INF
        assign_any(ws, data.child, prefer, stop_if_fail)
    bundle.assigning = False
    bundle.unassigned = False
    data.nesting -= 1


def _assign_replica(ws: WorkingSet, replica: Replica, prefer: Node | None, stop_if_fail: bool) -> None:
    if replica.ip is not None:
        assign_any(ws, replica.ip, prefer, stop_if_fail)
    host = replica.container.assigned_node
    if replica.remote is not None:
        if host is not None and host.node.is_pacemaker_remote() and host.node.remote is not None:
            new_colocation(
                ws, "#replica-remote-with-host-remote", None, INF, replica.remote, host.node.remote, influence=True
            )
        assign_any(ws, replica.remote, prefer, stop_if_fail)
    child = replica.child
    if child is None or replica.node is None or child.parent is None:
        return
    for entry in child.allowed_nodes.values():
        if entry.node is not replica.node.node:
            entry.score = -INF
        elif not threshold_reached(ws, child, entry.node):
            entry.score = INF
    child.parent.assigning = True
    assign_any(ws, child, replica.node.node, stop_if_fail)
    child.parent.assigning = False
