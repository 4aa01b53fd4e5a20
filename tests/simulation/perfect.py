"""A world without faults: one shared CIB, every message delivered to everybody in one order. For unit tests."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from lxml import etree

from hashell.model.document import CallOption, empty_cib
from hashell.model.document_apply import CibRequest as Request
from hashell.model.document_apply import Surroundings, operation_kind, perform, perform_query
from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.fsa import State
from tests.simulation.host import ControllerHost, Machine

EPOCH = 1_795_431_600.0
_READS = ("cib_query", "cib_master", "cib_slave", "cib_sync")


class PerfectWorld:
    """Controllers of nodes n1, n2 … on a perfect network. `start(n)` boots, `crash(n)` kills, `run` passes time."""

    def __init__(self, count: int = 3, cpu: dict[int, int] | None = None) -> None:
        self.now = EPOCH
        self.cib = empty_cib()
        self.machines = {n: Machine() for n in range(1, count + 1)}
        self.hosts: dict[int, ControllerHost] = {}
        self.votes = count // 2 + 1
        self.primary: list[str] = []
        self.requests: list[tuple[int, fx.CibRequest]] = []
        self.trace: list[tuple[int, str | None, etree._Element]] = []
        self._cpu = cpu or {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._ring = 0
        self._instance = 0

    def name(self, node_id: int) -> str:
        return f"n{node_id}"

    def at(self, delay: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay, self._count, action))

    def latency(self) -> float:
        return 0.001

    def operation_time(self) -> float:
        return 0.02

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = end

    def run_until(self, condition: Callable[[], bool], limit: float = 300.0) -> None:
        """Let time pass until the condition holds; AssertionError when it never does."""
        end = self.now + limit
        while not condition():
            assert self._queue and self._queue[0][0] <= end, f"not reached in {limit} s: {self.report()}"
            self.now, _, action = heapq.heappop(self._queue)
            action()

    def report(self) -> str:
        return ", ".join(
            f"{h.name}={h.core.state}/{h.core.ctx.dc}{'' if h.alive else '(dead)'}" for h in self.hosts.values()
        )

    # Nodes

    def start(self, *node_ids: int) -> None:
        for node_id in node_ids:
            self._instance += 1
            cpu = self._cpu.get(node_id, node_id)
            self.hosts[node_id] = ControllerHost(
                self,
                node_id,
                self.name(node_id),
                self.machines[node_id],
                cpu=lambda cpu=cpu: (0, cpu),  # type: ignore[misc]
                instance=self._instance,
            )
        self._views()
        for node_id in node_ids:
            self.hosts[node_id].do(lambda core: core.start(self.now))

    def crash(self, node_id: int, *, machine: bool = True) -> None:
        """Kill the controller; with `machine` the whole node."""
        host = self.hosts.pop(node_id)
        host.alive = False
        if machine:
            self.machines[node_id].active.clear()
        self._views(machine_stays=() if machine else (node_id,))

    def up(self) -> list[int]:
        return [n for n in sorted(self.hosts) if self.hosts[n].alive]

    def _views(self, machine_stays: tuple[int, ...] = ()) -> None:
        self._ring += 4
        online = [(n, self.name(n)) for n in self.up()]
        members = sorted(online + [(n, self.name(n)) for n in machine_stays])
        quorate, ring = len(members) >= self.votes, str(self._ring)
        for node_id in self.up():
            host = self.hosts[node_id]
            host.do(lambda core: core.quorum(quorate, ring, members, self.now))
            host.do(lambda core: core.cpg_members(online, self.now))

    def reap(self) -> None:
        """Nodes whose controller has exited leave the group."""
        gone = [n for n, h in self.hosts.items() if not h.alive]
        for node_id in gone:
            del self.hosts[node_id]
        if gone:
            self._views()

    # Services

    def send_peer(self, node_id: int, element: etree._Element, to: str | None) -> None:
        self.trace.append((node_id, to, etree.fromstring(etree.tostring(element))))
        text = etree.tostring(element)
        sender = self.name(node_id)

        def deliver() -> None:
            for host in [self.hosts[n] for n in self.up()]:
                if to is None or to == host.name:
                    host.do(lambda core: core.peer_message(sender, etree.fromstring(text), self.now))

        self.at(self.latency(), deliver)

    def cib_request(self, node_id: int, request: fx.CibRequest) -> None:
        self.requests.append((node_id, request))
        text = etree.tostring(request.element) if request.element is not None else None
        self.at(self.latency(), lambda: self._apply(node_id, request, text))

    def _apply(self, node_id: int, asked: fx.CibRequest, text: bytes | None) -> None:
        data = etree.fromstring(text) if text is not None else None
        request = Request(asked.op, asked.section, CallOption(asked.options), data, asked.user,
                          source=self.name(node_id))  # fmt: skip
        rc, output = 0, None
        if asked.op == "cib_query":
            outcome = perform_query(self.cib, request, Surroundings())
            rc, output = outcome.rc, outcome.output
        elif asked.op not in _READS:
            assert operation_kind(asked.op) is not None, asked.op
            outcome = perform(self.cib, request, Surroundings(now_text="Mon Nov 23 11:22:45 2026"))
            rc, dry = outcome.rc, asked.options & CallOption.DRYRUN
            self.cib = self.cib if dry else outcome.document
            if outcome.patch is not None and rc == 0 and not dry:
                self._notify(asked.op, outcome.patch)
        elif asked.op == "cib_master":
            self.primary.append(self.name(node_id))
        host = self.hosts.get(node_id)
        if host is not None and asked.call_id >= 0 and not asked.options & CallOption.DISCARD_REPLY:
            answer = etree.fromstring(etree.tostring(output)) if output is not None else None
            host.do(lambda core: core.cib_reply(asked.call_id, rc, answer, self.now))

    def _notify(self, op: str, patch: etree._Element) -> None:
        notification = etree.Element("notify", t="cib_notify", cib_op=op, cib_rc="0", cib_clientname="crmd")
        etree.SubElement(notification, "cib_update_result").append(patch)
        text = etree.tostring(notification)
        for host in [self.hosts[n] for n in self.up()]:
            host.do(lambda core: core.cib_changed(etree.fromstring(text), self.now))

    def configure(self, section: str, text: str) -> None:
        """A user's change of the configuration."""
        self._apply(self.up()[0] if self.up() else 1, fx.CibRequest(-1, "cib_modify", section, None, 8), text.encode())

    def fence(self, by: int, target: str, action: str, done: Callable[[bool], None]) -> None:
        def finish() -> None:
            victim = int(target[1:])
            if victim in self.hosts:
                self.crash(victim)
            self.machines[victim].active.clear()
            for node_id in self.up():
                self.hosts[node_id].do(
                    lambda core: core.fencing_notice(target, action, self.name(by), True, self.now)
                )
            done(True)

        self.at(1.0, finish)

    # Judging

    def dc(self) -> str | None:
        """The one DC all agree on, or None."""
        names = {self.hosts[n].core.ctx.dc for n in self.up()}
        return names.pop() if len(names) == 1 else None

    def settled(self) -> bool:
        """One DC in S_IDLE, everybody else S_NOT_DC, all up nodes joined in the CIB."""
        states = [self.hosts[n].core.state for n in self.up()]
        joined = [
            s.get("uname", "")
            for s in self.cib.iterfind("status/node_state")
            if s.get("join") == "member" and s.get("crmd") != "0"
        ]
        return (
            states.count(State.IDLE) == 1
            and states.count(State.NDC) == len(states) - 1
            and self.dc() is not None
            and sorted(joined) == [self.name(n) for n in self.up()]
        )

    def holders(self, resource: str) -> list[int]:
        return [n for n, m in self.machines.items() if resource in m.active]
