"""The class `service`: an init script where there is one of that name, else a systemd unit (daemons spec, 6.4)."""

from __future__ import annotations

from dataclasses import replace

from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.ra.agent import AgentId, AgentJob, AgentResult
from hashell.ra.lsb import LsbClass
from hashell.ra.systemd import SystemdClass


class ServiceClass:
    """Passes everything on to the class that has the agent."""

    name = "service"
    has_providers = False

    def __init__(self, lsb: LsbClass, systemd: SystemdClass) -> None:
        self._lsb = lsb
        self._systemd = systemd

    def _home(self, agent: AgentId) -> tuple[LsbClass | SystemdClass, AgentId]:
        lsb = replace(agent, klass=self._lsb.name)
        return (self._lsb, lsb) if self._lsb.installed(lsb) else (self._systemd, replace(agent, klass="systemd"))

    def providers(self) -> list[str]:
        return []

    def types(self, provider: str) -> list[str]:
        return sorted({*self._lsb.types(provider), *self._systemd.types(provider)})

    def installed(self, agent: AgentId) -> bool:
        home, own = self._home(agent)
        return home.installed(own)

    def places(self, agent: AgentId) -> tuple[str, ...]:
        return (*self._lsb.places(agent), *self._systemd.places(agent))

    def stamp(self, agent: AgentId) -> object:
        home, own = self._home(agent)
        return home.stamp(own)

    async def metadata(self, agent: AgentId) -> str:
        home, own = self._home(agent)
        return await home.metadata(own)

    async def run(self, job: AgentJob) -> AgentResult:
        home, own = self._home(job.agent)
        if not home.installed(own):
            reason = f"There is neither an init script nor a systemd unit {job.agent.type}"
            # A resource that was never there is stopped, as the init system would say itself.
            if job.action == "stop":
                return AgentResult(OcfCode.OK, ExecStatus.DONE)
            return AgentResult(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, reason)
        return await home.run(replace(job, agent=own))
