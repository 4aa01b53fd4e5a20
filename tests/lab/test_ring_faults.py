"""Faults on mixed rings: what happens to our node and to Corosync's, and that the ring is whole again afterwards.

Every test begins and ends with one ring of all three nodes, and clients of the original's library on all of them keep
sending through the fault. Beside its own criterion each has this one: no client got a message twice, and any two
clients got what both got in one order.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import wait_for
from tests.lab.ring import Ring, RingConf, RingHost, common_order, up, wake

MIXES = {
    "1+2 udpu": ("roo", "udpu"), "2+1 udpu": ("rro", "udpu"), "1+2 knet": ("oro", "knet"), "2+1 knet": ("orr", "knet"),
}  # fmt: skip
TOKEN = 1000
#: token and consensus timeout of three nodes, twice, and room for a busy machine
NOTICED = 2 * (1.65 + 1.98) + 20


@pytest.fixture(scope="module", params=MIXES)
def ring(request: pytest.FixtureRequest, lab: None) -> Iterator[Ring]:
    ours, transport = MIXES[request.param]
    yield up(ours, RingConf(3, transport, token=TOKEN, crypto=transport == "knet"))
    peerlab.down()


@pytest.fixture(params=["ours", "theirs"])
def victim(request: pytest.FixtureRequest, ring: Ring) -> RingHost:
    """The last of our nodes, or of the original's."""
    return [h for h in ring.hosts if h.ours == (request.param == "ours")][-1]


class Traffic:
    """A client on each host that sends until it is told to stop; each has its order in a file."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        ring.whole(seconds=NOTICED)
        words = ("--members", "1", "--count", "100000", "--size", "300", "--rate", "100", "--seconds", "600",
                 "--order", "/root/order")  # fmt: skip
        for host in ring.hosts:
            host.run("rm", "-f", "/root/order")
        self.clients: list[subprocess.Popen[str]] = [h.client("faults", *words) for h in ring.hosts]
        self.orders: list[str] = []
        wait_for("traffic", lambda: all(len(h.read("/root/order")) > 500 for h in ring.hosts), 60)

    def end(self) -> None:
        """Everything is whole again: take the orders and end the clients."""
        self.ring.whole(seconds=NOTICED)
        marks = [len(h.read("/root/order")) for h in self.ring.hosts]
        alive = [h for h, client in zip(self.ring.hosts, self.clients) if client.poll() is None]
        wait_for(
            "traffic goes on",
            lambda: all(len(h.read("/root/order")) > m + 500 for h, m in zip(self.ring.hosts, marks) if h in alive),
            60,
        )
        orders = [h.read("/root/order").rpartition("\n")[0] for h in self.ring.hosts if h.read("/root/order")]
        for host in self.ring.hosts:
            host.run("sh", "-c", "for p in /proc/[0-9]*; do grep -q cpg_[c]lient $p/cmdline && kill ${p#/proc/}; done")
        for client in self.clients:
            wake(client)
            client.communicate(timeout=60)
        assert common_order(orders) > 0


@pytest.fixture
def traffic(ring: Ring) -> Iterator[Traffic]:
    traffic = Traffic(ring)
    yield traffic
    for client in traffic.clients:
        client.kill()


def test_stop_and_start(ring: Ring, victim: RingHost, traffic: Traffic) -> None:
    """Pass: the others have a ring of two without waiting for a timeout, and the node comes back into one of three."""
    rest = ring.others(victim)
    began = time.monotonic()
    victim.stop()
    ring.whole(rest, NOTICED)
    assert "Failed to receive the leave message" not in rest[0].log()[-2000:], time.monotonic() - began
    victim.start()
    traffic.end()


def test_kill(ring: Ring, victim: RingHost, traffic: Traffic) -> None:
    """Pass: after power loss the others have a quorate ring of two; the node returns into a ring of three."""
    rest = ring.others(victim)
    victim.kill()
    ring.whole(rest, NOTICED)
    assert all(seen and seen.quorate for seen in [h.see() for h in rest])
    ring.reboot(victim)
    traffic.end()


@pytest.mark.parametrize("seconds", [0.5, 5, 30])
def test_freeze(ring: Ring, victim: RingHost, traffic: Traffic, seconds: float) -> None:
    """Pass: shorter than the token, nobody leaves the ring; longer, the others go on as two and take it back. Our
    node says how long it did not run, and does not blame the others."""
    before = ring.whole()
    rest = ring.others(victim)
    victim.do("freeze")
    time.sleep(seconds)
    if seconds > 4:
        ring.whole(rest, NOTICED)
    victim.do("thaw")
    if seconds < 1:
        assert ring.whole(seconds=NOTICED) == before
    traffic.end()
    if victim.ours:
        wait_for("the stall in the log", lambda: "this node did not run for" in victim.log(), 10)


def test_cut_and_heal(ring: Ring, victim: RingHost, traffic: Traffic) -> None:
    """Pass: the cable is out: alone without quorum on one side, two with quorum on the other; then three again."""
    victim.do("cut")
    ring.whole(ring.others(victim), NOTICED)
    ring.whole([victim], NOTICED)
    alone = victim.see()
    assert alone and not alone.quorate
    victim.do("heal")
    traffic.end()


def test_flapping_cable(ring: Ring, victim: RingHost, traffic: Traffic) -> None:
    """Pass: ten times out and in within seconds, and a whole ring afterwards."""
    for turn in range(10):
        victim.do("cut")
        time.sleep(0.1 + 0.2 * (turn % 4))
        victim.do("heal")
        time.sleep(0.3)
    traffic.end()


def test_a_fifth_of_the_packets_lost(ring: Ring, victim: RingHost, traffic: Traffic) -> None:
    """Pass: messages arrive all the time, and the ring is whole when the loss ends."""
    victim.lose(20)
    marks = [len(h.read("/root/order")) for h in ring.hosts]
    wait_for("progress", lambda: all(len(h.read("/root/order")) > m + 500 for h, m in zip(ring.hosts, marks)), 120)
    victim.lose(0)
    traffic.end()


def test_one_way_loss(ring: Ring, victim: RingHost, traffic: Traffic) -> None:
    """Pass: nobody hears the node, which hears all: the others have a ring of two; then three again."""
    victim.lose(100)
    ring.whole(ring.others(victim), NOTICED)
    victim.lose(0)
    traffic.end()
