"""Programs that the lab's image does not have: layers over it, each made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOME

PROGRAMS = ("usr/bin/corosync-qnetd", "usr/sbin/corosync-qdevice", "usr/sbin/corosync-notifyd")
_RING_PACKAGES = ("corosync-qnetd", "corosync-qdevice", "corosync-notifyd")
#: What an administrator's machine has besides: ssh between hosts, and the ticket manager of sites.
_ADMIN_PACKAGES = ("openssh-server", "openssh-client", "booth", "booth-pacemaker", "corosync-qnetd")
#: What the administrator's guide installs, and a server that can be reached.
_GUIDE_PACKAGES = ("python3-venv", "resource-agents", "fence-agents-redfish", "nginx", "curl", "e2fsprogs", "kmod",
                   "corosync-qnetd", "openssh-server", "openssh-client")  # fmt: skip
_CLUSTER_PACKAGES = ("corosync", "crmsh", "pcs", "pacemaker*")
_INSTALL = """
set -e
image=$1 layer=$2 packages=$3 removed=$4
mkdir -p "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=$image,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
mount -t proc proc "$layer/root/proc"
mount --rbind /dev "$layer/root/dev"
cp /etc/resolv.conf "$layer/root/etc/resolv.conf"
chroot "$layer/root" apt-get update -q
export DEBIAN_FRONTEND=noninteractive
chroot "$layer/root" apt-get install -y --no-install-recommends $packages
[ -z "$removed" ] || chroot "$layer/root" apt-get purge -y $removed
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


def faketime() -> Path:
    """The files of libfaketime, which gives programs a time of day of their own."""
    return _layer("faketime", ("libfaketime",))


def admin_layer() -> Path:
    """The files of ssh and booth; skips the test where they cannot be installed."""
    return _layer("admin", _ADMIN_PACKAGES)


def disk_layer() -> Path:
    """What the agent of file systems calls: modprobe, and the tools of ext4."""
    return _layer("disk", ("kmod", "e2fsprogs"))


def bare_layer() -> Path:
    """What makes the lab's image a server without a cluster, with the packages that the administrator's guide names."""
    return _layer("bare", _GUIDE_PACKAGES, _CLUSTER_PACKAGES)


@cache
def wheels() -> Path:
    """A folder in which pip of a lab host finds hashell's libraries and what builds it; made once."""
    version = next((Path(peerlab._image()) / "usr/lib").glob("python3.[0-9]*")).name.removeprefix("python")
    folder = HOME / f"wheels-{version}"
    wanted = [*peerlab._requirements(), "setuptools>=69", "wheel"]
    stamp = folder / ".wanted"
    if not stamp.exists() or stamp.read_text() != "\n".join(wanted):
        shutil.rmtree(folder, ignore_errors=True)
        words = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--only-binary=:all:",
                 "--python-version", version, "--dest", str(folder), *wanted]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"the libraries cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
        stamp.write_text("\n".join(wanted))
    return folder


@cache
def _layer(name: str, packages: tuple[str, ...], removed: tuple[str, ...] = ()) -> Path:
    layer = HOME / name
    if not (layer / ".ready").exists():
        words = ["unshare", "-m", "--propagation", "private", "bash", "-c", _INSTALL, "install", peerlab._image(),
                 str(layer), " ".join(packages), " ".join(removed)]  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return layer / "upper"
