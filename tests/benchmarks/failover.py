"""Failover after power loss of the active node: a group of two Dummy resources on three nodes, fencing off.

The clock starts when every process of the active node is killed and stops when the group's last member has been
started elsewhere, seen by its state file: the agents of both stacks write one at start. Token 1000 ms throughout.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hashell.client.cluster import open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.stack.embedded import EmbeddedCluster
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.panic import NODE_VARIABLE, marked_processes
from tests.benchmarks import memory
from tests.lab import peerlab
from tests.lab.peerlab import HOME, Host, wait_for

T = TypeVar("T")
CONFIG = """property stonith-enabled=false
rsc_defaults resource-stickiness=100
primitive d1 ocf:pacemaker:Dummy {d1} op monitor interval=10s
primitive d2 ocf:pacemaker:Dummy {d2} op monitor interval=10s
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


# -- embedded nodes -----------------------------------------------------------------------------------------


def _embedded(runs: int) -> Result:
    """Power losses of the active one of three embedded nodes."""
    with tempfile.TemporaryDirectory(prefix="hashell-bench-") as folder:
        return asyncio.run(_embedded_runs(Path(folder), runs))


async def _embedded_runs(base: Path, runs: int) -> Result:
    result = Result("hashell, 3 embedded nodes")
    cluster = EmbeddedCluster(base / "cluster", 3)
    environment = dict(os.environ, HASHELL_EMBEDDED_DIR=str(base / "cluster"))
    await cluster.start()
    try:
        await _reached("three nodes online", lambda: _online(cluster) == 3)
        script = base / "bench.crm"
        script.write_text(CONFIG.format(d1="", d2=""))  # the default state files, below each node's own folder
        command = [sys.executable, "-m", "hashell.cli", "configure", "load", "update", str(script)]
        subprocess.run(command, env=environment, check=True, stdin=subprocess.DEVNULL)
        for run in range(runs):
            active = await _reached("the group started", lambda: _embedded_active(cluster, ""))
            if run == 0:
                await asyncio.sleep(5)
                other = next(name for name in cluster.names if name != active)
                marker = cluster.node_settings(other).env[NODE_VARIABLE]
                result.memory = memory.measure(marked_processes(marker))
            began = time.monotonic()
            await cluster.kill_node(active)
            await _reached("the group elsewhere", lambda a=active: _embedded_active(cluster, a), step=0.01)
            result.seconds.append(time.monotonic() - began)
            print(f"  {result.name}: run {run + 1}: {result.seconds[-1]:.2f} s", flush=True)
            await cluster.start_node(active)
            await _reached("the node back", lambda: _online(cluster) == 3)
            await asyncio.sleep(3)
    finally:
        await cluster.stop()
    return result


async def _reached(what: str, probe: Callable[[], T], step: float = 0.2) -> T:
    return await asyncio.to_thread(wait_for, what, probe, 120.0, step)


def _online(cluster: EmbeddedCluster) -> int:
    """Online nodes, as the first running node has it."""
    for name in cluster.names:
        if cluster.node_running(name):
            try:
                return asyncio.run(_count_online(cluster.node_settings(name)))
            except HashellError:
                continue
    return 0


async def _count_online(settings: NodeSettings) -> int:
    connection = await open_cluster(LiveSource(settings))
    try:
        board = await connection.board()
    finally:
        await connection.close()
    return sum(node.state == "online" for node in board.nodes) if board.dc else 0


def _embedded_active(cluster: EmbeddedCluster, lost: str) -> str:
    """The node on which the group's last member has been started, other than the lost one."""
    for name in cluster.names:
        folder = cluster.node_settings(name).agent_dir
        if name != lost and any("d2" in path.name for path in folder.glob("*")):
            return name
    return ""


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
    host.write("/root/bench.crm", CONFIG.format(d1="params state=/run/bench/d1", d2="params state=/run/bench/d2"))
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
