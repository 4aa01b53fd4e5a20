"""Whole rings in virtual time: order, virtual synchrony and convergence under random faults, from seeds."""

from __future__ import annotations

import os

import pytest

from tests.simulation.network import RingNetwork, converged
from tests.simulation.ring_scenario import Scenario, run_seed

SEEDS = int(os.environ.get("HASHELL_SEEDS", "200"))
CHUNK = 20


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_random_faults(first: int) -> None:
    delivered = 0
    for seed in range(first, min(first + CHUNK, SEEDS)):
        delivered += sum(len(life.all_delivered()) for life in run_seed(seed).lives)
    assert delivered > 0


def test_one_seed_gives_one_run() -> None:
    runs = [run_seed(7) for _ in range(2)]
    logs = [[(life.node_id, life.all_delivered()) for life in run.lives] for run in runs]
    assert logs[0] == logs[1]
    assert runs[0].net.packets == runs[1].net.packets


def test_a_run_that_breaks_order_is_found() -> None:
    scenario = Scenario(3)
    scenario.run()
    phase = max((p for life in scenario.lives for p in life.phases), key=lambda p: len(p.delivered))
    phase.delivered.reverse()
    with pytest.raises(AssertionError, match="seed 3"):
        scenario.check()


def test_crash_is_noticed_after_token_and_consensus_timeouts() -> None:
    net = RingNetwork(1, (1, 2, 3))
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    net.run(3)
    net.crash(2)
    began = net.now
    assert net.run_until(lambda: converged(net), 5)
    config = net.node(1).config.totem
    assert config.token * 0.5 < net.now - began < config.token + config.consensus + 0.2


def test_orderly_leave_needs_no_timeout() -> None:
    net = RingNetwork(2, (1, 2, 3))
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    net.leave(3)
    began = net.now
    assert net.run_until(lambda: converged(net), 5)
    assert net.now - began < 0.1


def test_idle_ring_is_quiet() -> None:
    net = RingNetwork(3, (1, 2, 3))
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    net.run(5)
    before = net.packets
    net.run(10)
    rotations = 10 / net.node(1).config.totem.hold
    assert net.packets - before < rotations * 20
