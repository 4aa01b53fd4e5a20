"""Our shell on a cluster that runs only the real Corosync and Pacemaker, over their own sockets."""

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


@pytest.fixture(scope="module")
def host(lab: None) -> Iterator[Host]:
    hosts = peerlab.up_real_with_shell(2)
    wait_for("the real nodes online", lambda: "[ node1 node2 ]" in hosts[0].run("crm_mon", "-1").stdout, 240)
    hosts[0].write("/root/config.crm", CONFIG)
    hosts[0].run("hashell", "configure", "load", "update", "/root/config.crm", check=True)
    wait_for("the group started", lambda: hosts[0].run("crm_mon", "-1").stdout.count("Started") == 2, 120)
    yield hosts[0]


def test_show_is_what_crm_shows(host: Host) -> None:
    ours = host.run("hashell", "configure", "show", check=True).stdout
    theirs = host.run("crm", "configure", "show", check=True).stdout
    assert ours == theirs


def test_status_names_the_dc_and_the_resources(host: Host) -> None:
    text = host.run("hashell", "status", check=True).stdout
    assert "Current DC: node" in text and "partition with quorum" in text
    assert text.count("Started") == 2


def test_move_waits_until_it_is_done(host: Host) -> None:
    target = "node2" if "Started node1" in host.run("crm_mon", "-1").stdout else "node1"
    host.run("hashell", "-w", "resource", "move", "g", target, check=True, timeout=120)
    wait_for("the group moved", lambda: host.run("crm_mon", "-1").stdout.count(f"Started {target}") == 2)
    host.run("hashell", "resource", "clear", "g", check=True)
    assert "cli-prefer" not in host.run("cibadmin", "-Q", "-o", "constraints").stdout


def test_cleanup_forgets_a_failure(host: Host) -> None:
    node = "node2" if "Started node2" in host.run("crm_mon", "-1").stdout else "node1"
    host.run("crm_resource", "--fail", "-r", "d1", "-N", node, check=True)
    wait_for("the failure shown", lambda: "Simulated failure" in host.run("hashell", "status").stdout)
    host.run("hashell", "resource", "cleanup", "d1", check=True)
    wait_for("the failure gone", lambda: "Simulated failure" not in host.run("crm_mon", "-1").stdout)


def test_standby_empties_a_node(host: Host) -> None:
    host.run("hashell", "node", "standby", "node1", check=True)
    wait_for("everything on node2", lambda: host.run("crm_mon", "-1").stdout.count("Started node2") == 2)
    host.run("hashell", "node", "online", "node1", check=True)
    wait_for("both online", lambda: "[ node1 node2 ]" in host.run("crm_mon", "-1").stdout)


def _settled(text: str) -> str:
    """The report without the moment at which it was made."""
    text = re.sub(r"Last updated: .*", "Last updated:", text)
    text = re.sub(r'<last_update time="[^"]*"', '<last_update time=""', text)
    return re.sub(r'request="[^"]*"', 'request=""', text)


@pytest.mark.parametrize("options", ["", "-r", "-n -r", "-R", "-f -o -t", "-A -c -L", "-b -r", "-D", "-m 3",
                                     "--output-as=xml", "--output-as=html"])  # fmt: skip
def test_one_look_is_what_crm_mon_prints(host: Host, options: str) -> None:
    host.run("crm_resource", "--wait", "--timeout=60", timeout=120)
    theirs, ours = (_settled(host.run(*words.split(), *options.split(), check=True).stdout)
                    for words in ("crm_mon -1", "hashell monitor --once"))  # fmt: skip
    assert ours == theirs
