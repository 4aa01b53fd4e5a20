"""Effects that every sans-I/O core may ask for; each daemon adds its own beside its core.

A core's input methods return a list of effects in the order they must be carried out. Time and ids come in as
arguments; timers go out as effects and come back through the core's `timer(name, now)`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effect:
    """Base of all effects."""


@dataclass(frozen=True, slots=True)
class SetTimer(Effect):
    """Call `timer(name, now)` once in `seconds`; setting a running timer restarts it."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer(Effect):
    """Forget the timer; one that is not running is not an error."""

    name: str


@dataclass(frozen=True, slots=True)
class LogLine(Effect):
    """A line for the log. `level` is one of debug, info, notice, warning, error, critical."""

    level: str
    text: str
