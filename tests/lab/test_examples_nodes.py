"""The examples of several services and nodes, on four real hosts: N+1, N-to-N, a promoted one, a site's ticket.

One cluster; each test loads its example into an empty configuration. Whatever is lost, the visitor gets the right page
from each address again, and exactly one host has that address and answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import wait_for
from tests.lab.website import EXAMPLES, Website, main_process, process, run, serve

NETWORK = "192.0.2"
ROOT = "/var/www/html"
#: The services of an example: their addresses.
N_PLUS_ONE = {"shop": 111, "wiki": 112, "blog": 113}
N_TO_N = {"shop": 121, "search": 122, "mail": 123, "reports": 124}
PROMOTED, SHOP = f"{NETWORK}.102", f"{NETWORK}.103"


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[Website]:
    with Website.up(4) as made:
        yield made


@pytest.fixture
def site(cluster: Website) -> Iterator[Website]:
    """The cluster of four, with nothing configured before and after."""
    yield cluster
    for host in cluster.hosts:
        peerlab.peerlab("heal", str(host.number))
        run(cluster.alive(), "node", "online", host.name)
    cluster.settle()
    cluster.forget()


def own_servers(site: Website, services: dict[str, int]) -> None:
    """Write the template and the configuration of each service on each host, as the examples ask for."""
    text = (EXAMPLES / "n-to-n.crm").read_text()
    unit = re.search(r"(?<=\n)#     \[Service\]\n(#     .*\n)+", text)
    assert unit
    for host in site.hosts:
        host.write("/etc/systemd/system/nginx@.service", unit[0].replace("#     ", ""))
        host.run("systemctl", "daemon-reload", check=True)
        for name, last in services.items():
            serve(host, f"/etc/nginx/{name}.conf", f"{NETWORK}.{last}:80", ROOT)


def served(site: Website, services: dict[str, int]) -> dict[str, str]:
    """Who answers for each service, '' for nobody."""
    return {name: site.served_by(f"{NETWORK}.{last}") for name, last in services.items()}


def wait_served(site: Website, services: dict[str, int], **nodes: str) -> None:
    """Wait until each service is answered by its node; then exactly one host has each address."""
    try:
        wait_for(f"served: {nodes}", lambda: served(site, services) == nodes, 180)
    except peerlab.LabError as error:
        raise AssertionError(f"{error}; instead {served(site, services)}\n{site.mon('-r')}") from None
    for name, last in services.items():
        assert [h.name for h in site.holders(f"{NETWORK}.{last}")] == [n for n in [nodes[name]] if n]


def test_n_plus_one(site: Website) -> None:
    """A lost node's service is served by the spare, and by its home again when that is back; a second one, too."""
    own_servers(site, N_PLUS_ONE)
    site.load("n-plus-one")
    wait_served(site, N_PLUS_ONE, shop="node1", wiki="node2", blog="node3")
    first, second = site.hosts[:2]
    second.kill()
    wait_served(site, N_PLUS_ONE, shop="node1", wiki="node4", blog="node3")
    run(first, "node", "standby", "node1")
    wait_served(site, N_PLUS_ONE, shop="node4", wiki="node4", blog="node3")
    run(first, "node", "online", "node1")
    site.settle()
    wait_served(site, N_PLUS_ONE, shop="node1", wiki="node2", blog="node3")


def test_a_killed_server_of_n_plus_one(site: Website) -> None:
    """Its node starts it again; the others' servers are the processes that they were."""
    own_servers(site, N_PLUS_ONE)
    site.load("n-plus-one")
    wait_served(site, N_PLUS_ONE, shop="node1", wiki="node2", blog="node3")
    pids = {name: host.read(f"/run/nginx-{name}.pid") for name, host in zip(N_PLUS_ONE, site.hosts)}
    site.hosts[0].run("kill", "-9", pids["shop"].strip(), check=True)
    wait_for("another server of the shop", lambda: site.hosts[0].read("/run/nginx-shop.pid") not in ("", pids["shop"]))
    wait_served(site, N_PLUS_ONE, shop="node1", wiki="node2", blog="node3")
    assert [h.read(f"/run/nginx-{n}.pid") for n, h in zip(("wiki", "blog"), site.hosts[1:])] == [
        pids["wiki"], pids["blog"]]


def test_n_to_n(site: Website) -> None:
    """Two nodes carry all four; one carries the two that matter more, and all come back."""
    own_servers(site, N_TO_N)
    run(site.hosts[3], "node", "standby", "node4")
    site.load("n-to-n")
    wait_for("all four served", lambda: all(served(site, N_TO_N).values()))
    assert set(served(site, N_TO_N).values()) == {"node1", "node2", "node3"}
    site.hosts[0].kill()
    wait_for("all four served by two", lambda: sorted(served(site, N_TO_N).values()) == ["node2"] * 2 + ["node3"] * 2)
    run(site.hosts[1], "node", "standby", "node2")
    wait_for("two served by one", lambda: sorted(served(site, N_TO_N).values()) == ["", "", "node3", "node3"])
    assert served(site, N_TO_N)["reports"] == ""
    run(site.hosts[1], "node", "online", "node2")
    wait_for("all four served again", lambda: all(served(site, N_TO_N).values()))
    assert all(len(site.holders(f"{NETWORK}.{last}")) == 1 for last in N_TO_N.values())


# -- one promoted -----------------------------------------------------------------------------------------------------


@pytest.fixture
def database(site: Website) -> Iterator[Website]:
    """A server on every host answers with the host's name; the address is where the database is promoted."""
    for host in site.hosts:
        host.run("systemctl", "start", "nginx", check=True)
    site.load("promotable")
    yield site
    site.settle()
    for host in site.hosts:
        host.run("systemctl", "stop", "nginx", check=True)


def promoted(site: Website) -> list[str]:
    return re.findall(r"\* Promoted: \[ (.*?) \]", site.mon())


def test_the_address_follows_the_promoted_one(database: Website) -> None:
    """After a move, a power loss and a cut cable it is where one instance is promoted, and nowhere else."""
    site = database
    site.wait_served(PROMOTED, site.hosts[0])
    assert promoted(site) == ["node1"]
    for lose in (lambda host: host.kill(), lambda host: peerlab.peerlab("cut", str(host.number))):
        active = site.only_server(PROMOTED)
        lose(active)
        others = [host for host in site.hosts if host != active]
        found = site.wait_served(PROMOTED, *others)
        wait_for("the new one known as promoted",
                 lambda h=found: h.run("crm_mon", "-1").stdout.count(f"Promoted: [ {h.name} ]") == 1)
        wait_for("one that lost quorum gives its address up", lambda: len(site.holders(PROMOTED)) == 1)
        peerlab.peerlab("heal", str(active.number))
        site.settle()
        # The constraint of the example brings it home.
        wait_for("promoted and served in one place",
                 lambda: promoted(site) == [site.served_by(PROMOTED)] == [h.name for h in site.holders(PROMOTED)])
        for host in site.hosts:
            host.run("systemctl", "start", "nginx", check=True)


@pytest.mark.parametrize("daemon", ["crmd", "lrmd", "attrd"])
def test_a_killed_daemon_demotes_nobody(database: Website, daemon: str) -> None:
    """And the node keeps its attributes, its promotion score among them."""
    site = database
    site.wait_served(PROMOTED, site.hosts[0])
    active = site.hosts[0]
    old = process(active, f"hashelld-{daemon}")
    active.run("kill", "-9", old, check=True)
    wait_for(f"another {daemon}", lambda: process(active, f"hashelld-{daemon}") not in ("", old))
    site.settle()
    assert site.only_server(PROMOTED) == active and promoted(site) == ["node1"]
    for name in ("#feature-set", "master-db"):
        path = f"//node_state[@uname='node1']/transient_attributes//nvpair[@name='{name}']"
        wait_for(f"{name} of node1 in the CIB", lambda p=path: active.run("cibadmin", "-Q", "-A", p).returncode == 0)


# -- the ticket of a site ---------------------------------------------------------------------------------------------


def test_a_site_serves_while_it_has_the_ticket(site: Website) -> None:
    site.load("site-ticket")
    run(site.hosts[0], "cluster", "wait_for_startup", "120")
    assert site.page(SHOP) == ("", "") and site.holders(SHOP) == []
    run(site.hosts[0], "site", "ticket", "grant", "shop-ticket")
    active = site.wait_served(SHOP)
    assert site.page(SHOP)[1] == f"this is {active.name}\n"
    active.run("kill", "-9", main_process(active, "nginx"), check=True)
    active = site.wait_served(SHOP, active)
    active.kill()
    found = site.wait_served(SHOP, *(host for host in site.hosts if host != active))
    assert site.only_server(SHOP) == found
    run(found, "site", "ticket", "revoke", "shop-ticket")
    site.wait_silent(SHOP)
    wait_for("nobody has the address", lambda: not site.holders(SHOP))
    assert found.run("systemctl", "is-active", "nginx").stdout.strip() == "inactive"
