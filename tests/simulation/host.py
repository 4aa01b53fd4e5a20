"""One node's controller core with everything around it played: timers, executor, agents, attribute manager, fencer.

The surroundings (`World`) give virtual time and carry messages and CIB requests; they may be perfect or faulty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.core import Controller
from hashell.stack.crmd.history import Operation
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from tests.simulation.scheduler import compute


class World(Protocol):
    """What a host needs of its world. Times are epoch seconds."""

    now: float

    def at(self, delay: float, action: Callable[[], None]) -> None: ...

    def latency(self) -> float: ...

    def operation_time(self) -> float: ...

    def send_peer(self, node_id: int, element: etree._Element, to: str | None) -> None: ...

    def cib_request(self, node_id: int, request: fx.CibRequest) -> None: ...

    def fence(self, by: int, target: str, action: str, done: Callable[[bool], None]) -> None: ...


@dataclass
class Machine:
    """What outlives the controller's process: running resources, the time of day."""

    active: dict[str, None] = field(default_factory=dict)
    fail: dict[tuple[str, str], int] = field(default_factory=dict)  #: (resource, action) to the code it ends with
    clock_shift: float = 0.0  #: by how much the time of day was set forward, seconds


class ControllerHost:
    """A controller process on a machine."""

    def __init__(
        self,
        world: World,
        node_id: int,
        name: str,
        machine: Machine,
        *,
        cpu: Callable[[], tuple[int, int]] | None = None,
        scheduler: Callable[[etree._Element, int], etree._Element] = compute,
        instance: int = 0,
        node_list: Sequence[str] = (),
    ) -> None:
        self.world = world
        self.node_id = node_id
        self.name = name
        self.machine = machine
        self.alive = True
        self.exit_code: int | None = None
        self.sent: list[tuple[str | None, etree._Element]] = []
        self.log: list[str] = []
        self.client_replies: list[etree._Element] = []
        self.fencing: list[str] = []
        self.operations: list[str] = []
        self.ipc_open = False
        self._scheduler = scheduler
        self._runs = 0
        self._recurring: dict[tuple[str, str, int], Operation] = {}
        self._timers: dict[str, int] = {}
        self._mark = 0
        self._call = 0
        self.core = Controller(
            node_id,
            name,
            cpu or (lambda: (0, node_id)),
            lambda: f"00000000-0000-0000-{instance:04d}-{node_id:06d}{self._uuid_count():06d}",
            epoch=lambda: world.now + machine.clock_shift,
            properties={"dc-version": "3.0.0-sim", "cluster-infrastructure": "corosync"},
            node_list=node_list,
        )
        self._uuids = 0

    def _uuid_count(self) -> int:
        self._uuids += 1
        return self._uuids

    def do(self, call: Callable[[Controller], list[Effect]]) -> None:
        """One turn of the core, with its effects carried out."""
        if not self.alive:
            return
        effects = call(self.core)
        self.core.check_invariants()
        for effect in effects:
            self._carry_out(effect)

    def later(self, delay: float, call: Callable[[Controller], list[Effect]]) -> None:
        self.world.at(delay, lambda: self.do(call))

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, LogLine):
            self.log.append(f"{self.world.now:.3f} {effect.level} {effect.text}")
        elif isinstance(effect, SetTimer):
            self._arm(effect)
        elif isinstance(effect, CancelTimer):
            self._timers.pop(effect.name, None)
        elif isinstance(effect, fx.SendPeer):
            self.sent.append((effect.to, effect.element))
            self.world.send_peer(self.node_id, effect.element, effect.to)
        elif isinstance(effect, fx.CibRequest):
            self.world.cib_request(self.node_id, effect)
        elif isinstance(effect, fx.ExitDaemon):
            self.alive, self.exit_code = False, effect.code
        elif isinstance(effect, fx.OpenIpc):
            self.ipc_open = True
        elif isinstance(effect, fx.ReplyClient):
            self.client_replies.append(effect.element)
        else:
            self._service(effect)

    def _service(self, effect: Effect) -> None:
        """Requests to the other daemons of the node."""
        world = self.world
        if isinstance(effect, fx.InvokeScheduler):
            self._runs += 1
            graph, reference = self._scheduler(effect.cib, self._runs), effect.reference
            self.later(world.latency(), lambda core: core.scheduler_reply(reference, graph, "pe-input", world.now))
        elif isinstance(effect, fx.ExecuteOperation):
            self._execute(effect)
        elif isinstance(effect, fx.CancelOperation):
            self._recurring.pop((effect.resource, effect.action, effect.interval_ms), None)
            token = effect.token
            self.later(world.latency(), lambda core: core.operation_cancelled(token, 0, world.now))
        elif isinstance(effect, fx.GetMetadata):
            agent = (effect.standard, effect.provider, effect.agent)
            self.later(world.latency(), lambda core: core.metadata(*agent, None, world.now))
        elif isinstance(effect, fx.RequestFencing):
            token, target = effect.token, effect.target
            self.fencing.append(target)
            world.fence(
                self.node_id,
                target,
                effect.action,
                lambda ok: self.do(lambda core: core.fencing_result(token, ok, True, world.now)),
            )
        elif isinstance(effect, fx.AttrdUpdate):
            self._attributes(effect)

    def _arm(self, effect: SetTimer) -> None:
        self._mark += 1
        mark = self._timers[effect.name] = self._mark

        def fire() -> None:
            if self.alive and self._timers.get(effect.name) == mark:
                del self._timers[effect.name]
                self.do(lambda core: core.timer(effect.name, self.world.now))

        self.world.at(effect.seconds, fire)

    def _execute(self, asked: fx.ExecuteOperation) -> None:
        self._call += 1
        self.operations.append(f"{asked.resource}_{asked.action}_{asked.interval_ms}")
        op = Operation(
            asked.resource, asked.action, asked.interval_ms, asked.userdata, call_id=self._call, status=ExecStatus.DONE
        )
        if asked.interval_ms:
            self._recurring[(asked.resource, asked.action, asked.interval_ms)] = op
        self.world.at(self.world.operation_time(), lambda: self._complete(op))

    def _complete(self, op: Operation) -> None:
        active = self.machine.active
        if not self.alive:
            return
        op.rc = self.machine.fail.get((op.resource, op.task), 0)
        if op.task in ("start", "migrate_from") and op.rc == 0:
            active[op.resource] = None
        elif op.task == "stop" and op.rc == 0:
            active.pop(op.resource, None)
        elif op.task == "monitor" and op.rc == 0:
            op.rc = 0 if op.resource in active else 7
        op.run_time = op.rc_change = int(self.world.now)
        done = replace(op)
        self.do(lambda core: core.operation_result(done, self.world.now))

    def resource_dies(self, resource: str) -> None:
        """A running resource stops by itself; its monitors notice."""
        self.machine.active.pop(resource, None)
        for (owner, _, _), op in list(self._recurring.items()):
            if owner == resource:
                self._complete(op)

    def _attributes(self, effect: fx.AttrdUpdate) -> None:
        peer = self.core.ctx.peers.get(effect.host)
        if peer is None:
            return
        node_id = str(peer.node_id)
        for name, value in effect.values:
            if name.startswith("#"):
                continue
            state = etree.Element("node_state", id=node_id)
            attributes = etree.SubElement(state, "transient_attributes", id=node_id)
            block = etree.SubElement(attributes, "instance_attributes", id=f"status-{node_id}")
            safe = name.replace("#", ".")
            etree.SubElement(block, "nvpair", id=f"status-{node_id}-{safe}", name=name, value=value or "")
            self.world.cib_request(self.node_id, fx.CibRequest(-1, "cib_modify", "status", state, 8))
