"""kill -9 of each daemon of a node while a transition runs: nothing is lost, nothing runs twice, nobody is fenced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.oracle import uptime
from tests.lab.peerlab import wait_for
from tests.lab.trouble import DAEMONS, TroubledLab

#: Seconds that a slow start takes.
SLOW = 8
LATE = f"primitive late ocf:lab:Watched params slow={SLOW} op start timeout=60s interval=0s\n" + (
    "location here late 100: node{n}\n"
)


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[TroubledLab]:
    """Three nodes with fencing, each the home of a resource that takes two seconds to start and to stop."""
    with TroubledLab.up(3) as troubled:
        troubled.configure_watched(fencing=True)
        yield troubled


@pytest.mark.parametrize("role", ["DC", "other"])
@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_daemon_is_killed_while_resources_start(cluster: TroubledLab, daemon: str, role: str) -> None:
    """Pass: the node's own start is under way when the daemon dies, and its supervisor starts another. All holds that
    `TroubledLab.verify` says, and no node is fenced; only the one whose ring daemon died may be, once."""
    cluster.stop_all()
    since = uptime()
    cluster.controller.seen.clear()
    dc = cluster.dc()
    victim = dc if role == "DC" else cluster.others(dc)[0]
    with cluster.writing():
        cluster.start_all()
        cluster.wait_begin("start", victim, since)
        cluster.kill_daemon(victim, daemon)
        cluster.verify(since)
    fenced = cluster.orders()
    may = [[]] if daemon != "membership" else [[], [f"{victim.number} ForceOff", f"{victim.number} On"]]
    assert fenced in may


def test_an_agent_that_a_killed_executor_left_behind(cluster: TroubledLab) -> None:
    """Pass: the executor dies while its agent starts a resource slowly, and the resource is no longer wanted there. It
    is started elsewhere, and what was left behind never completes its start: the resource is active once, not twice.
    """
    cluster.verify()
    victim = cluster.others(cluster.dc())[0]
    since = uptime()
    cluster.configure(LATE.format(n=victim.number))
    try:
        wait_for("a slow start", lambda: cluster.begun("late", "start", since, victim), 60, 0.05)
        cluster.kill_daemon(victim, "lrmd")
        cluster.configure(f"location nothere late -inf: {victim.name}\n")
        wait_for("the start of it elsewhere", lambda: len(cluster.oracle.where("late")) > 0, 120)
        cluster.verify(since)
        wait_for("a start to be over by any means", lambda: uptime() > since + 2 * SLOW, 60)
        assert len(cluster.oracle.where("late")) == 1 and cluster.oracle.where("late") != [victim.number]
        assert cluster.oracle.active_twice(since) == []
    finally:
        cluster.alive().run("hashell", "--force", "configure", "delete", "late", check=True)
    cluster.verify(since)


@pytest.mark.parametrize("role", ["DC", "other"])
def test_the_supervisor_is_killed_while_resources_start(cluster: TroubledLab, role: str) -> None:
    """Pass: the node's daemons die with their supervisor, nobody starts them, so the node is fenced, once, before
    its resource is started elsewhere; and all holds that `TroubledLab.verify` says."""
    cluster.stop_all()
    since = uptime()
    cluster.controller.seen.clear()
    dc = cluster.dc()
    victim = dc if role == "DC" else cluster.others(dc)[0]
    with cluster.writing():
        cluster.start_all()
        cluster.wait_begin("start", victim, since)
        cluster.kill_daemon(victim, "hashelld")
        cluster.wait_fenced(victim)
        cluster.verify(since)
    assert cluster.orders() == [f"{victim.number} ForceOff", f"{victim.number} On"]
