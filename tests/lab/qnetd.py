"""A host with the original corosync-qnetd, and the original's device on other hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.lab import extras, peerlab
from tests.lab.peerlab import Host, wait_for

NUMBER = 9


@dataclass(frozen=True)
class Server(Host):
    """The quorum server, on a host of its own; `tls` is its own word: off, on or req."""

    tls: str = "off"

    def boot(self) -> None:
        peerlab.peerlab("host", str(self.number), extras.image())
        self.start()

    def start(self) -> None:
        daemon = f"setsid corosync-qnetd -f -s {self.tls} >/root/qnetd.out 2>&1 </dev/null &"
        command = f"mkdir -p /run/corosync-qnetd; {daemon}"
        self.run("sh", "-c", command, check=True)
        wait_for("the quorum server", lambda: self.run("corosync-qnetd-tool", "-s").returncode == 0, 30)

    def stop(self) -> None:
        self.run("sh", "-c", "kill $(pidof corosync-qnetd)", check=True)

    def votes(self) -> str:
        """What the server says of its clients, without what differs from run to run."""
        lines = self.run("corosync-qnetd-tool", "-l", "-v").stdout.splitlines()
        return "\n".join(line for line in lines if "address" not in line and "Ring ID" not in line)

    def sign(self, request: bytes, cluster: str) -> bytes:
        """The certificate of a cluster, by the original's tool."""
        (self.root / "root/cluster.crq").write_bytes(request)
        self.run("corosync-qnetd-certutil", "-s", "-c", "/root/cluster.crq", "-n", cluster, check=True)
        return (self.root / f"etc/corosync/qnetd/nssdb/cluster-{cluster}.crt").read_bytes()

    def authority(self) -> bytes:
        return (self.root / "etc/corosync/qnetd/nssdb/qnetd-cacert.crt").read_bytes()

    def clients(self) -> int:
        return self.run("corosync-qnetd-tool", "-l", "-v").stdout.count("Client address")


#: Where the original's tools keep the certificates of a node.
STORE = "etc/corosync/qdevice/net/nssdb"
BUNDLE = "qdevice-net-node.p12"


def enrol(server: Server, hosts: Sequence[Host], cluster: str) -> None:
    """Certificates for all hosts as the original's manual has it: made on the first, copied to the others."""
    first, *others = hosts
    for host in hosts:
        (host.root / "root/ca.crt").write_bytes(server.authority())
        host.run("corosync-qdevice-net-certutil", "-i", "-c", "/root/ca.crt", check=True)
    first.run("corosync-qdevice-net-certutil", "-r", "-n", cluster, check=True)
    request = (first.root / STORE / "qdevice-net-node.crq").read_bytes()
    (first.root / "root/cluster.crt").write_bytes(server.sign(request, cluster))
    first.run("corosync-qdevice-net-certutil", "-M", "-c", "/root/cluster.crt", check=True)
    for host in others:
        (host.root / STORE / BUNDLE).write_bytes((first.root / STORE / BUNDLE).read_bytes())
        host.run("corosync-qdevice-net-certutil", "-m", "-c", f"/{STORE}/{BUNDLE}", check=True)


def start_original_device(host: Host) -> None:
    """The original's device on a node that runs the original ring."""
    command = "mkdir -p /run/corosync-qdevice; setsid corosync-qdevice -f >/root/qdevice.out 2>&1 </dev/null &"
    host.run("sh", "-c", command, check=True)
