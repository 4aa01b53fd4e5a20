"""A fence device: its parameters, what its agent can do, and what follows for one action on one target. Pure.

Rules: daemons specification, sections 5.1 and 5.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum

from hashell.model.agentmeta import AgentMetadata
from hashell.stack.stonithd.hosts import delay_base_seconds, parse_host_list, parse_host_map, seconds

FENCING_ACTIONS = ("off", "reboot", "on")
LIST_CACHE_SECONDS = 60.0
_OWN_PARAMETERS = frozenset({
    "action", "provides", "stonith-timeout", "pcmk_action_limit", "pcmk_delay_base", "pcmk_delay_max",
    "pcmk_host_argument", "pcmk_host_check", "pcmk_host_list", "pcmk_host_map", "crm_feature_set", "priority",
})  # fmt: skip
_OWN_ACTION_PARAMETER = re.compile(r"pcmk_[a-z]+_(action|timeout|retries)\Z")


class Support(IntFlag):
    """What an agent supports, as told in st_device_support_flags."""

    LIST = 1
    STATUS = 2
    REBOOT = 4
    PLUG = 8
    PORT = 16
    ON = 32


class HostCheck(StrEnum):
    """How a device finds out whether it can fence a node."""

    NONE = "none"
    STATIC = "static-list"
    DYNAMIC = "dynamic-list"
    STATUS = "status"


def support_of(meta: AgentMetadata) -> Support:
    """The flags of an agent with this metadata."""
    flags = Support(0)
    for name, flag in (
        ("list", Support.LIST), ("status", Support.STATUS), ("reboot", Support.REBOOT), ("on", Support.ON),
    ):  # fmt: skip
        if meta.supports(name):
            flags |= flag
    for name, flag in (("plug", Support.PLUG), ("port", Support.PORT)):
        if meta.parameter(name):
            flags |= flag
    return flags


@dataclass
class Device:
    """One registered device. `meta` is None until the agent's metadata is known."""

    id: str
    agent: str
    params: dict[str, str]
    meta: AgentMetadata | None = None
    from_cib: bool = False
    from_api: bool = False
    verified: bool = False
    targets: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    listed_at: float | None = None  #: when `list` last succeeded, monotonic seconds
    list_failed: bool = False  #: `list` never worked: the status action is asked instead

    def __post_init__(self) -> None:
        self.aliases = parse_host_map(self.params.get("pcmk_host_map", ""))
        self.targets = parse_host_list(self.params.get("pcmk_host_list", ""))
        self.targets += [port for port in self.aliases.values() if port not in self.targets]

    @property
    def support(self) -> Support:
        return support_of(self.meta) if self.meta else Support(0)

    @property
    def limit(self) -> int:
        """How many actions may run at once; -1 is any number."""
        text = self.params.get("pcmk_action_limit", "1").strip()
        try:
            return int(text) or 1
        except ValueError:
            return 1

    @property
    def priority(self) -> int:
        try:
            return int(self.params.get("priority", "0"))
        except ValueError:
            return 0

    def same_as(self, agent: str, params: dict[str, str]) -> bool:
        """Whether a registration with these parameters changes nothing."""
        return self.agent == agent and _essential(self.params) == _essential(params)

    def host_check(self) -> HostCheck:
        configured = self.params.get("pcmk_host_check", "").lower()
        for check in HostCheck:
            if configured == check:
                return check
        if self.params.get("pcmk_host_list") or self.params.get("pcmk_host_map"):
            return HostCheck.STATIC
        if Support.LIST in self.support and not self.list_failed:
            return HostCheck.DYNAMIC
        return HostCheck.STATUS if Support.STATUS in self.support else HostCheck.NONE

    def names(self, target: str) -> bool:
        """Whether the known list of targets holds the node or its alias; the map's keys count as well."""
        wanted = {target.lower(), self.aliases.get(target.lower(), target).lower()}
        return target.lower() in self.aliases or any(name.lower() in wanted for name in self.targets)

    def effective(self, action: str) -> str:
        """`reboot` of an agent that cannot reboot is `off`."""
        return "off" if action == "reboot" and Support.REBOOT not in self.support else action

    def timeout(self, action: str) -> int | None:
        """Configured timeout of an action in seconds, None without one."""
        return seconds(self.params.get(f"pcmk_{self.effective(action)}_timeout"))

    def retries(self, action: str) -> int:
        """How often the action is tried in all, at least once."""
        try:
            return max(1, int(self.params.get(f"pcmk_{self.effective(action)}_retries", "2")))
        except ValueError:
            return 2

    def delays(self, action: str, target: str) -> tuple[int, int]:
        """Base and maximum of the start delay in seconds; only off and reboot are delayed."""
        if action not in ("off", "reboot"):
            return 0, 0
        base = delay_base_seconds(self.params.get("pcmk_delay_base", ""), target)
        largest = seconds(self.params.get("pcmk_delay_max")) or 0
        return (min(base, largest), largest) if largest else (base, base)

    def start_delay(self, action: str, target: str, requested: int, chance: int) -> int:
        """Seconds to wait before the action: `requested` -1 means no delay at all; `chance` is any number >= 0."""
        if requested < 0:
            return 0
        base, largest = self.delays(action, target)
        return requested + base + (chance % (largest - base) if largest != base else 0)

    def allowed_on(self, action: str, target: str, local: str, allow_self: bool) -> bool:
        """Whether this node may carry out the action on the target: self-fencing needs permission, and some agents
        work on their target only."""
        if action not in FENCING_ACTIONS:
            return True
        itself = target.lower() == local.lower()
        spec = self.meta.action(action) if self.meta else None
        if spec and spec.on_target:
            return itself
        return action == "on" or not itself or allow_self

    def options(self, action: str, target: str, nodeid: str) -> list[tuple[str, str]]:
        """What the agent gets on stdin (section 5.2); `nodeid` is '' when the target's is not known."""
        action = self.effective(action)
        named = self.params.get(f"pcmk_{action}_action") or action
        found = {k: v for k, v in self.params.items() if not _own(k)}
        found["action"] = named
        if target:
            found["nodename"] = target
            if self.meta and self.meta.parameter("nodeid") and "nodeid" not in found and nodeid:
                found["nodeid"] = nodeid
            argument = self.params.get("pcmk_host_argument") or self._host_argument()
            if argument != "none" and found.get(argument, "dynamic") == "dynamic":
                found[argument] = self.aliases.get(target.lower(), target)
        return list(found.items())

    def _host_argument(self) -> str:
        if Support.PORT in self.support:
            return "port"
        return "plug" if Support.PLUG in self.support else "none"


def _own(name: str) -> bool:
    return name in _OWN_PARAMETERS or "CRM_meta_" in name or _OWN_ACTION_PARAMETER.match(name) is not None


def _essential(params: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in params.items() if "CRM_meta_" not in k and k != "crm_feature_set"}
