"""The byte on the connection's own socket that announces each message put into a ring (ipc.md section 1.5)."""

from __future__ import annotations

import asyncio
import contextlib
import socket

_AT_ONCE = 4096


class WakeBytes:
    """Writes as many bytes as messages were announced: at once, or (`together`) those of one step of the loop in one
    piece. What the socket does not take then follows later."""

    def __init__(self, setup: socket.socket, together: bool = False) -> None:
        self._setup = setup
        self._together = together
        self._owed = 0
        self._writing = False
        self._due = False

    def announce(self) -> None:
        """One more message is in the ring."""
        self._owed += 1
        if not self._together:
            self._write()
        elif not self._due and not self._writing:
            self._due = True
            asyncio.get_running_loop().call_soon(self._write)

    def close(self) -> None:
        """Announce what is due, as far as that can be done now; write no more. The socket is left open."""
        if self._due and self._setup.fileno() >= 0:
            self._write()
        self._owed = 0
        self._follow()

    def _write(self) -> None:
        self._due = False
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
