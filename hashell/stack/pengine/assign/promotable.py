"""Which instances of a promotable clone are promoted (scheduler actions §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.scores import parse_score
from hashell.stack.pengine.assign.apply import apply_colocation
from hashell.stack.pengine.assign.attributes import assigned_attribute, colocation_value, current_attribute
from hashell.stack.pengine.assign.colocations import has_influence, this_with, with_this
from hashell.stack.pengine.assign.compatible import compatible_instance
from hashell.stack.pengine.assign.instances import instance_comparison
from hashell.stack.pengine.assign.location import ban
from hashell.stack.pengine.assign.nodes import add_scores, node_ok
from hashell.stack.pengine.assign.output import show_promotion
from hashell.stack.pengine.assign.propagate import ACTIVE, NONNEGATIVE, coloc_factor, propagate
from hashell.stack.pengine.assign.queries import ASSIGNED, location_nodes, role_of, single_location
from hashell.stack.pengine.kinds import INF, QuorumPolicy, Role
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.mergesort import merge_sort
from hashell.stack.pengine.unpack.failcounts import base_name

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Colocation
    from hashell.stack.pengine.state import Node, NodeCopy, Resource, WorkingSet


def add_promotion_scores(clone: Resource) -> None:
    """Promotion scores make nodes more attractive for the instances (§8.1); done once a clone."""
    if clone.clone.added_promotion_scores:
        return
    clone.clone.added_promotion_scores = True
    for instance in clone.children:
        for entry in instance.allowed_nodes.values():
            if not node_ok(entry.node):
                continue
            score, _ = promotion_score(instance, entry.node)
            if score > 0:
                if instance.working_set.ledger is not None:
                    instance.working_set.ledger.add(Kind.PROMOTION_SCORE, instance, entry.node, score)
                entry.score = add_scores(entry.score, score)
            instance.priority = max(instance.priority, score)


def promotion_score(rsc: Resource, node: Node) -> tuple[int, bool]:
    """The score its agent gave the resource on the node, and whether it gave any."""
    if rsc.children:
        parts = [promotion_score(child, node) for child in rsc.children]
        return sum(score for score, _ in parts), any(given for _, given in parts)
    if not _score_applies(rsc, node):
        return 0, False
    value = _promotion_attribute(rsc, node, rsc.history_id or rsc.id)
    if value is None and not rsc.unique:
        base = base_name(rsc.id)
        if base != rsc.id:
            value = _promotion_attribute(rsc, node, base)
    if value is None:
        return 0, False
    return parse_score(value) or 0, True


def _promotion_attribute(rsc: Resource, node: Node, name: str) -> str | None:
    target = rsc.meta.get("container-attribute-target")
    look_up = current_attribute if rsc.unassigned else assigned_attribute
    return look_up(node, f"master-{name}", target)


def _anonymous_index(clone: Resource) -> dict[tuple[str, str], tuple[Resource | None, bool]]:
    """(id without instance number, node id) -> the first instance active there, and whether any was probed there."""
    index: dict[tuple[str, str], tuple[Resource | None, bool]] | None = clone.scratch.get("anonymous")
    if index is None:
        index = clone.scratch["anonymous"] = {}
        for instance in clone.children:
            for leaf in instance.leaves():
                for node in leaf.active_nodes:
                    active, known = index.get((leaf.xml_id(), node.id), (None, False))
                    index[leaf.xml_id(), node.id] = (active or leaf, known)
                for node_id in leaf.probed_nodes:
                    active, _ = index.get((leaf.xml_id(), node_id), (None, False))
                    index[leaf.xml_id(), node_id] = (active, True)
    return index


def _score_applies(rsc: Resource, node: Node) -> bool:
    entry = rsc.allowed_nodes.get(node.id)
    if entry is None or entry.score < 0:
        return False
    if not rsc.unique:
        active, known = _anonymous_index(rsc.top()).get((base_name(rsc.id), node.id), (None, False))
        if active is rsc or (active is None and known):
            return True
    if not rsc.active_nodes and not rsc.probed_nodes:
        return True
    return node.id in rsc.probed_nodes or node in rsc.active_nodes


def set_instance_roles(ws: WorkingSet, clone: Resource) -> None:
    """Sort the instances by how much they should be promoted, and promote the first ones (§8.2-§8.4)."""
    for entry in clone.allowed_nodes.values():
        entry.count = 0
    for instance in clone.children:
        _set_priority(ws, clone, instance)
    _sort(ws, clone)
    promoted = 0
    for instance in clone.children:
        promoted += _set_role(ws, clone, instance, promoted)


def _started_to_unpromoted(rsc: Resource) -> None:
    if rsc.orig_role == Role.STARTED:
        rsc.orig_role = Role.UNPROMOTED
    for child in rsc.children:
        _started_to_unpromoted(child)


def _set_priority(ws: WorkingSet, clone: Resource, instance: Resource) -> None:
    if role_of(instance, True) == Role.STARTED:
        _started_to_unpromoted(instance)
    node = single_location(instance, ASSIGNED)
    if node is None:
        return
    next_role = role_of(instance, False)
    if next_role in (Role.STARTED, Role.UNKNOWN):
        score, given = promotion_score(instance, node)
        instance.priority = score if given else -1
    elif next_role in (Role.UNPROMOTED, Role.STOPPED):
        instance.priority = -INF
    for location in (*instance.location_constraints, *clone.location_constraints):
        if location.role_filter == Role.PROMOTED:
            for entry in location.nodes:
                if entry.node is node:
                    instance.priority = add_scores(instance.priority, entry.score)
                    break
    for coloc in this_with(instance):
        before = instance.priority
        apply_colocation(ws, instance, coloc.primary, coloc, True)
        if ws.ledger is not None and instance.priority != before:
            ws.ledger.promotion(instance, node, before, coloc)
    instance.promotion_priority = INF if next_role == Role.PROMOTED else instance.priority


def _sort(ws: WorkingSet, clone: Resource) -> None:
    if clone.clone.added_promoted_constraints:
        return
    clone.clone.added_promoted_constraints = True
    clone.updating_nodes = True
    for instance in clone.children:
        node = single_location(instance, ASSIGNED)
        if instance.promotion_priority >= 0 and node is not None:
            entry = clone.allowed_nodes.get(node.id)
            if entry is not None:
                entry.score = add_scores(instance.promotion_priority, entry.score)
    for coloc in with_this(clone):
        if coloc.primary_role == Role.PROMOTED and has_influence(coloc):
            table = propagate(
                ws, coloc.dependent, clone, clone.allowed_nodes, coloc, coloc_factor(coloc), ACTIVE | NONNEGATIVE
            )
            assert table is not None
            clone.allowed_nodes = table
    for constraint in clone.ticket_constraints:
        ticket = constraint.ticket
        if constraint.role == Role.PROMOTED and (not ticket.granted or ticket.standby):
            ban(ws, clone, None, Kind.TICKET)
    for instance in clone.children:
        _weigh_by_node(clone, instance)
    by_instance = instance_comparison(ws)

    def compare(one: Resource, two: Resource) -> int:
        if one.promotion_priority != two.promotion_priority:
            return -1 if one.promotion_priority > two.promotion_priority else 1
        role1, role2 = role_of(one, True), role_of(two, True)
        if role1 != role2:
            return -1 if role1 > role2 else 1
        return by_instance(one, two)

    clone.children[:] = merge_sort(clone.children, compare)
    ws.assignment_version += 1
    clone.updating_nodes = False


def _weigh_by_node(clone: Resource, instance: Resource) -> None:
    node = single_location(instance, ASSIGNED)
    if not instance.managed and instance.next_role == Role.PROMOTED:
        instance.promotion_priority = INF
    elif node is None:
        instance.promotion_priority = -INF
    elif instance.promotion_priority >= 0:
        entry = clone.allowed_nodes.get(node.id)
        if entry is not None:
            instance.promotion_priority = entry.score


def _set_role(ws: WorkingSet, clone: Resource, instance: Resource, promoted: int) -> bool:
    show_promotion(ws, instance, single_location(instance, ASSIGNED), instance.promotion_priority)
    chosen: NodeCopy | None = None
    if instance.promotion_priority >= 0 and (promoted < clone.clone.promoted_max or not clone.managed):
        chosen = _promotion_node(instance)
    if chosen is None or (
        instance.orig_role < Role.PROMOTED and not ws.quorate and ws.no_quorum_policy == QuorumPolicy.FREEZE
    ):
        _set_next_unpromoted(instance)
        return False
    chosen.count += 1
    _set_next_promoted(instance)
    return True


def _promotion_node(rsc: Resource) -> NodeCopy | None:
    """The clone's entry of the node where the instance can be promoted."""
    for child in rsc.children:
        if _promotion_node(child) is None:
            return None
    node = single_location(rsc, ASSIGNED)
    if node is None:
        return None
    if not rsc.managed:
        if role_of(rsc, True) != Role.PROMOTED:
            return None
    elif rsc.priority < 0 or not node_ok(node, guest=True):
        return None
    clone = rsc.top()
    entry = clone.allowed_nodes.get(node.id)
    if entry is None or (entry.count >= clone.clone.promoted_node_max and rsc.managed):
        return None
    return entry


def _set_next_unpromoted(rsc: Resource) -> None:
    rsc.next_role = Role.UNPROMOTED if location_nodes(rsc, ASSIGNED) else Role.STOPPED
    for child in rsc.children:
        _set_next_unpromoted(child)


def _set_next_promoted(rsc: Resource) -> None:
    if rsc.next_role == Role.UNKNOWN:
        rsc.next_role = Role.PROMOTED
    for child in rsc.children:
        _set_next_promoted(child)


def _assigned_entry(rsc: Resource) -> NodeCopy | None:
    if single_location(rsc, ASSIGNED) is None:
        return None
    return next((leaf.assigned_node for leaf in rsc.leaves() if leaf.assigned_node is not None), None)


def update_dependent(ws: WorkingSet, dependent: Resource, clone: Resource, coloc: Colocation) -> None:
    """Draw an unassigned dependent to where instances will be in the primary's role (§8.5)."""
    found: list[NodeCopy] = []
    for instance in clone.children:
        entry = _assigned_entry(instance)
        if entry is None or role_of(instance, False) != coloc.primary_role:
            continue
        if coloc.score < INF:
            value = colocation_value(entry.node, coloc.node_attribute, instance)
            for own in dependent.allowed_nodes.values():
                if colocation_value(own.node, coloc.node_attribute, dependent) == value:
                    own.score = add_scores(own.score, coloc.score)
        found.insert(0, entry)
    if coloc.score < INF or (coloc.dependent_role == Role.PROMOTED and coloc.primary_role == Role.PROMOTED):
        return
    for own in dependent.allowed_nodes.values():
        match = next((entry for entry in found if entry.node is own.node), None)
        own.score = -INF if match is None else add_scores(own.score, match.score)


def update_dependent_priority(ws: WorkingSet, dependent: Resource, clone: Resource, coloc: Colocation) -> int:
    """Promote the dependent where an instance is in the primary's role (§8.5)."""
    instance = compatible_instance(ws, dependent, clone, coloc.primary_role)
    if instance is not None:
        dependent.priority = add_scores(dependent.priority, coloc.score)
        return coloc.score
    if coloc.score >= INF:
        dependent.priority = -INF
        return -INF
    return 0
