"""Our ring daemon among unmodified Corosync nodes over knet. Each test says what it takes to pass."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import ring as lab_ring
from tests.lab.peerlab import wait_for
from tests.lab.ring import Ring, RingConf, common_order, finished, up

CLEAR = RingConf(3, "knet")
SEALED = RingConf(3, "knet", crypto=True, totem=("knet_compression_model: zlib",))
TWO_LINKS = RingConf(3, "knet", crypto=True, links=2)


@pytest.fixture(autouse=True)
def _clean(lab: None) -> Iterator[None]:
    yield
    lab_ring.peerlab.down()


def flood(ring: Ring, count: int, size: int) -> None:
    """Every node sends at once; all three clients, of the original's library, must get all in one order, intact."""
    words = ("--members", str(len(ring.hosts)), "--count", str(count), "--size", str(size), "--verify",
             "--seconds", "150")  # fmt: skip
    reports = [finished(p) for p in [h.client("flood", *words) for h in ring.hosts]]
    assert all(r["complete"] and not r["bad"] for r in reports), reports
    assert len({r["digest"] for r in reports}) == 1, reports


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("ours", "order", "conf"),
    [
        ("rro", (1, 2, 3), CLEAR),
        ("orr", (1, 2, 3), SEALED),
        ("ror", (3, 1, 2), SEALED),
        ("roo", (2, 3, 1), CLEAR),
        ("oro", (2, 1, 3), SEALED),
    ],
    ids=["last", "representative", "middle", "1+2", "2+1 ours first"],
)
def test_one_ring_in_any_order_of_start(ours: str, order: tuple[int, ...], conf: RingConf) -> None:
    """Pass: one ring id with all three members on each node; short, long and fragmented messages in one order."""
    ring = up(ours, conf, order)
    ring.whole()
    flood(ring, 500, 100)
    flood(ring, 300, 1000)
    flood(ring, 20, 300_000)


def test_messages_under_loss() -> None:
    """Pass: with a fifth of all packets of one real and one own node lost messages go on arriving, and what any two
    clients got came in one order, nothing twice. (The token is lost now and then, also between original nodes alone:
    a message of one part of a ring that has come apart is not for the others.)"""
    ring = up("rro", RingConf(3, "knet", crypto=True, token=3000))
    ring.whole()
    ring[2].lose(20)
    ring[3].lose(20)
    words = ("--members", "3", "--count", "200", "--size", "3000", "--verify", "--seconds", "150",
             "--order", "/root/order")  # fmt: skip
    reports = [finished(p) for p in [h.client("flood", *words) for h in ring.hosts]]
    assert not any(r["bad"] for r in reports), reports
    orders = [h.read("/root/order") for h in ring.hosts if h.read("/root/order")]
    assert len(orders) > 1 and common_order(orders) > 0


@pytest.mark.parametrize("policy", ["passive", "active", "rr"])
def test_a_second_link_takes_over(policy: str) -> None:
    """Pass: the link in use is cut on our node, the same ring goes on and a flood gets through; the cut link is
    shown as disconnected on both sides, and as connected again after it is healed."""
    conf = RingConf(3, "knet", crypto=True, links=2, token=5000, totem=(f"link_mode: {policy}",))
    ring = up("rro", conf)
    before = ring.whole()

    def link(number: int, up: bool) -> bool:
        """On a real and on our node: the link to every other node, or (down) at least the one that was cut."""
        lines = [x for h in (ring[1], ring[3]) for x in h.run("corosync-cfgtool", "-n").stdout.splitlines()]
        shown = [" connected " in line for line in lines if f"LINK: {number} " in line]
        return len(shown) == 4 and (all(shown) if up else shown.count(False) == 3)

    wait_for("both links connected", lambda: link(0, True) and link(1, True), 60)
    ring[3].do("cut")
    wait_for("link 0 down", lambda: link(0, False), 60)
    flood(ring, 300, 1000)
    assert ring.whole() == before
    ring[3].do("heal")
    wait_for("link 0 up", lambda: link(0, True), 60)
    assert ring.whole() == before


def test_key_change_is_followed() -> None:
    """Pass: a new key, spread and reloaded on a real node, is used by all without a change of the ring; afterwards
    a node with the old key stays alone, and our node counts its packets."""
    ring = up("rro", SEALED)
    before = ring.whole()
    old, ring.key = ring.key, bytes(reversed(ring.key))
    for host in ring.hosts:
        host.configure(ring.conf.text().replace("aes256", "aes128"), ring.key)
    ring[1].run("corosync-cfgtool", "-R", check=True)
    wait_for("the key changed", lambda: "key has changed" in ring[3].log(), 30)
    flood(ring, 100, 1000)
    assert ring.whole() == before
    ring[2].kill()
    rest = ring.others(ring[2])
    ring.whole(rest)
    ring[2].boot(ring.conf.text(), old)
    ring[2].start()
    wait_for("its packets counted", lambda: "(key" in ring[3].log(), 60)
    ring.whole([ring[2]])
    ring.whole(rest)
    counted = ring[3].run("corosync-cmapctl", "-m", "stats", "-g", "stats.hashell.ignored.key").stdout
    assert int(counted.rpartition("= ")[2]) > 0


@pytest.mark.parametrize("victim", [1, 2, 3])
def test_a_node_killed_while_it_sends(victim: int) -> None:
    """Pass: the survivors, one real and one ours or two of a kind, deliver what they have in common in one order,
    and everything both sent; the new ring has exactly the two."""
    ring = up("oro", RingConf(3, "knet", crypto=True))
    ring.whole()
    words = ("--members", "3", "--count", "3000", "--size", "500", "--rate", "600", "--order", "/root/order",
             "--seconds", "60", "--verify")  # fmt: skip
    clients: list[subprocess.Popen[str]] = [h.client("kill", *words) for h in ring.hosts]
    wait_for("messages on all", lambda: all(len(h.read("/root/order")) > 3000 for h in ring.hosts), 60)
    ring[victim].kill()
    rest = ring.others(ring[victim])
    reports = [finished(clients[h.number - 1]) for h in rest]
    clients[victim - 1].communicate()
    ring.whole(rest)
    assert all(r["complete"] and not r["bad"] for r in reports), reports
    orders = [h.read("/root/order") for h in rest]
    assert common_order(orders) >= 6000
    assert orders[0].split("members")[-1].split("\n", 1)[1] == orders[1].split("members")[-1].split("\n", 1)[1]
