"""Timers for the token path: restarting one costs a dictionary write, not a new timer handle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class LazyTimers:
    """Fulfils SetTimer and CancelTimer; `fire(name)` is called at most `GRAIN` seconds late."""

    GRAIN = 0.001

    def __init__(self, fire: Callable[[str], None]) -> None:
        self._fire = fire
        self._loop = asyncio.get_running_loop()
        self._deadlines: dict[str, float] = {}
        self._handles: dict[str, asyncio.TimerHandle] = {}

    def set(self, name: str, seconds: float) -> None:
        deadline = self._loop.time() + seconds
        self._deadlines[name] = deadline
        handle = self._handles.get(name)
        if handle is None:
            self._handles[name] = self._loop.call_at(deadline, self._expire, name)
        elif handle.when() > deadline + self.GRAIN:
            handle.cancel()
            self._handles[name] = self._loop.call_at(deadline, self._expire, name)

    def cancel(self, name: str) -> None:
        self._deadlines.pop(name, None)

    def overdue(self, name: str) -> bool:
        """True when the timer ought to have fired already, as after a pause of this process."""
        deadline = self._deadlines.get(name)
        return deadline is not None and self._loop.time() > deadline + self.GRAIN

    def catch_up(self, name: str) -> None:
        """Fire a timer now, before its turn in the loop."""
        handle = self._handles.pop(name, None)
        if handle is not None:
            handle.cancel()
        if self._deadlines.pop(name, None) is not None:
            self._fire(name)

    def cancel_all(self) -> None:
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()
        self._deadlines.clear()

    def _expire(self, name: str) -> None:
        self._handles.pop(name, None)
        deadline = self._deadlines.get(name)
        if deadline is None:
            return
        if deadline > self._loop.time() + self.GRAIN:
            self._handles[name] = self._loop.call_at(deadline, self._expire, name)
            return
        del self._deadlines[name]
        self._fire(name)
