"""Every row of the protocol's table, played against the core; and the manual draws what the table says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hashell.stack.effects import LogLine
from hashell.stack.membership.core import RingNode
from hashell.stack.membership.totem.packets import (
    CommitEntry,
    CommitToken,
    Join,
    Mcast,
    MergeDetect,
    OrfToken,
    RingId,
)
from hashell.stack.membership.totem.table import TRANSITIONS, Transition, as_markdown, diagram
from hashell.stack.membership.totem.variables import State
from tests.simulation.network import RingNetwork, converged

MANUAL = Path(__file__).resolve().parents[3] / "docs" / "RING.md"
NEW = 40  #: a ring sequence number beyond all others


class Stage:
    """Node `me` of a ring of three, taken out of its network in the state asked for."""

    def __init__(self, me: int, state: State) -> None:
        self.net = RingNetwork(1, (1, 2, 3))
        for n in self.net.members:
            self.net.start(n)
        assert self.net.run_until(lambda: converged(self.net), 5)
        self.me = me
        self.node: RingNode = self.net.node(me)
        self.log: list[str] = []
        if state is not State.OPERATIONAL:
            self.lost()
        if state in (State.COMMIT, State.RECOVERY):
            self.commit()
        if state is State.RECOVERY:
            self.commit(second=True)
        assert self.node.totem.state is state
        self.log.clear()

    def _note(self, effects: list[object]) -> None:
        self.log += [e.text for e in effects if isinstance(e, LogLine)]

    def packet(self, data: bytes) -> None:
        self._note(self.node.packet(data, "x", self.net.now))  # type: ignore[arg-type]

    def lost(self) -> None:
        self._note(self.node.call(self.node.totem.force_gather))  # type: ignore[arg-type]

    def timer(self, name: str) -> None:
        self._note(self.node.timer(name, self.net.now))  # type: ignore[arg-type]

    def join(self, sender: int, nodes: list[int], failed: list[int] | None = None, seq: int = NEW) -> None:
        self.packet(Join(sender, sender, nodes, failed or [], seq).encode())

    def agree(self) -> None:
        for node in (1, 2, 3):
            self.join(node, [1, 2, 3])

    def commit(self, second: bool = False) -> None:
        entries = [CommitEntry(RingId(1, 5), 0, 0, 1) for _ in range(3)]
        index = 3 if second else self.me - 1
        self.packet(CommitToken(1, RingId(1, NEW), [1, 2, 3], entries, 1, 0, index).encode())

    def recovered(self) -> None:
        ring = self.node.totem.ring_id
        for number in range(1, 6):
            self.packet(OrfToken(1, ring, 0, number * 3, 0, 0).encode())

    def starved(self) -> None:
        totem = self.node.totem
        base = totem.last_released
        totem.aru_count = totem.config.fail_recv_const
        totem.last_aru = totem.aru = totem.high_delivered = base
        totem.high_seq_received = base + 9
        self.packet(OrfToken(1, totem.ring_id, base + 9, totem.last_token_seq + 3, base, self.me).encode())


Event = Callable[[Stage], None]
EVENTS: dict[str, Event] = {
    "token lost": Stage.lost,
    "failed to receive": Stage.starved,
    "message of a foreign ring": lambda s: s.packet(Mcast(3, 1, RingId(3, 99), b"x", 3, 0).encode()),
    "message of an unknown node": lambda s: s.packet(Mcast(8, 1, RingId(8, 99), b"x", 8, 0).encode()),
    "merge detect of a foreign ring": lambda s: s.packet(MergeDetect(3, 3, RingId(3, 99)).encode()),
    "merge detect of an unknown node": lambda s: s.packet(MergeDetect(8, 8, RingId(8, 99)).encode()),
    "join with news": lambda s: s.join(3, [3, 8]),
    "join without news": lambda s: s.join(3, [3]),
    "commit token": lambda s: s.commit(),
    "consensus timeout": lambda s: s.timer("consensus"),
    "all agree, we are the lowest": Stage.agree,
    "commit token of the agreed nodes": lambda s: s.commit(),
    "join of a member": lambda s: s.join(3, [3, 8], seq=NEW + 1),
    "commit token, second time round": lambda s: s.commit(second=True),
    "token, nothing left to recover": Stage.recovered,
}


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda r: f"{r.state.name} {r.event}")
def test_row(row: Transition) -> None:
    stage = Stage(1 if "lowest" in row.event else 2, row.state)
    EVENTS[row.event](stage)
    assert stage.node.totem.state is row.next, stage.log
    numbers = [line for line in stage.log if "entering GATHER state from" in line]
    if row.reason >= 0:
        assert any(f"from {row.reason}(" in line for line in numbers), stage.log
    else:
        assert not numbers


def test_every_state_is_left_and_reached() -> None:
    assert {row.state for row in TRANSITIONS} == set(State) == {row.next for row in TRANSITIONS}


def test_the_manual_shows_the_table() -> None:
    text = MANUAL.read_text()
    assert diagram() in text and as_markdown() in text
