"""What the language needs to know of resource agents: an interface that the caller fills, and an empty one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Parameter:
    """One parameter of an agent. `former` is another name under which it may be given."""

    name: str
    required: bool = False
    unique: bool = False
    default: str = ""
    short: str = ""
    kind: str = "string"
    former: str = ""


@dataclass(frozen=True)
class Action:
    """One advertised action; times are durations as written by the agent, '' if not advertised."""

    name: str
    timeout: str = ""
    interval: str = ""
    role: str = ""


@dataclass(frozen=True)
class AgentInfo:
    """An agent's metadata as far as configuration needs it."""

    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    actions: tuple[Action, ...] = ()
    short: str = ""
    long: str = ""
    partial: bool = False  #: only known by name: its parameters and actions cannot be checked
    recorded: bool = False  #: not installed here: what is known of it was recorded elsewhere

    @property
    def promotable(self) -> bool:
        names = [a.name for a in self.actions]
        return "promote" in names and "demote" in names

    def action(self, name: str, role: str = "") -> Action | None:
        """The advertised action of that name, preferring the one for `role`."""
        found = [a for a in self.actions if a.name == name]
        return next((a for a in found if role and a.role == role), found[0] if found else None)


class AgentDirectory(Protocol):
    """Where agents are looked up."""

    def providers(self, agent: str) -> list[str]:
        """Providers of the OCF agent of that name."""

    def info(self, standard: str, provider: str, agent: str) -> AgentInfo | None:
        """Metadata of an agent, or None if there is no such agent."""


class NoAgents:
    """A directory that knows nothing: every lookup fails."""

    def providers(self, agent: str) -> list[str]:
        return []

    def info(self, standard: str, provider: str, agent: str) -> AgentInfo | None:
        return None


def resolve_provider(agents: AgentDirectory, agent: str) -> str:
    """The provider a bare agent name means: heartbeat, pacemaker, the first that has it, else heartbeat."""
    found = agents.providers(agent)
    for provider in ("heartbeat", "pacemaker"):
        if provider in found:
            return provider
    return found[0] if found else "heartbeat"
