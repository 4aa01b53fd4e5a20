"""What the CIB schemas of Pacemaker refuse or call deprecated, as far as the configure language can produce it.

These faults cannot be forced: a cluster would not take such a CIB (sections 0 and 6 of the language specification).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from hashell.grammar.configuration import Configuration, object_id
from hashell.grammar.diagnostics import CheckError
from hashell.grammar.tree import keyword_of
from hashell.model.diagnostics import Diagnostic, Severity
from hashell.model.schema import UnknownReference, problems
from hashell.model.schemashape import misshapen

Element = etree._Element

_ON_FAIL = ("ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container")
_OPERATIONS = ("lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined")
_ROLE_NAMES = ("Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave")
_DISCOVERY = ("always", "never", "exclusive")


def schema_version(config: Configuration) -> tuple[int, int]:
    """(major, minor) of validate-with; an unknown one counts as the newest."""
    match = re.match(r"pacemaker-(\d+)\.(\d+)", config.schema)
    return (int(match[1]), int(match[2])) if match else (4, 0)


def schema_faults(config: Configuration) -> list[Diagnostic]:
    """Everything the schema refuses, in document order."""
    found: list[Diagnostic] = list(_structure(config))
    version = schema_version(config)
    named: list[str] = []
    for element in config.objects():
        for message, hint in _object_faults(element, version):
            found.append(CheckError(owner=object_id(element), message=message, hint=hint))
            named.append(object_id(element))
    if not found or named:
        for element, message, hint in misshapen(config.configuration, version):
            owner = _owner(element)
            if owner not in named:
                found.append(CheckError(owner=owner, message=message, hint=hint))
    return found


def _owner(element: Element) -> str:
    """The name of the object that an element belongs to."""
    above: Element | None = element
    while above is not None and not keyword_of(above):
        above = above.getparent()
    return object_id(above) if above is not None else str(element.tag)


def _structure(config: Configuration) -> Iterator[Diagnostic]:
    for problem in problems(config.root):
        if isinstance(problem, UnknownReference):
            wanted = problem.attribute == "id-ref"
        else:
            wanted = problem.severity is Severity.ERROR
        if wanted:
            yield problem


def _object_faults(element: Element, version: tuple[int, int]) -> Iterator[tuple[str, str]]:
    keyword = keyword_of(element)
    if keyword == "user" and version >= (2, 0):
        yield "old-style users are not part of this schema", "use acl_target"
    if keyword == "node" and version < (2, 0) and element.get("type") is None:
        yield "nodes need a type in this schema", "stay with a newer schema"
    if keyword == "ms" and version >= (4, 0):
        yield "master resources are not part of this schema", f"use clone {object_id(element)} … meta promotable=true"
    if keyword == "location":
        yield from _location(element, version)
    if keyword == "colocation" and element.get("score-attribute") is not None:
        yield "a colocation needs a number or INFINITY as score", f"found {element.get('score-attribute')}"
    for inner in _own(element):
        yield from _element(inner, version)


def _own(element: Element) -> Iterator[Element]:
    """The element and all below that is not an object of its own."""
    yield element
    for child in element:
        if isinstance(child.tag, str) and child.tag not in ("primitive", "group"):
            yield from _own(child)


def _location(element: Element, version: tuple[int, int]) -> Iterator[tuple[str, str]]:
    if len(element.findall("rule")) > 1 and version >= (4, 0):
        yield "a location constraint has only one rule in this schema", "write one location for each rule"
    if element.get("score-attribute") is not None:
        yield f"'{element.get('score-attribute')}' is not a score", "scores are numbers, inf or -inf"
    discovery = element.get("resource-discovery")
    if discovery is not None and discovery not in _DISCOVERY:
        yield f"resource-discovery cannot be '{discovery}'", f"it is one of {', '.join(_DISCOVERY)}"


def _element(element: Element, version: tuple[int, int]) -> Iterator[tuple[str, str]]:
    tag = element.tag
    if tag == "nvpair":
        yield from _nvpair(element, version)
    elif tag == "op":
        if element.get("interval") is None and element.get("id-ref") is None:
            yield f"the {element.get('name')} operation has no interval", "add interval=10s or the like"
        on_fail = element.get("on-fail")
        if on_fail is not None and on_fail not in _ON_FAIL:
            yield f"on-fail cannot be '{on_fail}'", f"it is one of {', '.join(_ON_FAIL)}"
        role = element.get("role")
        if role is not None and role not in _ROLE_NAMES:
            yield f"'{role}' is not a role", f"roles are {', '.join(_ROLE_NAMES[:4])}"
    elif tag == "expression":
        if element.get("operation") not in _OPERATIONS:
            yield f"'{element.get('operation')}' is not a comparison", "comparisons are in lower case: eq, ne, …"
        if element.get("type") == "integer" and version < (3, 5):
            yield "the type integer is not part of this schema", "use number"
    elif tag in ("rkt",) and version >= (4, 0):
        yield "rkt bundles are not part of this schema", "use podman or docker"
    yield from _roles(element, version)
    for name in ("rsc-instance", "with-rsc-instance", "first-instance", "then-instance"):
        if element.get(name) is not None and version >= (4, 0):
            yield "single instances of clones cannot be named in this schema", "name the clone alone"


def _nvpair(element: Element, version: tuple[int, int]) -> Iterator[tuple[str, str]]:
    if element.get("id-ref") is not None:
        if element.get("name") is not None and version >= (4, 0):
            yield "a reference to a value cannot have a name of its own", f"write @{element.get('id-ref')}"
        return
    if element.get("name") is None:
        yield f"the value with id {element.get('id')} has no name", ""
    elif element.get("value") is None and version >= (3, 0):
        name = element.get("name")
        yield f"{name} has no value", f"write {name}=VALUE; comments stand on their own line"


def _roles(element: Element, version: tuple[int, int]) -> Iterator[tuple[str, str]]:
    if element.tag == "op":
        return
    for name in ("role", "rsc-role", "with-rsc-role"):
        role = element.get(name)
        if role is None:
            continue
        if role not in _ROLE_NAMES:
            yield f"'{role}' is not a role", f"roles are {', '.join(_ROLE_NAMES[:4])}"
        elif role in ("Master", "Slave") and version >= (4, 0):
            new = "Promoted" if role == "Master" else "Unpromoted"
            yield f"the role {role} is not part of this schema", f"write {new}"
