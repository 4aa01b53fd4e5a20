"""Whether the elements of a configuration have the attributes, values and children that their schema wants."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.schematable import Attribute, Shape, shapes

if TYPE_CHECKING:
    from lxml.etree import _Element

_SCORE = re.compile(r"\s*([+-]?INFINITY|[+-]?[0-9]+)\s*", re.ASCII)
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
_KINDS = {
    "bool": (re.compile(r"\s*(true|false|1|0)\s*"), "true or false"),
    "score": (_SCORE, "an integer, INFINITY or -INFINITY"),
    "int": (_INTEGER, "an integer"),
    "range": (re.compile(r"[0-9-]+"), "FIRST-LAST"),
    "devices": (re.compile(r"[\w.-]+(,[\w.-]+)*", re.ASCII), "resource ids parted by commas, without blanks"),
    "index": (re.compile(r"\s*0*[1-9]\s*"), "a number from 1 to 9"),
}
#: Attributes that name an id of the document, by element ('' for every constraint).
REFERENCES: dict[str, tuple[str, ...]] = {
    "rsc_location": ("rsc",), "rsc_colocation": ("rsc", "with-rsc"), "rsc_order": ("first", "then"),
    "rsc_ticket": ("rsc",), "resource_ref": ("id",), "role": ("id",), "acl_permission": ("reference",),
    "primitive": ("template",),
}
#: Elements whose `id` names something else or is a space of its own.
_NO_IDS = ("resource_ref", "obj_ref", "role", "node")

#: (element, what is wrong, what to do)
Finding = tuple["_Element", str, str]


def misshapen(configuration: _Element, version: tuple[int, int]) -> Iterator[Finding]:
    """Everything in a <configuration> that the schema of that version (major, minor) refuses, in document order."""
    known = shapes(version)
    ids = {str(e.get("id")) for e in configuration.iter(etree.Element) if e.tag not in _NO_IDS and e.get("id")}
    for element in configuration.iter(etree.Element):
        shape = known.get(str(element.tag))
        if shape is None or element.get("id-ref") is not None:
            continue
        yield from _attribute_faults(element, shape)
        yield from _child_faults(element, shape)
        yield from _combination_faults(element)
        for name in REFERENCES.get(str(element.tag), ()):
            value = element.get(name)
            if value is not None and value not in ids:
                yield element, f"{name} names {value}, which does not exist", f"define {value}, or take it out"


def _attribute_faults(element: _Element, shape: Shape) -> Iterator[Finding]:
    tag = str(element.tag)
    for key, text in element.items():
        name, value = str(key), str(text)
        attribute = shape.attributes.get(name)
        if attribute is None:
            yield element, f"<{tag}> has no attribute {name}", f"it has {', '.join(shape.attributes) or 'none'}"
        elif wrong := _wanted(attribute, value):
            yield element, f"{name} cannot be '{value}'", f"it is {wrong}"
    for attribute in shape.attributes.values():
        if attribute.required and element.get(attribute.name) is None:
            yield element, f"<{tag}> has no {attribute.name}", f"add {attribute.name}="


def _wanted(attribute: Attribute, value: str) -> str:
    """What the value has to be, '' if it is."""
    if not attribute.kind:
        return ""
    if attribute.kind in _KINDS:
        pattern, words = _KINDS[attribute.kind]
        return "" if pattern.fullmatch(value) else words
    choices = attribute.kind.split("|")
    return "" if value in choices else f"one of {', '.join(choices)}"


def _child_faults(element: _Element, shape: Shape) -> Iterator[Finding]:
    if shape.children is None:
        return
    counts: dict[str, int] = {}
    for child in element.iterchildren(etree.Element):
        counts[str(child.tag)] = counts.get(str(child.tag), 0) + 1
    for tag, count in counts.items():
        if tag not in shape.children:
            yield element, f"<{tag}> is not allowed in <{element.tag}>", f"it may hold {', '.join(shape.children)}"
        elif count > 1 and shape.children[tag] in ("", "!"):
            yield element, f"there is more than one <{tag}> in <{element.tag}>", "write it once"
    for tag, often in shape.children.items():
        if often in ("+", "!") and tag not in counts:
            yield element, f"<{element.tag}> has no <{tag}>", "add one"


def _combination_faults(element: _Element) -> Iterator[Finding]:
    check = _COMBINATIONS.get(str(element.tag))
    message = check(element) if check is not None else None
    if message:
        yield (element, *message)


def _has(element: _Element, *names: str) -> bool:
    return any(element.get(name) is not None for name in names)


def _tags(element: _Element) -> list[str]:
    return [str(c.tag) for c in element.iterchildren(etree.Element)]


def _set(element: _Element) -> tuple[str, str] | None:
    return None if _has(element, "id") else (f"<{element.tag}> has no id", "add $id=")


def _nvpair(element: _Element) -> tuple[str, str] | None:
    return None if _has(element, "name") else ("a value has no name", "write NAME=VALUE")


def _primitive(element: _Element) -> tuple[str, str] | None:
    if _has(element, "template"):
        both = _has(element, "class", "provider", "type")
        return ("a primitive has a template and an agent", "take one out") if both else None
    if not _has(element, "class") or not _has(element, "type"):
        return "a primitive has no agent", "name class, provider and type"
    return _agent(element)


def _agent(element: _Element) -> tuple[str, str] | None:
    ocf, named = element.get("class") == "ocf", _has(element, "provider")
    if ocf and not named:
        return "an OCF agent has no provider", "write ocf:PROVIDER:TYPE"
    return ("only OCF agents have a provider", "write CLASS:TYPE") if named and not ocf else None


def _clone(element: _Element) -> tuple[str, str] | None:
    count = sum(tag in ("primitive", "group") for tag in _tags(element))
    return None if count == 1 else (f"a {element.tag} has {count} resources", "it has exactly one")


def _bundle(element: _Element) -> tuple[str, str] | None:
    count = sum(tag in ("docker", "podman", "rkt") for tag in _tags(element))
    return None if count == 1 else (f"a bundle has {count or 'no'} containers", "write docker or podman, once")


def _location(element: _Element) -> tuple[str, str] | None:
    sets = "resource_set" in _tags(element)
    if sum((sets, _has(element, "rsc"), _has(element, "rsc-pattern"))) != 1:
        return "a location names one resource, one pattern or one set", "write RESOURCE, /PATTERN/ or { SET }"
    ruled = "rule" in _tags(element)
    if ruled == _has(element, "node"):
        return "a location has a rule or a node with a score", "write SCORE: NODE or rule …"
    if ruled and _has(element, "score", "score-attribute"):
        return "a location with a rule has no score of its own", "give the rule a score"
    if sets and _has(element, "role"):
        return "a location of sets has no role", "write RESOURCE:ROLE in the set"
    if not ruled and (not _has(element, "score") or _has(element, "score-attribute")):
        name = element.get("score-attribute", "")
        return f"'{name}' is not a score", "scores are numbers, inf or -inf"
    return None


def _pair(first: str, second: str) -> Callable[[_Element], tuple[str, str] | None]:
    def check(element: _Element) -> tuple[str, str] | None:
        sets = "resource_set" in _tags(element)
        if sets and _has(element, first, second):
            return "a constraint has sets and single resources", "write one of both"
        if not sets and not (_has(element, first) and _has(element, second)):
            return "a constraint does not name two resources", "name two, or sets"
        if sets and _has(element, "node-attribute"):
            return "a colocation of sets has no node-attribute", "write one colocation for each pair"
        if sets and _has(element, "rsc-role", "with-rsc-role", "first-action", "then-action"):
            return "roles and actions belong to the resources of sets", "write RESOURCE:ROLE or RESOURCE:ACTION"
        if _has(element, "kind") and _has(element, "score"):
            return "an order has a kind and a score", "write one of both"
        return None

    return check


def _ticket(element: _Element) -> tuple[str, str] | None:
    if _has(element, "rsc") == ("resource_set" in _tags(element)):
        return "a ticket constraint names one resource or sets", "write one of both"
    return None


def _rule(element: _Element) -> tuple[str, str] | None:
    if _has(element, "score") and _has(element, "score-attribute"):
        return "a rule has a score and a score attribute", "write one of both"
    return None if _tags(element) else ("a rule has no expression", "write one, such as #uname eq node1")


def _date(element: _Element) -> tuple[str, str] | None:
    operation, children = element.get("operation"), _tags(element)
    wanted = {
        "lt": _has(element, "end") and not _has(element, "start") and not children,
        "gt": _has(element, "start") and not _has(element, "end") and not children,
        "date_spec": children == ["date_spec"] and not _has(element, "start", "end"),
        "in_range": _has(element, "start", "end") and "date_spec" not in children,
    }.get(operation or "in_range", True)
    return None if wanted else ("a date expression is not complete", "write start= with end= or a duration")


def _permission(element: _Element) -> tuple[str, str] | None:
    if sum(_has(element, name) for name in ("xpath", "reference", "object-type")) != 1:
        return "a permission names one of xpath, reference and object-type", "write one of xpath:, ref:, type:"
    if _has(element, "attribute") and not _has(element, "object-type"):
        return "an attribute stands without the type of object", "write type:ELEMENT attr:NAME"
    return None


def _level(element: _Element) -> tuple[str, str] | None:
    by_attribute = _has(element, "target-attribute") and _has(element, "target-value")
    half = _has(element, "target-attribute", "target-value") and not by_attribute
    if half or sum((by_attribute, _has(element, "target"), _has(element, "target-pattern"))) != 1:
        return "a fencing level has one target", "write NODE:, pattern:RE or attr:NAME=VALUE"
    return None


def _mapping(element: _Element) -> tuple[str, str] | None:
    if _has(element, "port") == _has(element, "range"):
        return "a port mapping has a port or a range", "write port= or range="
    if _has(element, "internal-port") and not _has(element, "port"):
        return "internal-port stands without port", "write port= too"
    return None


def _storage(element: _Element) -> tuple[str, str] | None:
    if _has(element, "source-dir") == _has(element, "source-dir-root"):
        return "a storage mapping has one source", "write source-dir= or source-dir-root="
    return None


def _operation(element: _Element) -> tuple[str, str] | None:
    if not _has(element, "name"):
        return "an operation has no name", "write op NAME"
    if not _has(element, "interval"):
        return f"the {element.get('name')} operation has no interval", "add interval=10s or the like"
    if _has(element, "start-delay") and _has(element, "interval-origin"):
        return "an operation has start-delay and interval-origin", "take one out"
    return None


_COMBINATIONS = {
    "cluster_property_set": _set, "instance_attributes": _set, "meta_attributes": _set, "utilization": _set,
    "resource_set": _set,
    "nvpair": _nvpair, "primitive": _primitive, "clone": _clone, "master": _clone, "bundle": _bundle,
    "rsc_location": _location, "rsc_colocation": _pair("rsc", "with-rsc"), "rsc_order": _pair("first", "then"),
    "rsc_ticket": _ticket, "rule": _rule, "template": _agent, "date_expression": _date,
    "acl_permission": _permission, "fencing-level": _level, "port-mapping": _mapping, "storage-mapping": _storage,
    "op": _operation,
}
