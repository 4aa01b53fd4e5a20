"""Time spans in milliseconds, as intervals, timeouts and delays (scheduler model spec 2.4, 6.5)."""

from __future__ import annotations

import re

from hashell.model.values import integer, scan_integer

UINT_MAX = 4294967295

_FRACTION = re.compile(r"[0-9.]*", re.ASCII)
_ISO_PART = re.compile(r"(\d+)([A-Za-z])", re.ASCII)


def milliseconds(text: str | None) -> int | None:
    """A number with an optional unit (s, ms, us, m…, h…; default s) in milliseconds; None when invalid or negative.

    Fractions are cut; units are recognised by prefix, so `month` is minutes.
    """
    value, rest = scan_integer(text)
    if value is None or value < 0:
        return None
    unit = rest[_FRACTION.match(rest).end() :].lstrip().lower()  # type: ignore[union-attr]
    if not unit or unit.startswith("s"):
        return value * 1000
    if unit.startswith("ms"):
        return value
    if unit.startswith("us"):
        return value // 1000
    if unit.startswith("m"):
        return value * 60000
    return value * 3600000 if unit.startswith("h") else None


def iso_seconds(text: str) -> int | None:
    """Seconds of an ISO 8601 duration `P…`; days and years count from 1, so P1D is nothing (a quirk kept)."""
    years = months = days = seconds = 0
    rest, after_t = text[1:], False
    if not rest:
        return None
    while rest:
        if rest[0] == "T":
            after_t, rest = True, rest[1:]
            continue
        match = _ISO_PART.match(rest)
        if match is None:
            return None
        count, unit, rest = int(match.group(1)), match.group(2).upper(), rest[match.end() :]
        if unit == "Y":
            years = count
        elif unit == "M" and not after_t:
            months = count
        elif unit in "MHS":
            seconds += count * {"M": 60, "H": 3600, "S": 1}[unit]
        elif unit in "WD":
            days += count * (7 if unit == "W" else 1)
        else:
            return None
    total = sum(366 if y % 4 == 0 and (y % 100 != 0 or y % 400 == 0) else 365 for y in range(1, min(years, 9999)))
    total += months * 30 + (days - 1 if days > 0 else 0)
    return total * 86400 + seconds


def parse_interval(text: str | None) -> int | None:
    """An interval in ms as unsigned 32-bit number: 0 when absent, None when invalid."""
    if text is None:
        return 0
    if text.startswith("P"):
        seconds = iso_seconds(text)
        return None if seconds is None else min(seconds * 1000, 4294967000)
    value = milliseconds(text)
    return None if value is None else min(value, UINT_MAX)


def interval_ms(text: str | None) -> int:
    """The same, 0 when invalid."""
    return parse_interval(text) or 0


def history_interval(text: str | None) -> int:
    """The `interval` of a history entry: plain milliseconds, 0 when invalid or out of range."""
    value = integer(text)
    return value if 0 <= value <= UINT_MAX else 0


def ms_to_s(ms: int) -> int:
    """Whole seconds: at least one for anything above zero, else rounded."""
    if ms <= 0:
        return 0
    return 1 if ms < 1000 else (ms + 500) // 1000


def readable_interval(ms: int) -> str:
    """`1d2h3m4s`, `1.500s`, `200ms`, `0s`."""
    days, rest = divmod(ms, 86400000)
    hours, rest = divmod(rest, 3600000)
    minutes, rest = divmod(rest, 60000)
    seconds, left = divmod(rest, 1000)
    text = "".join(f"{count}{unit}" for count, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if count)
    if seconds:
        text += f"{seconds}.{left:03}s" if left else f"{seconds}s"
    elif left:
        text += f"{left}ms"
    return text or "0s"
