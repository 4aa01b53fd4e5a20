"""What the names in constraints refer to: resources, templates, tags and sets of them (model spec 14.1)."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from hashell.stack.pengine.kinds import Role, parse_role
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.lookup import find_resource

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet


@dataclass(frozen=True, slots=True)
class Side:
    """The attributes that name one side of a simple constraint."""

    attribute: str  #: rsc, with-rsc, first, then
    modifier: str  #: the role or action attribute that belongs to it
    set_modifier: str  #: its name in a set


def find_constraint_resource(ws: WorkingSet, id: str | None) -> Resource | None:
    """The resource a constraint means: the whole clone for a member known only by its history id."""
    if not id:
        return None
    rsc = find_resource(ws, id)
    if rsc is not None and rsc.id != id:
        return rsc.top()
    return rsc


def tag_members(ws: WorkingSet, id: str | None) -> list[str] | None:
    """The members of a template or tag of that name; None when it is a resource or nothing."""
    if not id or find_constraint_resource(ws, id) is not None:
        return None
    if id in ws.templates:
        template = ws.templates[id]
        return template.refs if template is not None else None
    tag = ws.tags.get(id)
    return tag.refs if tag is not None else None


def is_known(ws: WorkingSet, id: str | None) -> bool:
    return find_constraint_resource(ws, id) is not None or tag_members(ws, id) is not None


def constraint_role(ws: WorkingSet, element: _Element, text: str | None) -> int | None:
    """The role a colocation or ticket is about: unknown for any, None when the text is no role."""
    if text is None or text.lower() == "started":
        return Role.UNKNOWN
    role = parse_role(text)
    if role == Role.UNKNOWN:
        config_error(ws, "constraint", element, id=element.get("id") or "", value=f"'{text}' is no role")
        return None
    return role


def resource_sets(ws: WorkingSet, element: _Element) -> list[_Element]:
    """The sets of a constraint, references to sets elsewhere in the configuration resolved."""
    sets = []
    for child in element.iterchildren("resource_set"):
        ref = child.get("id-ref")
        if ref is None:
            sets.append(child)
            continue
        found = [e for e in ws.cib.iter("resource_set") if e.get("id") == ref]
        if len(found) == 1:
            sets.append(found[0])
        else:
            config_error(ws, "reference", child, id=element.get("id") or "", value=ref)
    return sets


def set_resources(ws: WorkingSet, resource_set: _Element) -> list[Resource] | None:
    """The members of a set; None when one of them does not exist."""
    members = []
    for ref in resource_set.iterchildren("resource_ref"):
        rsc = find_constraint_resource(ws, ref.get("id"))
        if rsc is None:
            unknown_resource(ws, resource_set, ref.get("id"))
            return None
        members.append(rsc)
    return members


def unknown_resource(ws: WorkingSet, element: _Element, id: str | None) -> None:
    config_error(ws, "constraint", element, id=element.get("id") or "", value=f"there is no resource '{id}'")


def expand_set_tags(ws: WorkingSet, element: _Element) -> _Element:
    """The constraint with tags in its sets replaced by their members; itself when nothing changes or on errors."""
    if element.find("resource_set") is None:
        return element
    copy = deepcopy(element)
    changed = False
    for resource_set in copy.iterchildren("resource_set"):
        waiting: list[tuple[_Element, tuple[str | None, ...]]]
        waiting = [(ref, ()) for ref in resource_set.iterchildren("resource_ref")]
        while waiting:
            ref, within = waiting.pop(0)
            id = ref.get("id")
            members = tag_members(ws, id)
            if members is None:
                if find_constraint_resource(ws, id) is None:
                    unknown_resource(ws, element, id)
                    return element
                continue
            added = [etree.Element("resource_ref", id=member) for member in members if member not in (id, *within)]
            for each in added:
                ref.addprevious(each)
            resource_set.remove(ref)
            waiting = [(each, (id, *within)) for each in added] + waiting
            changed = True
    return copy if changed else element


def expand_sides(ws: WorkingSet, element: _Element, sides: tuple[Side, ...]) -> _Element | None:
    """The constraint with named tags turned into sets; itself when no side is one, None when a name is unknown.

    When one side becomes a set, so does the other.
    """
    members: list[list[str] | None] = []
    for side in sides:
        id = element.get(side.attribute)
        if id is not None and not is_known(ws, id):
            unknown_resource(ws, element, id)
            return None
        members.append(tag_members(ws, id))
    if all(each is None for each in members):
        return element
    copy = deepcopy(element)
    for side, refs in zip(sides, members, strict=True):
        id = copy.get(side.attribute)
        if id is None:
            continue
        resource_set = etree.SubElement(copy, "resource_set", id=id)
        if refs is not None:
            resource_set.set("sequential", "false")
        for ref in [id] if refs is None else refs:
            etree.SubElement(resource_set, "resource_ref", id=ref)
        modifier = copy.get(side.modifier)
        if modifier is not None:
            resource_set.set(side.set_modifier, modifier)
            del copy.attrib[side.modifier]
        del copy.attrib[side.attribute]
    return copy
