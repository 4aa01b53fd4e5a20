"""Distribution of clone instances and bundle containers over nodes (scheduler actions §7.3, §7.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.implicit import instance_number
from hashell.stack.pengine.assign.colocations import has_influence, this_with, with_this
from hashell.stack.pengine.assign.final import unassign
from hashell.stack.pengine.assign.location import ban
from hashell.stack.pengine.assign.nodes import copy_table, node_ok, usable
from hashell.stack.pengine.assign.primitive import assign_any
from hashell.stack.pengine.assign.propagate import NONNEGATIVE, Table, coloc_factor, propagate
from hashell.stack.pengine.assign.queries import active_node, any_leaf, current_node
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.mergesort import merge_sort

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, NodeCopy, Resource, WorkingSet


def parent_entry(instance: Resource, node: Node) -> NodeCopy | None:
    """The node as the collective's own table has it."""
    owner = instance.parent or instance
    return owner.allowed_nodes.get(node.id)


def distribute(
    ws: WorkingSet, collective: Resource, instances: list[Resource], max_total: int, max_per_node: int
) -> None:
    """Assign up to `max_total` instances, where possible where they are."""
    available = 0
    for entry in collective.allowed_nodes.values():
        entry.count = 0
        available += node_ok(entry.node)
    optimal = max(1, max_total // available) if available else 1
    assigned = 0
    for instance in instances:
        if assigned >= max_total:
            break
        current = _stays_on(instance, optimal)
        if current is not None and _assign_early(ws, instance, current, max_per_node, max_total - assigned):
            assigned += 1
    for instance in instances:
        if not instance.unassigned:
            continue
        if assigned >= max_total:
            ban(ws, instance, None, Kind.CLONE_MAX)
        elif _assign_instance(ws, instance, None, max_per_node) is not None:
            assigned += 1


def _stays_on(instance: Resource, optimal: int) -> Node | None:
    if not instance.active_nodes or not instance.unassigned or instance.failed:
        return None
    node = current_node(instance)
    if node is None or node.score < 0 or not node_ok(node):
        return None
    entry = parent_entry(instance, node)
    return None if entry is not None and entry.count >= optimal else node


def _ban_unavailable(ws: WorkingSet, instance: Resource, max_per_node: int) -> None:
    for entry in instance.allowed_nodes.values():
        owner = parent_entry(instance, entry.node)
        if (
            instance.removed
            or not node_ok(entry.node)
            or owner is None
            or owner.score < 0
            or owner.count >= max_per_node
        ):
            if ws.ledger is not None and owner is not None and owner.count >= max_per_node:
                ws.ledger.add(Kind.CLONE_NODE_MAX, instance, entry.node, -INF)
            entry.score = -INF
            for child in instance.children:
                child_entry = child.allowed_nodes.get(entry.node.id)
                if child_entry is not None:
                    child_entry.score = -INF


def _assign_instance(
    ws: WorkingSet, instance: Resource, prefer: Node | None, max_per_node: int
) -> NodeCopy | None:
    if instance.assigning:
        return None
    _ban_unavailable(ws, instance, max_per_node)
    chosen = assign_any(ws, instance, prefer, prefer is None)
    _count(instance, chosen)
    return chosen


def _count(instance: Resource, chosen: NodeCopy | None) -> None:
    if chosen is not None:
        entry = parent_entry(instance, chosen.node)
        if entry is not None:
            entry.count += 1


def _assign_early(ws: WorkingSet, instance: Resource, current: Node, max_per_node: int, budget: int) -> bool:
    """Try to keep the instance where it is; places that it would rather take are left to others."""
    if not usable(instance.allowed_nodes.get(current.id)):
        return False
    saved = _save_tables(instance)
    mark = 0 if ws.ledger is None else ws.ledger.mark()
    owner = instance.parent
    assert owner is not None
    owner_table = owner.allowed_nodes
    owner.allowed_nodes = copy_table(owner_table)
    chosen: NodeCopy | None = None
    reserved = 0
    while reserved < budget:
        chosen = _assign_instance(ws, instance, current, max_per_node)
        if chosen is not None and chosen.node is current:
            break
        _restore_tables(instance, saved)
        if ws.ledger is not None:
            ws.ledger.forget(mark, instance)
        if chosen is None:
            instance.unassigned = True
            break
        unassign(ws, instance)
        chosen = None
        reserved += 1
    owner.allowed_nodes = owner_table
    if chosen is None:
        return False
    _count(instance, chosen)
    return True


def _save_tables(rsc: Resource) -> list[tuple[Resource, Table]]:
    return [(part, copy_table(part.allowed_nodes)) for part in rsc.walk()]


def _restore_tables(rsc: Resource, saved: list[tuple[Resource, Table]]) -> None:
    for part, table in saved:
        part.allowed_nodes = copy_table(table)


def sort_instances(ws: WorkingSet, instances: list[Resource]) -> None:
    """Sort in place: those to be assigned first come first (§7.4)."""
    instances[:] = merge_sort(instances, instance_comparison(ws))
    ws.assignment_version += 1


def instance_comparison(ws: WorkingSet) -> Callable[[Resource, Resource], int]:
    """The comparison for one sort: what it has to compute for an instance is computed once."""
    scores: dict[str, int] = {}

    def colocation_score(instance: Resource) -> int:
        if instance.id not in scores:
            scores[instance.id] = _colocation_score(ws, instance)
        return scores[instance.id]

    def compare(one: Resource, two: Resource) -> int:
        return _compare(one, two, colocation_score)

    return compare


def _colocation_score(ws: WorkingSet, instance: Resource) -> int:
    """What the instance's colocations make of its current node."""
    current = current_node(instance)
    assert current is not None
    table: Table | None = {current.id: current.copy()}
    for coloc in this_with(instance):
        table = propagate(ws, coloc.primary, instance, table, coloc, coloc_factor(coloc), 0)
    for coloc in with_this(instance):
        if has_influence(coloc, instance):
            table = propagate(ws, coloc.dependent, instance, table, coloc, coloc_factor(coloc), NONNEGATIVE)
    assert table is not None
    return table[current.id].score


def _place(instance: Resource) -> tuple[Node | None, int, bool]:
    """Current node (none if it is not allowed), number of active nodes, and whether the current one is allowed."""
    node, count, _ = active_node(instance)
    if node is not None:
        entry = instance.allowed_nodes.get(node.id)
        if entry is None or entry.score < 0:
            return None, count, False
    return node, count, True


def _prefer(one: bool, two: bool) -> int:
    return int(two) - int(one)


def _compare(one: Resource, two: Resource, colocation_score: Callable[[Resource], int]) -> int:
    node1, count1, allowed1 = _place(one)
    node2, count2, allowed2 = _place(two)
    if count1 and count2 and count1 != count2:
        return -1 if count1 < count2 else 1
    if allowed1 != allowed2:
        return _prefer(allowed1, allowed2)
    if one.priority != two.priority:
        return -1 if one.priority > two.priority else 1
    if node1 is None or node2 is None:
        return _prefer(node1 is not None, node2 is not None)
    ok1, ok2 = node_ok(node1), node_ok(node2)
    if ok1 != ok2:
        return _prefer(ok1, ok2)
    entry1, entry2 = parent_entry(one, node1), parent_entry(two, node2)
    if entry1 is None or entry2 is None:
        return _prefer(entry1 is not None, entry2 is not None)
    if entry1.count != entry2.count:
        return -1 if entry1.count < entry2.count else 1
    failed1, failed2 = any_leaf(one, "failed"), any_leaf(two, "failed")
    if failed1 != failed2:
        return _prefer(failed2, failed1)
    score1, score2 = colocation_score(one), colocation_score(two)
    if score1 != score2:
        return -1 if score1 > score2 else 1
    number1, number2 = instance_number(one), instance_number(two)
    return (number1 > number2) - (number1 < number2)
