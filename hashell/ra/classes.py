"""What a class of agents must offer. A class (ocf, lsb, systemd, service, stonith) is a file of its own that implements
AgentClass and one entry in `registry.standard_classes`; nothing else knows the classes by name."""

from __future__ import annotations

from typing import Protocol

from hashell.ra.agent import AgentId, AgentJob, AgentResult


class AgentClass(Protocol):
    """One class of agents on this node."""

    name: str  #: as in `ocf`
    has_providers: bool

    def providers(self) -> list[str]:
        """Names of providers, sorted; empty for a class without them."""
        ...

    def types(self, provider: str) -> list[str]:
        """Names of agents of that provider ('' for a class without), sorted."""
        ...

    def installed(self, agent: AgentId) -> bool: ...

    def places(self, agent: AgentId) -> tuple[str, ...]:
        """Where such an agent would be looked for, for messages."""
        ...

    def stamp(self, agent: AgentId) -> object:
        """A value that changes when the agent does, so that cached metadata can be told to be old."""
        ...

    async def metadata(self, agent: AgentId) -> str:
        """The text of the agent's metadata. Raises HashellError (MetadataFailed, AgentNotInstalled)."""
        ...

    async def run(self, job: AgentJob) -> AgentResult:
        """Carry out one action. Never raises but CancelledError, and leaves nothing of the action running then."""
        ...
