"""Agent metadata for the configure level: agents installed here, bundled ones, and well-known names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.grammar.agents import Action, AgentInfo, Parameter
from hashell.model.diagnostics import HashellError

if TYPE_CHECKING:
    from hashell.model.agentmeta import AgentMetadata
    from hashell.ra.registry import AgentRegistry
    from hashell.shell.session import Session
    from hashell.stack.settings import NodeSettings

#: Agents of which only the name is known (others are in the catalogue of hashell.ra). Where one is not installed, as on
#: an administrator's desk, its name is accepted and its parameters are left unchecked.
WELL_KNOWN: dict[str, tuple[str, ...]] = {
    "ocf:linbit": ("drbd",),
    "stonith": ("fence_apc", "fence_apc_snmp", "fence_aws", "fence_azure_arm", "fence_gce", "fence_idrac", "fence_ilo",
                "fence_ipmilan", "fence_mpath", "fence_redfish", "fence_sbd", "fence_scsi", "fence_virsh",
                "fence_virt", "fence_vmware_rest", "fence_xvm"),
}


class ShellAgents:
    """The AgentDirectory of a session. Agents are asked once per session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._registry: AgentRegistry | None = None
        self._found: dict[tuple[str, str, str], AgentInfo | None] = {}

    @property
    def registry(self) -> AgentRegistry:
        if self._registry is None:
            from hashell.ra.registry import AgentRegistry
            from hashell.stack.settings import NodeSettings

            settings = getattr(self._session.connection, "settings", None)
            self._registry = AgentRegistry.of(settings or _without_stack(NodeSettings()))
        return self._registry

    def providers(self, agent: str) -> list[str]:
        from hashell.ra.catalogue import providers_of

        found = [p for p in self.registry.providers("ocf") if agent in self.registry.types("ocf", p)]
        found += [p for p in providers_of(agent) if p not in found]
        for name, types in WELL_KNOWN.items():
            standard, _, provider = name.partition(":")
            if standard == "ocf" and agent in types and provider not in found:
                found.append(provider)
        return found

    def types(self, standard: str, provider: str = "") -> list[str]:
        """Agents of a class installed here; [] for a class that is not supported."""
        try:
            return self.registry.types(standard, provider)
        except HashellError:
            return []

    def metadata(self, standard: str, provider: str, agent: str) -> AgentMetadata:
        """All an agent says. Raises HashellError."""
        from hashell.ra.agent import AgentId

        return self._session.run(self.registry.metadata(AgentId(standard, provider, agent)))

    def info(self, standard: str, provider: str, agent: str) -> AgentInfo | None:
        key = (standard, provider, agent)
        if key not in self._found:
            self._found[key] = self._lookup(*key)
        return self._found[key]

    def _lookup(self, standard: str, provider: str, agent: str) -> AgentInfo | None:
        if not agent:
            return None
        try:
            return _info(self.metadata(standard, provider, agent))
        except HashellError:
            from hashell.ra.catalogue import known_metadata

            known = known_metadata(standard, provider, agent)
            if known is not None:
                return replace(_info(known), recorded=True)
            name = f"{standard}:{provider}" if provider else standard
            return AgentInfo(partial=True) if agent in WELL_KNOWN.get(name, ()) else None


def _without_stack(settings: NodeSettings) -> NodeSettings:
    """On a machine without a running stack agents have no folder for their state: the one for temporary files."""
    if settings.agent_dir.is_dir():
        return settings
    import tempfile

    return replace(settings, agent_dir=Path(tempfile.gettempdir()))


def _info(metadata: AgentMetadata) -> AgentInfo:
    former = {p.obsoletes for p in metadata.parameters}
    parameters = {
        p.name: Parameter(p.name, p.required and p.default is None and p.name not in former, bool(p.unique_group),
                          p.default or "", p.shortdesc, p.type, p.obsoletes)
        for p in metadata.parameters
    }
    actions = tuple(Action(a.name, a.timeout, a.interval, a.role) for a in metadata.actions)
    return AgentInfo(parameters, actions, metadata.shortdesc, metadata.longdesc)
