"""Votes and their special rules: each scenario is played by the original, by ours and by a mixture.

Pass, for each: after every step corosync-quorumtool on every running node shows the same votes, quorum, flags and
members in all three plays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import wait_for
from tests.lab.ring import Ring, RingConf, RingHost, up

FIELDS = ("Quorate", "Expected votes", "Highest expected", "Total votes", "Quorum", "Flags")
State = tuple[tuple[int, tuple[str, ...], tuple[int, ...]], ...]


@dataclass(frozen=True)
class Play:
    """`steps` are words: start, kill, stop or boot N; expected, votes or cancel; lms (its window runs out)."""

    count: int
    quorum: tuple[str, ...]
    steps: tuple[str, ...]
    votes: tuple[tuple[int, int], ...] = ()


LMS = ("last_man_standing: 1", "last_man_standing_window: 2000", "wait_for_all: 1")
PLAYS = {
    "two_node": Play(2, ("two_node: 1",), ("start 1", "start 2", "kill 1", "boot 1", "kill 2")),
    "two_node without waiting": Play(2, ("two_node: 1", "wait_for_all: 0"), ("start 1", "start 2", "stop 1")),
    "wait_for_all": Play(3, ("wait_for_all: 1",), ("start 1", "start 2", "start 3", "kill 3", "kill 2", "boot 2")),
    "waiting cancelled": Play(3, ("wait_for_all: 1",), ("start 1", "start 2", "cancel 1", "start 3")),
    "last_man_standing": Play(4, LMS, ("all", "kill 4", "lms", "kill 3", "lms", "kill 2", "lms", "boot 2")),
    "last man with tie-breaker": Play(
        4, (*LMS, "auto_tie_breaker: 1"), ("all", "kill 4", "lms", "kill 3", "lms", "kill 2", "lms")
    ),
    "auto_tie_breaker": Play(4, ("auto_tie_breaker: 1",), ("all", "cut 3 4", "heal", "cut 1 2", "heal")),
    "tie-breaker highest": Play(
        4, ("auto_tie_breaker: 1", "auto_tie_breaker_node: highest"), ("all", "cut 3 4", "heal")
    ),
    "tie-breaker list": Play(4, ("auto_tie_breaker: 1", "auto_tie_breaker_node: 3 1"), ("all", "cut 3 4", "heal")),
    "allow_downscale": Play(4, ("allow_downscale: 1",), ("all", "stop 4", "stop 3", "kill 2", "boot 2")),
    "expected votes": Play(3, (), ("all", "expected 1 5", "kill 3", "expected 1 2", "expected 1 1", "boot 3")),
    "votes of a node": Play(3, (), ("all", "votes 1 2 2", "kill 3"), ((1, 2),)),
    "unequal votes": Play(3, (), ("all", "kill 1", "boot 1", "kill 2"), ((1, 3),)),
    "expected votes given": Play(3, ("expected_votes: 5",), ("start 1", "start 2", "start 3", "expected 2 3")),
}


@pytest.fixture(autouse=True)
def _clean(lab: None) -> Iterator[None]:
    yield
    peerlab.down()


def state(hosts: list[RingHost]) -> State:
    shown = []
    for host in hosts:
        seen = host.see()
        if seen is None:
            return ()
        values = tuple(" ".join(seen.field(name).split()) for name in FIELDS)
        shown.append((host.number, values, seen.members))
    return tuple(shown)


def settled(hosts: list[RingHost]) -> State:
    """The state once it has stayed the same for a few looks."""
    seen: list[State] = []

    def steady() -> State:
        seen.append(state(hosts))
        return seen[-1] if seen[-1] and seen[-4:] == [seen[-1]] * 4 else ()

    return wait_for("a lasting state", steady, 60, step=0.5)


class Stage:
    def __init__(self, ours: str, play: Play) -> None:
        self.ring: Ring = up(ours, RingConf(play.count, quorum=play.quorum, votes=dict(play.votes)), start=False)
        self.running: list[RingHost] = []
        self.cells: list[list[RingHost]] = []

    def step(self, words: str) -> State:
        verb, *numbers = words.split()
        hosts = [self.ring[int(n)] for n in numbers[:1]]
        getattr(self, f"_{verb}")(*numbers)
        if verb in ("kill", "stop"):
            self.running.remove(hosts[0])
        for cell in self.cells or [self.running]:
            self.ring.whole(cell, 90)
        return settled(self.running)

    def _start(self, number: str) -> None:
        self.ring[int(number)].start()
        self.running = sorted([*self.running, self.ring[int(number)]], key=lambda h: h.number)

    def _all(self) -> None:
        for host in self.ring.hosts:
            self._start(str(host.number))

    def _boot(self, number: str) -> None:
        self.ring[int(number)].boot(self.ring.conf.text())
        self._start(number)

    def _kill(self, number: str) -> None:
        self.ring[int(number)].kill()

    def _stop(self, number: str) -> None:
        self.ring[int(number)].stop()

    def _cut(self, *numbers: str) -> None:
        """These hosts on a network of their own."""
        cell = [self.ring[int(n)] for n in numbers]
        for host in cell:
            host.rebridge("plbr2")
        self.cells = [cell, [h for h in self.running if h not in cell]]

    def _heal(self) -> None:
        for host in self.ring.hosts:
            host.rebridge("plbr0")
        self.cells = []

    def _lms(self) -> None:
        """The window of last_man_standing passes; what comes then is a lasting state again."""
        before = state(self.running)
        try:
            wait_for("another state", lambda: state(self.running) != before, 6)
        except peerlab.LabError:
            pass

    def _expected(self, number: str, value: str) -> None:
        self.ring[int(number)].run("corosync-quorumtool", "-e", value)

    def _votes(self, number: str, node: str, value: str) -> None:
        self.ring[int(number)].run("corosync-quorumtool", "-n", node, "-v", value)

    def _cancel(self, number: str) -> None:
        self.ring[int(number)].run("corosync-cmapctl", "-s", "quorum.cancel_wait_for_all", "u8", "1", check=True)


def perform(ours: str, play: Play) -> list[State]:
    stage = Stage(ours, play)
    try:
        return [stage.step(words) for words in play.steps]
    finally:
        peerlab.down()


@cache
def original(name: str) -> list[State]:
    return perform("r" * PLAYS[name].count, PLAYS[name])


@pytest.mark.parametrize("cast", ["ours", "mixed"])
@pytest.mark.parametrize("name", PLAYS)
def test_votes(name: str, cast: str) -> None:
    play = PLAYS[name]
    ours = perform({"ours": "oooo", "mixed": "roro"}[cast][: play.count], play)
    for words, theirs, mine in zip(play.steps, original(name), ours):
        assert mine == theirs, f"after {words!r}"
