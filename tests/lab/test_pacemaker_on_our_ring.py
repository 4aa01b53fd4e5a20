"""The original Pacemaker on our ring daemon alone: its daemons join, elect, fail over and leave."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

CONFIG = """property stonith-enabled=false
primitive d1 ocf:pacemaker:Dummy op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy op monitor interval=10s
group g d1 d2
"""
ALL_ONLINE = "Online: [ node1 node2 node3 ]"


@pytest.fixture(scope="module")
def hosts(lab: None) -> Iterator[list[Host]]:
    hosts = peerlab.up_pacemaker_on_our_ring(3)
    wait_for("three nodes online", lambda: ALL_ONLINE in mon(hosts[0]), 180)
    hosts[0].write("/root/config.crm", CONFIG)
    hosts[0].run("crm", "configure", "load", "update", "/root/config.crm", check=True, timeout=120)
    wait_for("the group started", lambda: mon(hosts[0]).count("Started") == 2, 120)
    yield hosts


def mon(host: Host) -> str:
    return host.run("crm_mon", "-1").stdout


def holder(hosts: list[Host], witness: Host) -> Host | None:
    """The host that runs the whole group, as `witness` sees it."""
    text = mon(witness)
    return next((host for host in hosts if text.count(f"Started {host.name}") == 2), None)


def complaints(host: Host) -> list[str]:
    """What Pacemaker has to say against the connections it has."""
    log = host.read("/var/log/pacemaker/pacemaker.log")
    assert "Pacemaker" in log
    return re.findall(r"^.*\b(?:error|crit): .*(?:Rejecting|authentic|IPC|CPG|Corosync|quorum).*$", log, re.MULTILINE)


def test_one_cluster_without_complaints(hosts: list[Host]) -> None:
    controllers = {host.run("crmadmin", "-q", "-D").stdout.strip() for host in hosts}
    assert len(controllers) == 1 and controllers != {""}
    assert [complaints(host) for host in hosts] == [[], [], []]


def test_orderly_leave(hosts: list[Host]) -> None:
    active = wait_for("the group on one node", lambda: holder(hosts, hosts[0]))
    rest = [host for host in hosts if host is not active]
    active.run("sh", "-c", "kill $(pidof pacemakerd)", check=True)
    wait_for("the group elsewhere", lambda: holder(rest, rest[0]), 120)
    wait_for("pacemakerd gone", lambda: active.run("pidof", "pacemakerd").returncode == 1, 120)
    assert active.run("corosync-quorumtool", "-s").stdout.count("Quorate:          Yes") == 1
    peerlab.start_pacemaker(active)
    wait_for("three nodes online", lambda: ALL_ONLINE in mon(rest[0]), 180)


def test_power_loss(hosts: list[Host]) -> None:
    active = wait_for("the group on one node", lambda: holder(hosts, hosts[0]), 120)
    rest = [host for host in hosts if host is not active]
    active.kill()
    wait_for("the group elsewhere", lambda: holder(rest, rest[0]), 120)
    assert f"OFFLINE: [ {active.name} ]" in mon(rest[1])
    peerlab.boot_pacemaker_on_our_ring(active, len(hosts))
    wait_for("three nodes online", lambda: ALL_ONLINE in mon(rest[0]), 180)
