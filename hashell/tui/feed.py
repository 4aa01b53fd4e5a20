"""Where the monitor's data comes from: follows a cluster, survives its loss, draws at most 4 times a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from hashell.client.board import Board
from hashell.model.diagnostics import HashellError

#: Notifications closer together than this are drawn as one.
COALESCE_SECONDS = 0.25
RETRY_SECONDS = 1.0


class BoardSource(Protocol):
    """What the feed follows: one connection to a cluster, file or simulation."""

    async def board(self) -> Board: ...

    def on_change(self, callback: Callable[[], None]) -> None: ...

    async def wait_lost(self) -> str:
        """Return, with the reason, when the connection is gone."""

    async def close(self) -> None: ...


class Feed:
    """Keeps the newest board and says when it changed, when it went stale and why.

    `connect` opens a source and may raise HashellError; it is tried again until `stop`.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[BoardSource]],
        on_board: Callable[[Board], None],
        on_state: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._on_board = on_board
        self._on_state = on_state
        self._changed = asyncio.Event()
        self._last_good = 0.0
        self.source: BoardSource | None = None

    @property
    def age(self) -> float:
        """Seconds since the cluster was last known to be as shown; 0 while connected."""
        if self.source is not None or not self._last_good:
            return 0.0
        return time.monotonic() - self._last_good

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        while True:
            try:
                source = await self._connect()
            except HashellError as error:
                self._on_state(str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                reason = await self._follow(source)
            except HashellError as error:
                reason = str(error)
            finally:
                self.source = None
                self._last_good = time.monotonic()
                await source.close()
            self._on_state(reason or "the connection to the cluster was lost")
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, source: BoardSource) -> str:
        self._changed.clear()
        source.on_change(self._changed.set)
        self._on_board(await source.board())
        self.source = source
        self._on_state("")
        lost = asyncio.ensure_future(source.wait_lost())
        try:
            while True:
                change = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({lost, change}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if lost.done():
                    return lost.result()
                self._changed.clear()
                self._on_board(await source.board())
                await asyncio.sleep(COALESCE_SECONDS)
        finally:
            lost.cancel()
