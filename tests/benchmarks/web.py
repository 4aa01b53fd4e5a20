"""The web cluster beside the real one: outages as a visitor sees them, start, refresh, memory and idle processor time.

Three hosts with systemd, nginx as a systemd resource behind IPaddr2, fencing off, token 1000 ms, monitors every two
seconds. A visitor on a fourth host asks for the page every 50 ms; an outage is the longest time between two right
answers from just before the event until the cluster has nothing left to do. Memory and processor time are those of the
cluster's own processes on a node that serves nothing, without what agents use.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks import memory
from tests.lab import peerlab
from tests.lab.peerlab import HOME, Host, wait_for

ADDRESS = "10.78.0.100"
NODES = 3
RESOURCES = 200
VISITOR = Host(9)
#: Seconds over which processor time is counted, and how long a cluster must have been idle to count as settled.
IDLE_SECONDS, SETTLED = 30.0, 1.0
WEB = f"""property stonith-enabled=false
rsc_defaults resource-stickiness=100
primitive web-ip ocf:heartbeat:IPaddr2 params ip={ADDRESS} cidr_netmask=24 op monitor interval=2s timeout=20s
primitive web-server systemd:nginx op monitor interval=2s timeout=100s op start timeout=100s op stop timeout=100s
group web web-ip web-server
"""
DUMMY = """<primitive id="{0}" class="ocf" provider="pacemaker" type="Dummy"><operations>
<op id="{0}-m" name="monitor" interval="60s"/></operations></primitive>"""
VISITS = f"""import socket, time
while True:
    began, node = time.monotonic(), ""
    try:
        with socket.create_connection(("{ADDRESS}", 80), 0.1) as server:
            server.settimeout(0.5)
            server.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while part := server.recv(4096):
                answer += part
        node = answer.decode().rpartition("this is ")[2].strip()
    except OSError:
        pass
    print(f"{{time.monotonic():.4f}} {{node}}", flush=True)
    time.sleep(max(0.0, 0.05 - (time.monotonic() - began)))
"""


@dataclass(frozen=True)
class Stack:
    """How a cluster is put on a host, started, and what its processes are called."""

    name: str
    equip: Callable[[Host], None]
    unit: str
    processes: tuple[str, ...]
    controller: str
    executor: str


def _equip_ours(host: Host) -> None:
    shutil.copytree(peerlab.library_layer(), host.root, symlinks=True, dirs_exist_ok=True)
    # As pip does when it installs.
    host.run("python3", "-m", "compileall", "-q", peerlab.HOST_LIB, timeout=300)
    unit = (peerlab.REPO / "systemd" / "hashelld.service").read_text()
    host.write("/etc/systemd/system/hashelld.service", unit)
    host.run("systemctl", "daemon-reload", check=True)


OURS = Stack("hashell", _equip_ours, "hashelld", ("hashelld",), "hashelld-crmd", "hashelld-lrmd")
REAL = Stack("Corosync + Pacemaker", lambda _host: None, "pacemaker", ("corosync", "pacemaker"), "pacemaker-contr",
             "pacemaker-execd")


@dataclass
class Figures:
    """What was measured of one stack, by name: seconds, MiB or per cent."""

    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        self.values.setdefault(name, []).append(value)
        print(f"    {name}: {value:.2f}", flush=True)


class Cluster:
    """Three hosts of one stack, and the visitor."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.hosts = [Host(number) for number in range(1, NODES + 1)]
        for host in self.hosts:
            peerlab.peerlab("boot", str(host.number))
            stack.equip(host)
            host.write("/etc/corosync/corosync.conf", peerlab.peerlab("conf", str(NODES), "udpu", "1000"))
            host.write("/var/www/html/index.html", f"this is {host.name}\n")
        peerlab.peerlab("host", str(VISITOR.number), peerlab._image())
        VISITOR.write("/root/visits.py", VISITS)

    def start(self, *hosts: Host) -> None:
        """All at once."""
        _everywhere(hosts, "systemctl", "start", self.stack.unit)

    def stop(self) -> None:
        """All at once, and the ring last."""
        _everywhere(self.hosts, "systemctl", "stop", self.stack.unit)
        _everywhere(self.hosts, "systemctl", "stop", "corosync")

    def load(self, text: str) -> None:
        host = self.hosts[0]
        host.write("/root/bench.crm", text)
        host.run("crm", "configure", "load", "update", "/root/bench.crm", check=True, timeout=300)

    def idle(self, online: int = NODES) -> bool:
        """Whether the DC of the first host that is reached has nothing to do, with so many nodes online."""
        host = next(h for h in self.hosts if (HOME / "nodes" / str(h.number) / "init.pid").exists() and not _cut(h))
        text = host.run("crm_mon", "-1").stdout
        dc, names = re.search(r"Current DC: (node\d)", text), re.search(r"Online: \[ (.*?) \]", text)
        if not dc or not names or len(names[1].split()) != online:
            return False
        return "S_IDLE" in host.run("crmadmin", "-S", dc[1]).stdout

    def settle(self, online: int = NODES, seconds: float = 300) -> float:
        """Wait until the cluster has been idle for a while; when that began (time.monotonic)."""
        since = 0.0

        def settled() -> bool:
            nonlocal since
            if not self.idle(online):
                since = 0.0
            elif not since:
                since = time.monotonic()
            return bool(since) and time.monotonic() - since >= SETTLED

        wait_for(f"{online} nodes idle", settled, seconds, 0.1)
        return since

    # --- the visitor

    def visit(self) -> None:
        VISITOR.run("sh", "-c", "setsid python3 /root/visits.py >/root/seen 2>/dev/null </dev/null &", check=True)
        wait_for("a page", lambda: self.seen() and self.seen()[-1][1])

    def seen(self) -> list[tuple[float, str]]:
        """When which node answered ('' = nobody)."""
        lines = VISITOR.read("/root/seen").splitlines()[:-1]
        return [(float(when), node) for when, _, node in (line.partition(" ") for line in lines)]

    def serving(self) -> Host:
        name = wait_for("a page", lambda: (self.seen() or [(0.0, "")])[-1][1])
        return next(host for host in self.hosts if host.name == name)

    def outage(self, began: float) -> float:
        """Seconds: the longest time without an answer since just before `began`."""
        right = [when for when, node in self.seen() if node]
        first = max((when for when in right if when <= began), default=began)
        after = [when for when in right if when >= first]
        return max((b - a for a, b in zip(after, after[1:])), default=0.0)

    def answered_after(self, began: float, but: str = "") -> None:
        wait_for("the page again", lambda: any(t > began and n not in ("", but) for t, n in self.seen()), 240, 0.05)


def _everywhere(hosts: Sequence[Host], *words: str) -> None:
    with ThreadPoolExecutor(NODES) as pool:
        list(pool.map(lambda host: host.run(*words, timeout=300, check=True), hosts))


def _cut(host: Host) -> bool:
    state = Path(f"/sys/class/net/plv{host.number}/operstate")
    return state.exists() and state.read_text().strip() == "down"


# -- events -------------------------------------------------------------------------------------------------


def power_loss(cluster: Cluster, figures: Figures) -> None:
    victim = cluster.serving()
    began = time.monotonic()
    victim.kill()
    cluster.answered_after(began + 0.2, victim.name)
    cluster.settle(NODES - 1)
    figures.add("power loss", cluster.outage(began))
    peerlab.peerlab("boot", str(victim.number))
    cluster.start(victim)
    cluster.settle()


def cable_cut(cluster: Cluster, figures: Figures) -> None:
    victim = cluster.serving()
    began = time.monotonic()
    peerlab.peerlab("cut", str(victim.number))
    cluster.answered_after(began + 0.2, victim.name)
    cluster.settle(NODES - 1)
    figures.add("cable cut", cluster.outage(began))
    peerlab.peerlab("heal", str(victim.number))
    cluster.settle()


def service_crash(cluster: Cluster, figures: Figures) -> None:
    victim = cluster.serving()
    began = time.monotonic()
    victim.run("pkill", "-9", "nginx", check=True)
    cluster.answered_after(began + 0.2)
    cluster.settle()
    figures.add("service crash", cluster.outage(began))
    cluster.hosts[0].run("crm_resource", "--cleanup", timeout=120)
    cluster.settle()


def daemon_crash(cluster: Cluster, figures: Figures, name: str, process: str) -> None:
    """The outage, and how long the cluster takes to be whole and idle again."""
    victim = cluster.serving()
    old = victim.run("pgrep", "-n", process).stdout.strip()
    began = time.monotonic()
    victim.run("kill", "-9", old, check=True)
    wait_for(f"{process} again", lambda: victim.run("pgrep", "-n", process).stdout.strip() not in ("", old))
    settled = cluster.settle()
    cluster.answered_after(began + 0.2)
    figures.add(f"crash of the {name}", cluster.outage(began))
    figures.add(f"crash of the {name}: idle again", settled - began)
    cluster.hosts[0].run("crm_resource", "--cleanup", timeout=120)
    cluster.settle()


# -- at rest ------------------------------------------------------------------------------------------------


def processes(stack: Stack, host: Host) -> list[int]:
    """The cluster's own processes on a host."""
    first = int((HOME / "nodes" / str(host.number) / "init.pid").read_text())
    found = []
    for pid in memory.in_namespace_of(first):
        try:
            if Path(f"/proc/{pid}/comm").read_text().startswith(stack.processes):
                found.append(pid)
        except OSError:
            continue
    return found


def processor_seconds(pids: list[int]) -> float:
    """Processor time that the processes have used themselves."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def at_rest(cluster: Cluster, figures: Figures) -> None:
    serving = cluster.serving()
    host = next(h for h in cluster.hosts if h != serving)
    pids = processes(cluster.stack, host)
    used = memory.measure(pids)
    figures.add("memory of a node, PSS in MiB", used.pss)
    figures.add("memory of a node, RSS in MiB", used.rss)
    before = processor_seconds(pids)
    time.sleep(IDLE_SECONDS)
    figures.add("idle processor time of a node, % of a core", 100 * (processor_seconds(pids) - before) / IDLE_SECONDS)


def refresh(cluster: Cluster, figures: Figures, runs: int) -> None:
    dummies = "".join(DUMMY.format(f"d{number}") for number in range(RESOURCES))
    first = cluster.hosts[0]
    first.write("/root/dummies.xml", f"<resources>{dummies}</resources>")
    first.run("cibadmin", "-M", "-c", "-o", "resources", "-x", "/root/dummies.xml", check=True)
    wait_for("the dummies known", lambda: not cluster.idle(), 30)
    cluster.settle()
    for _ in range(runs):
        began = time.monotonic()
        first.run("crm_resource", "--refresh", timeout=300)
        figures.add(f"refresh of {RESOURCES} resources", cluster.settle() - began)


def measure(stack: Stack, runs: int) -> Figures:
    """All figures of one stack on fresh hosts."""
    print(f"  {stack.name}", flush=True)
    figures = Figures()
    peerlab.down()
    cluster = Cluster(stack)
    for run in range(runs):
        if run:
            cluster.stop()
        began = time.monotonic()
        cluster.start(*cluster.hosts)
        figures.add("start of 3 nodes to idle", cluster.settle() - began)
    cluster.load(WEB)
    cluster.settle()
    cluster.visit()
    at_rest(cluster, figures)
    for event in (power_loss, service_crash, cable_cut):
        for _ in range(runs):
            event(cluster, figures)
    for name, process in (("controller", stack.controller), ("executor", stack.executor)):
        for _ in range(runs):
            daemon_crash(cluster, figures, name, process)
    refresh(cluster, figures, min(runs, 3))
    peerlab.down()
    return figures


def main(runs: int) -> int:
    """Print the table; 0 unless the lab cannot run here."""
    if why := peerlab.missing():
        print(f"the web cluster is left out: {why}")
        return 0
    try:
        ours, real = measure(OURS, runs), measure(REAL, runs)
    finally:
        peerlab.down()
    print(f"\nthe web cluster, median and worst of {runs} runs; seconds where nothing else is said")
    print(f"{'':<44} {'hashell':>8} {'worst':>7} {'original':>8} {'worst':>7} {'ratio':>6}")
    for name, values in ours.values.items():
        beside = real.values[name]
        mine, theirs = statistics.median(values), statistics.median(beside)
        ratio = f"{mine / theirs:6.2f}" if theirs else "     -"
        print(f"{name:<44} {mine:8.2f} {max(values):7.2f} {theirs:8.2f} {max(beside):7.2f} {ratio}")
    return 0
