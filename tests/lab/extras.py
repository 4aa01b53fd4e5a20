"""Programs that the lab's image does not have: layers over it, each made once."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOME

PROGRAMS = ("usr/bin/corosync-qnetd", "usr/sbin/corosync-qdevice", "usr/sbin/corosync-notifyd")
_RING_PACKAGES = ("corosync-qnetd", "corosync-qdevice", "corosync-notifyd")
#: What an administrator's machine has besides: ssh between hosts, and the ticket manager of sites.
_ADMIN_PACKAGES = ("openssh-server", "openssh-client", "booth", "booth-pacemaker", "corosync-qnetd")
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
    """The lower folders of a host with Corosync's further programs; skips where they cannot be installed."""
    plain = peerlab._image()
    if all((Path(plain) / program).exists() for program in PROGRAMS):
        return plain
    return f"{_layer('extras', _RING_PACKAGES)}:{plain}"


def fence_agents() -> str:
    """The lower folders of a host that has Debian's fence agent for Redfish management controllers."""
    return f"{fence_layer()}:{peerlab._image()}"


def fence_layer() -> Path:
    """The files of that agent."""
    return _layer("fence-agents", ("fence-agents-redfish",))


def admin_layer() -> Path:
    """The files of ssh and booth; skips the test where they cannot be installed."""
    return _layer("admin", _ADMIN_PACKAGES)


@cache
def _layer(name: str, packages: tuple[str, ...]) -> Path:
    layer = HOME / name
    if not (layer / ".ready").exists():
        words = ["unshare", "-m", "--propagation", "private", "bash", "-c", _INSTALL, "install", peerlab._image(),
                 str(layer), *packages]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return layer / "upper"
