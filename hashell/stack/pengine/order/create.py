"""New ordering constraints, with the ones a live migration needs beside them (scheduler actions §11.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.relations import Ordering

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Resource, WorkingSet


def new_ordering(
    ws: WorkingSet,
    rsc1: Resource | None,
    task1: str | None,
    action1: Action | None,
    rsc2: Resource | None,
    task2: str | None,
    action2: Action | None,
    flags: int,
) -> None:
    """First before then. Tasks are action keys; either side may be given by its action alone."""
    if (rsc1 is None and action1 is None) or (rsc2 is None and action2 is None):
        return
    order = Ordering(ws.next_ordering_id, flags)
    ws.next_ordering_id += 1
    order.rsc1 = rsc1 if rsc1 is not None or action1 is None else action1.rsc
    order.task1 = task1 if task1 is not None or action1 is None else action1.key
    order.action1 = action1
    order.rsc2 = rsc2 if rsc2 is not None or action2 is None else action2.rsc
    order.task2 = task2 if task2 is not None or action2 is None else action2.key
    order.action2 = action2
    ws.ordering_constraints.append(order)
    if ws.ledger is not None:
        ws.ledger.ordering(order)
    _add_migration_equivalents(ws, order)


def order_tasks(ws: WorkingSet, rsc1: Resource, task1: str, rsc2: Resource, task2: str, flags: int) -> None:
    """An ordering between two operations without interval."""
    new_ordering(ws, rsc1, f"{rsc1.id}_{task1}_0", None, rsc2, f"{rsc2.id}_{task2}_0", None, flags)


def order_actions(ws: WorkingSet, first: Action, then: Action, flags: int) -> None:
    """An ordering constraint between two actions that exist."""
    new_ordering(ws, first.rsc, first.key, first, then.rsc, then.key, then, flags)


def task_of(action: Action | None, key: str | None, rsc: Resource | None) -> str:
    """The task of one side of an ordering, from its action or its key."""
    if action is not None:
        return action.task
    if key is None:
        return ""
    stem = key.rpartition("_")[0]
    if rsc is not None and stem.startswith(rsc.id + "_"):
        return stem[len(rsc.id) + 1 :]
    return stem.rpartition("_")[2]


def _add_migration_equivalents(ws: WorkingSet, order: Ordering) -> None:
    first, then = order.rsc1, order.rsc2
    if first is None or then is None or first is then or not (first.migratable or then.migratable):
        return
    if first.is_ancestor_of(then) or then.is_ancestor_of(first):
        return
    first_task = task_of(order.action1, order.task1, first)
    then_task = task_of(order.action2, order.task2, then)
    both = first.migratable and then.migratable
    if first_task == "start" and then_task == "start":
        if both:
            order_tasks(ws, first, "migrate_from", then, "migrate_to", Rel.ORDERED)
        if then.migratable:
            extra = Rel.IF_FIRST_UNMIGRATABLE if first.migratable else 0
            order_tasks(ws, first, "start", then, "migrate_to", Rel.ORDERED | extra)
    elif not then.migratable:
        return
    elif first_task == "stop" and then_task == "stop":
        flags = Rel.ORDERED | (Rel.IF_FIRST_UNMIGRATABLE if first.migratable else 0)
        order_tasks(ws, first, "stop", then, "migrate_to", flags)
        if then.partial_migration_target is not None:
            order_tasks(ws, first, "stop", then, "migrate_from", flags)
    elif first_task == "promote" and then_task == "start":
        order_tasks(ws, first, "promote", then, "migrate_to", Rel.ORDERED)
    elif first_task == "demote" and then_task == "stop":
        order_tasks(ws, first, "demote", then, "migrate_to", Rel.ORDERED)
        if then.partial_migration_target is not None:
            order_tasks(ws, first, "demote", then, "migrate_from", Rel.ORDERED)
