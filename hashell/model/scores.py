"""Scores: integers between minus and plus one million, where the ends are infinity (scheduler model spec 2.3)."""

from __future__ import annotations

from collections.abc import Mapping

from hashell.model.values import scan_integer

INFINITY = 1000000

_WORDS = {"-INFINITY": -INFINITY, "INFINITY": INFINITY, "+INFINITY": INFINITY}
_NO_HEALTH: Mapping[str, int] = {"red": 0, "yellow": 0, "green": 0}


def parse_score(text: str | None, health: Mapping[str, int] = _NO_HEALTH) -> int | None:
    """The score of a text, or None when it is none. `health` gives the values of red, yellow and green."""
    if text is None:
        return 0
    word = _WORDS.get(text)
    if word is not None:
        return word
    colour = health.get(text.lower())
    if colour is not None:
        return colour
    value, _ = scan_integer(text)
    return None if value is None else clip(value)


def score(text: str | None, default: int = 0, health: Mapping[str, int] = _NO_HEALTH) -> int:
    """The score of a text; `default` when it is absent or invalid."""
    if text is None:
        return default
    value = parse_score(text, health)
    return default if value is None else value


def clip(value: int) -> int:
    """The value bounded by the two infinities."""
    return INFINITY if value >= INFINITY else -INFINITY if value <= -INFINITY else value


def add_scores(first: int, second: int) -> int:
    """The sum: minus infinity wins over plus infinity, which wins over everything else."""
    if first <= -INFINITY or second <= -INFINITY:
        return -INFINITY
    if first >= INFINITY or second >= INFINITY:
        return INFINITY
    total = first + second
    return INFINITY if total >= INFINITY else -INFINITY if total <= -INFINITY else total


def score_text(value: int) -> str:
    """The readable form: INFINITY, -INFINITY or decimal."""
    return "INFINITY" if value >= INFINITY else "-INFINITY" if value <= -INFINITY else str(value)
