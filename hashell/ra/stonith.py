"""The class `stonith`: fence agents as resources. Its actions are the fencer's business, so whoever has a
connection to the fencer (the executor) gives the runner; discovery and metadata need none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.ra.agent import AgentId, AgentJob, AgentResult, file_stamp
from hashell.ra.fence import FenceAgents

FenceRunner = Callable[[AgentJob], Awaitable[AgentResult]]


class StonithClass:
    """`runner` carries out start, stop and monitor of a fence device; None where there is no fencer."""

    name = "stonith"
    has_providers = False

    def __init__(self, agents: FenceAgents, runner: FenceRunner | None = None) -> None:
        self.agents = agents
        self.runner = runner

    def providers(self) -> list[str]:
        return []

    def types(self, provider: str) -> list[str]:
        return self.agents.types()

    def installed(self, agent: AgentId) -> bool:
        return self.agents.path(agent.type) is not None

    def places(self, agent: AgentId) -> tuple[str, ...]:
        return self.agents.places()

    def stamp(self, agent: AgentId) -> object:
        return file_stamp(self.agents.path(agent.type))

    async def metadata(self, agent: AgentId) -> str:
        return await self.agents.metadata(agent.type)

    async def run(self, job: AgentJob) -> AgentResult:
        if self.runner is None:
            return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.NOT_CONNECTED, "No connection to the fencer")
        return await self.runner(job)
