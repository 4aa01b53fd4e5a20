"""Fence agents as programs: where they are, and running one with its options on stdin (daemons spec, section 5.2)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.ra import bundled
from hashell.ra.agent import AgentId, FenceResult
from hashell.ra.diagnostics import AgentNotInstalled, MetadataFailed
from hashell.ra.leftovers import AgentRecord
from hashell.ra.ocf import duration_text, signal_text
from hashell.ra.process import RunningProcess

METADATA_TIMEOUT = 10.0
_METADATA_LIMIT = 4 * 1024 * 1024
_LOG_PREFIX = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ [A-Z]+: ")
_USAGE = "Please use '-h' for usage"
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")


class FenceAgents:
    """The fence agents of this node: `fence_*` in PATH and sbin, and the bundled ones. Running ones are noted in
    `record`."""

    def __init__(self, env: Mapping[str, str], python: str, cwd: Path, record: AgentRecord | None = None) -> None:
        self._record = record
        self._env = env
        self._python = python
        self._cwd = cwd

    def _folders(self) -> list[Path]:
        names = [*_SYSTEM_FOLDERS, *self._env.get("PATH", "").split(os.pathsep)]
        return [Path(name) for name in dict.fromkeys(names) if name.startswith("/")]

    def types(self) -> list[str]:
        found = set(bundled.fence_types())
        for folder in self._folders():
            try:
                entries = list(folder.iterdir())
            except OSError:
                continue
            found.update(p.name for p in entries if p.name.startswith("fence_") and bundled.runnable(p))
        return sorted(found)

    def path(self, name: str) -> Path | None:
        if "/" in name or "\0" in name or not name.startswith("fence_"):
            return None
        for folder in self._folders():
            if bundled.runnable(folder / name):
                return folder / name
        return bundled.fence_path(name)

    def places(self) -> tuple[str, ...]:
        return tuple(str(folder) for folder in self._folders()[:2])

    async def metadata(self, name: str) -> str:
        """Metadata text of agent `name`. Raises HashellError (AgentNotInstalled, MetadataFailed)."""
        agent = f"stonith:{name}"
        path = self.path(name)
        if path is None:
            raise HashellError(AgentNotInstalled(agent=agent, searched=self.places()))
        result = await self.execute(name, [("action", "metadata")], METADATA_TIMEOUT, limit=_METADATA_LIMIT)
        if not result.ok:
            raise HashellError(MetadataFailed(agent=agent, problem=result.reason or f"it returned {result.rc}"))
        return result.stdout

    async def execute(
        self, name: str, options: Sequence[tuple[str, str]], timeout: float, *, limit: int = 65536
    ) -> FenceResult:
        """Run agent `name` with `options` as `key=value` lines on stdin, at most `timeout` seconds (0: no limit).

        Never raises but CancelledError; the agent's process group is killed then.
        """
        path = self.path(name)
        if path is None:
            reason = f"Agent {AgentId('stonith', '', name)} is not installed"
            return FenceResult(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, reason)
        text = "".join(f"{key}={_line(value)}\n" for key, value in options if key)
        try:
            argv = bundled.command(path, self._python)
            process = RunningProcess.start(
                argv, env=self._env, cwd=self._cwd, stdin=text.encode("utf-8", "surrogateescape"), limit=limit,
                record=self._record,
            )  # fmt: skip
        except OSError as error:
            reason = f"Agent {name} cannot be started: {error.strerror}"
            return FenceResult(OcfCode.INSUFFICIENT_PRIV, ExecStatus.ERROR, reason)
        result = await process.wait(timeout)
        if result.timed_out or result.returncode is None:
            reason = f"Fence agent did not complete within {duration_text(timeout)}"
            return FenceResult(1, ExecStatus.TIMEOUT, reason, result.stdout, result.stderr)
        if result.returncode < 0:
            reason = f"Fence agent was interrupted by {signal_text(-result.returncode)} signal"
            return FenceResult(1, ExecStatus.ERROR, reason, result.stdout, result.stderr)
        status = ExecStatus.DONE if result.returncode == 0 else ExecStatus.ERROR
        reason = "" if result.returncode == 0 else _said(result.stderr) or "Fence agent exited with an error"
        return FenceResult(result.returncode, status, reason, result.stdout, result.stderr)


def _line(value: str) -> str:
    """A value may not smuggle in further options."""
    return value.replace("\n", " ").replace("\0", "")


def _said(text: str) -> str:
    """What an agent gave as its reason: its last line, without the time and level before it, and not the advice to
    look at its usage, with which Debian's agents end whatever has happened."""
    lines = [_LOG_PREFIX.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    lines = [line for line in lines if line and not line.startswith(_USAGE)] or lines
    return lines[-1][:128] if lines else ""
