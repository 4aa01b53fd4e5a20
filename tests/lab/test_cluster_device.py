"""A cluster made with a quorum device at the original's corosync-qnetd, and a second node that joins it."""

from __future__ import annotations

import pytest

from tests.lab import admin
from tests.lab.peerlab import Host, wait_for
from tests.lab.test_cluster_join import CONF, online, shell, votes


@pytest.fixture(scope="module")
def hosts(lab: None) -> list[Host]:
    """node1 and node2 without a cluster, node3 with the quorum server."""
    made = admin.boot(3)
    command = "mkdir -p /run/corosync-qnetd; setsid corosync-qnetd -f -s req >/root/qnetd.out 2>&1 </dev/null &"
    made[2].run("sh", "-c", command, check=True)
    wait_for("the quorum server", lambda: made[2].run("corosync-qnetd-tool", "-s").returncode == 0, 30)
    return made


def secured(server: Host) -> int:
    """How many nodes have shown a certificate that the server signed."""
    return server.run("corosync-qnetd-tool", "-l", "-v").stdout.count("Yes (client certificate verified)")


def test_a_cluster_gets_a_quorum_device(hosts: list[Host]) -> None:
    one, two, server = hosts
    device = ("--qnetd-hostname", server.name)
    refused = shell(one, "cluster", "init", "-y", "-n", "berlin", "-i", "10.78.0.1", *device, code=1)
    assert "needs two nodes" in refused and "berlin" not in one.read(CONF)
    shell(one, "cluster", "init", "-y", "-n", "berlin", "-i", "10.78.0.1")
    shell(two, "cluster", "join", "-y", "-c", "node1")
    shell(two, "cluster", "init", "qdevice", *device)
    assert one.read(CONF) == two.read(CONF) and "two_node" not in two.read(CONF)
    assert "already" in shell(two, "cluster", "init", "qdevice", *device, code=1)
    shell(one, "cluster", "restart", "--all")
    online(two, "node1", "node2")
    wait_for("the vote of the device", lambda: votes(two).get("Total votes") == "3", 90)
    assert votes(two)["Expected votes"] == "3"
    assert 'Cluster "berlin"' in server.run("corosync-qnetd-tool", "-l").stdout
    assert secured(server) == 2


def test_its_vote_keeps_quorum(hosts: list[Host]) -> None:
    one, two, _ = hosts
    shell(one, "cluster", "stop")
    wait_for("quorum by the device", lambda: votes(two).get("Total votes") == "2", 90)
    assert votes(two)["Quorate"] == "Yes"
    shell(one, "cluster", "start")
    online(two, "node1", "node2")


def test_the_last_two_nodes_keep_their_device_or_lose_it(hosts: list[Host]) -> None:
    one, two, server = hosts
    assert "needs two nodes" in shell(one, "cluster", "remove", "-y", "node2", code=1)
    shell(one, "cluster", "remove", "--qdevice")
    shell(one, "cluster", "restart", "--all")
    online(two, "node1", "node2")
    assert "two_node: 1" in two.read(CONF)
    wait_for("no client", lambda: "berlin" not in server.run("corosync-qnetd-tool", "-l").stdout, 60)
    shell(one, "cluster", "remove", "-y", "node2")
    online(one, "node1")


def test_a_cluster_of_two_is_made_from_one_machine(hosts: list[Host]) -> None:
    """With -N, and the device from the beginning."""
    one, two, server = hosts
    shell(one, "-F", "cluster", "remove", "node1")
    shell(one, "cluster", "init", "-y", "-n", "bonn", "-i", "10.78.0.1", "-N", "node2", "--qnetd-hostname", server.name)
    online(two, "node1", "node2")
    wait_for("the vote of the device", lambda: votes(two).get("Total votes") == "3", 90)
    assert secured(server) == 2
    shell(two, "cluster", "remove", "--qdevice")
    one.run("mv", "/etc/corosync/qnetd", "/root/", check=True)
    assert "--qdevice-tls off" in shell(two, "cluster", "init", "qdevice", "--qnetd-hostname", "node1", code=1)
