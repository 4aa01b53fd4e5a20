"""Propagation of required and runnable along relations until nothing changes (scheduler actions §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import newest_action
from hashell.stack.pengine.assign.queries import ASSIGNED, single_location
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.order.base import FIRST, THEN
from hashell.stack.pengine.order.collective import update_variant
from hashell.stack.pengine.order.flagsof import flags_for_ordering
from hashell.stack.pengine.order.relate import relate
from hashell.stack.pengine.order.tasks import COMPLETED

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action, Relation
    from hashell.stack.pengine.state import Node, WorkingSet


def update_action(ws: WorkingSet, then: Action) -> None:
    """Bring the action in line with everything ordered before it, and whatever depends on that."""
    entry_flags = then.flags
    changed = 0
    if then.required_runnable_before > 0:
        then.runnable_before = 0
        then.flags &= ~Act.RUNNABLE
    for relation in reversed(then.before):
        changed = _follow(ws, relation, then, changed)
    if then.required_runnable_before > 0:
        changed = changed & ~THEN if entry_flags == then.flags else changed | THEN
    if changed & THEN:
        if entry_flags & Act.RUNNABLE and not then.flags & Act.RUNNABLE:
            from hashell.stack.pengine.order.blocked import block_colocation_dependents

            block_colocation_dependents(ws, then)
        update_action(ws, then)
        for relation in reversed(then.after):
            update_action(ws, relation.action)


def _ordering_node(action: Action) -> Node | None:
    if action.rsc is not None and action.rsc.variant == Variant.GROUP and action.task == "start":
        return single_location(action.rsc, ASSIGNED)
    return action.node


def _follow(ws: WorkingSet, relation: Relation, then: Action, changed: int) -> int:
    """Apply one input of the action; returns the accumulated change bits."""
    first = relation.action
    first_node, then_node = _ordering_node(first), _ordering_node(then)
    if (
        relation.flags & Rel.IF_ON_SAME_NODE
        and first_node is not None
        and then_node is not None
        and first_node is not then_node
    ):
        relation.flags = 0
        return changed
    changed &= ~FIRST
    if relation.flags & Rel.THEN_CANCELS_FIRST and first.rsc is not None and not then.flags & Act.OPTIONAL:
        first.flags |= Act.OPTIONAL
        if first.task == "reload-agent":
            first.rsc.reload = False
    if (
        first.rsc is not None
        and then.rsc is not None
        and first.rsc is not then.rsc
        and not first.rsc.is_ancestor_of(then.rsc)
    ):
        first = completion_for_ordering(first)
    if first is relation.action:
        first_flags = flags_for_ordering(first, then_node)
        then_flags = flags_for_ordering(then, first_node)
        changed |= _apply(ws, first, then, first_flags, then_flags, relation)
    elif relate(first, then, relation.flags):
        changed |= THEN
        relation.flags = 0
    if changed & FIRST:
        for other in reversed(first.after):
            update_action(ws, other.action)
        update_action(ws, first)
    return changed


def completion_for_ordering(action: Action) -> Action:
    """What others wait for when they wait for the action: for a collective, its completion."""
    rsc = action.rsc
    assert rsc is not None
    if rsc.variant == Variant.PRIMITIVE or "notify" in action.key or action.interval_ms > 0:
        return action
    done = COMPLETED.get(action.task)
    if done is None:
        if action.task not in COMPLETED.values():
            return action
        done = action.task
    key = f"{rsc.id}_{done}_0"
    if rsc.notify and (rsc.variant == Variant.CLONE or rsc.top(include_bundle=True).variant == Variant.BUNDLE):
        key = f"{rsc.id}_confirmed-post_notify_{done}_0"
    return newest_action(rsc, key=key) or action


def _apply(
    ws: WorkingSet, first: Action, then: Action, first_flags: int, then_flags: int, relation: Relation
) -> int:
    """Everything one relation means (§12.3). Returns FIRST | THEN bits."""
    node = then.node
    changed = 0
    if relation.flags & Rel.FIRST_IMPLIES_SAME_NODE_THEN:
        relation.flags = relation.flags & ~Rel.FIRST_IMPLIES_SAME_NODE_THEN | Rel.FIRST_IMPLIES_THEN
        node = first.node
    if then.rsc is not None:
        changed |= _apply_to_resource(ws, first, then, node, first_flags, relation)
    else:
        changed |= _apply_plain(ws, first, then, node, first_flags, relation)
    flags = relation.flags
    if flags & Rel.FIRST_IMPLIES_THEN_GRAPHED and first.flags & Act.RUNNABLE and not first_flags & Act.OPTIONAL:
        then.flags |= Act.ALWAYS_IN_GRAPH
    if flags & Rel.THEN_IMPLIES_FIRST_GRAPHED and not then_flags & Act.OPTIONAL:
        first.flags |= Act.ALWAYS_IN_GRAPH
    if (
        flags & (Rel.FIRST_IMPLIES_THEN | Rel.THEN_IMPLIES_FIRST | Rel.INTERMEDIATE_STOP)
        and first.rsc is not None
        and first.task == "stop"
        and not first.rsc.managed
        and first.rsc.blocked
        and not first.flags & Act.RUNNABLE
        and then.flags & Act.RUNNABLE
    ):
        then.flags &= ~Act.RUNNABLE
        changed |= THEN
        if ws.ledger is not None:
            ws.ledger.lost(then, Act.RUNNABLE, first)
    return changed


def _apply_to_resource(
    ws: WorkingSet, first: Action, then: Action, node: Node | None, first_flags: int, relation: Relation
) -> int:
    rsc = then.rsc
    assert rsc is not None
    flags = relation.flags
    optional = first_flags & Act.OPTIONAL
    changed = 0
    if flags & Rel.FIRST_IMPLIES_THEN:
        changed |= update_variant(ws, rsc, first, then, node, optional, Act.OPTIONAL, Rel.FIRST_IMPLIES_THEN)
    if flags & Rel.INTERMEDIATE_STOP:
        both = Act.OPTIONAL | Act.RUNNABLE
        changed |= update_variant(ws, rsc, first, then, node, first_flags, both, Rel.INTERMEDIATE_STOP)
    if flags & Rel.THEN_IMPLIES_FIRST:
        changed |= _then_implies_first(ws, first, then, node, first_flags)
    if flags & Rel.PROMOTED_THEN_IMPLIES_FIRST:
        changed |= update_variant(ws, rsc, first, then, node, optional, Act.OPTIONAL, Rel.PROMOTED_THEN_IMPLIES_FIRST)
    if flags & Rel.MIN_RUNNABLE:
        changed |= update_variant(ws, rsc, first, then, node, first_flags, Act.RUNNABLE, Rel.MIN_RUNNABLE)
    if flags & Rel.NESTED_REMOTE_PROBE:
        if not first.flags & Act.RUNNABLE and first.rsc is not None and first.rsc.active_nodes:
            relation.flags = flags = 0
        else:
            changed |= update_variant(
                ws, rsc, first, then, node, first_flags, Act.RUNNABLE, Rel.UNRUNNABLE_FIRST_BLOCKS
            )
    for flag, filter_ in (
        (Rel.UNRUNNABLE_FIRST_BLOCKS, Act.RUNNABLE),
        (Rel.UNMIGRATABLE_THEN_BLOCKS, Act.OPTIONAL),
        (Rel.FIRST_ELSE_THEN, Act.OPTIONAL),
        (Rel.ORDERED, Act.RUNNABLE),
        (Rel.ASYMMETRIC, Act.RUNNABLE),
    ):
        if flags & flag:
            changed |= update_variant(ws, rsc, first, then, node, first_flags, filter_, flag)
    return changed


def _then_implies_first(ws: WorkingSet, first: Action, then: Action, node: Node | None, first_flags: int) -> int:
    if first.rsc is not None:
        return update_variant(
            ws, first.rsc, first, then, node, first_flags, Act.OPTIONAL, Rel.THEN_IMPLIES_FIRST
        )
    if not first_flags & Act.OPTIONAL and first.flags & Act.RUNNABLE:
        first.flags &= ~Act.RUNNABLE
        return FIRST
    return 0


def _apply_plain(
    ws: WorkingSet, first: Action, then: Action, node: Node | None, first_flags: int, relation: Relation
) -> int:
    """The same for a then action without resource."""
    flags = relation.flags
    changed = 0
    if flags & Rel.FIRST_IMPLIES_THEN and not first_flags & Act.OPTIONAL and then.flags & Act.OPTIONAL:
        then.flags &= ~Act.OPTIONAL
        changed |= THEN
    if flags & Rel.THEN_IMPLIES_FIRST:
        changed |= _then_implies_first(ws, first, then, node, first_flags)
    if flags & Rel.MIN_RUNNABLE and first_flags & Act.RUNNABLE:
        then.runnable_before += 1
        if then.runnable_before >= then.required_runnable_before and not then.flags & Act.RUNNABLE:
            then.flags |= Act.RUNNABLE
            changed |= THEN
    if flags & Rel.UNRUNNABLE_FIRST_BLOCKS and not first_flags & Act.RUNNABLE and then.flags & Act.RUNNABLE:
        then.flags &= ~Act.RUNNABLE
        changed |= THEN
    return changed
