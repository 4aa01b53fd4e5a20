"""kill -9 of each daemon of a node while a transition runs: nothing is lost, nothing runs twice, nobody is fenced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.oracle import uptime
from tests.lab.trouble import DAEMONS, TroubledLab


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
