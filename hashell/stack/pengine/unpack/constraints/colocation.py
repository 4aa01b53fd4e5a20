"""rsc_colocation: which resources belong together or apart (model spec 14.3, actions spec 4.1, 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.scores import score
from hashell.model.values import boolean
from hashell.stack.pengine.assign.colocations import new_colocation
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.constraints.names import (
    Side,
    constraint_role,
    expand_set_tags,
    expand_sides,
    find_constraint_resource,
    resource_sets,
    tag_members,
    unknown_resource,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet

_SIDES = (Side("rsc", "rsc-role", "role"), Side("with-rsc", "with-rsc-role", "role"))


def unpack_colocation(ws: WorkingSet, element: _Element) -> None:
    """One rsc_colocation element, simple or with sets."""
    expanded = expand_set_tags(ws, element)
    if expanded.find("resource_set") is None:
        names = element.get("rsc"), element.get("with-rsc")
        if all(tag_members(ws, name) is not None for name in names):
            config_error(ws, "constraint", element, id=element.get("id") or "", value="both sides are tags")
            return
        sides = expand_sides(ws, element, _SIDES)
        if sides is None:
            return
        expanded = sides
    sets = resource_sets(ws, expanded)
    if expanded.find("resource_set") is None:
        _unpack_simple(ws, expanded)
        return
    default = score(element.get("score"), 0, ws.health_scores)
    last: _Element | None = None
    for resource_set in sets:
        _within_set(ws, element, resource_set, default)
        if last is not None and default != 0:
            _between_sets(ws, element, last, resource_set, default)
        last = resource_set


def _influence(element: _Element, dependent: Resource) -> bool:
    value = boolean(element.get("influence"))
    return dependent.critical if value is None else value


def _unpack_simple(ws: WorkingSet, element: _Element) -> None:
    dependent = find_constraint_resource(ws, element.get("rsc"))
    primary = find_constraint_resource(ws, element.get("with-rsc"))
    for rsc, name in ((dependent, element.get("rsc")), (primary, element.get("with-rsc"))):
        if rsc is None:
            unknown_resource(ws, element, name)
    if dependent is None or primary is None:
        return
    _add(
        ws,
        element,
        element.get("id") or "",
        element.get("node-attribute"),
        score(element.get("score"), 0, ws.health_scores),
        dependent,
        primary,
        element.get("rsc-role"),
        element.get("with-rsc-role"),
    )


def _add(
    ws: WorkingSet,
    element: _Element,
    id: str,
    attribute: str | None,
    value: int,
    dependent: Resource,
    primary: Resource,
    dependent_role: str | None,
    primary_role: str | None,
    influencing: Resource | None = None,
) -> None:
    """Add a colocation of the CIB; one with score 0 says nothing and is dropped."""
    if value == 0:
        return
    first, second = constraint_role(ws, element, dependent_role), constraint_role(ws, element, primary_role)
    if first is None or second is None:
        return
    influence = _influence(element, influencing or dependent)
    new_colocation(ws, id, attribute, value, dependent, primary, first, second, influence=influence, explicit=True)


def _within_set(ws: WorkingSet, element: _Element, resource_set: _Element, default: int) -> None:
    value = default
    if resource_set.get("score") is not None:
        value = score(resource_set.get("score"), 0, ws.health_scores)
    if value == 0 or boolean(resource_set.get("sequential")) is False:
        return
    ordering = resource_set.get("ordering")
    with_previous = ordering is None or ordering.lower() == "group"
    role, id = resource_set.get("role"), resource_set.get("id") or ""
    names = [ref.get("id") for ref in resource_set.iterchildren("resource_ref")]
    previous: Resource | None = None
    for name in names:
        rsc = find_constraint_resource(ws, name)
        if rsc is None:
            unknown_resource(ws, element, name)
            return
        if value < 0:
            _apart_from_earlier(ws, element, id, value, rsc, names, role)
        elif previous is not None:
            pair = (rsc, previous) if with_previous else (previous, rsc)
            _add(ws, element, id, None, value, *pair, role, role, rsc)
        previous = rsc


def _apart_from_earlier(
    ws: WorkingSet,
    element: _Element,
    id: str,
    value: int,
    rsc: Resource,
    names: list[str | None],
    role: str | None,
) -> None:
    """Apart from every member up to the one named like the resource; a clone named by its member goes on to the end."""
    for name in names:
        if name == rsc.id:
            return
        other = find_constraint_resource(ws, name)
        if other is None:
            unknown_resource(ws, element, name)
            return
        _add(ws, element, id, None, value, rsc, other, role, role, rsc)


def _between_sets(ws: WorkingSet, element: _Element, first: _Element, second: _Element, value: int) -> None:
    dependents = _refs(ws, element, first, boolean(first.get("sequential")) is not False, 0)
    primaries = _refs(ws, element, second, boolean(second.get("sequential")) is not False, -1)
    id = element.get("id") or ""
    for dependent in dependents:
        for primary in primaries:
            roles = first.get("role"), second.get("role")
            _add(ws, element, id, None, value, dependent, primary, *roles)


def _refs(
    ws: WorkingSet, element: _Element, resource_set: _Element, sequential: bool, end: int
) -> list[Resource]:
    """All members of a set, or only the one at an end when the set is sequential."""
    names = [ref.get("id") for ref in resource_set.iterchildren("resource_ref")]
    if sequential:
        names = names[end:][:1]
    found = []
    for name in names:
        rsc = find_constraint_resource(ws, name)
        if rsc is None:
            unknown_resource(ws, element, name)
            continue
        found.append(rsc)
    return found
