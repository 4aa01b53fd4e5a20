"""Maintenance, the whole stack stopped, upgraded and started: no resource is touched."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab.oracle import uptime
from tests.lab.peerlab import HOST_LIB, Host, wait_for
from tests.lab.trouble import TroubledLab

VERSION_FILE = f"{HOST_LIB}/hashell/model/release.py"
NEXT = "9.9.9"


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[TroubledLab]:
    """Three nodes, each the home of a resource, and a group on one of them."""
    group = "primitive g1 ocf:lab:Watched op monitor interval=10s\nprimitive g2 ocf:lab:Watched\ngroup g g1 g2\n"
    with TroubledLab.up(3) as troubled:
        troubled.configure_watched(fencing=True, slow=0, text=group)
        yield troubled


def _maintenance(cluster: TroubledLab, value: bool) -> None:
    words = ("crm_attribute", "--type", "crm_config", "--name", "maintenance-mode", "--update", str(value).lower())
    cluster.hosts[0].run(*words, check=True)
    cluster.wait_idle()


def _version(host: Host) -> str:
    return host.run("hashell", "--version", check=True).stdout


def _upgrade(host: Host) -> None:
    """Another version in the place of the installed one."""
    text = host.read(VERSION_FILE)
    changed = re.sub(r'(\bVERSION = )".*?"', rf'\1"{NEXT}"', text)
    assert changed != text
    host.write(VERSION_FILE, changed)


def test_no_resource_is_touched(cluster: TroubledLab) -> None:
    """Pass: from the maintenance to its end no agent is asked for anything but whether its resource runs, nobody is
    fenced, the new version runs on every node, every resource is where it was; and all holds that
    `TroubledLab.verify` says."""
    names = [*cluster.resources, "g1", "g2"]
    before = {name: cluster.oracle.where(name) for name in names}
    assert all(len(where) == 1 for where in before.values())
    cluster.controller.seen.clear()
    since = uptime()
    _maintenance(cluster, True)
    for host in cluster.hosts:
        host.run("hashell", "cluster", "stop", check=True, timeout=240)
    wait_for("no daemon left", lambda: not any(cluster.pid(host, "hashelld") for host in cluster.hosts), 60)
    for host in cluster.hosts:
        _upgrade(host)
        assert NEXT in _version(host)
    for host in cluster.hosts:
        cluster.start(host)
    for host in cluster.hosts:
        wait_for("all nodes", lambda: host.run("crm_node", "-p").stdout.split() == ["node1", "node2", "node3"], 120)  # noqa: B023
    cluster.wait_idle()
    _maintenance(cluster, False)
    cluster.verify(since)
    done = {event.action for event in cluster.oracle.events(since)}
    assert done == {"monitor"}, cluster.oracle.actions(since)
    assert {name: cluster.oracle.where(name) for name in names} == before
    assert cluster.orders() == []
