"""Effects of the fencer's core beside those every core has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hashell.stack.effects import Effect


@dataclass(frozen=True, slots=True)
class RunAgent(Effect):
    """Run a fence agent; its end comes back as `agent_done(run, result, …)`. The timeout is in seconds."""

    run: int
    device: str
    agent: str
    options: tuple[tuple[str, str], ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class FetchAgent(Effect):
    """Get an agent's metadata; comes back as `agent_metadata(agent, metadata or None, …)`."""

    agent: str


@dataclass(frozen=True, slots=True)
class Answer(Effect):
    """Answer a client's request: on the response channel when `sync`, else as an event."""

    client: str
    token: Any
    sync: bool
    element: Any  #: lxml element


@dataclass(frozen=True, slots=True)
class ClientEvent(Effect):
    """An event for one client."""

    client: str
    element: Any


@dataclass(frozen=True, slots=True)
class Acknowledge(Effect):
    """The `<ack>` of a request with that exit status."""

    client: str
    token: Any
    status: int


@dataclass(frozen=True, slots=True)
class SendPeers(Effect):
    """A message for all fencers, ourselves too, or for the one on node `to`."""

    element: Any
    to: str = ""
