"""Programs of Corosync that the lab's image does not have: a layer over it, made once."""

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
mkdir -p "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
cp /etc/resolv.conf "$2/root/etc/resolv.conf"
chroot "$2/root" apt-get update -q
export DEBIAN_FRONTEND=noninteractive
chroot "$2/root" apt-get install -y --no-install-recommends corosync-qnetd corosync-qdevice corosync-notifyd
touch "$2/.ready"
"""


@cache
def image() -> str:
    """The lower folders of a host that has them; skips the test where they cannot be installed."""
    plain = peerlab._image()
    if all((Path(plain) / program).exists() for program in PROGRAMS):
        return plain
    layer = HOME / "extras"
    if not (layer / ".ready").exists():
        words = ["unshare", "-m", "--propagation", "private", "bash", "-c", _INSTALL, "install", plain, str(layer)]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            pytest.skip(f"Corosync's further programs cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
    return f"{layer / 'upper'}:{plain}"
