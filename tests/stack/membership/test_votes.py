"""Votes: arithmetic, special rules, requests, on rings in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hashell.stack.effects import Effect
from hashell.stack.membership.core import RingConfig
from hashell.stack.membership.effects import QuorumChanged, Refused, StoreExpectedVotes, VotesChanged
from hashell.stack.membership.totem.packets import RingId
from hashell.stack.membership.votequorum.arithmetic import (
    DeviceConfig,
    VoteConfig,
    VoteNode,
    calculate,
    configuration_errors,
)
from tests.simulation.network import RingNetwork, converged


class Votes:
    """A ring whose nodes have these vote settings."""

    def __init__(self, count: int, start: tuple[int, ...] | None = None, **rules: Any) -> None:
        nodes = tuple(range(1, count + 1))
        self.effects: list[tuple[int, Effect]] = []

        def config(n: int) -> RingConfig:
            plain = RingConfig.simple(n, nodes, token_ms=300)
            assert plain.votes
            return replace(plain, votes=replace(plain.votes, **rules))

        self.net = RingNetwork(3, nodes, config, lambda n, e: self.effects.append((n, e)))
        for n in start or nodes:
            self.net.start(n)
        self.settle()

    def settle(self) -> None:
        assert self.net.run_until(lambda: converged(self.net), 20)
        self.net.run(0.2)

    def split(self, *cells: tuple[int, ...]) -> None:
        self.net.partition(*cells)
        assert self.net.run_until(lambda: all(converged(self.net, list(c)) for c in cells), 20)
        self.net.run(0.2)

    def quorate(self, n: int) -> bool:
        return self.net.node(n).quorate


@pytest.mark.parametrize(("votes", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 4), (8, 5)])
def test_majority(votes: int, quorum: int) -> None:
    members = [VoteNode(i, 1, votes) for i in range(1, votes + 1)]
    assert calculate(members, members[0], 0, 0, False, True, 0) == (quorum, votes)


def test_quorum_never_falls_without_permission() -> None:
    node = VoteNode(1, 1, 3)
    assert calculate([node], node, 0, 4, False, False, 0)[0] == 4
    assert calculate([node], node, 0, 4, False, True, 0)[0] == 2


def test_the_larger_part_keeps_quorum() -> None:
    v = Votes(5)
    v.split((1, 2, 3), (4, 5))
    assert [v.quorate(n) for n in range(1, 6)] == [True, True, True, False, False]
    v.net.heal()
    v.settle()
    assert all(v.quorate(n) for n in range(1, 6))


def test_an_even_split_has_no_quorum() -> None:
    v = Votes(4)
    v.split((1, 2), (3, 4))
    assert not any(v.quorate(n) for n in range(1, 5))


def test_two_node_keeps_quorum_alone_but_waits_for_all_at_first() -> None:
    v = Votes(2, start=(1,), two_node=True)
    assert not v.quorate(1)
    v.net.start(2)
    v.settle()
    assert v.quorate(1) and v.quorate(2)
    v.net.crash(2)
    v.settle()
    assert v.quorate(1)


def test_wait_for_all_can_be_cancelled() -> None:
    v = Votes(3, start=(1, 2), wait_for_all=True)
    assert not v.quorate(1)
    node = v.net.node(1)
    assert node.votes
    v.net.do(1, lambda n: n.call(n.votes.cancel_wait_for_all))
    v.net.run(0.5)
    assert v.quorate(1) and v.quorate(2)


def test_tie_breaker_prefers_the_lowest() -> None:
    v = Votes(4, auto_tie_breaker=True)
    v.split((1, 2), (3, 4))
    assert [v.quorate(n) for n in (1, 2, 3, 4)] == [True, True, False, False]


def test_tie_breaker_list() -> None:
    v = Votes(4, auto_tie_breaker=True, tie_breaker_node="4 1")
    v.split((1, 2), (3, 4))
    assert [v.quorate(n) for n in (1, 2, 3, 4)] == [False, False, True, True]


def test_last_man_standing_lowers_the_expectation() -> None:
    v = Votes(5, last_man_standing=True, last_man_standing_window=2.0)
    v.net.crash(5)
    v.net.crash(4)
    v.settle()
    assert v.quorate(1)
    v.net.run(3.0)
    votes = v.net.node(1).votes
    assert votes and votes.highest_expected() == 3 and votes.quorum == 2
    v.net.crash(3)
    v.settle()
    assert v.quorate(1) and v.quorate(2)


def test_expected_votes_are_tracked_on_stable_storage() -> None:
    v = Votes(3, expected_votes_tracking=True)
    assert any(isinstance(e, StoreExpectedVotes) and e.expected == 3 for _, e in v.effects)


def test_set_expected_reaches_all_and_is_refused_when_it_cannot_hold() -> None:
    v = Votes(3)
    v.net.do(1, lambda n: n.call(lambda: n.votes.set_expected(4)))
    v.net.run(0.3)
    for n in (1, 2, 3):
        votes = v.net.node(n).votes
        assert votes and votes.highest_expected() == 4 and votes.quorum == 3
    votes = v.net.node(1).votes
    assert votes
    for value in (0, 2, 9):
        with pytest.raises(Refused) as caught:
            votes.set_expected(value)
        assert caught.value.code == 7


def test_set_votes() -> None:
    v = Votes(3)
    v.net.do(1, lambda n: n.call(lambda: n.votes.set_votes(2, 3)))
    v.net.run(0.3)
    votes = v.net.node(3).votes
    assert votes and votes.nodes[2].votes == 3 and votes.total_votes() == 5 and votes.quorum == 3
    with pytest.raises(Refused) as caught:
        votes.set_votes(99, 1)
    assert caught.value.code == 17


def test_a_quorum_device_votes() -> None:
    v = Votes(2, expected=3, device=DeviceConfig(votes=1))

    def poll(n: int) -> None:
        node = v.net.node(n)
        votes = node.votes
        assert votes
        v.net.do(n, lambda x: x.call(lambda: votes.device_register("Qdevice")))
        v.net.do(n, lambda x: x.call(lambda: votes.device_poll("Qdevice", True, votes.ring)))

    poll(1)
    v.net.run(0.3)
    votes = v.net.node(1).votes
    assert votes and votes.total_votes() == 3
    with pytest.raises(Refused):
        votes.device_poll("Qdevice", True, RingId(9, 9))
    v.net.crash(2)
    assert v.net.run_until(lambda: v.net.node(1).sync.running and votes.ring != v.net.node(1).ring, 5)
    v.net.run(0.2)
    assert v.net.node(1).sync.running, "the synchronisation waits for the device"
    v.net.do(1, lambda x: x.call(lambda: votes.device_poll("Qdevice", True, votes.ring)))
    v.settle()
    assert v.quorate(1)
    v.net.run(11)
    assert not v.quorate(1), "a device that is not heard of any more does not vote"


def test_a_device_that_is_taken_out_while_it_votes() -> None:
    v = Votes(2, expected=3, device=DeviceConfig(votes=1))
    node = v.net.node(1)
    votes = node.votes
    assert votes
    v.net.do(1, lambda x: x.call(lambda: votes.device_register("Qdevice")))
    v.net.do(1, lambda x: x.call(lambda: votes.device_poll("Qdevice", True, votes.ring)))
    v.net.run(0.3)
    assert votes.total_votes() == 3
    v.net.do(1, lambda x: x.call(lambda: votes.reload(replace(votes.config, expected=2, device=None))))
    v.net.run(0.3)
    assert votes.total_votes() == 2 and v.quorate(1)
    for late in (lambda: votes.device_poll("Qdevice", True, votes.ring), lambda: votes.device_register("Qdevice")):
        with pytest.raises(Refused):
            late()


def test_events_come_in_order_after_the_membership() -> None:
    v = Votes(3)
    v.effects.clear()
    v.net.crash(3)
    v.net.crash(2)
    v.settle()
    kinds = [type(e).__name__ for n, e in v.effects if n == 1 and "Log" not in type(e).__name__]
    assert kinds.index("NodelistChanged") < kinds.index("QuorumChanged") < kinds.index("VotesChanged")
    last = [e for n, e in v.effects if isinstance(e, QuorumChanged)][-1]
    assert not last.quorate and last.members == (1,)
    states = [e for n, e in v.effects if isinstance(e, VotesChanged)][-1]
    assert states.nodes == ((1, 1), (2, 2), (3, 2))


def test_no_provider_is_always_quorate() -> None:
    net = RingNetwork(1, (1, 2, 3), lambda n: replace(RingConfig.simple(n, (1, 2, 3)), votes=None))
    net.start(1)
    assert net.run_until(lambda: converged(net), 2)
    assert net.node(1).quorate


@pytest.mark.parametrize(
    ("config", "facts", "text"),
    [
        (VoteConfig(1), (False, False, False, True), "nodelist or quorum.expected_votes must be configured"),
        (
            VoteConfig(1, expected=3, two_node=True, device=DeviceConfig()),
            (True, False, True, True),
            "two_node and quorum device",
        ),
        (
            VoteConfig(1, expected=5, last_man_standing=True, device=DeviceConfig()),
            (True, False, True, True),
            "not compatible with last_man_standing",
        ),
        (VoteConfig(1, expected=3, device=DeviceConfig()), (True, True, False, True), "when quorum.expected_votes"),
        (VoteConfig(1, expected=3, device=DeviceConfig()), (True, False, False, False), "when not all nodes votes 1"),
        (VoteConfig(1, expected=4, device=DeviceConfig(votes=3)), (True, False, True, True), "too high"),
        (
            VoteConfig(1, node_count=3, auto_tie_breaker=True, last_man_standing=True),
            (True, False, False, True),
            "not available in odd sized",
        ),
    ],
)
def test_contradictions(config: VoteConfig, facts: tuple[bool, bool, bool, bool], text: str) -> None:
    errors = configuration_errors(config, *facts)
    assert len(errors) == 1 and text in errors[0]
    assert configuration_errors(VoteConfig(1, expected=3), True, False, False, True) == []
