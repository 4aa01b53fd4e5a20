"""Failover after power loss of the active node: a group of two Dummy resources on three nodes, fencing off.

The clock starts when every process of the active node is killed and stops when the group's last member has been
started elsewhere, seen by its state file: the agents of both stacks write one at start. Token 1000 ms throughout.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import memory
from tests.lab import peerlab
from tests.lab.peerlab import HOME, Host, wait_for

CONFIG = """property stonith-enabled=false
rsc_defaults resource-stickiness=100
primitive d1 ocf:pacemaker:Dummy params state={state}/d1 op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy params state={state}/d2 op monitor interval=10s
group g d1 d2
"""


@dataclass
class Result:
    name: str
    seconds: list[float] = field(default_factory=list)
    memory: memory.Memory | None = None

    def line(self, reference: Result | None) -> str:
        median = statistics.median(self.seconds)
        ratio = f"{median / statistics.median(reference.seconds):5.2f}" if reference else "    -"
        used = f"{self.memory.rss:8.1f} {self.memory.pss:8.1f}" if self.memory else "       -        -"
        return f"{self.name:<38} {median:7.2f} {min(self.seconds):6.2f} {max(self.seconds):6.2f} {ratio} {used}"


def main(runs: int) -> int:
    """Print the table; 0 when every stack that can run here did."""
    results = [_embedded(runs)]
    reference: Result | None = None
    if why := peerlab.missing():
        print(f"the original is left out: {why}")
    else:
        try:
            results.append(_lab("hashell, 3 hosts", runs, peerlab.up_ours, _start_ours))
            reference = _lab("Corosync + Pacemaker, 3 hosts", runs, peerlab.up_real, _start_real)
            results.append(reference)
        finally:
            peerlab.down()
    print(f"\nfailover after power loss, token 1000 ms, {runs} runs; memory per idle node in MiB")
    print(f"{'':<38} {'median':>7} {'min':>6} {'max':>6} {'ratio':>5} {'RSS':>8} {'PSS':>8}")
    for result in results:
        print(result.line(reference))
    return 0


# -- hosts of the lab ---------------------------------------------------------------------------------------


def _lab(name: str, runs: int, up: Callable[[int], list[Host]], restart: Callable[[Host, int], None]) -> Result:
    """Power losses of the active one of three lab hosts."""
    result = Result(name)
    peerlab.down()
    hosts = up(3)
    wait_for("three nodes online", lambda: "node1 node2 node3" in _mon(hosts[0]), 240)
    hosts[0].run("cibadmin", "--query", check=True)
    _configure(hosts[0])
    wait_for("the group started", lambda: _active(hosts), 120)
    for run in range(runs):
        active = wait_for("one active node", lambda: _active(hosts), 120)
        others = [host for host in hosts if host is not active]
        if run == 0:
            time.sleep(5)
            pid = int((HOME / "nodes" / str(others[0].number) / "init.pid").read_text())
            result.memory = memory.measure(memory.in_namespace_of(pid))
        began = time.monotonic()
        active.kill()
        wait_for("the group elsewhere", lambda o=others: _active(o), 120, step=0.01)
        result.seconds.append(time.monotonic() - began)
        print(f"  {name}: run {run + 1}: {result.seconds[-1]:.2f} s", flush=True)
        restart(active, len(hosts))
        wait_for("the node back", lambda o=others: "node1 node2 node3" in _mon(o[0]), 240)
        time.sleep(3)
    peerlab.down()
    return result


def _mon(host: Host) -> str:
    return host.run("crm_mon", "-1").stdout


def _active(hosts: list[Host]) -> Host | None:
    return next((host for host in hosts if (host.root / "run/bench/d2").exists()), None)


def _configure(host: Host) -> None:
    host.write("/root/bench.crm", CONFIG.format(state="/run/bench"))
    for number in range(1, 4):
        (Host(number).root / "run/bench").mkdir(exist_ok=True)
    host.run("crm", "configure", "load", "update", "/root/bench.crm", check=True, timeout=120)


def _start_real(host: Host, count: int) -> None:
    peerlab.peerlab("host", str(host.number), str(HOME / "image-trixie"))
    (host.root / "run/bench").mkdir(exist_ok=True)
    peerlab.peerlab("start", str(host.number), str(HOME / "corosync.conf"))


def _start_ours(host: Host, count: int) -> None:
    peerlab.peerlab("host", str(host.number), f"{peerlab.library_layer()}:{HOME / 'image-trixie'}")
    host.write("/etc/corosync/corosync.conf", peerlab.peerlab("conf", str(count), "udpu", "1000"))
    (host.root / "run/bench").mkdir(exist_ok=True)
    peerlab.start_ours(host)
