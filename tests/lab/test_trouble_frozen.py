"""A frozen node that wakes up: it first learns that it was out, and starts nothing before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.oracle import uptime
from tests.lab.peerlab import Host, wait_for
from tests.lab.trouble import TroubledLab

#: What a controller says when it has joined again, or was elected again.
JOINED = r" crmd\[\d+\] \w+: (DC is|node\d is now the DC)"
#: Two resources of which the second waits for the first, at home on the node.
GROUP = """primitive g1 ocf:lab:Watched params slow=2
primitive g2 ocf:lab:Watched params slow=1
group g g1 g2
location homeg g 100: node{n}
"""


def _freeze(host: Host) -> None:
    peerlab.peerlab("freeze", str(host.number))


def _thaw(host: Host) -> float:
    thawed = uptime()
    peerlab.peerlab("thaw", str(host.number))
    return thawed


def _started_after_it_knew(cluster: TroubledLab, victim: Host, thawed: float) -> None:
    """The node that woke up began no start before it had joined the cluster again."""
    (knew, *_) = wait_for(f"{victim.name} joins again", lambda: cluster.said(victim, JOINED, thawed), 120)
    for name in (*cluster.resources, "g1", "g2"):
        early = [at for at in cluster.begun(name, "start", thawed, victim) if at < knew]
        assert not early, f"{name} was started {knew - early[0]:.2f} s before {victim.name} knew"


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[TroubledLab]:
    """Three nodes, each the home of a resource that takes a second to start and to stop; fencing as a test wants it."""
    with TroubledLab.up(3) as troubled:
        troubled.configure_watched(fencing=True, slow=1, stonith=20)
        yield troubled


def _fencing(cluster: TroubledLab, value: bool) -> None:
    words = ("crm_attribute", "--type", "crm_config", "--name", "stonith-enabled", "--update", str(value).lower())
    cluster.hosts[0].run(*words, check=True)
    cluster.verify(uptime())


@pytest.mark.parametrize("role", ["DC", "other"])
def test_without_fencing(cluster: TroubledLab, role: str) -> None:
    """Pass: frozen while the first of a group's two resources starts on it, the node was taken for dead and both were
    started elsewhere. Awake, it joins before it starts anything, as the second of the group; at the end every resource
    is active once, and the CIB is as `TroubledLab.verify` says. (That the first was active twice between is the price
    of having no fencing.)"""
    _fencing(cluster, False)
    dc = cluster.dc()
    victim = dc if role == "DC" else cluster.others(dc)[0]
    cluster.configure(GROUP.format(n=victim.number))
    wait_for("the group at home", lambda: cluster.oracle.where("g2") == [victim.number], 60)
    cluster.stop_all()
    with cluster.writing():
        since = uptime()
        cluster.start_all()
        wait_for("a start of the first", lambda: cluster.begun("g1", "start", since, victim), 60, 0.02)
        _freeze(victim)
        try:
            others = [host.number for host in cluster.others(victim)]
            wait_for("the group elsewhere", lambda: set(cluster.oracle.where("g2")) & set(others), 120)
        finally:
            thawed = _thaw(victim)
        cluster.verify(since, once=False)
    _started_after_it_knew(cluster, victim, thawed)
    cluster.verify(since, once=False)
    assert len(cluster.oracle.where("g1")) == len(cluster.oracle.where("g2")) == 1


@pytest.mark.parametrize("role", ["DC", "other"])
def test_it_wakes_up_before_it_can_be_fenced(cluster: TroubledLab, role: str) -> None:
    """Pass: the fence device hangs, so nothing of the node is started elsewhere. Awake, it joins before it starts
    anything; when the device works the node may be fenced for what it was, once; and all holds that
    `TroubledLab.verify` says."""
    _fencing(cluster, True)
    cluster.controller.seen.clear()
    dc = cluster.dc()
    victim = dc if role == "DC" else cluster.others(dc)[0]
    survivors = cluster.others(victim)
    cluster.controller.moods[victim.number].hangs = True
    with cluster.writing():
        since = uptime()
        _freeze(victim)
        try:
            wait_for("an attempt to fence", lambda: cluster.controller.waiting(victim.number), 120)
            assert not cluster.begun(f"w{victim.number}", "start", since, *survivors)
        finally:
            thawed = _thaw(victim)
        _started_after_it_knew(cluster, victim, thawed)
        cluster.controller.calm()
        wait_for("no attempt under way", lambda: "pending" not in cluster.history(survivors[0], victim.name), 120)
        cluster.verify(since)
    assert cluster.orders() in ([], [f"{victim.number} ForceOff", f"{victim.number} On"])
    cluster.verify(since)
