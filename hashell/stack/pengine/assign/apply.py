"""A colocation applied to its dependent: location scores and promotion priority (scheduler actions §4.6-§4.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.attributes import colocation_value
from hashell.stack.pengine.assign.compatible import compatible_instance, instances_of
from hashell.stack.pengine.assign.final import assign_resource
from hashell.stack.pengine.assign.nodes import add_scores, any_usable, copy_table, sort_entries
from hashell.stack.pengine.assign.queries import ASSIGNED, any_leaf, matches, single_location
from hashell.stack.pengine.kinds import INF, Role, Variant
from hashell.stack.pengine.ledger.kinds import Kind

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Colocation
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

AFFECTS_NOTHING = 0
AFFECTS_LOCATION = 1
AFFECTS_ROLE = 2

_TRUE = frozenset({"true", "on", "yes", "y", "1"})


def role_resource(rsc: Resource) -> Resource:
    """Whose role counts: for a bundle's container that of the resource within."""
    if rsc.replica_container:
        replica = rsc.bundle_replica()
        if replica is not None and replica.child is not None:
            return replica.child
    return rsc


def affects(dependent: Resource, primary: Resource, coloc: Colocation, preview: bool = False) -> int:
    """What the colocation decides for the dependent at this point."""
    if not preview and primary.unassigned:
        return AFFECTS_NOTHING
    actor = role_resource(dependent)
    if (
        coloc.dependent_role >= Role.UNPROMOTED
        and actor.parent is not None
        and actor.parent.promotable
        and not actor.unassigned
    ):
        return AFFECTS_ROLE
    if not preview and not dependent.unassigned:
        return AFFECTS_NOTHING
    if coloc.dependent_role != Role.UNKNOWN and coloc.dependent_role != actor.next_role:
        return AFFECTS_NOTHING
    if coloc.primary_role != Role.UNKNOWN and coloc.primary_role != role_resource(primary).next_role:
        return AFFECTS_NOTHING
    return AFFECTS_LOCATION


def apply_colocation(
    ws: WorkingSet, dependent: Resource, primary: Resource, coloc: Colocation, for_dependent: bool
) -> int:
    """Apply the constraint; returns what was added to the dependent's priority."""
    if for_dependent and dependent.variant == Variant.GROUP:
        return _group_dependent(ws, dependent, primary, coloc)
    if primary.variant == Variant.PRIMITIVE:
        return _primitive_primary(dependent, primary, coloc)
    if primary.unassigned:
        return 0
    if primary.variant == Variant.GROUP:
        return _group_primary(ws, dependent, primary, coloc)
    if primary.variant == Variant.CLONE:
        return _clone_primary(ws, dependent, primary, coloc, for_dependent)
    return _bundle_primary(ws, dependent, primary, coloc, for_dependent)


def _primitive_primary(dependent: Resource, primary: Resource, coloc: Colocation) -> int:
    effect = affects(dependent, primary, coloc)
    if effect == AFFECTS_ROLE:
        return _apply_to_priority(dependent, primary, coloc)
    if effect == AFFECTS_LOCATION:
        _apply_to_scores(dependent, primary, coloc)
    return 0


def _apply_to_scores(dependent: Resource, primary: Resource, coloc: Colocation) -> None:
    attribute, score = coloc.node_attribute, coloc.score
    entry = primary.assigned_node
    if entry is None and score < 0:
        return
    value = colocation_value(entry.node, attribute, primary) if entry is not None else None
    work = copy_table(dependent.allowed_nodes)
    for item in work.values():
        if entry is None:
            item.score = add_scores(-score, item.score)
        elif colocation_value(item.node, attribute, dependent) == value:
            if score < INF:
                item.score = add_scores(score, item.score)
        elif score >= INF:
            item.score = -INF
    if score <= -INF or score >= INF or any_usable(work):
        dependent.allowed_nodes = work


def _apply_to_priority(dependent: Resource, primary: Resource, coloc: Colocation) -> int:
    if dependent.assigned_node is None:
        return 0
    if primary.assigned_node is not None and coloc.primary_role != Role.UNKNOWN \
            and coloc.primary_role != role_resource(primary).next_role:  # fmt: skip
        return 0
    attribute = coloc.node_attribute
    where = primary.assigned_node.node if primary.assigned_node is not None else None
    value = colocation_value(where, attribute, primary)
    if colocation_value(dependent.assigned_node.node, attribute, dependent) != value:
        if coloc.score != INF or coloc.dependent_role != Role.PROMOTED:
            return 0
        delta = -coloc.score
    else:
        delta = -coloc.score if coloc.dependent_role == Role.UNPROMOTED else coloc.score
    dependent.priority = add_scores(delta, dependent.priority)
    return delta


def _group_dependent(ws: WorkingSet, group: Resource, primary: Resource, coloc: Colocation) -> int:
    if not group.children:
        return 0
    total = 0
    if group.group.colocated:
        total = apply_colocation(ws, group.children[0], primary, coloc, True)
    elif coloc.score >= INF:
        return 0
    else:
        for member in group.children:
            total = add_scores(total, _primitive_primary(member, primary, coloc))
    if total:
        group.priority = add_scores(total, group.priority)
    return total


def _group_primary(ws: WorkingSet, dependent: Resource, group: Resource, coloc: Colocation) -> int:
    if not group.children:
        return 0
    if group.group.colocated:
        member = group.children[-1] if coloc.score >= INF else group.children[0]
        return apply_colocation(ws, dependent, member, coloc, False)
    if coloc.score >= INF:
        return 0
    total = 0
    for member in group.children:
        total = add_scores(total, apply_colocation(ws, dependent, member, coloc, False))
    return total


def per_node_max(rsc: Resource) -> int:
    if rsc.variant == Variant.CLONE:
        return rsc.clone.clone_node_max
    return rsc.bundle.nreplicas_per_host if rsc.variant == Variant.BUNDLE else 1


def _interleaved(coloc: Colocation) -> bool:
    dependent = coloc.dependent
    return (
        dependent.variant in (Variant.CLONE, Variant.BUNDLE)
        and dependent.meta.get("interleave", "").lower() in _TRUE
        and per_node_max(dependent) == per_node_max(coloc.primary)
    )


def _clone_primary(
    ws: WorkingSet, dependent: Resource, clone: Resource, coloc: Colocation, for_dependent: bool
) -> int:
    if clone.promotable and coloc.primary_role != Role.UNKNOWN:
        from hashell.stack.pengine.assign import promotable

        if dependent.unassigned:
            promotable.update_dependent(ws, dependent, clone, coloc)
            return 0
        if coloc.dependent_role == Role.PROMOTED:
            return promotable.update_dependent_priority(ws, dependent, clone, coloc)
    if _interleaved(coloc):
        instance = compatible_instance(ws, dependent, clone)
        if instance is not None:
            return apply_colocation(ws, dependent, instance, coloc, for_dependent)
        if coloc.score >= INF:
            if ws.ledger is not None:
                ws.ledger.add(Kind.COLOCATION, dependent, None, -INF, coloc.id, coloc.primary)
            assign_resource(ws, dependent, None, force=True, stop_if_fail=True)
        return 0
    if coloc.score >= INF:
        where = [
            single_location(instance, ASSIGNED)
            for instance in clone.children
            if not any_leaf(instance, "blocked")
        ]
        restrict(dependent, [node for node in where if node is not None])
        return 0
    total = 0
    for instance in clone.children:
        total = add_scores(total, apply_colocation(ws, dependent, instance, coloc, False))
    return total


def restrict(rsc: Resource, nodes: list[Node]) -> None:
    """Forbid every node that is not in the list."""
    ids = {node.id for node in nodes}
    for key, entry in rsc.allowed_nodes.items():
        if key not in ids:
            entry.score = -INF


def _bundle_primary(
    ws: WorkingSet, dependent: Resource, bundle: Resource, coloc: Colocation, for_dependent: bool
) -> int:
    if coloc.dependent.variant > Variant.GROUP:
        container = _compatible_container(ws, dependent, bundle)
        if container is not None:
            return apply_colocation(ws, dependent, container, coloc, for_dependent)
        if coloc.score >= INF:
            if ws.ledger is not None:
                ws.ledger.add(Kind.COLOCATION, dependent, None, -INF, coloc.id, coloc.primary)
            assign_resource(ws, dependent, None, force=True, stop_if_fail=True)
        return 0
    total = 0
    nodes: list[Node] = []
    for replica in bundle.bundle.replicas:
        container = replica.container
        if coloc.score < INF:
            total = add_scores(total, apply_colocation(ws, dependent, container, coloc, False))
            continue
        where = container.assigned_node
        if where is None or any_leaf(container, "blocked"):
            continue
        if coloc.primary_role >= Role.PROMOTED and (
            replica.child is None or replica.child.next_role < Role.PROMOTED
        ):
            continue
        nodes.append(where.node)
    if coloc.score >= INF:
        restrict(dependent, nodes)
    return total


def host_of(node: Node) -> Node | None:
    """Where the container of a bundle node is to run, the node itself for others."""
    if node.remote is not None and node.is_guest() and node.remote.launcher is not None \
            and node.remote.launcher.replica_container:  # fmt: skip
        host = node.remote.launcher.assigned_node
        return host.node if host is not None else None
    return node


def _compatible_container(ws: WorkingSet, dependent: Resource, bundle: Resource) -> Resource | None:
    host = None if dependent.assigned_node is None else host_of(dependent.assigned_node.node)
    if host is not None:
        return _container_on(bundle, host)
    for entry in sort_entries(ws, dependent.allowed_nodes.values()):
        found = _container_on(bundle, host_of(entry.node))
        if found is not None:
            return found
    return None


def _container_on(bundle: Resource, node: Node | None) -> Resource | None:
    if node is None:
        return None
    for container in instances_of(bundle):
        if matches(container, node, Role.UNKNOWN, False):
            return container
    return None
