"""Power loss in the middle of a transition, fence devices that fail or hang, a hanging stop, all started at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.fencing import mon
from tests.lab.oracle import uptime
from tests.lab.peerlab import Host, wait_for
from tests.lab.trouble import TroubledLab

DEVICE_TIMEOUT = 20


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[TroubledLab]:
    """Three nodes with fencing, each the home of a resource that takes two seconds to start and to stop."""
    with TroubledLab.up(3) as troubled:
        troubled.configure_watched(fencing=True, stop=15, stonith=DEVICE_TIMEOUT)
        yield troubled


def _victim(cluster: TroubledLab, role: str) -> Host:
    dc = cluster.dc()
    return dc if role == "DC" else cluster.others(dc)[0]


def _lose_in_mid_transition(cluster: TroubledLab, victim: Host) -> tuple[float, float]:
    """Cut the power of a node while its resource and others' start; when that began, and when the power went."""
    cluster.stop_all()
    cluster.controller.seen.clear()
    since = cluster.start_all()
    cluster.wait_begin("start", victim, since)
    cluster.power_loss(victim)
    return since, uptime()


@pytest.mark.parametrize("role", ["DC", "other"])
def test_power_loss_in_mid_transition(cluster: TroubledLab, role: str) -> None:
    """Pass: the node is fenced (switched on, for it is off), its resource is started elsewhere only after that was
    confirmed, and all holds that `TroubledLab.verify` says, also when the node is back."""
    cluster.wait_idle()
    victim = _victim(cluster, role)
    with cluster.writing():
        since, lost = _lose_in_mid_transition(cluster, victim)
        cluster.wait_fenced(victim)
        cluster.verify(since)
    assert cluster.orders() == [f"{victim.number} On"]
    elsewhere = cluster.begun(f"w{victim.number}", "start", lost, *cluster.others(victim))
    assert all(at > cluster.confirmed(victim) for at in elsewhere)


def test_fencing_that_fails_three_times(cluster: TroubledLab) -> None:
    """Pass: three requests of the device fail; nothing of the lost node is started before one has worked and was
    confirmed; then all holds that `TroubledLab.verify` says."""
    cluster.wait_idle()
    victim = _victim(cluster, "other")
    cluster.controller.moods[victim.number].failures = 3
    with cluster.writing(*cluster.others(victim)):
        since, lost = _lose_in_mid_transition(cluster, victim)
        cluster.wait_fenced(victim)
        cluster.verify(since)
    asked = [seen.status for seen in cluster.controller.seen if seen.system == victim.number]
    assert asked[:4] == [500, 500, 500, 200]
    elsewhere = cluster.begun(f"w{victim.number}", "start", lost, *cluster.others(victim))
    assert all(at > cluster.confirmed(victim) for at in elsewhere)


def test_fencing_that_hangs(cluster: TroubledLab) -> None:
    """Pass: the DC has lost its power. While the device never answers, through two attempts that ran into their
    timeout, nothing of the lost node is started, and the cluster says that the node is unclean. When the device works
    again the node is fenced, and all holds that `TroubledLab.verify` says."""
    cluster.wait_idle()
    victim = _victim(cluster, "DC")
    survivor = cluster.others(victim)[0]
    cluster.controller.moods[victim.number].hangs = True
    with cluster.writing(*cluster.others(victim)):
        since, lost = _lose_in_mid_transition(cluster, victim)
        wait_for("two attempts", lambda: cluster.controller.waiting(victim.number) >= 2, 240)
        wait_for("an attempt given up", lambda: "failed" in cluster.history(survivor, victim.name), 240)
        assert f"Node {victim.name}: UNCLEAN (offline)" in mon(survivor)
        assert not cluster.begun(f"w{victim.number}", "start", lost)
        cluster.controller.calm()
        cluster.wait_fenced(victim)
        cluster.verify(since)
    elsewhere = cluster.begun(f"w{victim.number}", "start", lost, *cluster.others(victim))
    assert all(at > cluster.confirmed(victim) for at in elsewhere)


def test_a_stop_that_hangs(cluster: TroubledLab) -> None:
    """Pass: the stop runs into its timeout, its node is fenced, once, and only then the resource is started elsewhere;
    all holds that `TroubledLab.verify` says."""
    cluster.verify()
    cluster.controller.seen.clear()
    victim = _victim(cluster, "other")
    name = f"w{victim.number}"
    assert cluster.oracle.where(name) == [victim.number]
    since = uptime()
    victim.write(f"/run/lab.hang.{name}", "")
    cluster.others(victim)[0].run("hashell", "resource", "ban", name, victim.name, "force", check=True)
    try:
        cluster.wait_fenced(victim)
        wait_for(f"{name} elsewhere", lambda: cluster.oracle.where(name) not in ([], [victim.number]), 120)
        cluster.verify(since)
    finally:
        cluster.alive().run("hashell", "resource", "clear", name, check=True)
    assert cluster.orders() == [f"{victim.number} ForceOff", f"{victim.number} On"]
    assert all(at > cluster.confirmed(victim) for at in cluster.begun(name, "start", since))
    cluster.verify(since)


def test_all_nodes_are_started_at_once(cluster: TroubledLab) -> None:
    """Pass: after a power loss of all, started together, they find each other: one DC, nobody is fenced, every
    resource is started once, and all holds that `TroubledLab.verify` says."""
    cluster.verify()
    cluster.controller.seen.clear()
    written = len(cluster.oracle.acknowledged())
    with cluster.writing():
        wait_for("changes", lambda: len(cluster.oracle.acknowledged()) > written + 5, 60)
        since = uptime()
        cluster.power_loss(*cluster.hosts)
        cluster.boot(*cluster.hosts)
        cluster.verify(since)
    assert cluster.orders() == []
    for name in cluster.resources:
        assert len(cluster.begun(name, "start", since)) == 1, cluster.oracle.actions(since)
