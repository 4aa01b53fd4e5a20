"""Effects of the executor's core beside those every core has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hashell.ra.agent import AgentId, AgentJob
from hashell.stack.effects import Effect


@dataclass(frozen=True, slots=True)
class Reply(Effect):
    """Answer the request that came in with `token`."""

    token: Any
    element: Any  #: lxml element


@dataclass(frozen=True, slots=True)
class Notify(Effect):
    """An event for one client."""

    client: str
    element: Any  #: lxml element


@dataclass(frozen=True, slots=True)
class Run(Effect):
    """Start a job; its end comes back as `finished(run, result, …)`."""

    run: int
    job: AgentJob


@dataclass(frozen=True, slots=True)
class RunAlert(Effect):
    """Start an alert agent; its end comes back as `finished(run, result, …)`. The timeout is in seconds."""

    run: int
    path: str
    timeout: float
    env: dict[str, str]


@dataclass(frozen=True, slots=True)
class Kill(Effect):
    """End the run now; `finished` still comes for it."""

    run: int


@dataclass(frozen=True, slots=True)
class FetchMetadata(Effect):
    """Get an agent's metadata; comes back as `metadata(token, call_id, agent, text or None, reason)`."""

    token: Any
    call_id: int
    agent: AgentId
