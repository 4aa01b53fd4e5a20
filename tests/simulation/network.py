"""A deterministic network of RingNodes in virtual time: loss, delay, partitions, crashes and restarts from one seed."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.membership.core import RingConfig, RingNode
from hashell.stack.membership.effects import FlushSockets, SendPacket, StoreRingId


@dataclass
class Host:
    """A machine: its disk outlives its process."""

    node_id: int
    node: RingNode | None = None
    ring_seq: int = 0
    timers: dict[str, int] = field(default_factory=dict)
    generation: int = 0
    frozen_until: float = 0.0
    flushed: float = -1.0  #: packets that came before this time are thrown away


class RingNetwork:
    """Virtual time, in seconds, for one ring. `on_effect(node_id, effect)` gets what the network does not do."""

    def __init__(
        self,
        seed: int,
        members: tuple[int, ...],
        config: Callable[[int], RingConfig] | None = None,
        on_effect: Callable[[int, Effect], None] | None = None,
    ) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.now = 0.0
        self.members = members
        self.config = config or (lambda n: RingConfig.simple(n, members, token_ms=300))
        self.on_effect = on_effect or (lambda node_id, effect: None)
        self.hosts = {n: Host(n) for n in members}
        self.loss = 0.0
        self.delay = (0.0002, 0.001)
        self.cells = dict.fromkeys(members, 0)  #: nodes of one cell hear each other
        self.deaf: dict[tuple[int, int], None] = {}  #: (source, target) whose packets get lost: one way only
        self.twice = 0.0  #: the part of all packets that comes twice
        self.log: list[tuple[float, int, str]] = []
        self.packets = 0
        self.check = True
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    # ------------------------------------------------------------------ world

    def at(self, delay: float, action: Callable[[], None]) -> None:
        """Do `action` in `delay` seconds."""
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay, self._count, action))

    def run(self, seconds: float) -> None:
        """Let that much virtual time pass."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = end

    def run_until(self, condition: Callable[[], bool], limit: float) -> bool:
        """Let time pass until the condition holds; False if it does not within `limit` seconds."""
        end = self.now + limit
        while not condition():
            if not self._queue or self._queue[0][0] > end:
                return False
            self.now, _, action = heapq.heappop(self._queue)
            action()
        return True

    def node(self, node_id: int) -> RingNode:
        node = self.hosts[node_id].node
        assert node is not None, f"node {node_id} is down"
        return node

    def up(self) -> list[int]:
        return [n for n, h in self.hosts.items() if h.node is not None]

    def start(self, node_id: int) -> None:
        host = self.hosts[node_id]
        host.generation += 1
        host.timers = {}
        host.frozen_until = 0.0
        host.node = RingNode(self.config(node_id), host.ring_seq)
        self.apply(node_id, host.node.start(self.now))

    def crash(self, node_id: int) -> None:
        host = self.hosts[node_id]
        host.node = None
        host.generation += 1

    def leave(self, node_id: int) -> None:
        """An orderly stop."""
        self.apply(node_id, self.node(node_id).leave(self.now))
        self.crash(node_id)

    def partition(self, *cells: tuple[int, ...]) -> None:
        """Each tuple is a cell of its own; nodes in none are alone."""
        self.cells = {n: -n for n in self.members}
        for index, cell in enumerate(cells):
            for n in cell:
                self.cells[n] = index

    def freeze(self, node_id: int, seconds: float) -> None:
        """The process does not run for so long; its timers strike and its packets are read afterwards."""
        host = self.hosts[node_id]
        host.frozen_until = max(host.frozen_until, self.now + seconds)

    def heal(self) -> None:
        self.cells = dict.fromkeys(self.members, 0)
        self.deaf.clear()
        self.loss = self.twice = 0.0

    # ------------------------------------------------------------------- node

    def do(self, node_id: int, call: Callable[[RingNode], list[Effect]]) -> None:
        """Call a node's input and carry out what it asks for."""
        self.apply(node_id, call(self.node(node_id)))

    def apply(self, node_id: int, effects: list[Effect]) -> None:
        host = self.hosts[node_id]
        for effect in effects:
            if isinstance(effect, SendPacket):
                self._send(node_id, effect)
            elif isinstance(effect, SetTimer):
                self._arm(host, effect)
            elif isinstance(effect, CancelTimer):
                host.timers.pop(effect.name, None)
            elif isinstance(effect, StoreRingId):
                host.ring_seq = effect.seq
            elif isinstance(effect, FlushSockets):
                host.flushed = self.now
            else:
                if isinstance(effect, LogLine):
                    self.log.append((self.now, node_id, effect.text))
                self.on_effect(node_id, effect)
        if self.check and host.node is not None:
            host.node.check_invariants()

    def _arm(self, host: Host, effect: SetTimer) -> None:
        self._count += 1
        mark = self._count
        host.timers[effect.name] = mark
        generation = host.generation

        def fire() -> None:
            if host.node is not None and host.generation == generation and host.timers.get(effect.name) == mark:
                if self.now < host.frozen_until:
                    self.at(host.frozen_until - self.now, fire)
                    return
                del host.timers[effect.name]
                self.apply(host.node_id, host.node.timer(effect.name, self.now))

        self.at(effect.seconds, fire)

    def _send(self, source: int, effect: SendPacket) -> None:
        targets = self.members if effect.dest == 0 else (effect.dest,)
        for target in targets:
            self.packets += 1
            delay = self.random.uniform(*self.delay)
            if target == source:
                delay = 0.00005
            elif self._lost(source, target):
                continue
            elif self.twice and self.random.random() < self.twice:
                self.at(delay + self.random.uniform(*self.delay), self._arrival(source, target, effect.data))
            self.at(delay, self._arrival(source, target, effect.data))

    def _lost(self, source: int, target: int) -> bool:
        if self.cells[target] != self.cells[source] or (source, target) in self.deaf:
            return True
        return self.random.random() < self.loss

    def _arrival(self, source: int, target: int, data: bytes) -> Callable[[], None]:
        host = self.hosts[target]
        generation = host.generation
        came = -1.0

        def arrive() -> None:
            nonlocal came
            if host.node is None or host.generation != generation:
                return
            if self.cells[target] != self.cells[source] and came < 0:
                return
            came = self.now if came < 0 else came
            if self.now < host.frozen_until:
                self.at(host.frozen_until - self.now, arrive)
                return
            # What came by the thaw and was not read when the sockets were flushed is gone.
            if came < self.now and host.flushed >= came and host.flushed >= host.frozen_until:
                return
            self.apply(target, host.node.packet(data, source, self.now))

        return arrive


def converged(network: RingNetwork, nodes: list[int] | None = None) -> bool:
    """Are all running nodes (or these) members of one synchronised ring of exactly themselves?"""
    wanted = tuple(sorted(nodes if nodes is not None else network.up()))
    rings = set()
    for n in wanted:
        node = network.hosts[n].node
        if node is None or node.synchronising or node.members != wanted:
            return False
        rings.add(node.ring)
    return len(rings) == 1


def effects_of(kind: type[Any], log: list[tuple[int, Effect]]) -> list[tuple[int, Any]]:
    """The logged (node, effect) pairs of one kind."""
    return [(n, e) for n, e in log if isinstance(e, kind)]
