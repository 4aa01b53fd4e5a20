"""Rings of real Corosync and our ring daemon in the lab, their faults, and the clients that watch them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOME, PEERLAB, Host, wait_for

CLIENT = Path(__file__).with_name("cpg_client.py")
SECOND_BRIDGE = "plbr1"
PREPARE = """mkdir -p /run/crm /var/log/pacemaker /var/lib/corosync; chmod 750 /run/crm"""


@dataclass(frozen=True)
class RingConf:
    """A corosync.conf for `count` nodes; `totem` and `quorum` are further lines of those sections."""

    count: int
    transport: str = "udpu"
    token: int = 1000
    crypto: bool = False
    links: int = 1
    totem: tuple[str, ...] = ()
    quorum: tuple[str, ...] = ()
    votes: dict[int, int] = field(default_factory=dict)

    def text(self) -> str:
        totem = ["version: 2", "cluster_name: lab", f"transport: {self.transport}", f"token: {self.token}"]
        if self.crypto:
            totem += ["crypto_cipher: aes256", "crypto_hash: sha256"]
        lines = ["totem {", *totem, *self.totem, "}", "nodelist {"]
        for node in range(1, self.count + 1):
            addresses = [f"ring{link}_addr: 10.{78 + link}.0.{node}" for link in range(self.links)]
            votes = [f"quorum_votes: {self.votes[node]}"] if node in self.votes else []
            lines += ["node {", *addresses, f"name: node{node}", f"nodeid: {node}", *votes, "}"]
        lines += ["}", "quorum {", "provider: corosync_votequorum", *self.quorum, "}"]
        lines += ["logging {", "to_logfile: yes", "logfile: /var/log/corosync.log", "to_syslog: no", "}"]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Seen:
    """What corosync-quorumtool says on one node."""

    members: tuple[int, ...]
    quorate: bool
    ring: str
    text: str

    def field(self, name: str) -> str:
        found = re.search(rf"^{re.escape(name)}:\s*(.*?)\s*$", self.text, re.MULTILINE)
        return found[1] if found else ""


@dataclass(frozen=True)
class RingHost(Host):
    """A host with a ring daemon: the original, or ours."""

    ours: bool = False

    def boot(self, conf: str, key: bytes = b"", image: str = "") -> None:
        image = image or peerlab._image()
        peerlab.peerlab("host", str(self.number), f"{peerlab.library_layer()}:{image}" if self.ours else image)
        self.configure(conf, key)

    def configure(self, conf: str, key: bytes = b"") -> None:
        self.write("/etc/corosync/corosync.conf", conf)
        if key:
            (self.root / "etc/corosync/authkey").write_bytes(key)

    def start(self) -> None:
        self.run("sh", "-c", PREPARE, check=True)
        if self.ours:
            self.run("hashelld", "--only-ring", timeout=120, check=True)
        else:
            self.run("sh", "-c", "setsid corosync -f >/var/log/corosync.out 2>&1 </dev/null &", check=True)

    def stop(self) -> None:
        """An orderly stop; returns when the daemon is gone."""
        self.run("corosync-cfgtool", "-H", timeout=60)
        wait_for(f"the ring daemon of {self.name} gone", lambda: not self.running(), 60)

    def running(self) -> bool:
        """Is there a process of the ring daemon?"""
        name = "hashelld" if self.ours else "corosync"
        lines = self.run("sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null").stdout.splitlines()
        # Process 1 of a host reaps nobody: who has ended stays there as a zombie.
        alive = [line for line in lines if not line.rpartition(") ")[2].startswith("Z")]
        return any(f"({name}" in line for line in alive)

    def see(self) -> Seen | None:
        """None while the daemon does not answer."""
        text = self.run("corosync-quorumtool", "-s").stdout
        if "Ring ID" not in text:
            return None
        listed = text.partition("Membership information")[2]
        members = tuple(sorted(int(m) for m in re.findall(r"^\s+([1-9]\d*)\s+\d+\s", listed, re.MULTILINE)))
        ring = re.search(r"Ring ID:\s*(\S+)", text)
        return Seen(members, "Quorate:          Yes" in text, ring[1] if ring else "", text)

    def log(self) -> str:
        return self.read("/var/log/hashell/hashell.log" if self.ours else "/var/log/corosync.log")

    def do(self, verb: str, *words: str) -> None:
        """A fault of the lab: freeze, thaw, cut, heal."""
        peerlab.peerlab(verb, str(self.number), *words)

    def rebridge(self, bridge: str) -> None:
        """Plug the cable into another bridge, which is made if need be."""
        shown = subprocess.run(["ip", "link", "show", bridge], capture_output=True, check=False)
        if shown.returncode:
            subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], check=True)
            subprocess.run(["ip", "link", "set", bridge, "up"], check=True)
        subprocess.run(["ip", "link", "set", f"plv{self.number}", "master", bridge], check=True)

    def lose(self, percent: int) -> None:
        """Drop that part of the packets that leave the host, at random; 0 ends it.

        By a filter instead of netem, which many kernels of virtual machines do not have.
        """
        if not shutil.which("iptables"):
            pytest.skip("losing packets needs iptables")
        inside = ["ip", "netns", "exec", f"pl{self.number}", "iptables", "-w"]
        subprocess.run([*inside, "-F", "OUTPUT"], check=True)
        if percent:
            chance = ("-m", "statistic", "--mode", "random", "--probability", str(percent / 100))
            subprocess.run([*inside, "-A", "OUTPUT", "-o", "eth0", *chance, "-j", "DROP"], check=True)

    def client(self, group: str, *words: str) -> subprocess.Popen[str]:
        """Start a client of the original's library; `finished` has its report."""
        self.write("/root/cpg_client.py", CLIENT.read_text())
        command = [str(PEERLAB), "run", str(self.number), "python3", "/root/cpg_client.py", group, *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                start_new_session=True)  # fmt: skip


def wake(process: subprocess.Popen[str]) -> None:
    """Let what entered the host for a client go on: it stops when its child is frozen, and no thaw reaches it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)


def finished(process: subprocess.Popen[str], seconds: float = 180) -> dict[str, object]:
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    report: dict[str, object] = json.loads(out)
    return report


@dataclass
class Ring:
    """All hosts of one ring."""

    conf: RingConf
    hosts: list[RingHost]
    key: bytes = b""
    image: str = ""  #: lower folders of the hosts, "" = the lab's image

    def __getitem__(self, number: int) -> RingHost:
        return self.hosts[number - 1]

    def others(self, *without: RingHost) -> list[RingHost]:
        return [h for h in self.hosts if h not in without]

    def start(self, order: Sequence[int] = ()) -> None:
        for number in order or [h.number for h in self.hosts]:
            self[number].start()

    def whole(self, hosts: Sequence[RingHost] | None = None, seconds: float = 60) -> str:
        """Wait until exactly these hosts are members of one ring on each of them; its id."""
        among = list(hosts) if hosts is not None else self.hosts
        wanted = tuple(sorted(h.number for h in among))
        last: list[Seen | None] = []

        def one() -> str:
            last[:] = [h.see() for h in among]
            rings = {seen.ring for seen in last if seen}
            good = all(seen and seen.members == wanted for seen in last) and len(rings) == 1
            return rings.pop() if good else ""

        try:
            return wait_for(f"members {wanted} on all of them", one, seconds)
        except peerlab.LabError as error:
            views = "; ".join(f"{h.name}: {seen and (seen.members, seen.ring)}" for h, seen in zip(among, last))
            raise peerlab.LabError(f"{error}: {views}") from None

    def reboot(self, host: RingHost) -> None:
        """Power comes back."""
        host.boot(self.conf.text(), self.key, self.image)
        host.start()


def up(ours: str, conf: RingConf, order: Sequence[int] = (), start: bool = True, image: str = "") -> Ring:
    """A ring of hosts; `ours` has one letter a host: o = ours, r = the original. Started in `order`."""
    assert len(ours) == conf.count
    ring = Ring(conf, [RingHost(i + 1, letter == "o") for i, letter in enumerate(ours)])
    ring.key = os.urandom(256) if conf.crypto else b""
    ring.image = image
    peerlab.peerlab("image", timeout=1800)
    (HOME / "authkey").unlink(missing_ok=True)
    for host in ring.hosts:
        host.boot(conf.text(), ring.key, image)
    if conf.links > 1:
        _second_network(ring.hosts)
    if start:
        ring.start(order)
    return ring


def _second_network(hosts: Sequence[RingHost]) -> None:
    def ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True)

    subprocess.run(["ip", "link", "del", SECOND_BRIDGE], check=False, capture_output=True)
    ip("link", "add", SECOND_BRIDGE, "type", "bridge")
    ip("link", "set", SECOND_BRIDGE, "up")
    for host in hosts:
        name = f"plw{host.number}"
        ip("link", "add", name, "type", "veth", "peer", "name", "eth1", "netns", f"pl{host.number}")
        ip("link", "set", name, "master", SECOND_BRIDGE, "up")
        ip("-n", f"pl{host.number}", "addr", "add", f"10.79.0.{host.number}/24", "dev", "eth1")
        ip("-n", f"pl{host.number}", "link", "set", "eth1", "up")


def common_order(files: Sequence[str]) -> int:
    """The messages that two or more saw, they saw in one order: how many the first and the last have in common."""
    seen = [[line for line in text.splitlines() if not line.startswith("members")] for text in files]
    places = [{line: i for i, line in enumerate(lines)} for lines in seen]
    for a, lines in enumerate(seen):
        assert len(places[a]) == len(lines), f"client {a} got a message twice"
        for b in range(a):
            common = [places[b][line] for line in lines if line in places[b]]
            assert common == sorted(common), f"clients {a} and {b} saw different orders"
    return len([line for line in seen[0] if line in places[-1]])
