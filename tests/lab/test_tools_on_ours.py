"""Unmodified Pacemaker tools of Debian talk to a cluster that runs only our daemons."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

pytestmark = pytest.mark.smoke

CONFIG = """property stonith-enabled=false
primitive d1 ocf:pacemaker:Dummy op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy op monitor interval=10s
"""


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[list[Host]]:
    hosts = peerlab.up_ours(2)
    wait_for("both nodes online", lambda: _online(hosts[0]) == {"node1", "node2"}, 180)
    hosts[0].write("/root/config.crm", CONFIG)
    hosts[0].run("hashell", "configure", "load", "update", "/root/config.crm", check=True)
    wait_for("d1 and d2 started", lambda: hosts[0].run("crm_mon", "-1").stdout.count("Started") == 2, 120)
    yield hosts


def _online(host: Host) -> set[str]:
    match = re.search(r"Online: \[ (.*) \]", host.run("crm_mon", "-1").stdout)
    return set(match.group(1).split()) if match else set()


def test_crm_mon_shows_nodes_and_resources(cluster: list[Host]) -> None:
    text = cluster[1].run("crm_mon", "-1", check=True).stdout
    assert "2 nodes configured" in text
    assert "partition with quorum" in text
    assert re.search(r"\* d1\s+\(ocf:pacemaker:Dummy\):\s+Started node[12]", text)


def test_cibadmin_query_is_the_same_on_both_nodes(cluster: list[Host]) -> None:
    texts = [host.run("cibadmin", "-Q", check=True).stdout for host in cluster]
    assert texts[0] == texts[1]
    assert '<primitive id="d1"' in texts[0]


def test_cibadmin_modify_is_seen_by_the_other_node(cluster: list[Host]) -> None:
    change = '<nvpair id="cib-bootstrap-options-lab" name="lab" value="1"/>'
    cluster[0].run(
        "cibadmin", "--modify", "--allow-create", "-o", "crm_config", "-X",
        f'<cluster_property_set id="cib-bootstrap-options">{change}</cluster_property_set>', check=True,
    )  # fmt: skip
    wait_for("the change on node2", lambda: 'name="lab"' in cluster[1].run("cibadmin", "-Q").stdout)


def test_crm_node_lists_members(cluster: list[Host]) -> None:
    lines = sorted(cluster[0].run("crm_node", "-l", check=True).stdout.split("\n"))
    assert [line for line in lines if line] == ["1 node1 member", "2 node2 member"]


def test_crm_resource_lists_resources(cluster: list[Host]) -> None:
    text = cluster[0].run("crm_resource", "-l", check=True).stdout
    assert text.split() == ["d1", "d2"]


def test_crmadmin_finds_the_dc(cluster: list[Host]) -> None:
    assert re.search(r"node[12]", cluster[0].run("crmadmin", "-D", check=True).stdout)


def test_attributes_reach_every_node(cluster: list[Host]) -> None:
    cluster[0].run("attrd_updater", "-n", "lab-colour", "-U", "blue", "-N", "node2", check=True)
    wait_for(
        "the attribute on node2",
        lambda: "blue" in cluster[1].run("attrd_updater", "-Q", "-n", "lab-colour", "-A").stdout,
    )


def test_corosync_tools_answer(cluster: list[Host]) -> None:
    assert "peerlab" in cluster[0].run("corosync-cmapctl", "totem.cluster_name", check=True).stdout
    text = cluster[0].run("corosync-quorumtool", "-s").stdout
    assert re.search(r"Quorate:\s+Yes", text)
