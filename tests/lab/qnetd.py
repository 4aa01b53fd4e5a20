"""A host with the original corosync-qnetd, and the original's device on other hosts."""

from __future__ import annotations

from tests.lab import extras, peerlab
from tests.lab.peerlab import Host, wait_for

NUMBER = 9


class Server(Host):
    """The quorum server, on a host of its own."""

    def boot(self) -> None:
        peerlab.peerlab("host", str(self.number), extras.image())
        self.start()

    def start(self) -> None:
        command = "mkdir -p /run/corosync-qnetd; setsid corosync-qnetd -f -s off >/root/qnetd.out 2>&1 </dev/null &"
        self.run("sh", "-c", command, check=True)
        wait_for("the quorum server", lambda: self.run("corosync-qnetd-tool", "-s").returncode == 0, 30)

    def stop(self) -> None:
        self.run("sh", "-c", "kill $(pidof corosync-qnetd)", check=True)

    def votes(self) -> str:
        """What the server says of its clients, without what differs from run to run."""
        lines = self.run("corosync-qnetd-tool", "-l", "-v").stdout.splitlines()
        return "\n".join(line for line in lines if "address" not in line and "Ring ID" not in line)

    def clients(self) -> int:
        return self.run("corosync-qnetd-tool", "-l", "-v").stdout.count("Client address")


def start_original_device(host: Host) -> None:
    """The original's device on a node that runs the original ring."""
    command = "mkdir -p /run/corosync-qdevice; setsid corosync-qdevice -f >/root/qdevice.out 2>&1 </dev/null &"
    host.run("sh", "-c", command, check=True)
