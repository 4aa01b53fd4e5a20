"""Random trouble at a random moment of a transition, each round from a seed of its own: for long runs.

`HASHELL_ROUNDS` says how many rounds, `HASHELL_SEED` the seed of the first; the seed is in the name of each test, so a
round that failed is played again with HASHELL_SEED=N HASHELL_ROUNDS=1 (what the cluster makes of it is not determined).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab import peerlab
from tests.lab.oracle import uptime
from tests.lab.peerlab import Host
from tests.lab.trouble import DAEMONS, TroubledLab

ROUNDS = int(os.environ.get("HASHELL_ROUNDS", "2"))
FIRST = int(os.environ.get("HASHELL_SEED", "1"))
Trouble = Callable[[TroubledLab, Host, random.Random], None]


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[TroubledLab]:
    """Three nodes with fencing, each the home of a resource that takes two seconds to start and to stop."""
    with TroubledLab.up(3) as troubled:
        troubled.configure_watched(fencing=True, stop=20, stonith=20)
        yield troubled


def _kill_daemons(cluster: TroubledLab, victim: Host, dice: random.Random) -> None:
    for daemon in dice.sample(DAEMONS, dice.choice((1, 1, 2))):
        pid = cluster.pid(victim, daemon)
        if pid:
            victim.run("kill", "-9", pid)


def _kill_everywhere(cluster: TroubledLab, _victim: Host, dice: random.Random) -> None:
    daemon = dice.choice([name for name in DAEMONS if name != "membership"])
    for host in cluster.hosts:
        # A host may be without power, or lose it just now.
        pid = cluster.pid(host, daemon) if cluster.is_up(host) else ""
        if pid:
            host.run("kill", "-9", pid)


def _lose_power(cluster: TroubledLab, victim: Host, _dice: random.Random) -> None:
    cluster.power_loss(victim)


def _lose_power_and_device(cluster: TroubledLab, victim: Host, dice: random.Random) -> None:
    cluster.controller.moods[victim.number].failures = dice.randint(1, 6)
    cluster.power_loss(victim)


def _freeze(cluster: TroubledLab, victim: Host, dice: random.Random) -> None:
    """For a time about as long as the others need to notice: awake before it is fenced, or never again."""
    peerlab.peerlab("freeze", str(victim.number))
    time.sleep(dice.uniform(0.3, 4))
    # Switched off meanwhile it is another machine, or none.
    peerlab.peerlab("thaw", str(victim.number))


def _cut(cluster: TroubledLab, victim: Host, dice: random.Random) -> None:
    peerlab.peerlab("cut", str(victim.number))
    time.sleep(dice.uniform(0.3, 4))
    peerlab.peerlab("heal", str(victim.number))


TROUBLES: tuple[Trouble, ...] = (
    _kill_daemons, _kill_daemons, _kill_everywhere, _lose_power, _lose_power_and_device, _freeze, _cut,
)  # fmt: skip
POWER = (_lose_power, _lose_power_and_device)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS), ids=lambda seed: f"seed{seed}")
def test_random_trouble(cluster: TroubledLab, seed: int) -> None:
    """Pass: all holds that `TroubledLab.verify` says, though one to three troubles met one node or another while
    resources stopped and started."""
    dice = random.Random(seed)
    cluster.controller.calm()
    cluster.wait_idle()
    since = uptime()
    with cluster.writing():
        for _ in range(dice.randint(1, 3)):
            trouble, victim = dice.choice(TROUBLES), dice.choice(cluster.hosts)
            print(f"seed {seed}: {trouble.__name__} on {victim.name}")
            cluster.switch(dice.choice(("Stopped", "Started")))
            time.sleep(dice.uniform(0, 3))
            # A node that is alone of three may fence nobody, and then nobody switches the others on again.
            whole = all(cluster.is_up(host) for host in cluster.hosts)
            if whole or (cluster.is_up(victim) and trouble not in POWER):
                trouble(cluster, victim, dice)
        cluster.switch("Started")
        cluster.verify(since)
