"""Hosts as an administrator has them before there is a cluster: systemd, ssh between the root users, addresses."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

from tests.lab import extras, peerlab
from tests.lab.peerlab import Host, wait_for

#: Networks of each host besides the lab's own, by their beginnings: those of the manual's examples.
NETWORKS = ("192.0.2", "198.51.100")


def addresses(number: int) -> list[str]:
    """The further addresses of a host: node1 has 192.0.2.11."""
    return [f"{network}.{10 + number}" for network in NETWORKS]


def boot(count: int, *layers: Path) -> list[Host]:
    """Hosts on which nothing of a cluster runs, and root on each gets to each without a password.

    `layers`: what they have besides ssh, booth and hashell.
    """
    hosts = [Host(number) for number in range(1, count + 1)]
    for host in hosts:
        switch_on(host)
        # A booted host takes one lower layer only: the others are copied onto it.
        for layer in (extras.admin_layer(), peerlab.library_layer(), *layers):
            lay_over(layer, host)
    _exchange_keys(hosts)
    return hosts


def start_enabled(host: Host) -> None:
    """What starts at boot: ssh, and the cluster where it is enabled."""
    host.run("systemctl", "start", "ssh", check=True)
    if host.run("systemctl", "is-enabled", "hashelld").stdout.strip() == "enabled":
        host.run("systemctl", "start", "--no-block", "hashelld", check=True)


def switch_on(host: Host) -> None:
    """The power of a host: its files are those it had before."""
    peerlab.peerlab("boot", str(host.number))
    # systemd has taken the name of the image.
    host.write("/etc/hostname", f"{host.name}\n")
    host.run("hostname", host.name, check=True)
    for address in addresses(host.number):
        host.run("ip", "addr", "add", f"{address}/24", "dev", "eth0", check=True)


def lay_over(layer: Path, host: Host) -> None:
    """Copy a layer onto a host: its files with their owners, and without what it deletes."""
    gone = [str(Path(folder, name).relative_to(layer)) for folder, _, names in os.walk(layer) for name in names
            if _marks_deletion(Path(folder, name))]  # fmt: skip
    root = str(host.root)
    # Links are followed as on the host, not as on this machine.
    if gone:
        subprocess.run(["chroot", root, "rm", "-rf", "--", *(f"/{path}" for path in gone)], check=True)
    leave = [f"--exclude=./{path}" for path in gone]
    pack = ["tar", "-C", str(layer), "--numeric-owner", "--anchored", *leave, "-c", "."]
    unpack = ["chroot", root, "tar", "-C", "/", "--numeric-owner", "--keep-directory-symlink", "-xp"]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        subprocess.run(unpack, stdin=packed.stdout, check=True)


def _marks_deletion(path: Path) -> bool:
    """A layer marks what it deletes by a device without a number."""
    return stat.S_ISCHR(path.lstat().st_mode)


def _exchange_keys(hosts: list[Host]) -> None:
    """A key of each root for all, and the key of each machine known to all."""
    for host in hosts:
        host.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519", check=True)
        host.run("sh", "-c", "rm -f /etc/ssh/ssh_host_*; ssh-keygen -A", check=True)
        host.run("systemctl", "start", "ssh", check=True)
    authorized = "".join(host.read("/root/.ssh/id_ed25519.pub") for host in hosts)
    known = "".join(f"* {host.read('/etc/ssh/ssh_host_ed25519_key.pub')}" for host in hosts)
    for host in hosts:
        host.write("/root/.ssh/authorized_keys", authorized)
        host.write("/root/.ssh/known_hosts", known)
        host.run("chmod", "600", "/root/.ssh/authorized_keys", check=True)
    for host in hosts:
        for other in hosts:
            words = ("ssh", "-o", "BatchMode=yes", other.name, "true")
            wait_for(f"ssh from {host.name} to {other.name}", lambda: host.run(*words).returncode == 0, 30)  # noqa: B023
