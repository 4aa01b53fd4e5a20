"""The words of running an agent: which agent, what to do, what came of it. Pure data, shared by all classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hashell.model.outcomes import ExecStatus

EXIT_REASON_PREFIX = "ocf-exit-reason:"
EXIT_REASON_LIMIT = 128


@dataclass(frozen=True)
class AgentId:
    """Class, provider ('' where the class has none) and type of an agent; str() gives `ocf:heartbeat:IPaddr2`."""

    klass: str
    provider: str
    type: str

    def __str__(self) -> str:
        return ":".join(part for part in (self.klass, self.provider, self.type) if part)

    @classmethod
    def parse(cls, text: str) -> AgentId:
        """Inverse of str(). A bare name means ocf:heartbeat, as in the crm language. Raises ValueError."""
        parts = text.split(":")
        if not all(parts) or len(parts) > 3:
            raise ValueError(f"{text!r} is not an agent name such as ocf:heartbeat:IPaddr2")
        if len(parts) == 1:
            return cls("ocf", "heartbeat", parts[0])
        if len(parts) == 2:
            return cls(parts[0], "heartbeat" if parts[0] == "ocf" else "", parts[1])
        return cls(*parts)


@dataclass(frozen=True)
class AgentJob:
    """One action to carry out. Times are seconds; a timeout of 0 means none."""

    agent: AgentId
    resource: str
    action: str
    timeout: float = 0.0
    interval: float = 0.0
    params: Mapping[str, str] = field(default_factory=dict)
    userdata: str = ""


@dataclass(frozen=True)
class AgentResult:
    """What came of a job. `output` is stderr if there is any, else stdout (section 6.2)."""

    rc: int
    status: ExecStatus
    reason: str = ""
    output: str = ""

    @classmethod
    def cancelled(cls) -> AgentResult:
        return cls(0, ExecStatus.CANCELLED)


@dataclass(frozen=True)
class FenceResult:
    """End of one fence agent call. `rc` is the agent's own exit code, 0 = success; a timeout implies a kill."""

    rc: int
    status: ExecStatus
    reason: str = ""
    stdout: str = ""
    stderr: str = ""

    @property
    def ok(self) -> bool:
        return self.rc == 0 and self.status == ExecStatus.DONE


def file_stamp(path: Path | None) -> object:
    """A value that changes when the file does; None without one, or where it cannot be looked at."""
    try:
        return (path, path.stat().st_mtime_ns) if path else None
    except OSError:
        return None


def exit_reason(stderr: str) -> str:
    """The text after the last OCF exit reason prefix in stderr, one line, cut to 128 characters; '' when none."""
    at = stderr.rfind(EXIT_REASON_PREFIX)
    if at < 0:
        return ""
    line = stderr[at + len(EXIT_REASON_PREFIX) :].split("\n", 1)[0]
    return line.strip()[:EXIT_REASON_LIMIT]
