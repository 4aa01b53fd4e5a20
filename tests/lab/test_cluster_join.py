"""A cluster of machines from nothing over ssh, in one story: made, joined, stopped, shrunk, and sites of it.

Four hosts with systemd and sshd. The tests go on from each other; what they do between them are the examples of the
manual that need machines, typed as they are printed there.
"""

from __future__ import annotations

import re

import pytest

from tests.lab import admin
from tests.lab.examples import WALK, Typist
from tests.lab.peerlab import Host, wait_for

CONF = "/etc/corosync/corosync.conf"


@pytest.fixture(scope="module")
def typist(lab: None) -> Typist:
    return Typist(admin.boot(4))


@pytest.fixture(scope="module")
def hosts(typist: Typist) -> list[Host]:
    """Hosts 1 to 4 at their own numbers."""
    return [Host(0), *typist.hosts.values()]


def shell(host: Host, *words: str, code: int = 0) -> str:
    """A command of our shell; what it printed. Fails for another exit code."""
    result = host.run("hashell", *words, timeout=400)
    assert "internal error" not in result.stderr and "Traceback" not in result.stderr, result.stderr
    assert result.returncode == code, f"{host.name}: {words}: {result.returncode}\n{result.stdout}{result.stderr}"
    return result.stdout + result.stderr


def online(host: Host, *names: str) -> None:
    wait_for(f"{' '.join(names)} online on {host.name}",
             lambda: f"Online: [ {' '.join(names)} ]" in host.run("crm_mon", "-1").stdout, 180)


def votes(host: Host) -> dict[str, str]:
    text = host.run("corosync-quorumtool", "-s").stdout
    return dict(re.findall(r"^([A-Z][\w ]*\w): +(.*?) *$", text, re.MULTILINE))


def runs(host: Host) -> bool:
    return host.run("hashell", "cluster", "status").returncode == 0


# -- making it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "message"), [
    (("-c", "node1"), "node1 is in no cluster"),
    (("-c", "node2"), "node2 is this machine"),
    (("-c", "nosuchhost"), "nosuchhost cannot be reached"),
    (("-c", "node9"), "node9 cannot be reached"),
])
def test_joining_what_is_no_cluster(hosts: list[Host], words: tuple[str, ...], message: str) -> None:
    before = hosts[2].read(CONF)
    told = shell(hosts[2], "cluster", "join", "-y", *words, code=1)
    assert message in told and told.count("error:") == 1
    assert hosts[2].read(CONF) == before


@pytest.mark.parametrize(("words", "message"), [
    (("-i", "203.0.113.1"), "203.0.113.1 is not an address of this machine"),
    (("-i", "eth7"), "interface eth7 has no address"),
    (("-N", "node9"), "node9 cannot be reached"),
    (("-s", "/dev/sdz"), "sbd devices are not set up by hashell"),
    (("--qdevice-algo", "lms"), "without its server"),
    (("--qnetd-hostname", "node4", "--qdevice-algo", "best"), "is no algorithm"),
    (("--qnetd-hostname", "node4", "--qdevice-tls", "never"), "is no tls"),
    (("-A", "nonsense"), "is not an address"),
])
def test_init_refuses_what_cannot_be(hosts: list[Host], words: tuple[str, ...], message: str) -> None:
    before = hosts[1].read(CONF)
    told = shell(hosts[1], "cluster", "init", "-y", *words, code=1)
    assert message in told and told.count("error:") == 1
    assert hosts[1].read(CONF) == before and not runs(hosts[1])


def test_init_and_join_make_a_cluster_of_three(hosts: list[Host], typist: Typist) -> None:
    typist.type("cluster/init")
    assert "crm_feature_set" in hosts[1].run("cibadmin", "-Q").stdout
    told = typist.type("cluster/join")
    assert "into cluster office of node1, node2:" in told and "node3 (192.0.2.13) joined cluster office" in told
    online(hosts[1], "node1", "node2", "node3")
    online(hosts[3], "node1", "node2", "node3")
    assert {key: votes(hosts[2])[key] for key in ("Expected votes", "Total votes", "Quorum")} == {
        "Expected votes": "3", "Total votes": "3", "Quorum": "2"}
    assert "is the same on node1, node2, node3" in shell(hosts[1], "corosync", "diff")


def test_a_node_that_joined_has_its_attributes(hosts: list[Host]) -> None:
    """They are written under its id, which the others know although they started before it was listed."""
    wait_for("no mixed versions", lambda: "MIXED" not in hosts[1].run("crm_mon", "-1").stdout, 60)
    hosts[2].run("attrd_updater", "-n", "colour", "-U", "red", check=True)
    wait_for("the attribute in the CIB", lambda: 'value="red"' in hosts[3].run("cibadmin", "-Q").stdout, 60)


def test_the_same_again_changes_nothing(hosts: list[Host]) -> None:
    before = [host.read(CONF) for host in hosts[1:4]]
    again = shell(hosts[1], "cluster", "init", "-y", "-n", "office", "-i", "192.0.2.11")
    assert "was made on this machine before" in again
    assert "node3 is a node of cluster office already" in shell(hosts[3], "cluster", "join", "-c", "node1", "-y")
    assert [host.read(CONF) for host in hosts[1:4]] == before
    online(hosts[2], "node1", "node2", "node3")


def test_a_cluster_is_not_left_or_replaced_by_the_way(hosts: list[Host]) -> None:
    assert "a cluster runs on this machine, office" in shell(
        hosts[1], "cluster", "init", "-y", "-n", "other", "-i", "192.0.2.11", code=1)
    assert "node1 is in cluster office, not in paris" in shell(
        hosts[4], "cluster", "join", "-c", "node1", "-n", "paris", "-y", code=1)
    shell(hosts[4], "cluster", "init", "-y", "-q", "-n", "single", "-i", "192.0.2.14")
    told = shell(hosts[4], "cluster", "join", "-c", "node1", "-y", code=1)
    assert "this machine is in cluster single, and node1 in office" in told and "cluster remove -F node4" in told
    shell(hosts[4], "-F", "cluster", "remove", "node4")
    assert not runs(hosts[4]) and not hosts[4].read(CONF)


def test_health(hosts: list[Host]) -> None:
    """All is well but for the fencing, which is left to the administrator."""
    told = shell(hosts[2], "cluster", "health", code=1)
    assert "6 of 7 checks are good" in told and "PROBLEM no fencing device" in told


# -- all nodes at once -------------------------------------------------------------------------------------------


def test_stop_and_start_another_node(hosts: list[Host]) -> None:
    for _ in range(2):
        shell(hosts[1], "cluster", "stop", "node3")
        assert not runs(hosts[3])
    online(hosts[1], "node1", "node2")
    for _ in range(2):
        shell(hosts[1], "cluster", "start", "node3")
    online(hosts[1], "node1", "node2", "node3")
    assert "node7 is not a node of the cluster" in shell(hosts[1], "cluster", "stop", "node7", code=1)


def test_files_and_commands_everywhere(hosts: list[Host], typist: Typist) -> None:
    hosts[1].write("/etc/motd", "welcome\n")
    assert "-welcome" in shell(hosts[1], "cluster", "diff", "/etc/motd")
    typist.type("cluster/copy")
    assert hosts[2].read("/etc/motd") == hosts[3].read("/etc/motd") == "welcome\n"
    assert "/etc/motd is the same on node1, node2, node3" in shell(hosts[1], "cluster", "diff", "/etc/motd")
    told = shell(hosts[1], "cluster", "run", "hostname")
    assert all(f"node{n}: done\n  node{n}" in told for n in (1, 2, 3))


def test_start_at_boot(hosts: list[Host], typist: Typist) -> None:
    typist.type("cluster/enable")
    for host in hosts[1:4]:
        assert host.run("systemctl", "is-enabled", "hashelld").stdout.strip() == "enabled"
    shell(hosts[1], "cluster", "stop", "--all")
    assert not any(map(runs, hosts[1:4]))
    shell(hosts[1], "cluster", "start", "--all")
    online(hosts[3], "node1", "node2", "node3")
    for host in hosts[1:4]:
        assert host.run("systemctl", "is-active", "hashelld").stdout.strip() == "active"
    typist.type("cluster/disable")
    assert hosts[2].run("systemctl", "is-enabled", "hashelld").stdout.strip() == "disabled"
    assert runs(hosts[2])


def test_a_node_that_is_away_keeps_others_from_joining(hosts: list[Host]) -> None:
    """A node that does not learn of the new one would not let it in later."""
    hosts[3].run("systemctl", "stop", "ssh", check=True)
    before = hosts[1].read(CONF)
    told = shell(hosts[4], "cluster", "join", "-c", "node1", "-y", code=1)
    assert "node3 cannot be reached" in told and "ssh node3 true" in told
    assert hosts[1].read(CONF) == before and not hosts[4].read(CONF)
    hosts[3].run("systemctl", "start", "ssh", check=True)


# -- smaller, and with two links ---------------------------------------------------------------------------------


def test_remove(hosts: list[Host], typist: Typist) -> None:
    assert "this machine is among them" in shell(hosts[1], "cluster", "remove", "-y", "node1", code=1)
    typist.type("cluster/remove")
    online(hosts[1], "node1", "node2")
    assert "node3" not in hosts[2].read(CONF) and "two_node: 1" in hosts[2].read(CONF)
    seen = votes(hosts[1])
    assert (seen["Expected votes"], seen["Total votes"]) == ("2", "2") and "2Node" in seen["Flags"]
    assert not runs(hosts[3])
    left = hosts[3].run("sh", "-c", "ls /etc/corosync/corosync.conf /etc/corosync/authkey /var/lib/pacemaker/cib")
    assert not left.stdout


def test_links(hosts: list[Host], typist: Typist) -> None:
    def links() -> str:
        return hosts[1].run("corosync-cfgtool", "-n").stdout

    def in_force() -> None:
        shell(hosts[1], "corosync", "push")
        shell(hosts[1], "corosync", "reload")

    shell(hosts[1], "corosync", "set", "totem.transport", "knet")
    shell(hosts[1], "corosync", "push")
    shell(hosts[1], "cluster", "restart", "--all")
    online(hosts[1], "node1", "node2")
    typist.type("corosync/link/add")
    in_force()
    wait_for("two links", lambda: links().count("enabled connected") == 2, 60)
    assert "198.51.100.11->198.51.100.12" in links()
    typist.type("corosync/link/update")
    shell(hosts[1], "corosync", "link", "update", "1", "options", "mcastport=5409", "knet_link_priority=3")
    in_force()
    wait_for("the other port", lambda: "198.51.100.11:5409" in hosts[1].run("ss", "-nul").stdout, 30)
    wait_for("two links again", lambda: links().count("enabled connected") == 2, 60)
    typist.type("corosync/link/remove")
    in_force()
    wait_for("one link", lambda: "198.51.100" not in links() and "enabled connected" in links(), 60)
    online(hosts[2], "node1", "node2")


# -- sites -------------------------------------------------------------------------------------------------------


def test_sites_and_their_arbitrator(hosts: list[Host], typist: Typist) -> None:
    for host in hosts[1:]:
        host.write("/etc/hosts", host.read("/etc/hosts") + "192.0.2.11 paris1\n192.0.2.13 rome1\n")
    shell(hosts[3], "cluster", "init", "-y", "-q", "-n", "rome", "-i", "192.0.2.13")
    shell(hosts[1], "cluster", "rename", "paris")
    sites = ("-s", "paris=192.0.2.10 rome=192.0.2.20")
    assert "paris1 is in no geo cluster" in shell(hosts[3], "cluster", "geo_join", "-c", "paris1", *sites, code=1)
    typist.type("cluster/geo_init")
    assert hosts[1].read("/etc/booth/booth.conf") == hosts[2].read("/etc/booth/booth.conf") != ""
    key = hosts[1].run("sha256sum", "/etc/booth/authkey").stdout
    assert "part of a geo cluster already" in shell(hosts[1], "cluster", "geo_init", *sites, code=1)
    assert hosts[1].run("sha256sum", "/etc/booth/authkey").stdout == key
    assert "rome1 is in no geo cluster" in shell(hosts[2], "cluster", "geo_init_arbitrator", "-c", "rome1", code=1)
    assert "this machine is not the arbitrator" in shell(
        hosts[3], "cluster", "geo_init_arbitrator", "-c", "paris1", code=1)
    typist.type("cluster/geo_join")
    typist.type("cluster/geo_init_arbitrator")
    assert hosts[4].run("systemctl", "is-active", "booth-arbitrator").stdout.strip() == "active"
    assert hosts[3].run("sha256sum", "/etc/booth/authkey").stdout == key


def test_a_ticket_goes_to_a_site(hosts: list[Host]) -> None:
    """The ticket manager runs at both sites, asks the arbitrator, and writes into our CIB."""
    for host in (hosts[1], hosts[3]):
        shell(host, "-w", "resource", "start", "g-booth")
        wait_for(f"booth on {host.name}", lambda host=host: "booth-site\t(ocf:pacemaker:booth-site):\t Started"
                 in host.run("crm_mon", "-1").stdout, 90)
    manager = next(h for h in hosts[1:3] if "192.0.2.10/" in h.run("ip", "addr").stdout)
    wait_for("the ticket at paris", lambda: manager.run("booth", "grant", "-w", "ticket-a").returncode == 0, 120, 2)
    wait_for("the ticket in the CIB", lambda: "granted" in hosts[2].run("crm_ticket", "-L").stdout, 120)
    assert "192.0.2.10" in hosts[4].run("booth", "list").stdout


def test_every_example_was_typed(typist: Typist) -> None:
    assert typist.typed == [name for name, _ in WALK]
