"""Rules: whether a block, score or attribute applies, by node attributes, agent, operation and date.

Scheduler model spec chapter 6. Evaluation is pure; a Context carries what a rule may see (spec 5.3) and collects the
next moment at which the answer may change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hashell.model.dates import DateTime, add_units, parse_date
from hashell.model.durations import parse_interval
from hashell.model.values import in_64_bits, integer, scan_integer

if TYPE_CHECKING:
    from lxml.etree import _Element


class Context:
    """What rules see. Absent parts make the conditions on them fail or see an absent value."""

    __slots__ = ("now", "node_attrs", "agent", "operation", "params", "meta", "match", "next_change")

    def __init__(
        self,
        now: DateTime,
        *,
        node_attrs: Mapping[str, str] | None = None,
        agent: tuple[str | None, str | None, str | None] | None = None,
        operation: tuple[str, int] | None = None,
        params: Mapping[str, str] | None = None,
        meta: Mapping[str, str] | None = None,
        match: re.Match[str] | None = None,
    ) -> None:
        self.now = now
        self.node_attrs = node_attrs
        self.agent = agent  #: class, provider, type
        self.operation = operation  #: name, interval in ms
        self.params = params
        self.meta = meta
        self.match = match  #: of the resource id with a location's rsc-pattern
        self.next_change: int | None = None  #: epoch seconds, the earliest proposed

    def propose(self, epoch: int) -> None:
        if self.next_change is None or epoch < self.next_change:
            self.next_change = epoch


def resolve(element: _Element) -> _Element | None:
    """The element itself, or what its `id-ref` names: the only one of its name with that id in its own document."""
    ref = element.get("id-ref")
    if ref is None:
        return element
    found = [e for e in element.getroottree().getroot().iter(element.tag) if e.get("id") == ref]
    return found[0] if len(found) == 1 else None


def substitute(text: str, match: re.Match[str] | None) -> str:
    """`%0` to `%9` replaced by the submatches; without a match the text as it is."""
    if match is None or "%" not in text:
        return text

    def group(digit: re.Match[str]) -> str:
        number = int(digit.group(1))
        return (match.group(number) or "") if number <= match.re.groups else ""

    return re.sub(r"%([0-9])", group, text)


def evaluate(rule: _Element, context: Context) -> bool:
    """Whether a `rule` element is satisfied."""
    resolved = resolve(rule)
    if resolved is None or not resolved.get("id"):
        return False
    mode = (resolved.get("boolean-op") or "and").lower()
    if mode not in ("and", "or"):
        return False
    passed = True
    for condition in resolved.iterchildren("*"):
        passed = _condition(condition, context)
        if passed == (mode == "or"):
            return passed
    return passed


def _condition(element: _Element, context: Context) -> bool:
    kind = element.tag
    if kind == "rule":
        return evaluate(element, context)
    if kind == "expression":
        return _expression(element, context)
    if kind == "date_expression":
        return _date_expression(element, context)
    if kind == "rsc_expression":
        return _agent_expression(element, context)
    return kind == "op_expression" and _operation_expression(element, context)


_OPERATIONS = frozenset({"defined", "not_defined", "eq", "ne", "lt", "lte", "gt", "gte"})


def _expression(element: _Element, context: Context) -> bool:
    attribute, operation = element.get("attribute"), (element.get("operation") or "").lower()
    if not attribute or operation not in _OPERATIONS:
        return False
    value = element.get("value")
    if (value is not None) == (operation in ("defined", "not_defined")):
        return False
    source = (element.get("value-source") or "literal").lower()
    if source == "param":
        reference = (context.params or {}).get(value or "")
    elif source == "meta":
        reference = (context.meta or {}).get(value or "")
    elif source == "literal":
        reference = value
    else:
        return False
    actual = (context.node_attrs or {}).get(substitute(attribute, context.match))
    if operation == "defined":
        return actual is not None
    if operation == "not_defined":
        return actual is None
    kind = _kind(element.get("type"), operation, actual, reference)
    if kind is None:
        return False
    order = _compare(kind, actual, reference)
    if operation == "eq":
        return order == 0
    if operation == "ne":
        return order != 0
    if actual is None or reference is None:
        return False
    return {"lt": order < 0, "lte": order <= 0, "gt": order > 0, "gte": order >= 0}[operation]


def _kind(given: str | None, operation: str, actual: str | None, reference: str | None) -> str | None:
    if given is not None:
        return given.lower() if given.lower() in ("string", "integer", "number", "version") else None
    if operation in ("eq", "ne"):
        return "string"
    return "number" if "." in (actual or "") or "." in (reference or "") else "integer"


def _compare(kind: str, actual: str | None, reference: str | None) -> int:
    if actual is None or reference is None:
        return (reference is None) * 1 - (actual is None) * 1
    if kind == "integer" and in_64_bits(actual) and in_64_bits(reference):
        return _order(integer(actual), integer(reference))
    if kind == "number":
        first, second = _number(actual), _number(reference)
        if first is not None and second is not None:
            return _order(first, second)
    if kind == "version":
        return compare_versions(actual, reference)
    return _order(actual.lower(), reference.lower())


def _order(first: float | str | list[int], second: float | str | list[int]) -> int:
    return (first > second) - (first < second)  # type: ignore[operator]


_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def _number(text: str) -> float | None:
    match = _NUMBER.match(text)
    return float(match.group()) if match else None


def compare_versions(first: str, second: str) -> int:
    """-1, 0 or 1: dotted numbers compared component-wise, missing ones counting as 0."""
    left = [scan_integer(part)[0] or 0 for part in first.split(".")]
    right = [scan_integer(part)[0] or 0 for part in second.split(".")]
    size = max(len(left), len(right))
    return _order(left + [0] * (size - len(left)), right + [0] * (size - len(right)))


def _agent_expression(element: _Element, context: Context) -> bool:
    actual = context.agent or (None, None, None)
    wanted = (element.get("class"), element.get("provider"), element.get("type"))
    return all(want is None or want == have for want, have in zip(wanted, actual, strict=True))


def _operation_expression(element: _Element, context: Context) -> bool:
    if context.operation is None or element.get("name") != context.operation[0]:
        return False
    interval = element.get("interval")
    return interval is None or parse_interval(interval) == context.operation[1]


def _date_expression(element: _Element, context: Context) -> bool:
    operation = (element.get("operation") or "in_range").lower()
    now = context.now.epoch()
    if operation == "in_range":
        return _in_range(element, context, now)
    if operation == "gt":
        start = parse_date(element.get("start"), context.now)
        if start is None:
            return False
        if now <= start.epoch():
            context.propose(start.epoch() + 1)
        return now > start.epoch()
    if operation == "lt":
        end = parse_date(element.get("end"), context.now)
        if end is None or now >= end.epoch():
            return False
        context.propose(end.epoch())
        return True
    if operation == "date_spec":
        spec = element.find("date_spec")
        return spec is not None and _date_spec(spec, context.now)
    return False


def _in_range(element: _Element, context: Context, now: int) -> bool:
    start_text, end_text = element.get("start"), element.get("end")
    start = parse_date(start_text, context.now) if start_text is not None else None
    end = parse_date(end_text, context.now) if end_text is not None else None
    if (start_text is not None and start is None) or (end_text is not None and end is None):
        return False
    duration = element.find("duration")
    if start is None and end is None:
        return False
    if end is None and duration is not None:
        end = add_units(start, duration.get) if start is not None else None
        if end is None:
            return False
    if start is not None and now < start.epoch():
        context.propose(start.epoch())
        return False
    if end is not None:
        if now > end.epoch():
            return False
        context.propose(end.epoch() + 1)
    return True


_RANGE = re.compile(r"\s*(\d*)\s*(-?)\s*(\d*)\s*", re.ASCII)


def _date_spec(spec: _Element, now: DateTime) -> bool:
    if not spec.get("id"):
        return False
    date = now.date()
    week_year, week, weekday = date.isocalendar()
    values = {
        "years": date.year,
        "months": date.month,
        "monthdays": date.day,
        "hours": now.seconds // 3600,
        "minutes": now.seconds % 3600 // 60,
        "seconds": now.seconds % 60,
        "yeardays": date.timetuple().tm_yday,
        "weekyears": week_year,
        "weeks": week,
        "weekdays": weekday,
    }
    return all(_inside(spec.get(name), value) for name, value in values.items())


def _inside(text: str | None, value: int) -> bool:
    """Whether the value is in a range `N`, `N-M`, `N-` or `-M`; an absent range contains everything."""
    if text is None:
        return True
    match = _RANGE.fullmatch(text)
    if match is None or not (match.group(1) or match.group(3)):
        return False
    low, dash, high = match.groups()
    if not dash:
        return value == int(low)
    return (not low or value >= int(low)) and (not high or value <= int(high))
