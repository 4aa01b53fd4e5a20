"""Attribute values that the schema restricts: scores, rules and their expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import _Element

_SCORE = re.compile(r"\s*([+-]?INFINITY|[+-]?[0-9]+)\s*", re.ASCII)
_COMPARISONS = ("lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined")
_DATES = ("in_range", "gt", "lt", "date_spec", "eq", "neq")
_SCORED = ("rsc_location", "rsc_colocation", "rsc_order", "resource_set", "rule")
_CONDITIONS = ("expression", "date_expression", "rsc_expression", "op_expression", "rule")
#: Element and attribute -> allowed values.
_CHOICES: dict[tuple[str, str], tuple[str, ...]] = {
    ("rule", "boolean-op"): ("and", "or"),
    ("expression", "operation"): _COMPARISONS,
    ("date_expression", "operation"): _DATES,
    ("rsc_location", "resource-discovery"): ("always", "never", "exclusive"),
}


def bad_values(configuration: _Element) -> Iterator[tuple[_Element, str, str, str]]:
    """(element, attribute, value, what it has to be) of every value that is not allowed."""
    choices: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for (owner, name), allowed in _CHOICES.items():
        choices.setdefault(owner, []).append((name, tuple(allowed)))
    for element in configuration.iter(etree.Element):
        tag = str(element.tag)
        score = element.get("score") if tag in _SCORED else None
        if score is not None and _SCORE.fullmatch(score) is None:
            yield element, "score", score, "an integer, INFINITY or -INFINITY"
        for name, allowed in choices.get(tag, ()):
            value = element.get(name)
            if value is not None and value not in allowed:
                yield element, name, value, f"one of {', '.join(allowed)}"


def empty_rules(configuration: _Element) -> Iterator[_Element]:
    """Rules without any condition."""
    for rule in configuration.iter("rule"):
        if rule.get("id-ref") is None and not any(child.tag in _CONDITIONS for child in rule):
            yield rule
