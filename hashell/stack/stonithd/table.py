"""The devices registered on this node: registration, agents' metadata, and which of them can fence a target. Pure.

Rules (daemons specification, section 5.1): a device is registered by the CIB, by an API client, or both, and goes
when neither has it. Asking which devices can fence a target may need an agent's answer (dynamic list, status), so a
search ends through a callback once every device has been decided on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hashell.model.agentmeta import AgentMetadata
from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import FenceResult
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.stonithd.device import LIST_CACHE_SECONDS, Device, HostCheck, Support
from hashell.stack.stonithd.effects import FetchAgent
from hashell.stack.stonithd.hosts import parse_host_list
from hashell.stack.stonithd.runs import RunQueue

METADATA_RETRY = 10.0
METADATA_RETRY_MAX = 160.0
_CHECK_TIMEOUT = 60.0

Found = Callable[[list[Device], float], list[Effect]]


@dataclass(frozen=True)
class DeviceSpec:
    """What the CIB says about one device."""

    id: str
    agent: str
    params: dict[str, str]


@dataclass(eq=False)
class _Search:
    action: str
    target: str
    done: Found
    undecided: list[str] = field(default_factory=list)
    capable: list[Device] = field(default_factory=list)


@dataclass
class _Agent:
    meta: AgentMetadata | None = None
    asked: bool = False  #: an answer is on its way
    retry: float = METADATA_RETRY


class DeviceTable:
    """`local` is the name of this node."""

    def __init__(self, local: str, runs: RunQueue) -> None:
        self.local = local
        self.runs = runs
        self.devices: dict[str, Device] = {}
        self._agents: dict[str, _Agent] = {}
        self._for_metadata: list[tuple[_Search, Device]] = []

    # --- registration

    def register(self, spec: DeviceSpec, *, api: bool, now: float) -> list[Effect]:
        """Add or replace a device; one that is the same already keeps its state."""
        effects: list[Effect] = []
        old = self.devices.get(spec.id)
        if old is not None and old.same_as(spec.agent, spec.params):
            device = old
        else:
            device = Device(spec.id, spec.agent, dict(spec.params))
            if old is not None:
                device.from_api, device.from_cib = old.from_api, old.from_cib
                effects += self.runs.drop_delayed(spec.id, now)
            self.devices[spec.id] = device
            effects.append(LogLine("notice", f"fence device {spec.id} ({spec.agent}) registered"))
            effects += self._want_metadata(device)
        if api:
            device.from_api = True
        else:
            device.from_cib = True
        return effects

    def remove(self, ident: str, *, api: bool, now: float) -> list[Effect]:
        """Withdraw one registration; the device goes when it was the last one."""
        device = self.devices.get(ident)
        if device is None:
            return []
        if api:
            device.from_api = False
        else:
            device.from_cib = False
        if device.from_api or device.from_cib:
            return []
        del self.devices[ident]
        return [LogLine("notice", f"fence device {ident} removed"), *self.runs.drop_delayed(ident, now)]

    def replace_cib(self, specs: Sequence[DeviceSpec], now: float) -> list[Effect]:
        """Make the devices registered by the CIB exactly these."""
        effects: list[Effect] = []
        for spec in specs:
            effects += self.register(spec, api=False, now=now)
        wanted = {spec.id for spec in specs}
        for ident in [i for i, d in self.devices.items() if d.from_cib and i not in wanted]:
            effects += self.remove(ident, api=False, now=now)
        return effects

    # --- metadata

    def _want_metadata(self, device: Device) -> list[Effect]:
        agent = self._agents.setdefault(device.agent, _Agent())
        if agent.meta is not None:
            device.meta = agent.meta
            return []
        if agent.asked:
            return []
        agent.asked = True
        return [FetchAgent(device.agent), CancelTimer(f"meta:{device.agent}")]

    def agent_metadata(self, name: str, meta: AgentMetadata | None, now: float) -> list[Effect]:
        """The answer to FetchAgent; None when the agent has none: it is asked again later, less and less often."""
        agent = self._agents.setdefault(name, _Agent())
        agent.asked, agent.meta = False, meta
        effects: list[Effect] = []
        if meta is None:
            effects.append(SetTimer(f"meta:{name}", agent.retry))
            agent.retry = min(agent.retry * 2, METADATA_RETRY_MAX)
        else:
            agent.retry = METADATA_RETRY
            for device in self.devices.values():
                if device.agent == name:
                    device.meta = meta
        waiting = [(s, d) for s, d in self._for_metadata if d.agent == name]
        self._for_metadata = [(s, d) for s, d in self._for_metadata if d.agent != name]
        for search, device in waiting:
            if meta is not None:
                device.meta = meta
            effects += self._check(search, device, now)
        return effects

    def metadata_timer(self, name: str) -> list[Effect]:
        """Time to ask an agent again that had no metadata."""
        if not any(d.agent == name for d in self.devices.values()):
            return []
        agent = self._agents.setdefault(name, _Agent())
        if agent.asked or agent.meta is not None:
            return []
        agent.asked = True
        return [FetchAgent(name)]

    # --- searching

    def search(self, action: str, target: str, *, allow_self: bool, now: float, done: Found) -> list[Effect]:
        """Find the devices that can carry out `action` on `target` ('' = all devices), highest priority first.

        `done(devices, now)` is called once, perhaps before this returns.
        """
        search = _Search(action, target, done)
        eligible = list(self.devices.values())
        if target:
            eligible = [d for d in eligible if d.allowed_on(action, target, self.local, allow_self)]
        search.undecided = [d.id for d in eligible]
        effects: list[Effect] = []
        if not eligible:
            return self._end(search, now)
        for device in eligible:
            agent = self._agents.get(device.agent)
            if target and device.meta is None and agent and agent.asked:
                self._for_metadata.append((search, device))
            else:
                effects += self._check(search, device, now)
        return effects

    def _check(self, search: _Search, device: Device, now: float) -> list[Effect]:
        if not search.target:
            return self._decide(search, device, True, now)
        if search.action == "on" and Support.ON not in device.support:
            return self._decide(search, device, False, now)
        match device.host_check():
            case HostCheck.NONE:
                return self._decide(search, device, True, now)
            case HostCheck.STATIC:
                return self._decide(search, device, device.names(search.target), now)
            case HostCheck.STATUS:
                return self._ask_status(search, device, now)
            case HostCheck.DYNAMIC:
                if device.listed_at is not None and now - device.listed_at < LIST_CACHE_SECONDS:
                    return self._decide(search, device, device.names(search.target), now)
                return self._ask_list(search, device, now)

    def _ask_list(self, search: _Search, device: Device, now: float) -> list[Effect]:
        def listed(result: FenceResult, then: float) -> list[Effect]:
            effects: list[Effect] = []
            if result.ok:
                device.targets = parse_host_list(result.stdout)
                device.targets += [p for p in device.aliases.values() if p not in device.targets]
                device.listed_at = then
            elif device.listed_at is None and not device.params.get("pcmk_host_check"):
                device.list_failed = True
                text = f"fence device {device.id} cannot list its targets: {result.reason}"
                return [LogLine("warning", text), *self._check(search, device, then)]
            else:
                text = f"fence device {device.id} cannot list its targets, the old list stays: {result.reason}"
                effects.append(LogLine("warning", text))
            return effects + self._decide(search, device, device.names(search.target), then)

        timeout = device.timeout("list") or _CHECK_TIMEOUT
        return self.runs.submit(device, "list", "", nodeid="", timeout=timeout, delay=0, now=now, done=listed)

    def _ask_status(self, search: _Search, device: Device, now: float) -> list[Effect]:
        def answered(result: FenceResult, then: float) -> list[Effect]:
            answer_given = result.rc in (0, 2) and result.status in (ExecStatus.DONE, ExecStatus.ERROR)
            return self._decide(search, device, answer_given, then)

        timeout = device.timeout("status") or _CHECK_TIMEOUT
        return self.runs.submit(
            device, "status", search.target, nodeid="", timeout=timeout, delay=0, now=now, done=answered
        )

    def _decide(self, search: _Search, device: Device, capable: bool, now: float) -> list[Effect]:
        search.undecided.remove(device.id)
        if capable and self.devices.get(device.id) is device:
            search.capable.append(device)
        return [] if search.undecided else self._end(search, now)

    def _end(self, search: _Search, now: float) -> list[Effect]:
        order = {ident: place for place, ident in enumerate(self.devices)}
        search.capable.sort(key=lambda d: (-d.priority, order[d.id]))
        return search.done(search.capable, now)

    def check_invariants(self) -> None:
        for ident, device in self.devices.items():
            assert ident == device.id and (device.from_api or device.from_cib)
        for search, device in self._for_metadata:
            assert device.id in search.undecided and self._agents[device.agent].asked

