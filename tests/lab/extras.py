"""Programs that the lab's image does not have: layers over it, each made once."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOME

PROGRAMS = ("usr/bin/corosync-qnetd", "usr/sbin/corosync-qdevice", "usr/sbin/corosync-notifyd")
_INSTALL = """
set -e
image=$1 layer=$2; shift 2
mkdir -p "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=$image,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
mount -t proc proc "$layer/root/proc"
mount --rbind /dev "$layer/root/dev"
cp /etc/resolv.conf "$layer/root/etc/resolv.conf"
chroot "$layer/root" apt-get update -q
export DEBIAN_FRONTEND=noninteractive
chroot "$layer/root" apt-get install -y --no-install-recommends "$@"
touch "$layer/.ready"
"""


def image() -> str:
    """The lower folders of a host that has Corosync's further programs."""
    return _layered("extras", ("corosync-qnetd", "corosync-qdevice", "corosync-notifyd"), PROGRAMS)


def fence_agents() -> str:
    """The lower folders of a host that has Debian's fence agent for Redfish management controllers."""
    return _layered("fence-agents", ("fence-agents-redfish",), ("usr/sbin/fence_redfish",))


@cache
def _layered(name: str, packages: tuple[str, ...], programs: tuple[str, ...]) -> str:
    """The image, with a layer over it where it lacks one of the programs; skips the test if that cannot be made."""
    plain = peerlab._image()
    if all((Path(plain) / program).exists() for program in programs):
        return plain
    layer = HOME / name
    if not (layer / ".ready").exists():
        words = ["unshare", "-m", "--propagation", "private", "bash", "-c", _INSTALL, "install", plain, str(layer)]
        done = subprocess.run([*words, *packages], capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return f"{layer / 'upper'}:{plain}"
