"""Integers and booleans as a CIB holds them: Pacemaker's lenient parsing (scheduler model spec 2.1, 2.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml import etree

LL_MAX = 2**63 - 1
LL_MIN = -(2**63)
INT_MAX = 2147483647

_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?\d+)", re.ASCII)
_LONGEST = 20  #: digits that a number in 64 bits may have
_TRUE = frozenset({"true", "on", "yes", "y", "1"})
_FALSE = frozenset({"false", "off", "no", "n", "0"})


def scan_integer(text: str | None) -> tuple[int | None, str]:
    """(value, rest of the text): C strtoll base 10 clipped to 64 bits; value None when there are no digits."""
    if text is None:
        return None, ""
    match = _INTEGER.match(text)
    if match is None:
        return None, text
    return max(LL_MIN, min(LL_MAX, _decimal(match.group(1)))), text[match.end() :]


def _decimal(digits: str) -> int:
    """The number; of one too long for int(), which refuses thousands of digits, only that it is out of range."""
    if len(digits) > _LONGEST and len(digits.lstrip("+-0")) > _LONGEST:
        return LL_MIN - 1 if digits.startswith("-") else LL_MAX + 1
    return int(digits.lstrip("+-").lstrip("0") or "0") * (-1 if digits.startswith("-") else 1)


def integer(text: str | None, default: int = 0) -> int:
    """The leading integer of `text`, trailing text ignored; `default` when absent or without digits."""
    if text is None:
        return default
    if len(text) < _LONGEST - 1 and text.isdigit() and text.isascii():
        return int(text)
    value, _ = scan_integer(text)
    return default if value is None else value


def integer_of(element: etree._Element, name: str, default: int = 0) -> int:
    """The leading integer of an attribute; `default` when it is absent, empty or no number."""
    return integer(element.get(name), default)


def in_64_bits(text: str) -> bool:
    """Whether the leading integer of `text` exists and fits in 64 bits."""
    match = _INTEGER.match(text)
    return match is not None and LL_MIN <= _decimal(match.group(1)) <= LL_MAX


def min_integer(text: str | None, minimum: int) -> int:
    """An integer of at least `minimum` and at most 2147483647; `minimum` when absent or without digits."""
    return min(max(integer(text, minimum), minimum), INT_MAX)


def boolean(text: str | None) -> bool | None:
    """True, False, or None when the text is absent or no boolean."""
    if text is None:
        return None
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    return False if lowered in _FALSE else None


def is_true(text: str | None) -> bool:
    """Whether the text is a boolean and true."""
    return text is not None and text.lower() in _TRUE
