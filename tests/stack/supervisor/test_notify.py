"""What systemd is told, over a real datagram socket."""

from __future__ import annotations

import socket
from pathlib import Path

from hashell.stack.supervisor.notify import ServiceManager


def test_systemd_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}
        manager = ServiceManager(environ, 7)
        assert environ == {} and manager.pulse == 15.0
        manager.ready("up")
        manager.alive()
        manager.stopping()
        heard = [systemd.recv(200).decode() for _ in range(3)]
        assert heard[:2] == ["READY=1\nSTATUS=up", "WATCHDOG=1"] and heard[2].startswith("STOPPING=1")


def test_nobody_listens(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000"}):
        manager = ServiceManager(environ, 7)
        manager.ready("up")
        manager.alive()
        assert manager.pulse == 0.0


def test_another_process_is_watched(tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": "@abstract", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}
    assert ServiceManager(environ, 7).pulse == 0.0
