"""A host with the original corosync-qnetd, and the layer over the image that has it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOME, Host, wait_for

NUMBER = 9
_INSTALL = """
set -e
mkdir -p "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
cp /etc/resolv.conf "$2/root/etc/resolv.conf"
chroot "$2/root" apt-get update -q
export DEBIAN_FRONTEND=noninteractive
chroot "$2/root" apt-get install -y --no-install-recommends corosync-qnetd corosync-qdevice
touch "$2/.ready"
"""


@cache
def image() -> str:
    """The lower folders of a host with corosync-qnetd; skips the test where it cannot be installed."""
    plain = peerlab._image()
    if (Path(plain) / "usr/bin/corosync-qnetd").exists():
        return plain
    layer = HOME / "qnetd"
    if not (layer / ".ready").exists():
        words = ["unshare", "-m", "--propagation", "private", "bash", "-c", _INSTALL, "install", plain, str(layer)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"corosync-qnetd cannot be installed here: {done.stderr.strip().splitlines()[-1:]}")
    return f"{layer / 'upper'}:{plain}"


class Server(Host):
    """The quorum server, on a host of its own."""

    def boot(self) -> None:
        peerlab.peerlab("host", str(self.number), image())
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
