"""The image of a host with Debian 12's cluster: Corosync 3.1.7, Pacemaker 2.1.5, crmsh 4.4; built once."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.lab.peerlab import HOME

_PACKAGES = (
    "pacemaker", "pacemaker-cli-utils", "corosync", "crmsh", "resource-agents", "iproute2", "procps", "python3",
)  # fmt: skip
_SOURCES = ("/etc/apt/sources.list.d", "/etc/apt/sources.list")
_BUILD = """
set -e
image=$1 mirror=$2; shift 2
debootstrap --variant=minbase bookworm "$image" "$mirror"
cp /etc/apt/apt.conf.d/* "$image/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf "$image/etc/resolv.conf"
printf '#!/bin/sh\\nexit 101\\n' >"$image/usr/sbin/policy-rc.d"; chmod +x "$image/usr/sbin/policy-rc.d"
mount -t proc proc "$image/proc"
mount --rbind /dev "$image/dev"
chroot "$image" apt-get update -q
export DEBIAN_FRONTEND=noninteractive
chroot "$image" apt-get install -y --no-install-recommends "$@"
touch "$image/.ready"
"""


@cache
def image() -> str:
    """The lower folder of such a host; skips the test where it cannot be built."""
    folder = HOME / "image-bookworm"
    if (folder / ".ready").exists():
        return str(folder)
    shutil.rmtree(folder, ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    words = ["unshare", "-m", "--propagation", "private", "bash", "-c", _BUILD, "build", str(folder), _mirror(),
             *_PACKAGES]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=1800)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        pytest.skip(f"Debian 12 cannot be installed: {said}")
    return str(folder)


def _mirror() -> str:
    """Where this machine has its own packages from; Debian's own place when it does not say."""
    files = [path for place in map(Path, _SOURCES) for path in (sorted(place.glob("*")) if place.is_dir() else [place])]
    for path in files:
        for line in path.read_text(errors="replace").splitlines() if path.is_file() else ():
            words = line.split()
            if len(words) > 1 and words[0] in ("URIs:", "deb"):
                return next(word for word in words[1:] if "://" in word)
    return "http://deb.debian.org/debian"
