"""Probes go before anything that the state they find may change (scheduler actions §11.7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import find_actions
from hashell.stack.pengine.assign.compatible import compatible_instance
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.order.relate import relate

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action, Ordering, Relation
    from hashell.stack.pengine.state import Resource, WorkingSet

_TRUE = frozenset({"true", "on", "yes", "y", "1"})
_UNDO = {"start": "stop", "promote": "demote"}


def order_probes(ws: WorkingSet) -> None:
    """All orderings of probes that follow from other relations."""
    leading = _leading_to_restarts(ws)
    for top in ws.resources:
        for rsc in top.leaves():
            if rsc.variant == Variant.PRIMITIVE:
                _order_probes_of(ws, rsc, leading)
    for order in list(ws.ordering_constraints):
        _order_before_then_of_stop(order)


def _probes(rsc: Resource) -> list[Action]:
    return find_actions(rsc, f"{rsc.id}_monitor_0")


def _order_probes_of(ws: WorkingSet, rsc: Resource, leading: set[int]) -> None:
    undone: dict[int, list[Action]] = {}
    for probe in _probes(rsc):
        for relation in reversed(list(probe.after)):
            _add_start_orderings(probe, relation)
            after = relation.action
            if probe.task != "monitor" or after.id not in leading:
                continue
            if after.id not in undone:
                undone[after.id] = _undone_by_restarts(ws, rsc, after, leading)
            for then in undone[after.id]:
                relate(probe, then, Rel.ORDERED)


def _add_start_orderings(probe: Action, relation: Relation) -> None:
    """A probe that cannot run blocks the start of all instances of its clone, not only of its own."""
    then = relation.action
    if (
        then.rsc is None
        or probe.rsc is None
        or then.rsc.variant not in (Variant.CLONE, Variant.BUNDLE)
        or probe.flags & Act.RUNNABLE
        or relation.flags & Rel.UNRUNNABLE_FIRST_BLOCKS
        or probe.rsc.top() is not then.rsc
        or then.task != "start"
    ):
        return
    for further in reversed(list(then.after)):
        start = further.action
        if start.rsc is None or start.rsc.active_nodes or start.task != "start":
            continue
        if start.rsc.top() is then.rsc:
            relate(probe, start, Rel.ORDERED | Rel.UNRUNNABLE_FIRST_BLOCKS)


def _leading_to_restarts(ws: WorkingSet) -> set[int]:
    """Ids of all actions from which relations may lead to a start or promote with something to undo.

    A first, linear look from the far end: without it each probe would go through everything that follows from it.
    """
    leading: set[int] = set()
    pending: list[Action] = []
    for action in ws.actions:
        undo = _UNDO.get(action.task)
        if action.rsc is None or action.rsc.variant != Variant.PRIMITIVE:
            continue
        probe = action.task == "monitor" and not action.interval_ms
        if probe or (undo is not None and find_actions(action.rsc, f"{action.rsc.id}_{undo}_0")):
            leading.add(action.id)
            pending.append(action)
    while pending:
        for relation in pending.pop().before:
            if relation.action.id not in leading:
                leading.add(relation.action.id)
                pending.append(relation.action)
    return leading


def _undone_by_restarts(ws: WorkingSet, rsc: Resource, after: Action, leading: set[int]) -> list[Action]:
    """Stops and demotes of other resources that a restart may require which the probed resource's state leads to."""
    found: list[Action] = []
    seen = {after.id}
    pending = [_follow_restarts(ws, rsc, after, found)]
    while pending:
        following = next(pending[-1], None)
        if following is None:
            pending.pop()
        elif following.id in leading and following.id not in seen:
            seen.add(following.id)
            pending.append(_follow_restarts(ws, rsc, following, found))
    return found


def _follow_restarts(ws: WorkingSet, rsc: Resource, after: Action, found: list[Action]) -> Iterator[Action]:
    """Note what undoes the action, then go through the actions that follow from it."""
    interleave = False
    compatible: Resource | None = None
    if after.rsc is not None:
        if after.rsc.variant == Variant.PRIMITIVE and after.rsc is not rsc:
            undo = _UNDO.get(after.task)
            if undo is not None:
                thens = find_actions(after.rsc, f"{after.rsc.id}_{undo}_0")
                found.extend(then for then in thens if not then.flags & Act.PSEUDO)
        elif after.rsc.variant in (Variant.CLONE, Variant.BUNDLE):
            interleave = after.rsc.meta.get("interleave", "").lower() in _TRUE
            if interleave:
                compatible = compatible_instance(ws, rsc, after.rsc)
    for relation in reversed(list(after.after)):
        if not relation.flags & Rel.FIRST_IMPLIES_THEN:
            part = relation.action.rsc
            if (
                after.rsc is None
                or after.rsc.variant < Variant.GROUP
                or rsc.parent is after.rsc
                or part is None
                or part.variant > Variant.GROUP
                or part.parent is not after.rsc
                or (interleave and part is not compatible)
            ):
                continue
        yield relation.action


def _is_stop(action: Action | None, key: str | None) -> bool:
    return action.task == "stop" if action is not None else (key or "").endswith("_stop_0")


def _order_before_then_of_stop(order: Ordering) -> None:
    """What waits for a stop waits for the probe as well: the probe may find something to stop."""
    rsc1 = order.rsc1
    if not order.flags or rsc1 is None or rsc1 is order.rsc2 or not _is_stop(order.action1, order.task1):
        return
    if rsc1.launcher is not None and rsc1.launcher is order.rsc2 and _is_stop(order.action2, order.task2):
        return
    probes = _probes(rsc1)
    if not probes:
        return
    if order.flags in (Rel.IF_REQUIRED_ON_SAME_NODE, Rel.IF_ON_SAME_NODE_OR_TARGET):
        flags = order.flags
    else:
        flags = Rel.ORDERED | order.flags & (Rel.IF_FIRST_UNMIGRATABLE | Rel.IF_ON_SAME_NODE)
    if order.action2 is not None:
        thens = [order.action2]
    else:
        thens = find_actions(order.rsc2, order.task2 or "") if order.rsc2 is not None else []
    for probe in probes:
        for then in thens:
            if then.task == "stonith" and then.meta.get("stonith_action") == "on" and then.node is probe.node:
                continue
            if then.task == "do_shutdown" and then.node is not None and then.node is not probe.node:
                continue
            relate(probe, then, flags)
