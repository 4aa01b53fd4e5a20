"""A cluster made from nothing on a machine of its own: init, rename, health, geo_init, and what they refuse."""

from __future__ import annotations

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host

ADDRESS = "10.78.0.1"


@pytest.fixture(scope="module")
def host(lab: None) -> Host:
    """A host with our program and nothing running; the image has Debian's sample corosync.conf."""
    peerlab.peerlab("host", "1", f"{peerlab.library_layer()}:{peerlab._image()}")
    made = Host(1)
    words = ("cluster", "init", "-y", "-n", "office", "-i", ADDRESS, "-A", "10.78.0.99")
    result = made.run("hashell", *words, timeout=300)
    assert result.returncode == 0, result.stderr + result.stdout
    return made


def test_init_starts_a_cluster_with_its_name_and_address(host: Host) -> None:
    assert "cluster_name: office" in host.read("/etc/corosync/corosync.conf")
    shown = host.run("hashell", "configure", "show", check=True).stdout
    assert "primitive admin-ip IPaddr2" in shown and "stonith-enabled=false" in shown
    assert host.run("crm_mon", "-1", check=True).stdout.count("Online: [ node1 ]") == 1


def test_a_second_init_is_refused(host: Host) -> None:
    again = host.run("hashell", "cluster", "init", "-i", ADDRESS)
    assert again.returncode == 1 and "exists" in again.stderr


def test_rename(host: Host) -> None:
    host.run("hashell", "cluster", "rename", "paris", check=True)
    assert host.run("hashell", "configure", "get_property", "cluster-name", check=True).stdout.strip() == "paris"
    assert host.run("hashell", "corosync", "get", "totem.cluster_name", check=True).stdout.strip() == "paris"


def test_geo_init_writes_what_the_ticket_manager_reads(host: Host) -> None:
    made = host.run("hashell", "cluster", "geo_init", "-s", "paris=10.78.0.40 rome=10.78.0.41", "-t", "ticket-a")
    assert made.returncode == 0, made.stderr
    conf = host.read("/etc/booth/booth.conf")
    assert 'site="10.78.0.40"' in conf and 'ticket="ticket-a"' in conf
    assert "group g-booth booth-ip booth-site" in host.run("hashell", "configure", "show", check=True).stdout


def test_links_are_refused_where_the_transport_has_one(host: Host) -> None:
    refused = host.run("hashell", "corosync", "link", "add", f"node1={ADDRESS}")
    assert refused.returncode == 1 and "has one link" in refused.stderr


def test_the_last_node_is_not_removed_by_the_way(host: Host) -> None:
    refused = host.run("hashell", "cluster", "remove", "-y", "node1")
    assert refused.returncode == 1 and "-F" in refused.stderr
