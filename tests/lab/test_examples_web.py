"""The examples of a web pair on two real hosts: nginx behind an address, then with fencing and its pages on a disk.

The tests go on from each other. After each loss the visitor gets the right page from the floating address, and exactly
one host has that address and answers.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.fencing import is_on, isolate
from tests.lab.peerlab import Host, wait_for
from tests.lab.website import Website, main_process, process, run, serve

ADDRESS = "192.0.2.100"
PAGE = "the page on the disk\n"
DISK = "/srv/web"


@pytest.fixture(scope="module")
def site(lab: None) -> Iterator[Website]:
    with Website.up(2, fenced=True) as made:
        yield made


@pytest.fixture(scope="module")
def disk(site: Website) -> Iterator[str]:
    """The disk with the page on it; the pair mounts it, and each host can be switched off by its controller."""
    with site.shared_disk("/dev/disk/by-label/web") as device:
        for host in site.hosts:
            serve(host, "/etc/nginx/sites-enabled/default", "80 default_server", DISK)
            host.run("mkdir", "-p", DISK, check=True)
        site.load("fencing-redfish")
        site.load("web-filesystem")
        active = wait_for("the disk is mounted", lambda: next(iter(mounts(site)), None))
        active.write(f"{DISK}/index.html", PAGE)
        yield device
        run(site.alive(), "-w", "resource", "stop", "web")


def other(site: Website, host: Host) -> Host:
    return next(h for h in site.hosts if h != host)


def mounts(site: Website) -> list[Host]:
    return [h for h in site.hosts if is_on(h.number) and f" {DISK} " in h.run("cat", "/proc/mounts").stdout]


def told_to_switch_off(site: Website, number: int, since: int) -> bool:
    """Whether a host was switched off, and nobody has mounted what another still has."""
    assert len(mounts(site)) <= 1, "the disk is mounted twice"
    return f"{number} ForceOff" in orders(site)[since:]


def orders(site: Website) -> list[str]:
    """What the controllers were told, in order."""
    seen = sorted((s for c in site.controllers for s in c.orders()), key=lambda s: s.began)
    return [f"{s.system} {s.order}" for s in seen]


# -- nginx behind an address ------------------------------------------------------------------------------------------


def test_the_pair_serves(site: Website) -> None:
    site.load("web-systemd")
    active = site.only_server(ADDRESS)
    assert site.page(ADDRESS)[1] == f"this is {active.name}\n"
    assert other(site, active).run("systemctl", "is-active", "nginx").stdout.strip() == "inactive"


def test_power_loss(site: Website) -> None:
    """The survivor answers with its own page; the host that comes back takes nothing away from it."""
    active = site.only_server(ADDRESS)
    active.kill()
    survivor = site.wait_served(ADDRESS, other(site, active))
    assert site.page(ADDRESS)[1] == f"this is {survivor.name}\n"
    site.settle()
    assert site.only_server(ADDRESS) == survivor


def test_a_killed_service_is_started_again(site: Website) -> None:
    active = site.only_server(ADDRESS)
    before = main_process(active, "nginx")
    active.run("kill", "-9", before, check=True)
    wait_for("nginx has another main process",
             lambda: active.run("systemctl", "is-active", "nginx").stdout.strip() == "active"
             and main_process(active, "nginx") not in ("0", before))
    assert site.wait_served(ADDRESS, active) == active
    wait_for("the failure is counted", lambda: "fail-count=1" in site.mon("-f"))
    site.settle()
    assert site.only_server(ADDRESS) == active


def test_standby_moves_it(site: Website) -> None:
    active = site.only_server(ADDRESS)
    run(active, "-w", "node", "standby", active.name)
    assert site.wait_served(ADDRESS, other(site, active)) == site.only_server(ADDRESS)
    run(active, "-w", "node", "online", active.name)
    assert site.only_server(ADDRESS) != active


# -- with a disk and fencing ------------------------------------------------------------------------------------------


def test_the_disk_is_added_to_the_running_pair(site: Website, disk: str) -> None:
    active = site.only_server(ADDRESS)
    assert mounts(site) == [active] and site.page(ADDRESS) == (active.name, PAGE)


@pytest.mark.parametrize("daemon", ["crmd", "lrmd", "cib", "stonithd", "attrd", "membership"])
def test_a_killed_daemon_interrupts_nothing(site: Website, disk: str, daemon: str) -> None:
    """It is another process soon; nobody is fenced, and nginx is the process that it was."""
    active = site.only_server(ADDRESS)
    nginx, before = main_process(active, "nginx"), len(orders(site))
    name = f"hashelld-{daemon}"
    old = process(active, name)
    active.run("kill", "-9", old, check=True)
    wait_for(f"another {name}", lambda: process(active, name) not in ("", old))
    site.settle()
    wait_for("the whole group known as started", lambda: site.mon().count(f"Started {active.name}") >= 3)
    assert site.only_server(ADDRESS) == active and site.page(ADDRESS)[1] == PAGE
    assert main_process(active, "nginx") == nginx and len(orders(site)) == before


def test_a_killed_supervisor(site: Website, disk: str) -> None:
    """All daemons end with it, and systemd starts it again. Whether the other fences the node in the meantime or not,
    one of them serves the page in the end."""
    active = site.only_server(ADDRESS)
    old = main_process(active, "hashelld")
    active.run("kill", "-9", old, check=True)
    wait_for("another hashelld", lambda: is_on(active.number) and process(active, "hashelld") not in ("", old))
    site.settle()
    wait_for("the whole group known as started", lambda: site.mon().count("Started node") >= 5)
    assert mounts(site) == [site.only_server(ADDRESS)] and site.page(ADDRESS)[1] == PAGE


def test_power_loss_with_a_disk(site: Website, disk: str) -> None:
    """The disk is mounted by the survivor only after the lost host has been confirmed as switched off."""
    active, seen = site.only_server(ADDRESS), len(orders(site))
    survivor = other(site, active)
    active.kill()
    site.wait_served(ADDRESS, survivor)
    assert site.page(ADDRESS) == (survivor.name, PAGE) and mounts(site) == [survivor]
    wait_for("the lost host has its power again", lambda: len(orders(site)) > seen)
    assert orders(site)[-1] in (f"{active.number} ForceOff", f"{active.number} On")
    site.settle()
    assert site.only_server(ADDRESS) == survivor and mounts(site) == [survivor]


def test_a_cut_cable(site: Website, disk: str) -> None:
    """The two lose each other while the visitor reaches both: node2, which has the web, is switched off once, node1
    never, and the disk is not mounted by node1 before that."""
    keeper, victim = site.hosts
    if site.only_server(ADDRESS) != victim:
        run(keeper, "-w", "resource", "move", "web", victim.name)
        assert site.wait_served(ADDRESS, victim) == victim
        run(keeper, "resource", "clear", "web")
    site.settle()
    before = len(orders(site))
    isolate(1, 2, isolated=True)
    try:
        wait_for("node2 is switched off", lambda: told_to_switch_off(site, 2, before), 180)
        site.wait_served(ADDRESS, keeper)
        assert site.page(ADDRESS) == (keeper.name, PAGE)
        wait_for("node2 is on again", lambda: orders(site)[before:] == ["2 ForceOff", "2 On"], 180)
    finally:
        isolate(1, 2, isolated=False)
    site.settle()
    assert site.only_server(ADDRESS) == keeper and mounts(site) == [keeper]
    assert orders(site)[before:] == ["2 ForceOff", "2 On"]
