"""The clock of a node is set by an hour while a transition runs: nobody is late, nobody is fenced, nothing is moved.

Hosts share the kernel's clocks and no namespace has a time of day of its own, so the daemons of a host run with
libfaketime, whose file says by how much the time of day they see is wrong. The clock that nobody sets stays true.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import extras
from tests.lab.oracle import uptime
from tests.lab.peerlab import Host, wait_for
from tests.lab.trouble import TroubledLab

SHIFT = "/run/clock"
ENVIRONMENT = (
    "LD_PRELOAD=/usr/$LIB/faketime/libfaketime.so.1", f"FAKETIME_TIMESTAMP_FILE={SHIFT}", "FAKETIME_CACHE_DURATION=1",
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
)  # fmt: skip


class ClockLab(TroubledLab):
    """Hosts whose daemons see a time of day that can be set."""

    environment = ENVIRONMENT

    def __init__(self, count: int, further: tuple[int, ...] = ()) -> None:
        super().__init__(count, further)
        self._image = f"{extras.faketime()}:{self._image}"

    def prepare(self, host: Host) -> None:
        self.set_clock(host, 0)

    def set_clock(self, host: Host, seconds: int) -> None:
        host.write(SHIFT, f"{seconds:+d}s\n")

    def shift(self, host: Host) -> float:
        """By how much the time of day is wrong now for what runs in the environment of the host's daemons."""
        words = ("env", *self.environment, "python3", "-c", "import time; print(time.time())")
        shown = float(host.run(*words, check=True).stdout)
        return shown - float(host.run("date", "+%s.%N", check=True).stdout)


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[ClockLab]:
    """Three nodes with fencing, each the home of a resource that takes two seconds to start and to stop."""
    with ClockLab.up(3) as troubled:
        troubled.configure_watched(fencing=True)
        yield troubled


@pytest.mark.parametrize("step", [3600, -3600], ids=["forward", "back"])
@pytest.mark.parametrize("role", ["DC", "other"])
def test_a_clock_is_set_while_resources_start(cluster: ClockLab, role: str, step: int) -> None:
    """Pass: with the clock set while resources start, and with a controller killed after that, every resource is
    started once, nobody is fenced, no CIB request counts as late, and all holds that `TroubledLab.verify` says; the
    same when the clock is set right again."""
    cluster.stop_all()
    cluster.controller.seen.clear()
    since = uptime()
    dc = cluster.dc()
    victim = dc if role == "DC" else cluster.others(dc)[0]
    with cluster.writing():
        asked = cluster.start_all()
        cluster.wait_begin("start", victim, since)
        cluster.set_clock(victim, step)
        wait_for("the clock to be seen", lambda: abs(cluster.shift(victim) - step) < 60, 30)
        cluster.verify(since)
        cluster.kill_daemon(cluster.others(victim)[0], "crmd")
        cluster.verify(since)
        by_then = uptime() + step
        assert [at for at in cluster.said(victim, r" crmd\[", by_then - 300) if at < by_then], "the daemons saw no step"
        cluster.set_clock(victim, 0)
        wait_for("the clock to be right", lambda: abs(cluster.shift(victim)) < 60, 30)
        cluster.kill_daemon(cluster.others(victim)[1], "crmd")
        cluster.verify(since)
    assert cluster.orders() == []
    for name in cluster.resources:
        assert len(cluster.begun(name, "start", asked)) == 1, cluster.oracle.actions(asked)
    for host in cluster.hosts:
        assert "was not answered in time" not in host.read("/var/log/hashell/hashell.log")
