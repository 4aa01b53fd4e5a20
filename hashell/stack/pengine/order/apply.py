"""Ordering constraints become relations between actions (scheduler actions §11.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import find_actions, new_action
from hashell.stack.pengine.assign.queries import role_of
from hashell.stack.pengine.graph.inputs import makes_loop
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Role
from hashell.stack.pengine.order.blocked import block_colocation_dependents
from hashell.stack.pengine.order.create import task_of
from hashell.stack.pengine.order.probes import order_probes
from hashell.stack.pengine.order.relate import relate
from hashell.stack.pengine.order.update import update_action

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action, Ordering
    from hashell.stack.pengine.state import Resource, WorkingSet


def apply_orderings(ws: WorkingSet) -> None:
    """Relate actions as the constraints say, then propagate what follows from that."""
    for order in list(ws.ordering_constraints):
        _apply_constraint(ws, order)
    for action in reversed(ws.actions):
        block_colocation_dependents(ws, action)
    order_probes(ws)
    for action in reversed(ws.actions):
        update_action(ws, action)
    for action in reversed(ws.actions):
        _disable_invalid_inputs(action)


def _by_task(rsc: Resource, key: str | None) -> list[Action]:
    """Actions with that key, or with the same task and interval of this resource."""
    if key is None:
        return []
    found = find_actions(rsc, key)
    if not found and not key.startswith(rsc.id + "_"):
        found = find_actions(rsc, f"{rsc.id}_{task_of(None, key, rsc)}_{key.rpartition('_')[2]}")
    return found


def _apply_constraint(ws: WorkingSet, order: Ordering) -> None:
    if order.rsc1 is not None:
        _apply_from_resource(ws, order, order.rsc1)
    elif order.rsc2 is not None:
        _relate_to_resource(order.action1, order.rsc2, order)
    else:
        relate(order.action1, order.action2, order.flags)


def _apply_from_resource(ws: WorkingSet, order: Ordering, rsc1: Resource) -> None:
    firsts = [order.action1] if order.action1 is not None else _by_task(rsc1, order.task1)
    if not firsts:
        if rsc1 is order.rsc2 or order.task1 is None:
            return
        task = task_of(None, order.task1, rsc1)
        role = role_of(rsc1, True)
        if (task == "stop" and role == Role.STOPPED) or (task == "demote" and role == Role.UNPROMOTED):
            return
        key = f"{rsc1.id}_{task}_{order.task1.rpartition('_')[2]}"
        firsts = [new_action(ws, rsc1, key, task, None, True)]
    rsc2 = order.rsc2
    if rsc2 is None and order.action2 is not None:
        rsc2 = order.action2.rsc
    for first in firsts:
        if rsc2 is None:
            relate(first, order.action2, order.flags)
        else:
            _relate_to_resource(first, rsc2, order)


def _relate_to_resource(first: Action | None, rsc2: Resource, order: Ordering) -> None:
    thens = [order.action2] if order.action2 is not None else _by_task(rsc2, order.task2)
    flags = order.flags
    if first is not None and first.rsc is rsc2 and first.flags & Act.MIGRATION_ABORT:
        flags &= ~Rel.FIRST_IMPLIES_THEN
    for then in thens:
        if first is not None:
            relate(first, then, flags)
        elif flags & Rel.FIRST_IMPLIES_THEN:
            then.flags &= ~Act.RUNNABLE
            if rsc2.working_set.ledger is not None:
                rsc2.working_set.ledger.lost(then, Act.RUNNABLE, None)


def _disable_invalid_inputs(action: Action) -> None:
    for relation in reversed(action.before):
        first = relation.action
        if (
            not relation.flags & Rel.GUEST_ALLOWED
            and first.rsc is not None
            and first.node is not None
            and first.node.is_guest()
            and first.node.remote is not None
            and first.node.remote.launcher is action.rsc
            and action.rsc is not None
        ):
            relation.flags = 0
        if (
            relation.flags == Rel.IF_ON_SAME_NODE_OR_TARGET
            and action.task == "migrate_to"
            and makes_loop(action, action, relation)
        ):
            relation.flags = 0
