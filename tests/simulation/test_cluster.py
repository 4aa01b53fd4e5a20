"""Whole clusters in virtual time under random faults: one DC, no lost CIB versions, nothing active twice, convergence.

`HASHELL_SEED=n` runs one seed and prints what happened; `HASHELL_SEEDS=n` runs the first n. Without either, as many
seeds are run as a few seconds of computing allow.
"""

from __future__ import annotations

import os
import time

import pytest

from tests.simulation.cluster import Violation
from tests.simulation.cluster_scenario import ClusterScenario, run_seed

ONE = os.environ.get("HASHELL_SEED")
SEEDS = int(os.environ.get("HASHELL_SEEDS", "0"))
CHUNK = 10
BUDGET = 12.0  #: seconds of processor time
AT_LEAST = 3


@pytest.mark.skipif(ONE is not None, reason="one seed is wanted")
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_random_faults(first: int) -> None:
    for seed in range(first, min(first + CHUNK, SEEDS)):
        run_seed(seed)


@pytest.mark.skipif(ONE is not None or SEEDS > 0, reason="seeds are chosen")
def test_some_random_faults() -> None:
    began, seed = time.process_time(), 0
    while seed < AT_LEAST or time.process_time() - began < BUDGET:
        run_seed(seed)
        seed += 1


@pytest.mark.skipif(ONE is None, reason="HASHELL_SEED names no seed")
def test_one_seed() -> None:
    scenario = ClusterScenario(int(ONE or 0))
    try:
        scenario.run()
    finally:
        print("\n".join(scenario.cluster.log))


def test_one_seed_gives_one_run() -> None:
    first, second = run_seed(5), run_seed(5)
    assert first.cluster.log == second.cluster.log
    assert first.cluster.lives == second.cluster.lives


def test_seeds_differ_and_do_something() -> None:
    logs = [run_seed(seed).cluster.log for seed in (1, 2)]
    assert logs[0] != logs[1]
    assert any("crash" in line or "kill" in line or "partition" in line for log in logs for line in log)


def test_a_resource_on_two_nodes_is_found() -> None:
    scenario = ClusterScenario(1, steps=0)
    scenario.run()
    idle = next(n for n in scenario.cluster.nodes.values() if "a" not in n.machine.active)
    with pytest.raises(Violation, match="seed 1: a is active on"):
        idle.machine.active["a"] = None


def test_a_cib_that_goes_back_is_found() -> None:
    scenario = ClusterScenario(1, steps=0)
    scenario.run()
    node = scenario.cluster.nodes[1]
    assert node.cib is not None
    old = node.cib.snapshot()
    old.set("epoch", "0")

    def regress(core):  # type: ignore[no-untyped-def]
        core.document = old
        return []

    with pytest.raises(Violation, match="went back"):
        scenario.cluster._cib_turn(node, regress)
