"""Whole nodes in virtual time: RingNode, CibCore and Controller of each, over the simulated network of `network.py`.

A node is a machine (disk, running resources), a ring process, a CIB manager and a controller. Everything a seed decides
comes from the network's random generator, so a seed gives one run.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from lxml import etree

from hashell.model.document import copy_tree, empty_cib
from hashell.model.version import CibVersion
from hashell.stack.cib import core as cib
from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.fsa import State
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.membership.core import RingNode
from hashell.stack.membership.effects import CpgConfchg, DeliverCpg, QuorumChanged, Refused
from tests.simulation.host import ControllerHost, Machine
from tests.simulation.network import RingNetwork, converged

EPOCH = 1_795_431_600.0
GROUPS = {1: b"cib\0", 2: b"crmd\0"}
_RESTART_CODES = (1, 70, 102)


class Violation(AssertionError):
    """A guarantee was broken."""


class _Machine(Machine):
    """A machine that tells when a resource becomes active."""

    def __init__(self, check: Callable[[str], None]) -> None:
        super().__init__()
        self.active = _Watched(check)


class _Watched(dict[str, None]):
    def __init__(self, check: Callable[[str], None]) -> None:
        super().__init__()
        self._check = check

    def __setitem__(self, name: str, value: None) -> None:
        super().__setitem__(name, value)
        self._check(name)


@dataclass
class Node:
    """One node; `disk` is its saved configuration, `heard` the CIB messages of this ring process in order."""

    id: int
    name: str
    machine: Machine
    disk: etree._Element | None = None
    cib: cib.CibCore | None = None
    host: ControllerHost | None = None
    timers: dict[str, int] = field(default_factory=dict)
    waiting: deque[tuple[int, bytes]] = field(default_factory=deque)
    heard: list[int] = field(default_factory=list)
    group: list[tuple[int, str]] = field(default_factory=list)
    free_at: float = 0.0
    started: float = 0.0
    life: int = 0


class Cluster:
    """The world of the hosts (`tests.simulation.host.World`) and the judge of the run."""

    def __init__(self, seed: int, size: int) -> None:
        self.seed = seed
        members = tuple(range(1, size + 1))
        self.net = RingNetwork(seed, members, on_effect=self._ring_effect)
        self.net.check = False
        self.random: random.Random = self.net.random
        self.nodes = {n: Node(n, f"n{n}", _Machine(self._check_single)) for n in members}
        self.lives: list[tuple[str, list[int]]] = []
        self.log: list[str] = []
        self.quick_restart = True
        self._numbers = 0
        self._lifes = 0

    # World of the hosts

    @property
    def now(self) -> float:
        return EPOCH + self.net.now

    def at(self, delay: float, action: Callable[[], None]) -> None:
        self.net.at(delay, action)

    def latency(self) -> float:
        return self.random.uniform(0.0005, 0.003)

    def operation_time(self) -> float:
        """How long a resource operation takes: mostly quick, sometimes seconds."""
        return self.random.uniform(0.02, 0.1) if self.random.random() < 0.6 else self.random.uniform(0.5, 5.0)

    def note(self, text: str) -> None:
        self.log.append(f"{self.net.now:.3f} {text}")

    def send_peer(self, node_id: int, element: etree._Element, to: str | None) -> None:
        self._send(self.nodes[node_id], 2, element, to)

    def cib_request(self, node_id: int, asked: fx.CibRequest) -> None:
        """A controller's (call id -1: the attribute manager's) request through the local socket."""
        node = self.nodes[node_id]
        client = "crmd" if asked.call_id >= 0 else "attrd"
        command = etree.Element("cib_command", t="cib", cib_op=asked.op)
        for name, value in (("cib_host", asked.host), ("cib_section", asked.section)):
            if value:
                command.set(name, value)
        command.set("cib_callid", str(max(asked.call_id, 0)))
        command.set("cib_callopt", str(asked.options))
        if asked.element is not None:
            etree.SubElement(command, "cib_calldata").append(copy_tree(asked.element))
        life = node.life
        self._in_order(node, lambda: self._client_request(node, life, client, command))

    def fence(self, by: int, target: str, action: str, done: Callable[[bool], None]) -> None:
        victim = next(n for n in self.nodes.values() if n.name == target)

        def finish() -> None:
            self.note(f"fenced {target} for n{by}")
            self.crash(victim.id)
            for node in self.nodes.values():
                if node.host is not None and self.net.cells[node.id] == self.net.cells[by]:
                    notice = partial(_fenced, target, action, f"n{by}", self.now)
                    self.at(self.latency(), partial(node.host.do, notice))
            self.at(self.latency(), partial(done, True))
            self.at(self.random.uniform(2, 15), lambda: self.start(victim.id))

        self.at(self.random.uniform(0.5, 3.0), finish)

    # Nodes

    def up(self) -> list[int]:
        return self.net.up()

    def start(self, node_id: int) -> None:
        """Boot a node: ring, CIB manager from its disk, then the controller."""
        node = self.nodes[node_id]
        if self.net.hosts[node_id].node is not None:
            return
        self.note(f"start n{node_id}")
        self._lifes += 1
        node.life, node.started = self._lifes, self.net.now
        node.timers, node.waiting, node.heard, node.group = {}, deque(), [], []
        self.lives.append((f"{node.name}#{node.life}", node.heard))
        self.net.start(node_id)
        document = copy_tree(node.disk) if node.disk is not None else empty_cib()
        node.cib = cib.CibCore(node.name, document)
        node.cib.client_opened("attrd")
        self._join(node, 1)
        self.at(self.random.uniform(0.1, 0.5), partial(self._start_controller, node, node.life))

    def _start_controller(self, node: Node, life: int) -> None:
        if node.life != life or node.cib is None:
            return
        node.cib.client_opened("crmd")
        for text in (
            '<cib_command cib_op="register" cib_clientname="crmd" cib_callid="0" cib_callopt="4096"/>',
            '<cib-callback cib_op="cib_notify" cib_notify_type="cib_diff_notify" cib_notify_activate="1"/>',
        ):
            node.cib.client_request("crmd", 0, etree.fromstring(text), self.now)
        began = self.net.now
        self._numbers += 1
        node.host = ControllerHost(
            self,
            node.id,
            node.name,
            node.machine,
            cpu=lambda: (int(self.net.now - began) // 10, node.id),
            instance=self._numbers % 10000,
            node_list=[n.name for n in self.nodes.values()],
        )
        self._join(node, 2)
        ring = self.net.node(node.id)
        if ring.members:
            self._quorum(node, ring.quorate, str(ring.ring), ring.members)
        host = node.host
        host.do(lambda core: core.start(self.now))

    def kill_controller(self, node_id: int) -> None:
        """The controller's process dies and is started anew; resources go on."""
        node = self.nodes[node_id]
        if node.host is None or node.cib is None:
            return
        self.note(f"kill controller of n{node_id}")
        self._end_controller(node)
        self.at(1.0, partial(self._start_controller, node, node.life))

    def _end_controller(self, node: Node) -> None:
        if node.host is not None and node.cib is not None:
            node.host.alive = False
            node.host = None
            node.cib.client_closed("crmd")
            self.net.do(node.id, lambda ring: ring.cpg_disconnect(2, self.net.now))

    def crash(self, node_id: int) -> None:
        node = self.nodes[node_id]
        if self.net.hosts[node_id].node is not None:
            self.note(f"crash n{node_id}")
            self.net.crash(node_id)
        if node.host is not None:
            node.host.alive = False
        node.host, node.cib = None, None
        node.life = -1
        node.machine.active.clear()

    def stop(self, node_id: int) -> None:
        """Ask the controller for an orderly stop; the node follows when it has gone."""
        host = self.nodes[node_id].host
        if host is not None:
            self.note(f"stop n{node_id}")
            host.do(lambda core: core.shutdown(self.now))

    def _exits(self) -> None:
        """What the supervisor does with controllers that have left."""
        for node in self.nodes.values():
            if node.host is None or node.host.exit_code is None:
                continue
            code = node.host.exit_code
            self.note(f"controller of n{node.id} left with {code}")
            if code in _RESTART_CODES:
                self._end_controller(node)
                self.at(1.0, partial(self._start_controller, node, node.life))
                continue
            if code == 0 and node.machine.active and not node.host.core.ctx.options.shutdown_escalation == 0:
                raise Violation(self.told(f"n{node.id} stopped with {list(node.machine.active)} running"))
            self._end_controller(node)
            self.net.leave(node.id)
            self.crash(node.id)

    # CPG

    def _join(self, node: Node, client: int) -> None:
        life = node.life

        def attempt() -> None:
            if node.life != life or (client == 2 and node.host is None):
                return
            try:
                pid = node.life * 10 + client
                self.net.do(node.id, lambda ring: ring.cpg_join(client, GROUPS[client], pid, self.net.now))
            except Refused:
                self.at(0.05, attempt)

        attempt()

    def _send(self, node: Node, client: int, element: etree._Element, to: str | None) -> None:
        self._numbers += 1
        text = f"{self._numbers} {to or ''}\n".encode() + etree.tostring(element)
        node.waiting.append((client, text))
        if len(node.waiting) == 1:
            life = node.life
            self.at(0.0001, lambda: self._flush(node, life))

    def _flush(self, node: Node, life: int) -> None:
        while node.waiting and node.life == life:
            client, text = node.waiting[0]
            try:
                self.net.do(node.id, lambda ring: ring.cpg_mcast(client, text, self.net.now))  # noqa: B023
            except Refused as refusal:
                if refusal.code == 6:
                    self.at(0.02, lambda: self._flush(node, life))
                    return
            node.waiting.popleft()

    def _ring_effect(self, node_id: int, effect: Effect) -> None:
        node = self.nodes[node_id]
        if isinstance(effect, DeliverCpg):
            self.at(0.0, partial(self._delivered, node, node.life, effect))
        elif isinstance(effect, CpgConfchg):
            members = [(m.nodeid, f"n{m.nodeid}") for m in effect.members]
            self.at(0.0, partial(self._group_changed, node, node.life, effect.group, members))
        elif isinstance(effect, QuorumChanged):
            self.at(0.0, partial(self._quorum_event, node, node.life, effect))

    def _delivered(self, node: Node, life: int, effect: DeliverCpg) -> None:
        if node.life != life:
            return
        head, _, text = effect.data.partition(b"\n")
        number, _, to = head.decode().partition(" ")
        sender = f"n{effect.nodeid}"
        if effect.group == GROUPS[1]:
            node.heard.append(int(number))
        if to and to != node.name:
            return
        element = etree.fromstring(text)
        if effect.group == GROUPS[1]:
            self._cib_turn(node, lambda core: core.peer_message(sender, element, self.now))
        elif node.host is not None:
            node.host.do(lambda core: core.peer_message(sender, element, self.now))
            self._exits()

    def _group_changed(self, node: Node, life: int, group: bytes, members: list[tuple[int, str]]) -> None:
        if node.life != life:
            return
        if group == GROUPS[1]:
            self._cib_turn(node, lambda core: core.peers([name for _, name in members], self.now))
        elif node.host is not None:
            node.host.do(lambda core: core.cpg_members(members, self.now))
            self._exits()

    def _quorum_event(self, node: Node, life: int, effect: QuorumChanged) -> None:
        if node.life == life:
            self._quorum(node, effect.quorate, str(effect.ring), effect.members)

    def _quorum(self, node: Node, quorate: bool, ring: str, members: tuple[int, ...]) -> None:
        if node.host is not None:
            names = [(n, f"n{n}") for n in members]
            node.host.do(lambda core: core.quorum(quorate, ring, names, self.now))
            self._exits()

    # CIB manager

    def _in_order(self, node: Node, action: Callable[[], None]) -> None:
        """Local sockets are slow but keep their order."""
        node.free_at = max(node.free_at, self.net.now + self.latency())
        self.at(node.free_at - self.net.now, action)

    def _client_request(self, node: Node, life: int, client: str, command: etree._Element) -> None:
        if node.life == life:
            self._cib_turn(node, lambda core: core.client_request(client, 0, command, self.now))

    def _cib_turn(self, node: Node, call: Callable[[cib.CibCore], list[Effect]]) -> None:
        core = node.cib
        if core is None:
            return
        before = CibVersion.of(core.document)
        effects = call(core)
        after = CibVersion.of(core.document)
        if after < before:
            raise Violation(self.told(f"the CIB of {node.name} went back from {before} to {after}"))
        for effect in effects:
            self._cib_effect(node, effect)

    def _cib_effect(self, node: Node, effect: Effect) -> None:
        if isinstance(effect, cib.SendPeer):
            self._send(node, 1, effect.element, effect.to)
        elif isinstance(effect, cib.WriteDisk):
            node.disk = _without_status(effect.document)
        elif isinstance(effect, SetTimer):
            self._cib_timer(node, effect)
        elif isinstance(effect, CancelTimer):
            node.timers.pop(effect.name, None)
        elif isinstance(effect, LogLine):
            self.note(f"{node.name} cib {effect.text}")
        elif isinstance(effect, cib.ReplyClient) and effect.client_id == "crmd" and node.host is not None:
            self._in_order(node, partial(self._cib_reply, node, node.host, copy_tree(effect.element)))
        elif isinstance(effect, cib.NotifyClients) and "crmd" in effect.client_ids and node.host is not None:
            self._in_order(node, partial(self._cib_changed, node.host, copy_tree(effect.element)))

    def _cib_reply(self, node: Node, host: ControllerHost, reply: etree._Element) -> None:
        data = reply.find("cib_calldata")
        output = data[0] if data is not None and len(data) else None
        call, rc = int(reply.get("cib_callid", "0")), int(reply.get("cib_rc", "0"))
        host.do(lambda core: core.cib_reply(call, rc, output, self.now))
        self._exits()

    def _cib_changed(self, host: ControllerHost, notification: etree._Element) -> None:
        host.do(lambda core: core.cib_changed(notification, self.now))
        self._exits()

    def _cib_timer(self, node: Node, effect: SetTimer) -> None:
        self._numbers += 1
        mark, life = self._numbers, node.life
        node.timers[effect.name] = mark

        def fire() -> None:
            if node.life == life and node.timers.get(effect.name) == mark:
                del node.timers[effect.name]
                self._cib_turn(node, lambda core: core.timer(effect.name, self.now))

        self.at(effect.seconds, fire)

    def configure(self, node_id: int, section: str, text: str) -> None:
        """A user's change of the configuration through one node."""
        element = etree.fromstring(text)
        self.cib_request(node_id, fx.CibRequest(-1, "cib_modify", section, element, 8))

    # Judging

    def told(self, text: str) -> str:
        return f"seed {self.seed}: {text}"

    def _check_single(self, resource: str) -> None:
        holders = [n.name for n in self.nodes.values() if resource in n.machine.active]
        if len(holders) > 1:
            raise Violation(self.told(f"{resource} is active on {holders} at {self.net.now:.3f}"))

    def cells(self) -> list[list[int]]:
        """The running nodes by cell of the network."""
        found: dict[int, list[int]] = {}
        for n in self.up():
            found.setdefault(self.net.cells[n], []).append(n)
        return list(found.values())

    def settled(self, members: list[int]) -> bool:
        """One DC in S_IDLE among `members`, the others under it, all joined, equal CIBs."""
        if not members or not converged(self.net, members):
            return False
        hosts = [self.nodes[n].host for n in members]
        cores = [self.nodes[n].cib for n in members]
        states = [h.core.state for h in hosts if h is not None and h.alive]
        if len(states) != len(members) or states.count(State.IDLE) != 1 or states.count(State.NDC) != len(states) - 1:
            return False
        if len({h.core.ctx.dc for h in hosts if h is not None}) != 1:
            return False
        if len({c.digest() for c in cores if c is not None}) != 1 or any(c is None for c in cores):
            return False
        document = cores[0].document if cores[0] is not None else None
        assert document is not None
        joined = {
            s.get("uname")
            for s in document.iterfind("status/node_state")
            if s.get("join") == "member" and s.get("crmd", "0") != "0"
        }
        return joined == {self.nodes[n].name for n in members}

    def report(self) -> str:
        lines = []
        for node in self.nodes.values():
            if node.host is None or node.cib is None:
                lines.append(f"{node.name} down")
                continue
            ctx = node.host.core.ctx
            version = CibVersion.of(node.cib.document)
            lines.append(
                f"{node.name} {ctx.state} dc={ctx.dc} cib={version} {node.cib.digest()[:6]} "
                f"active={list(node.machine.active)} pending={len(ctx.pending_cib)}"
            )
        return "; ".join(lines)


def _fenced(target: str, action: str, origin: str, now: float, core: object) -> list[Effect]:
    return core.fencing_notice(target, action, origin, True, now)  # type: ignore[attr-defined,no-any-return]


def _without_status(document: etree._Element) -> etree._Element:
    saved = copy_tree(document)
    for status in saved.iterfind("status"):
        for child in list(status):
            status.remove(child)
    saved.set("num_updates", "0")
    saved.attrib.pop("dc-uuid", None)
    return saved


__all__ = ["Cluster", "Node", "RingNode", "Violation"]
