"""Random faults on a ring of nodes, and the guarantees of extended virtual synchrony checked on what they delivered."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from hashell.stack.effects import Effect
from hashell.stack.membership.core import RingNode
from hashell.stack.membership.cpg.messages import MCAST, decode_mcast
from hashell.stack.membership.effects import CpgConfchg, DeliverCpg, Refused, SyncState
from hashell.stack.membership.totem.packets import RingId
from tests.simulation.network import RingNetwork, converged

GROUP = b"sim\0"
_HEAD = struct.Struct("<III")
Message = tuple[int, int, int]  #: node, incarnation, number


@dataclass
class Phase:
    """What one incarnation delivered between two regular configurations."""

    ring: RingId
    trans: tuple[int, ...]
    delivered: list[Message] = field(default_factory=list)  #: by the ring, wanted by a client or not


@dataclass
class Life:
    """One incarnation of a node, from start to crash."""

    node_id: int
    number: int
    phases: list[Phase] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    confchg_seen: bool = False
    group: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    to_client: list[Message] = field(default_factory=list)

    def all_delivered(self) -> list[Message]:
        return [m for phase in self.phases for m in phase.delivered]


class Scenario:
    """One seed: a run of faults and messages. `check()` raises AssertionError with the seed in its text."""

    def __init__(self, seed: int, steps: int = 10) -> None:
        # Every size from 2 to 9; large ones are rare because they take long.
        size = 2 + seed % 4 if seed % 10 else 6 + seed // 10 % 4
        self.seed = seed
        self.steps = steps
        self.members = tuple(range(1, size + 1))
        self.net = RingNetwork(seed, self.members, on_effect=self._effect)
        self.net.check = seed % 5 == 0
        self.random = self.net.random
        self.lives: list[Life] = []
        self.current: dict[int, Life] = {}
        self.large: set[Message] = set()
        self.actions: list[str] = []

    # ------------------------------------------------------------------- run

    def run(self) -> None:
        for n in self.members:
            self._start(n)
        for _ in range(self.steps):
            self._act()
            self.net.run(self.random.choice((0.003, 0.02, 0.1, 0.4, 0.9)))
        self._finish()

    def _finish(self) -> None:
        self.net.heal()
        self.net.delay = (0.0002, 0.001)
        thawed = max(host.frozen_until for host in self.net.hosts.values())
        self.net.run(max(0.0, thawed - self.net.now))
        for n in self.members:
            if self.net.hosts[n].node is None:
                self._start(n)
        assert self.net.run_until(lambda: converged(self.net), 30), self._told("no common ring")
        self.net.run(1.0)
        assert self.net.run_until(lambda: converged(self.net), 30), self._told("no lasting common ring")
        self._send(1)
        self._burst(3)
        self.net.run(2.0)
        assert converged(self.net), self._told("the ring did not last")

    def _act(self) -> None:
        up = self.net.up()
        down = [n for n in self.members if n not in up]
        choice = self.random.randrange(13)
        if choice == 0 and len(up) > 1:
            n = self.random.choice(up)
            self._note(f"crash {n}")
            self.net.crash(n)
        elif choice == 1 and len(up) > 1:
            n = self.random.choice(up)
            self._note(f"leave {n}")
            self.net.leave(n)
        elif choice in (2, 3) and down:
            self._start(self.random.choice(down))
        elif choice == 4:
            shuffled = list(self.members)
            self.random.shuffle(shuffled)
            cut = self.random.randrange(1, len(shuffled))
            self._note(f"partition {shuffled[:cut]} {shuffled[cut:]}")
            self.net.partition(tuple(shuffled[:cut]), tuple(shuffled[cut:]))
        elif choice == 5:
            self._note("heal")
            self.net.heal()
        elif choice == 6:
            self.net.loss = self.random.choice((0.0, 0.02, 0.1, 0.3))
            self._note(f"loss {self.net.loss}")
        elif choice == 7:
            self.net.delay = self.random.choice(((0.0001, 0.0005), (0.0002, 0.02), (0.001, 0.08)))
            self._note(f"delay {self.net.delay}")
        elif choice == 8 and up:
            n, seconds = self.random.choice(up), self.random.choice((0.05, 0.2, 0.5, 2.0, 30.0))
            self._note(f"freeze {n} for {seconds}")
            self.net.freeze(n, seconds)
        elif choice == 9:
            a, b = self.random.sample(self.members, 2)
            self._note(f"{b} does not hear {a}")
            self.net.deaf[a, b] = None
        elif choice == 10:
            self.net.twice = self.random.choice((0.0, 0.05, 0.5))
            self._note(f"twice {self.net.twice}")
        self._burst(self.random.randrange(1, 8))

    def _start(self, n: int) -> None:
        self._note(f"start {n}")
        life = Life(n, len(self.lives))
        self.lives.append(life)
        self.current[n] = life
        self.net.start(n)
        self._listen(life)
        self.net.do(n, lambda node: node.cpg_join(1, GROUP, 1000 + life.number, self.net.now))

    def _listen(self, life: Life) -> None:
        """Note every message in the agreed order before CPG looks at who wants it."""
        cpg = self.net.node(life.node_id).cpg
        original = cpg.message

        def heard(fn: int, nodeid: int, data: bytes) -> None:
            if fn == MCAST:
                decoded = decode_mcast(data)
                assert decoded is not None
                life.phases[-1].delivered.append(_HEAD.unpack_from(decoded.data))
            original(fn, nodeid, data)

        cpg.message = heard  # type: ignore[method-assign]

    def _burst(self, count: int) -> None:
        for n in self.net.up():
            for _ in range(self.random.randrange(count + 1)):
                self._send(n)

    def _send(self, n: int) -> None:
        life = self.current[n]
        message = (n, life.number, len(life.sent))
        size = self.random.choice((0, 40, 300, 900, 900, 4000))
        if size > 1000:
            self.large.add(message)
        try:
            self.net.do(n, lambda node: node.cpg_mcast(1, _HEAD.pack(*message) + bytes(size), self.net.now))
        except Refused:
            return
        life.sent.append(message)

    def _note(self, text: str) -> None:
        self.actions.append(f"{self.net.now:.3f} {text}")

    def _effect(self, n: int, effect: Effect) -> None:
        life = self.current[n]
        if isinstance(effect, SyncState) and effect.running:
            node: RingNode = self.net.node(n)
            life.phases.append(Phase(node.sync.ring, node._trans))
        elif isinstance(effect, DeliverCpg):
            message: Message = _HEAD.unpack_from(effect.data)
            if not life.confchg_seen:
                life.faults.append(f"{message} before the first confchg")
            if effect.nodeid not in life.group:
                life.faults.append(f"{message} of a node that is not in the group")
            life.to_client.append(message)
        elif isinstance(effect, CpgConfchg):
            life.confchg_seen = True
            life.group = {m.nodeid for m in effect.members}

    # ----------------------------------------------------------------- checks

    def check(self) -> None:
        for life in self.lives:
            self._check_life(life)
        self._check_order()
        self._check_synchrony()
        self._check_survivors()
        for n in self.members:
            self.net.node(n).check_invariants()

    def _told(self, text: str) -> str:
        return f"seed {self.seed}: {text}; {'; '.join(self.actions)}"

    def _check_life(self, life: Life) -> None:
        assert not life.faults, self._told(f"node {life.node_id}: {life.faults}")
        delivered = life.all_delivered()
        told = set(life.to_client)
        assert life.to_client == [m for m in delivered if m in told], self._told("a client got another order")
        since = delivered[delivered.index(life.to_client[0]) :] if life.to_client else []
        if life is self.current.get(life.node_id):
            missed = [m for m in since if m not in told]
            assert not missed, self._told(f"the client of {life.node_id} did not get {missed[:5]}")
        assert len(delivered) == len(set(delivered)), self._told(f"node {life.node_id} delivered one twice")
        last: dict[tuple[int, int], int] = {}
        for node, number, count in delivered:
            assert count > last.get((node, number), -1), self._told(f"node {life.node_id}: sender {node} out of order")
            last[node, number] = count

    def _check_order(self) -> None:
        """Any two messages that two nodes both deliver, they deliver in the same order."""
        positions = [{m: i for i, m in enumerate(life.all_delivered())} for life in self.lives]
        for a, life in enumerate(self.lives):
            for b in range(a):
                common = [positions[b][m] for m in life.all_delivered() if m in positions[b]]
                text = f"nodes {life.node_id} and {self.lives[b].node_id} differ in order"
                assert common == sorted(common), self._told(text)

    def _check_synchrony(self) -> None:
        """Nodes that went from one ring to the next together delivered the same in the first."""
        passed: dict[tuple[RingId, RingId], list[tuple[Life, int]]] = {}
        for life in self.lives:
            for i in range(len(life.phases) - 1):
                key = (life.phases[i].ring, life.phases[i + 1].ring)
                passed.setdefault(key, []).append((life, i))
        for (ring, after), group in passed.items():
            first, i = group[0]
            together = first.phases[i + 1].trans
            for life, j in group[1:]:
                assert life.phases[j + 1].trans == together, self._told(f"transitional sets into {after} differ")
                text = f"{first.node_id} and {life.node_id} delivered different messages in {ring} before {after}"
                assert self._owed(first.phases[i]) == self._owed(life.phases[j]), self._told(text)

    def _owed(self, phase: Phase) -> list[Message]:
        """What every member owes its client: all but long messages whose head may be of an earlier ring, which
        are those before a sender's first short one."""
        owed = []
        settled: set[int] = set()
        for message in phase.delivered:
            if message not in self.large:
                settled.add(message[0])
            if message[0] in settled:
                owed.append(message)
        return owed

    def _check_survivors(self) -> None:
        """A node that is still there has its own messages; the final ring has one history."""
        final = [self.current[n] for n in self.members]
        for life in final:
            missing = [m for m in life.sent if m not in set(life.all_delivered())]
            assert not missing, self._told(f"node {life.node_id} lost its own {missing[:5]}")
        last = [life.phases[-1] for life in final]
        assert len({p.ring for p in last}) == 1, self._told("final rings differ")
        assert len({tuple(self._owed(p)) for p in last}) == 1, self._told("the final ring has two histories")
        assert last[0].delivered, self._told("nothing was delivered in the final ring")
        members = {n: self.net.node(n).cpg.membership(GROUP) for n in self.members}
        assert len(set(members.values())) == 1, self._told(f"group membership differs: {members}")
        assert {m.nodeid for m in members[1]} == set(self.members), self._told("a process is missing")


def run_seed(seed: int) -> Scenario:
    """Run one seed and check it."""
    scenario = Scenario(seed)
    scenario.run()
    scenario.check()
    return scenario
