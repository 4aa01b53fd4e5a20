"""What the schemas restrict beyond the structure: choices of words, and what has to stand together.

Only rules that the original was seen to enforce. A CIB without validation and names that only old schemas know are
let through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.schema import BadValue, CibProblem, MissingAttribute, MissingSection, describe, place_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_ROLES = ("Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave")
_TASKS = ("start", "promote", "demote", "stop")
_KINDS = ("Optional", "Mandatory", "Serialize")
_BOOLEANS = ("true", "false", "1", "0")
_ON_FAIL = ("ignore", "block", "demote", "stop", "restart", "standby", "fence", "restart-container")
_CLASSES = ("ocf", "lsb", "heartbeat", "stonith", "upstart", "service", "systemd", "nagios")
#: Element -> attribute -> the values it may have.
_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "rsc_location": {"role": _ROLES},
    "rsc_colocation": {"rsc-role": _ROLES, "with-rsc-role": _ROLES},
    "rsc_order": {"kind": _KINDS, "first-action": _TASKS, "then-action": _TASKS, "symmetrical": _BOOLEANS,
                  "require-all": _BOOLEANS},
    "rsc_ticket": {"rsc-role": _ROLES, "loss-policy": ("stop", "demote", "fence", "freeze")},
    "resource_set": {"role": _ROLES, "action": _TASKS, "kind": _KINDS, "sequential": _BOOLEANS,
                     "require-all": _BOOLEANS},
    "rule": {"role": _ROLES},
    "op": {"role": _ROLES, "on-fail": _ON_FAIL},
    "primitive": {"class": _CLASSES},
    "template": {"class": _CLASSES},
    "node": {"type": ("member", "ping", "remote")},
}  # fmt: skip
#: Element -> attributes it has to have when it is no reference.
_NEEDED: dict[str, tuple[str, ...]] = {
    "nvpair": ("name",), "op": ("name", "interval"), "expression": ("attribute", "operation"),
    "date_expression": ("operation",),
}  # fmt: skip
#: Constraint -> the attributes that stand for its resource sets.
_ENDS: dict[str, tuple[str, ...]] = {
    "rsc_colocation": ("rsc", "with-rsc"), "rsc_order": ("first", "then"), "rsc_ticket": ("rsc",),
}  # fmt: skip


def strict_problems(cib: _Element) -> list[CibProblem]:
    """Everything that the schema named by the CIB would refuse of what this file knows, in document order."""
    schema = cib.get("validate-with") or ""
    configuration = cib.find("configuration")
    if configuration is None or not schema.startswith(("pacemaker-3.", "pacemaker-4.")):
        return []
    found: list[CibProblem] = []
    for element in configuration.iter(etree.Element):
        found.extend(_choices(element))
        if element.get("id-ref") is None:
            found.extend(_needed(element))
            check = _CHECKS.get(str(element.tag))
            if check is not None:
                found.extend(check(element))
    return found


def _bad(element: _Element, name: str, value: str, wanted: str) -> BadValue:
    return BadValue(path=describe(element), attribute=name, value=value, wanted=wanted, place=place_of(element))


def _lacks(element: _Element, name: str) -> MissingAttribute:
    return MissingAttribute(path=describe(element), attribute=name, place=place_of(element))


def _choices(element: _Element) -> Iterator[CibProblem]:
    for name, allowed in _CHOICES.get(str(element.tag), {}).items():
        value = element.get(name)
        if value is not None and value not in allowed:
            yield _bad(element, name, value, f"one of {', '.join(allowed)}")


def _needed(element: _Element) -> Iterator[CibProblem]:
    for name in _NEEDED.get(str(element.tag), ()):
        if element.get(name) is None:
            yield _lacks(element, name)


def _agent(element: _Element) -> Iterator[CibProblem]:
    if element.get("class") == "ocf" and element.get("provider") is None:
        yield _lacks(element, "provider")


def _dates(element: _Element) -> Iterator[CibProblem]:
    needed = {"gt": "start", "lt": "end"}.get(element.get("operation") or "")
    if needed is not None and element.get(needed) is None:
        yield _lacks(element, needed)


def _level(element: _Element) -> Iterator[CibProblem]:
    if not any(element.get(name) for name in ("target", "target-pattern", "target-attribute")):
        yield _lacks(element, "target")


def _members(element: _Element) -> Iterator[CibProblem]:
    if element.find("resource_ref") is None:
        yield MissingSection(path=describe(element), section="resource_ref", place=place_of(element))


def _ends(element: _Element) -> Iterator[CibProblem]:
    """Either the resources or sets of them."""
    names = _ENDS[str(element.tag)]
    sets = element.find("resource_set") is not None
    for name in names:
        value = element.get(name)
        if sets and value is not None:
            yield _bad(element, name, value, "left out where there are sets")
        elif not sets and value is None:
            yield _lacks(element, name)


def _location(element: _Element) -> Iterator[CibProblem]:
    """One way to name resources, and either a node with its score or rules."""
    ways = [name for name in ("rsc", "rsc-pattern") if element.get(name) is not None]
    if element.find("resource_set") is not None:
        ways.append("resource_set")
    if not ways:
        yield _lacks(element, "rsc")
    elif len(ways) > 1:
        yield _bad(element, ways[0], element.get(ways[0]) or "", f"left out beside {ways[1]}")
    node, rules = element.get("node"), element.find("rule") is not None
    if rules and node is not None:
        yield _bad(element, "node", node, "left out where there are rules")
    elif not rules:
        yield from (_lacks(element, name) for name in ("node", "score") if element.get(name) is None)


_CHECKS = {
    "primitive": _agent, "template": _agent, "date_expression": _dates, "fencing-level": _level,
    "resource_set": _members, "rsc_colocation": _ends, "rsc_order": _ends, "rsc_ticket": _ends,
    "rsc_location": _location,
}  # fmt: skip
