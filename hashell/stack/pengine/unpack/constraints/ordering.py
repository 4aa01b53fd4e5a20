"""rsc_order: what has to happen before what (model spec 14.4, actions spec 11.2 to 11.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.scores import score
from hashell.model.values import boolean, is_true, min_integer
from hashell.stack.pengine.actions.create import pseudo_singleton
from hashell.stack.pengine.kinds import Order, OrderKind, Variant
from hashell.stack.pengine.messages import config_error, config_warning
from hashell.stack.pengine.order.create import new_ordering, order_tasks
from hashell.stack.pengine.order.tasks import INVERSE
from hashell.stack.pengine.unpack.constraints.names import (
    Side,
    expand_set_tags,
    expand_sides,
    find_constraint_resource,
    resource_sets,
    set_resources,
    unknown_resource,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet

_SIDES = (Side("first", "first-action", "action"), Side("then", "then-action", "action"))
_KINDS = (OrderKind.MANDATORY, OrderKind.OPTIONAL, OrderKind.SERIALIZE)

ASYMMETRIC = "asymmetric"
SYMMETRIC = "symmetric"
INVERTED = "inverse"


def unpack_ordering(ws: WorkingSet, element: _Element) -> None:
    """One rsc_order element, simple or with sets."""
    expanded = expand_set_tags(ws, element)
    if expanded.find("resource_set") is None:
        sides = expand_sides(ws, element, _SIDES)
        if sides is None:
            return
        expanded = sides
    kind = _kind(ws, element)
    symmetry = _symmetry(ws, element, kind, None)
    if expanded.find("resource_set") is None:
        _unpack_simple(ws, expanded, kind, symmetry)
        return
    last: _Element | None = None
    for resource_set in resource_sets(ws, expanded):
        if not _within_set(ws, resource_set, kind, element.get("symmetrical")):
            return
        if last is not None:
            if not _between_sets(ws, element, last, resource_set, kind, symmetry):
                return
            if symmetry == SYMMETRIC:
                _between_sets(ws, element, resource_set, last, kind, INVERTED)
        last = resource_set


def _kind(ws: WorkingSet, element: _Element) -> str:
    text = element.get("kind")
    if text is None:
        value = element.get("score")
        return OrderKind.OPTIONAL if value is not None and score(value) == 0 else OrderKind.MANDATORY
    if text in _KINDS:
        return text
    config_error(ws, "constraint", element, id=element.get("id") or "", value=f"kind '{text}' is unknown")
    return OrderKind.MANDATORY


def _symmetry(ws: WorkingSet, element: _Element, kind: str, parent_text: str | None) -> str:
    symmetric = boolean(element.get("symmetrical"))
    if symmetric is None and parent_text is not None:
        symmetric = is_true(parent_text)
    if symmetric is None:
        return ASYMMETRIC if kind == OrderKind.SERIALIZE else SYMMETRIC
    if symmetric and kind == OrderKind.SERIALIZE:
        config_warning(ws, "constraint", element, id=element.get("id") or "", value="Serialize cannot be symmetrical")
        return ASYMMETRIC
    return SYMMETRIC if symmetric else ASYMMETRIC


def _flags(kind: str, first_task: str, symmetry: str) -> int:
    if kind == OrderKind.OPTIONAL:
        return Order.ORDERED
    if kind == OrderKind.SERIALIZE:
        return Order.SERIALIZE
    if symmetry == ASYMMETRIC:
        return Order.ORDERED | Order.ASYMMETRIC
    if symmetry == INVERTED:
        return Order.ORDERED | Order.THEN_IMPLIES_FIRST
    flags = Order.ORDERED | Order.FIRST_IMPLIES_THEN
    if first_task.lower() in ("start", "promote"):
        flags |= Order.UNRUNNABLE_FIRST_BLOCKS
    return flags


def _unpack_simple(ws: WorkingSet, element: _Element, kind: str, symmetry: str) -> None:
    first = find_constraint_resource(ws, element.get("first"))
    then = find_constraint_resource(ws, element.get("then"))
    for rsc, name in ((first, element.get("first")), (then, element.get("then"))):
        if rsc is None:
            unknown_resource(ws, element, name)
    if first is None or then is None:
        return
    first_task = element.get("first-action") or "start"
    then_task = element.get("then-action") or first_task
    flags = _flags(kind, first_task, symmetry)
    minimum = _minimum(ws, element, first)
    if minimum > 0:
        _order_minimum(ws, element.get("id") or "", first, first_task, then, then_task, flags, minimum)
    else:
        order_tasks(ws, first, first_task, then, then_task, flags)
    if symmetry != SYMMETRIC:
        return
    first_inverse, then_inverse = INVERSE.get(first_task.lower()), INVERSE.get(then_task.lower())
    if first_inverse is None or then_inverse is None:
        config_warning(ws, "constraint", element, id=element.get("id") or "", value="its actions have no inverse")
        return
    order_tasks(ws, then, then_inverse, first, first_inverse, _flags(kind, first_inverse, INVERTED))


def _minimum(ws: WorkingSet, element: _Element, first: Resource) -> int:
    """How many instances of the first resource are enough; 0 for all."""
    if first.variant != Variant.CLONE:
        return 0
    text = first.meta.get("clone-min")
    if text is not None:
        return min_integer(text, 0)
    require_all = element.get("require-all")
    return 1 if require_all is not None and not is_true(require_all) else 0


def _order_minimum(
    ws: WorkingSet, id: str, first: Resource, first_task: str, then: Resource, then_task: str, flags: int, minimum: int
) -> None:
    gate = pseudo_singleton(ws, f"clone-one-or-more:{id}")
    gate.required_runnable_before = minimum
    counted = Order.MIN_RUNNABLE | Order.FIRST_IMPLIES_THEN_GRAPHED
    for child in first.children:
        new_ordering(ws, child, f"{child.id}_{first_task}_0", None, None, None, gate, counted)
    blocked = flags | Order.UNRUNNABLE_FIRST_BLOCKS
    new_ordering(ws, None, None, gate, then, f"{then.id}_{then_task}_0", None, blocked)


def _within_set(ws: WorkingSet, resource_set: _Element, parent_kind: str, parent_symmetrical: str | None) -> bool:
    kind = _kind(ws, resource_set) if resource_set.get("kind") is not None else parent_kind
    symmetry_kind = _kind(ws, resource_set) if resource_set.get("score") is not None else kind
    task = resource_set.get("action") or "start"
    sequential_text = resource_set.get("sequential")
    sequential = sequential_text is None or is_true(sequential_text)
    symmetry = _symmetry(ws, resource_set, symmetry_kind, parent_symmetrical)
    flags = _flags(kind, task, symmetry)
    members = set_resources(ws, resource_set)
    if members is None:
        return False
    if len(members) < 2:
        return True
    for index, rsc in enumerate(members):
        if kind == OrderKind.SERIALIZE:
            for other in members[:index]:
                order_tasks(ws, other, task, rsc, task, flags)
        elif sequential and index:
            order_tasks(ws, members[index - 1], task, rsc, task, flags)
    if symmetry == ASYMMETRIC or not sequential:
        return True
    inverse = INVERSE.get(task.lower())
    if inverse is None:
        return True
    flags = _flags(kind, inverse, INVERTED)
    for before, after in zip(members, members[1:], strict=False):
        order_tasks(ws, after, inverse, before, inverse, flags)
    return True


def _between_sets(
    ws: WorkingSet, element: _Element, set1: _Element, set2: _Element, kind: str, symmetry: str
) -> bool:
    task1, task2 = set1.get("action") or "start", set2.get("action") or "start"
    if symmetry == INVERTED:
        inverse1, inverse2 = INVERSE.get(task1.lower()), INVERSE.get(task2.lower())
        if inverse1 is None or inverse2 is None:
            return True
        task1, task2 = inverse1, inverse2
    require_all = boolean(set1.get("require-all")) is not False or task1 in ("stop", "demote")
    flags = _flags(kind, task1, symmetry)
    first, second = set_resources(ws, set1), set_resources(ws, set2)
    if first is None or second is None:
        return False
    if not require_all:
        gate = pseudo_singleton(ws, f"one-or-more:{set1.get('id')}")
        gate.required_runnable_before = 1
        counted = Order.MIN_RUNNABLE | Order.FIRST_IMPLIES_THEN_GRAPHED
        for rsc in first:
            new_ordering(ws, rsc, f"{rsc.id}_{task1}_0", None, None, None, gate, counted)
        for rsc in second:
            blocked = flags | Order.UNRUNNABLE_FIRST_BLOCKS
            new_ordering(ws, None, None, gate, rsc, f"{rsc.id}_{task2}_0", None, blocked)
        return True
    backwards = symmetry == INVERTED
    if is_true(set1.get("sequential")):
        first = first[:1] if backwards else first[-1:]
    if is_true(set2.get("sequential")):
        second = second[-1:] if backwards else second[:1]
    for before in first:
        for after in second:
            order_tasks(ws, before, task1, after, task2, flags)
    return True
