"""rsc_location: where a resource may or should run (model spec 14.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hashell.model.rules import Context, evaluate, substitute
from hashell.model.scores import parse_score, score
from hashell.stack.pengine.kinds import ProbeMode, Role, parse_role
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.state import Location, NodeCopy
from hashell.stack.pengine.unpack.config import note_change
from hashell.stack.pengine.unpack.constraints.names import (
    Side,
    expand_set_tags,
    expand_sides,
    find_constraint_resource,
    resource_sets,
    unknown_resource,
)
from hashell.stack.pengine.unpack.lookup import parameters
from hashell.stack.pengine.unpack.nodes import node_attribute

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet

_SIDES = (Side("rsc", "role", "role"),)
_PROBE_MODES = {"always": ProbeMode.ALWAYS, "never": ProbeMode.NEVER, "exclusive": ProbeMode.EXCLUSIVE}


def unpack_location(ws: WorkingSet, element: _Element) -> None:
    """One rsc_location element, possibly with sets, a pattern or a rule."""
    expanded = expand_set_tags(ws, element)
    if expanded is element and element.get("rsc") is not None:
        sides = expand_sides(ws, element, _SIDES)
        expanded = element if sides is None else sides
    sets = resource_sets(ws, expanded)
    if expanded.find("resource_set") is not None:
        for resource_set in sets:
            for ref in resource_set.iterchildren("resource_ref"):
                rsc = find_constraint_resource(ws, ref.get("id"))
                if rsc is None:
                    unknown_resource(ws, element, ref.get("id"))
                    return
                _unpack(ws, element, rsc, resource_set.get("role"), resource_set.get("score"))
        return
    id = expanded.get("rsc")
    if id is not None:
        rsc_or_none = find_constraint_resource(ws, id)
        if rsc_or_none is None:
            unknown_resource(ws, element, id)
        else:
            _unpack(ws, element, rsc_or_none, None, None)
    pattern = expanded.get("rsc-pattern")
    if pattern is not None:
        _unpack_pattern(ws, element, pattern)


def _unpack_pattern(ws: WorkingSet, element: _Element, pattern: str) -> None:
    inverted = pattern.startswith("!")
    try:
        regex = re.compile(pattern[1:] if inverted else pattern)
    except re.error as error:
        config_error(ws, "constraint", element, id=element.get("id") or "", value=f"'{pattern}': {error}")
        return
    for rsc in ws.resources:
        match = regex.search(rsc.id)
        if inverted and match is None:
            _unpack(ws, element, rsc, None, None)
        elif not inverted and match is not None:
            _unpack(ws, element, rsc, None, None, match)


def _unpack(
    ws: WorkingSet,
    element: _Element,
    rsc: Resource,
    set_role: str | None,
    set_score: str | None,
    match: re.Match[str] | None = None,
) -> None:
    discovery = element.get("resource-discovery")
    text = set_score if set_score is not None else element.get("score")
    name = element.get("node")
    if name is not None and text is not None:
        node = ws.find_node(name)
        role = _role(ws, element, set_role if set_role is not None else element.get("role"))
        if node is not None and role is not None:
            value = score(text, 0, ws.health_scores)
            entry = NodeCopy(node, value, node.probe_mode)
            new_location(ws, element, element.get("id") or "", rsc, role, discovery, [entry])
        return
    rule = _rule(ws, element)
    if rule is not None:
        _unpack_rule(ws, element, rule, rsc, discovery, match)


def _rule(ws: WorkingSet, element: _Element) -> _Element | None:
    rule = element.find("rule")
    if rule is None:
        return None
    ref = rule.get("id-ref")
    if ref is None:
        return rule
    found = [e for e in ws.cib.iter("rule") if e.get("id") == ref]
    if len(found) != 1:
        config_error(ws, "reference", element, id=element.get("id") or "", value=ref)
        return None
    return found[0]


def _role(ws: WorkingSet, element: _Element, text: str | None) -> int | None:
    """The role filter of a location; None when the text is no role."""
    if text is None:
        return Role.UNKNOWN
    role = parse_role(text)
    if role == Role.UNKNOWN:
        config_error(ws, "constraint", element, id=element.get("id") or "", value=f"'{text}' is no role")
        return None
    return Role.UNKNOWN if role in (Role.STARTED, Role.UNPROMOTED) else role


def _unpack_rule(
    ws: WorkingSet,
    element: _Element,
    rule: _Element,
    rsc: Resource,
    discovery: str | None,
    match: re.Match[str] | None,
) -> None:
    attribute, text = rule.get("score-attribute"), rule.get("score")
    role = _role(ws, element, rule.get("role"))
    if role is None or (rule.get("boolean-op") or "and").lower() not in ("and", "or"):
        return
    if attribute is None and text is None:
        config_error(ws, "constraint", element, id=element.get("id") or "", value="its rule has no score")
        return
    fixed = score(text, 0, ws.health_scores) if attribute is None else 0
    if attribute is not None:
        attribute = substitute(attribute, match)
    nodes: list[NodeCopy] = []
    change: int | None = None
    for node in ws.nodes:
        params = parameters(ws, rsc, node)
        context = Context(ws.now, node_attrs=node.attrs, params=params, meta=rsc.meta, match=match)
        satisfied = evaluate(rule, context)
        if context.next_change is not None and (change is None or context.next_change < change):
            change = context.next_change
        if not satisfied:
            continue
        if attribute is not None:
            value = node_attribute(node, attribute, rsc.meta.get("container-attribute-target"))
            parsed = parse_score(value, ws.health_scores) if value else None
            if parsed is None:
                continue
            fixed = parsed
        nodes.insert(0, NodeCopy(node, fixed, node.probe_mode))
    note_change(ws, change)
    new_location(ws, element, rule.get("id") or "", rsc, role, discovery, nodes)


def new_location(
    ws: WorkingSet, element: _Element, id: str, rsc: Resource, role: int, discovery: str | None, nodes: list[NodeCopy]
) -> None:
    """Add a location constraint; `discovery` is the text of resource-discovery."""
    mode = _PROBE_MODES.get((discovery or "always").lower())
    if mode is None:
        config_error(ws, "constraint", element, id=id, value=f"resource-discovery '{discovery}' is unknown")
        mode = ProbeMode.ALWAYS
    if mode == ProbeMode.EXCLUSIVE:
        rsc.exclusive_probes = True
    location = Location(id, rsc, role, mode, nodes)
    ws.location_constraints.append(location)
    rsc.location_constraints.append(location)
