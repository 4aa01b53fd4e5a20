"""Rules of the CIB in words, as far as an explanation needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.dates import parse_date

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.model.dates import DateTime


def rule_text(rule: _Element) -> str:
    """The condition of a rule, close to how the configure language writes it."""
    parts = [_part(child) for child in rule.iterchildren("*")]
    word = f" {(rule.get('boolean-op') or 'and').lower()} "
    return word.join(part for part in parts if part)


def _part(element: _Element) -> str:
    tag = element.tag
    if tag == "rule":
        return f"({rule_text(element)})"
    if tag == "expression":
        operation = element.get("operation") or ""
        name = element.get("attribute") or ""
        if operation in ("defined", "not_defined"):
            return f"{operation} {name}"
        return f"{name} {operation} {element.get('value') or ''}"
    if tag == "date_expression":
        return _date(element)
    pairs = " ".join(f"{name}={element.get(name)}" for name in map(str, element.keys()) if name != "id")
    return f"{tag} {pairs}"


def _date(element: _Element) -> str:
    operation = element.get("operation") or ""
    start, end = element.get("start"), element.get("end")
    if operation == "date_spec":
        specs = list(element.iterchildren("date_spec"))
        fields = [f"{name}={spec.get(name)}" for spec in specs for name in map(str, spec.keys()) if name != "id"]
        return "date " + " ".join(fields)
    if operation == "gt":
        return f"date after {start}"
    if operation == "lt":
        return f"date before {end}"
    return f"date from {start or 'ever'} to {end or 'ever'}"


def expired(rule: _Element, now: DateTime) -> bool:
    """Whether a date of the rule has passed."""
    for element in rule.iter("date_expression"):
        end = parse_date(element.get("end"), now) if element.get("operation") in ("lt", "in_range") else None
        if end is not None and end.epoch() <= now.epoch():
            return True
    return False
