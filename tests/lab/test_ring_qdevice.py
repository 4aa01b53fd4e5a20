"""A quorum device at the original's corosync-qnetd: the same faults with the original's nodes, ours, and a mixture.

Pass, for each: after every step every running node shows the same votes, quorum, flags and members in all plays, and
the server shows the same algorithm, lists and votes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from tests.lab import extras, peerlab, qnetd
from tests.lab.peerlab import wait_for
from tests.lab.ring import Ring, RingConf, RingHost, up
from tests.lab.test_ring_votes import State, settled

STEPS = ("all", "kill 2", "server stops", "server returns", "boot 2", "cut 1", "heal", "stop 2")


@pytest.fixture(autouse=True)
def _clean(lab: None) -> Iterator[None]:
    yield
    peerlab.down()


def conf(count: int, algorithm: str, tls: str = "off") -> RingConf:
    votes = count - 1 if algorithm == "lms" else 1
    device = ("device {", "model: net", f"votes: {votes}", "timeout: 4000", "sync_timeout: 8000", "net {",
              f"host: 10.78.0.{qnetd.NUMBER}", f"tls: {tls}", f"algorithm: {algorithm}", "}", "}")  # fmt: skip
    return RingConf(count, quorum=device)


class Stage:
    def __init__(self, ours: str, algorithm: str, tls: str = "off") -> None:
        self.server = qnetd.Server(qnetd.NUMBER, "off" if tls == "off" else "req")
        self.server.boot()
        self.ring: Ring = up(ours, conf(len(ours), algorithm, tls), start=False, image=extras.image())
        self.running: list[RingHost] = []

    def _start(self, host: RingHost) -> None:
        host.start()
        if not host.ours:
            wait_for("the ring daemon", lambda: host.see() is not None, 60)
            qnetd.start_original_device(host)
        self.running = sorted([*self.running, host], key=lambda h: h.number)

    def step(self, words: str) -> State:
        verb, _, rest = words.partition(" ")
        host = self.ring[int(rest)] if rest.isdigit() else self.ring[1]
        cells = [self.running]
        if verb == "all":
            for one in self.ring.hosts:
                self._start(one)
            cells = [self.running]
        elif verb in ("kill", "stop"):
            host.kill() if verb == "kill" else host.stop()
            self.running.remove(host)
        elif verb == "boot":
            host.boot(self.ring.conf.text(), image=self.ring.image)
            self._start(host)
            cells = [self.running]
        elif verb == "cut":
            host.do("cut")
            cells = [[host], [h for h in self.running if h is not host]]
        elif verb == "heal":
            self.ring[1].do("heal")
        elif rest == "stops":
            self.server.stop()
        else:
            self.server.start()
        for cell in cells:
            self.ring.whole(cell, 90)
        reachable = len(self.running) - (verb == "cut")
        if rest != "stops":
            wait_for("all devices at the server", lambda: self.server.clients() == reachable, 60)
        return settled(self.running)


def perform(ours: str, algorithm: str) -> list[State]:
    stage = Stage(ours, algorithm)
    try:
        return [stage.step(words) for words in STEPS]
    finally:
        peerlab.down()


@cache
def original(algorithm: str, count: int) -> list[State]:
    return perform("r" * count, algorithm)


@pytest.mark.parametrize(("ours", "algorithm"), [("oo", "ffsplit"), ("or", "ffsplit"), ("ooo", "lms"), ("oro", "lms")])
def test_quorum_device(ours: str, algorithm: str) -> None:
    mine = perform(ours, algorithm)
    for words, theirs, ours_ in zip(STEPS, original(algorithm, len(ours)), mine):
        assert ours_ == theirs, f"after {words!r}"


@pytest.mark.parametrize("ours", ["oo", "or"])
def test_a_quorum_device_with_certificates(ours: str) -> None:
    """Pass: with certificates by the original's tools every node is at the server by TLS and has shown its own one;
    the device counts; a server that returns is found again; a node whose certificates are gone says what to do, has
    no vote of the device, and the cluster stays quorate."""
    stage = Stage(ours, "ffsplit", tls="required")
    qnetd.enrol(stage.server, stage.ring.hosts, "lab")
    stage.step("all")
    wait_for("TLS of all", lambda: stage.server.votes().count("(client certificate verified)") == 2, 60)
    stage.step("server stops")
    stage.step("server returns")
    assert stage.server.votes().count("(client certificate verified)") == 2
    first = stage.ring[1]
    first.stop()
    (first.root / qnetd.STORE / qnetd.BUNDLE).unlink()
    first.start()
    wait_for("the remedy in the log", lambda: "corosync-qdevice-net-certutil -M" in first.log(), 60)
    wait_for("both nodes", lambda: (s := first.see()) is not None and s.field("Nodes") == "2", 60)
    assert (seen := first.see()) is not None and seen.field("Quorate") == "Yes"
