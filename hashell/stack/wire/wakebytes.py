"""The byte on the connection's own socket that announces each message put into a ring (ipc.md section 1.5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket

_AT_ONCE = 4096


class WakeBytes:
    """Writes as many bytes as messages were announced; those the socket does not take now follow later."""

    def __init__(self, setup: socket.socket) -> None:
        self._setup = setup
        self._owed = 0
        self._writing = False

    def announce(self) -> None:
        """One more message is in the ring."""
        self._owed += 1
        self._write()

    def close(self) -> None:
        """Write no more; the socket is left open."""
        self._owed = 0
        self._follow()

    def _write(self) -> None:
        # A socket that is broken is noticed by whoever reads it.
        with contextlib.suppress(OSError):
            while self._owed:
                self._owed -= self._setup.send(bytes(min(self._owed, _AT_ONCE)), socket.MSG_NOSIGNAL)
        self._follow()

    def _follow(self) -> None:
        wanted = bool(self._owed)
        if wanted == self._writing:
            return
        self._writing = wanted
        loop = asyncio.get_running_loop()
        if wanted:
            loop.add_writer(self._setup, self._write)
        else:
            loop.remove_writer(self._setup)
