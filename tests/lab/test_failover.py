"""Power loss of the active one of our nodes: the resources run elsewhere, and the node may come back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

pytestmark = pytest.mark.smoke

CONFIG = """property stonith-enabled=false
rsc_defaults resource-stickiness=100
primitive d1 ocf:pacemaker:Dummy op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy op monitor interval=10s
group g d1 d2
"""
ALL_ONLINE = "Online: [ node1 node2 node3 ]"


@pytest.fixture(scope="module")
def hosts(lab: None) -> Iterator[list[Host]]:
    hosts = peerlab.up_ours(3)
    wait_for("three nodes online", lambda: ALL_ONLINE in mon(hosts[0]), 180)
    hosts[0].write("/root/config.crm", CONFIG)
    # the original's own shell configures our cluster
    hosts[0].run("crm", "configure", "load", "update", "/root/config.crm", check=True, timeout=120)
    wait_for("the group started", lambda: mon(hosts[0]).count("Started") == 2, 120)
    yield hosts


def mon(host: Host) -> str:
    return host.run("crm_mon", "-1").stdout


def test_power_loss_and_return(hosts: list[Host]) -> None:
    active = next(host for host in hosts if mon(hosts[0]).count(f"Started {host.name}") == 2)
    others = [host for host in hosts if host is not active]
    active.kill()
    wait_for("the group elsewhere", lambda: any(mon(others[0]).count(f"Started {o.name}") == 2 for o in others), 120)
    peerlab.boot_ours(active, len(hosts))
    wait_for("the node back", lambda: ALL_ONLINE in mon(others[0]), 180)
    texts = [host.run("cibadmin", "-Q", "-o", "configuration").stdout for host in hosts]
    assert texts[0] == texts[1] == texts[2]


def test_one_node_stops_in_order(hosts: list[Host]) -> None:
    active = next(host for host in hosts if mon(hosts[0]).count(f"Started {host.name}") == 2)
    other = next(host for host in hosts if host is not active)
    active.run("hashell", "cluster", "stop", check=True, timeout=240)
    rest = [host for host in hosts if host is not active]
    wait_for("the group elsewhere", lambda: any(mon(other).count(f"Started {h.name}") == 2 for h in rest))
    assert f"OFFLINE: [ {active.name} ]" in mon(other)
