"""The agents of one node, of all classes: discovery, metadata with a cache, execution."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hashell.model.agentmeta import AgentMetadata, parse_metadata
from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.ra.agent import AgentId, AgentJob, AgentResult
from hashell.ra.classes import AgentClass
from hashell.ra.diagnostics import UnknownAgentClass
from hashell.ra.environment import daemon_environment
from hashell.ra.fence import FenceAgents
from hashell.ra.leftovers import AgentRecord
from hashell.ra.lsb import LsbClass
from hashell.ra.ocf import OcfClass
from hashell.ra.secrets import SecretMissing, resolve, secrets_folder
from hashell.ra.service import ServiceClass
from hashell.ra.stonith import StonithClass
from hashell.ra.systemd import SystemdClass
from hashell.stack.settings import NodeSettings


def agent_folder(settings: NodeSettings) -> Path:
    """Where agents are started: the cores folder where there is one, else the root (section 6.2)."""
    cores = settings.state_dir / "cores"
    return cores if cores.is_dir() else Path("/")


def standard_classes(
    settings: NodeSettings,
    *,
    inherited: Mapping[str, str] | None = None,
    python: str = sys.executable,
    record: AgentRecord | None = None,
) -> list[AgentClass]:
    """The classes supported on this node. `inherited` is the environment that agents get, by default our own; running
    agents are noted in `record`."""
    env = daemon_environment(settings, os.environ if inherited is None else inherited, python)
    cwd = agent_folder(settings)
    stonith = StonithClass(FenceAgents(env, python, cwd))
    classes: list[AgentClass] = [OcfClass(settings, env, python, cwd, record), stonith]
    if not settings.embedded:
        # Embedded nodes share one machine: what its init system runs would be active on each of them.
        lsb, systemd = LsbClass(env, cwd, record=record), SystemdClass()
        classes += [lsb, systemd, ServiceClass(lsb, systemd)]
    return classes


class AgentRegistry:
    """All agents of one node. Metadata is cached until the agent's file changes (section 6.2).

    `secrets` is the folder of CIB secrets, which are filled into the parameters of jobs.
    """

    def __init__(self, classes: Sequence[AgentClass], secrets: Path | None = None) -> None:
        self._classes = {c.name: c for c in classes}
        self._secrets = secrets
        self._texts: dict[AgentId, tuple[object, str]] = {}

    @classmethod
    def of(cls, settings: NodeSettings) -> AgentRegistry:
        return cls(standard_classes(settings), secrets_folder(settings.state_dir))

    def class_names(self) -> list[str]:
        return sorted(self._classes)

    def get(self, klass: str) -> AgentClass:
        """Raises HashellError (UnknownAgentClass)."""
        found = self._classes.get(klass)
        if found is None:
            raise HashellError(UnknownAgentClass(klass=klass, known=tuple(self.class_names())))
        return found

    def providers(self, klass: str) -> list[str]:
        return self.get(klass).providers()

    def types(self, klass: str, provider: str = "") -> list[str]:
        return self.get(klass).types(provider)

    def installed(self, agent: AgentId) -> bool:
        return agent.klass in self._classes and self._classes[agent.klass].installed(agent)

    async def metadata_text(self, agent: AgentId, *, fresh: bool = False) -> str:
        """Metadata as the agent printed it. Raises HashellError with the reason when there is none."""
        klass = self.get(agent.klass)
        stamp = klass.stamp(agent)
        cached = self._texts.get(agent)
        if cached and cached[0] == stamp and not fresh:
            return cached[1]
        text = await klass.metadata(agent)
        self._texts[agent] = (stamp, text)
        return text

    async def metadata(self, agent: AgentId, *, fresh: bool = False) -> AgentMetadata:
        """Metadata as data. Raises HashellError as metadata_text does, and for unusable XML."""
        return parse_metadata(await self.metadata_text(agent, fresh=fresh), str(agent))

    async def run(self, job: AgentJob) -> AgentResult:
        """Carry out one action; an unsupported class is `not installed`, never an exception."""
        klass = self._classes.get(job.agent.klass)
        if klass is None:
            text = UnknownAgentClass(klass=job.agent.klass, known=tuple(self.class_names())).text()
            return AgentResult(OcfCode.NOT_INSTALLED, ExecStatus.NOT_INSTALLED, text)
        if self._secrets is not None and klass.name != "stonith":  # the fencer fills in those of its devices
            try:
                job = replace(job, params=resolve(job.params, job.resource, self._secrets))
            except SecretMissing as error:
                # A resource must be stoppable on a node that has lost the secret.
                if job.action != "stop":
                    return AgentResult(OcfCode.NOT_CONFIGURED, ExecStatus.NO_SECRETS, str(error))
        return await klass.run(job)
