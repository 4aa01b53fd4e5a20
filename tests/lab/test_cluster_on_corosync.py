"""Our whole cluster on the original ring: hashelld finds the Corosync that runs and uses it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import wait_for
from tests.lab.ring import RingConf, RingHost

CONFIG = """property stonith-enabled=false
primitive d1 ocf:pacemaker:Dummy op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy op monitor interval=10s
group g d1 d2
"""
CONF = RingConf(3, "knet", crypto=True)
KEY = bytes(range(256))


@pytest.fixture(scope="module")
def hosts(lab: None) -> Iterator[list[RingHost]]:
    hosts = [RingHost(n) for n in (1, 2, 3)]
    for host in hosts:
        boot(host)
    wait_for("three nodes online", lambda: "Online: [ node1 node2 node3 ]" in mon(hosts[0]), 180)
    hosts[0].write("/root/config.crm", CONFIG)
    hosts[0].run("hashell", "configure", "load", "update", "/root/config.crm", check=True, timeout=120)
    wait_for("the group started", lambda: mon(hosts[0]).count("Started") == 2, 120)
    yield hosts


def boot(host: RingHost) -> None:
    peerlab.peerlab("host", str(host.number), f"{peerlab.library_layer()}:{peerlab._image()}")
    host.configure(CONF.text(), KEY)
    host.start()
    wait_for("corosync", lambda: host.see() is not None, 60)
    peerlab.start_ours(host)


def mon(host: RingHost) -> str:
    return host.run("crm_mon", "-1").stdout


def active(hosts: list[RingHost]) -> RingHost | None:
    texts = [mon(host) for host in hosts]
    return next((h for h in hosts if all(t.count(f"Started {h.name}") == 2 for t in texts)), None)


def test_corosync_is_found_by_itself(hosts: list[RingHost]) -> None:
    """Pass: no ring daemon of ours runs, and it was said which one is used."""
    for host in hosts:
        assert "using the Corosync that runs here" in host.read("/var/log/hashelld.out")
        assert "membership" not in host.run("sh", "-c", "cat /proc/[0-9]*/comm").stdout.replace("hashelld-member", "X")
        assert "corosync" in host.run("sh", "-c", "cat /proc/[0-9]*/comm").stdout


def test_the_bundled_ring_does_not_start_beside_it(hosts: list[RingHost]) -> None:
    """Pass: asked for in words it refuses, and says why."""
    done = hosts[0].run("hashelld", "--ring", "bundled", "--foreground")
    assert done.returncode != 0 and "Traceback" not in done.stderr


def test_power_loss_and_return(hosts: list[RingHost]) -> None:
    """Pass: the group runs elsewhere, and the node comes back online."""
    victim = wait_for("the group on one node", lambda: active(hosts))
    rest = [h for h in hosts if h is not victim]
    victim.kill()
    wait_for("the group elsewhere", lambda: active(rest), 120)
    boot(victim)
    wait_for("three online", lambda: "Online: [ node1 node2 node3 ]" in mon(rest[0]), 180)


def test_corosync_dies_under_us(hosts: list[RingHost]) -> None:
    """Pass: the other nodes take over; with Corosync started again our node is online again by itself."""
    victim = wait_for("the group on one node", lambda: active(hosts), 120)
    rest = [h for h in hosts if h is not victim]
    victim.run("sh", "-c", "kill -9 $(pidof corosync)", check=True)
    wait_for("the node offline", lambda: f"OFFLINE: [ {victim.name} ]" in mon(rest[0]), 120)
    victim.start()
    wait_for("three online", lambda: "Online: [ node1 node2 node3 ]" in mon(rest[0]), 180)


def test_status_and_advice_of_the_original_ring(hosts: list[RingHost]) -> None:
    """Pass: links with loss, round trip and MTU, and the advice, from Corosync's own counters."""
    text = hosts[0].run("hashell", "corosync", "status", check=True).stdout
    assert text.count("link 0:") == 2 and "round trip" in text and "mtu 1397" in text and "advice: " in text
    assert "token: " in hosts[0].run("hashell", "corosync", "tune", check=True).stdout
