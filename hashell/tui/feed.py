"""Where the monitor's data comes from: follows a cluster, survives its loss, and never uses more than its share."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from hashell.client.monitor.snapshot import Snapshot
from hashell.model.diagnostics import HashellError

#: Notifications closer together than this are drawn as one, in seconds.
COALESCE_SECONDS = 0.25
RETRY_SECONDS = 1.0
#: How often the source is asked whether it is there, and how long it may take to say so, in seconds.
PULSE_SECONDS = 0.5
PATIENCE_SECONDS = 1.0
#: After reading a look that took t seconds of computing the feed rests for this many times t.
REST = 2.0


class ShotSource(Protocol):
    """What the feed follows: one connection to a cluster or a file."""

    async def snapshot(self) -> Snapshot: ...

    def on_change(self, callback: Callable[[], None]) -> None: ...

    async def alive(self) -> None:
        """Return when the source answers."""

    async def wait_lost(self) -> str:
        """Return, with the reason, when the connection is gone."""

    async def close(self) -> None: ...


async def first_end(*parts: Coroutine[None, None, str]) -> str:
    """Run all parts until one ends, with that one's reason; the others are cancelled. Raises what it raises."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return str(next(iter(done)).result() or "")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Feed:
    """Keeps the newest look and says when it changed, when it went stale and why.

    `connect` opens a source and may raise HashellError; it is tried again until the feed is cancelled. `on_state` is
    given what is wrong, or '' when all is well again.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[ShotSource]],
        on_shot: Callable[[Snapshot], None],
        on_state: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._on_shot = on_shot
        self._on_state = on_state
        self._changed = asyncio.Event()
        self._last_good = 0.0
        self._frozen = False
        self.source: ShotSource | None = None

    @property
    def age(self) -> float:
        """Seconds since the source was last known to be as shown."""
        return time.monotonic() - self._last_good if self._last_good else 0.0

    def look_again(self) -> None:
        """Read the source as if it had changed."""
        self._changed.set()

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        while True:
            try:
                async with asyncio.timeout(30):
                    source = await self._connect()
            except (HashellError, TimeoutError) as error:
                self._on_state(str(error) or "the cluster does not answer")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                reason = await self._follow(source)
            except HashellError as error:
                reason = str(error)
            except asyncio.CancelledError:
                await source.close()
                raise
            finally:
                self.source = None
            self._on_state(reason or "the connection to the cluster was lost")
            with contextlib.suppress(HashellError, OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await source.close()
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, source: ShotSource) -> str:
        self._frozen = False
        self._changed.clear()
        source.on_change(self._changed.set)
        self.source = source
        return await first_end(source.wait_lost(), self._read(source), self._feel_pulse(source))

    async def _read(self, source: ShotSource) -> str:
        self._changed.set()
        first = True
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = time.process_time()
            shot = await source.snapshot()
            self._last_good = time.monotonic()
            self._on_shot(shot)
            if first or self._frozen:
                first = self._frozen = False
                self._on_state("")
            await asyncio.sleep(max(COALESCE_SECONDS, (time.process_time() - began) * REST))

    async def _feel_pulse(self, source: ShotSource) -> str:
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await source.alive()
                if self._last_good:
                    self._last_good = time.monotonic()
                if self._frozen:
                    self._frozen = False
                    self._on_state("")
            except TimeoutError:
                self._frozen = True
                self._on_state("the cluster does not answer")
            await asyncio.sleep(PULSE_SECONDS)
