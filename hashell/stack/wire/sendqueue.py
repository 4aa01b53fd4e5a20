"""Messages that a client cannot take yet: an ordered queue, its retries, and when to give the client up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

RETRY_SECONDS = 0.02
_STALLED_SECONDS = 5.0
_BYTES_LIMIT = 128 * 1024 * 1024
_FLUSH_BURST = 200


class SendQueue:
    """Hands messages over in order; subclasses write `hand_over` and, if they can, `await_room`.

    `give_up(reason)` is called when the receiver has taken nothing for 5 seconds while more messages wait than
    it is allowed, or when 128 MiB wait.
    """

    def __init__(self, give_up: Callable[[str], None]) -> None:
        self._give_up = give_up
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._closed = False
        self._waiting: asyncio.TimerHandle | None = None
        self._progress = 0.0

    @property
    def backlog(self) -> int:
        return len(self._queue)

    def hand_over(self, message: bytes) -> bool:
        """Give one message to the receiver, or lose it for good: True. False when it has to wait."""
        raise NotImplementedError

    def await_room(self) -> None:
        """Have `flush` called when a message may fit again."""
        self.retry_later()

    def stop_waiting(self) -> None:
        """Undo await_room."""
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None

    def retry_later(self, seconds: float = RETRY_SECONDS) -> None:
        self._waiting = asyncio.get_running_loop().call_later(seconds, self.flush)

    def send(self, message: bytes, limit: int) -> None:
        """Send now or queue; `limit` is the number of messages that may wait."""
        now = asyncio.get_running_loop().time()
        if not self._queue:
            self._progress = now
        self._queue.append(message)
        self._bytes += len(message)
        if len(self._queue) == 1:
            self.flush()
        stalled = len(self._queue) > limit and now - self._progress > _STALLED_SECONDS
        if stalled or self._bytes > _BYTES_LIMIT:
            self._give_up(f"{len(self._queue)} messages wait and it does not read them")

    def clear(self) -> None:
        """Forget what waits."""
        self._queue.clear()
        self._bytes = 0

    def close(self) -> None:
        """Stop sending; what waits is lost."""
        self._closed = True
        self.stop_waiting()
        self.clear()

    def flush(self) -> None:
        """Hand over what can be handed over now."""
        self.stop_waiting()
        for _ in range(_FLUSH_BURST):
            if not self._queue or self._closed:
                return
            message = self._queue[0]
            if not self.hand_over(message):
                if not self._closed and self._queue:
                    self.await_room()
                return
            if not self._queue:
                return
            self._queue.popleft()
            self._bytes -= len(message)
            self._progress = asyncio.get_running_loop().time()
        if self._queue and not self._closed:
            self.retry_later(0.0)
