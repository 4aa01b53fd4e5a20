"""Agents that a killed daemon left behind: they are noted while they run, and ended before the next daemon serves.

An agent outlives the daemon that started it. Its start would end long after the new daemon was asked whether the
resource runs, and had said no: the resource would be started elsewhere and be active twice. What an agent has started
and left, a service for instance, is not noted and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from pathlib import Path

_PATIENCE = 5.0
_POLL = 0.01

log = logging.getLogger(__name__)


class AgentRecord:
    """The agents that one daemon runs, each a file of `folder` named by its process group.

    The folder is to be one that a boot empties; a process id that was given again is told by its start time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def began(self, pid: int) -> None:
        """An agent was started as the leader of a process group."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / str(pid)).write_text(_started(pid))
        except OSError as error:
            log.warning("cannot note that an agent runs in %s: %s", self._folder, error.strerror)

    def ended(self, pid: int) -> None:
        """The agent has exited."""
        with contextlib.suppress(OSError):
            (self._folder / str(pid)).unlink()

    async def end_former(self) -> int:
        """Kill what a former daemon left running and wait until it is gone; how many agents there were."""
        try:
            pids = sorted(int(entry.name) for entry in self._folder.iterdir() if entry.name.isdecimal())
        except OSError:
            return 0
        found = [pid for pid in pids if self._runs(pid)]
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                while any(self._runs(pid) for pid in found):
                    await asyncio.sleep(_POLL)
        for pid in pids:
            self.ended(pid)
        if found:
            log.warning("ended %d agents that an earlier run of this daemon had left running", len(found))
        return len(found)

    def _runs(self, pid: int) -> bool:
        try:
            noted = (self._folder / str(pid)).read_text()
        except OSError:
            return False
        return bool(noted) and noted == _started(pid)


def _started(pid: int) -> str:
    """When a process was started, in ticks since the machine was; '' when it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
