"""Work that a daemon does beside answering: held until it is done, and never failing in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from hashell.model.diagnostics import HashellError

log = logging.getLogger(__name__)


class BackgroundTasks:
    """Running tasks in the order of their start.

    `on_failure()` is called when one ends with an exception, which is logged: a daemon that cannot go on without that
    work ends then, to be started anew.
    """

    def __init__(self, on_failure: Callable[[], None] | None = None) -> None:
        self._on_failure = on_failure
        # The loop itself holds tasks weakly: one that nobody holds may vanish in the middle of its work.
        self._running: dict[asyncio.Task[Any], None] = {}

    def __len__(self) -> int:
        return len(self._running)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin to do `work` on the running loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._running[task] = None
        task.add_done_callback(self._ended)

    async def cancel(self) -> None:
        """Stop everything and wait for its end; failures on the way are logged and not told."""
        self._on_failure = None
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, HashellError):
            log.error("%s", error)
        else:
            log.critical("internal error in %s", task.get_coro(), exc_info=error)
        if self._on_failure:
            self._on_failure()
