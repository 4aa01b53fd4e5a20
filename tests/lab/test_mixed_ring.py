"""Our ring daemon beside real Corosync nodes: one ring, one quorum, one order of messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

pytestmark = pytest.mark.smoke


@pytest.fixture(scope="module")
def hosts(lab: None) -> Iterator[list[Host]]:
    yield peerlab.up_mixed(real=2, ours=1)


def quorum(host: Host) -> str:
    return host.run("corosync-quorumtool", "-s").stdout


def test_all_are_members_of_one_ring(hosts: list[Host]) -> None:
    wait_for("three votes everywhere", lambda: all("Total votes:      3" in quorum(host) for host in hosts), 120)
    rings = {line for host in hosts for line in quorum(host).splitlines() if line.startswith("Ring ID")}
    assert len(rings) == 1, rings


def test_our_node_sees_a_real_one_die_and_return(hosts: list[Host]) -> None:
    real, ours = hosts[0], hosts[-1]
    wait_for("three votes", lambda: "Total votes:      3" in quorum(ours), 120)
    real.kill()
    wait_for("two votes", lambda: "Total votes:      2" in quorum(ours), 60)
    assert "Quorate:          Yes" in quorum(ours)


def test_the_real_nodes_see_ours_die(hosts: list[Host]) -> None:
    real, ours = hosts[1], hosts[-1]
    ours.kill()
    wait_for("one vote", lambda: "Total votes:      1" in quorum(real), 60)
    assert "Quorate:          No" in quorum(real)
