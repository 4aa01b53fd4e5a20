"""Talking to the systemd that started us: ready, stopping, and signs of life for its watchdog (sd_notify(3))."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import MutableMapping

_WORDS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """Silent where no systemd wants to hear. Takes its variables out of `environ`: they are not for our children."""

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        taken = {name: environ.pop(name, "") for name in _WORDS}
        self._address = taken["NOTIFY_SOCKET"]
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        #: Seconds between two signs of life, half of what systemd waits for; 0 = it does not wait.
        self.pulse = 0.0
        if self._address and taken["WATCHDOG_PID"] in ("", str(pid)) and taken["WATCHDOG_USEC"].isdecimal():
            self.pulse = int(taken["WATCHDOG_USEC"]) / 2e6

    def ready(self, status: str) -> None:
        """The node is up."""
        self._say(f"READY=1\nSTATUS={status}")

    def stopping(self) -> None:
        self._say("STOPPING=1\nSTATUS=stopping: resources move away")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # A service manager that does not listen must not stop a cluster node.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(text.encode(), self._address)
