"""Trouble with the CIB's files: a full disk below them, a damaged or an old configuration on one node."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.oracle import uptime
from tests.lab.peerlab import HOME, Host, wait_for
from tests.lab.trouble import TroubledLab

CIB = "/var/lib/pacemaker/cib"
#: A small file system in the place of the folder, with what was in it.
SMALL = f"""set -e
mkdir /run/cib.copy; cp -a {CIB}/cib* /run/cib.copy; chown --reference={CIB} /run/cib.copy
mount -t tmpfs -o size=3m,mode=0750 tmpfs {CIB}; cp -a /run/cib.copy/. {CIB}; rm -r /run/cib.copy"""
FILL = f"dd if=/dev/zero of={CIB}/filler bs=4096 2>/dev/null; df {CIB} | grep -q 100%"


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[TroubledLab]:
    """Three nodes without fencing, whose resources stay where they are."""
    with TroubledLab.up(3) as troubled:
        troubled.configure_watched(fencing=False, slow=0, text="rsc_defaults resource-stickiness=1000\n")
        yield troubled


def _epoch(text: str) -> int:
    found = re.search(r'<cib [^>]*?\bepoch="(\d+)"', text)
    return int(found[1]) if found else -1


@pytest.mark.parametrize("damage", ["cut", "changed", "old"])
def test_a_wrong_configuration_on_one_node(cluster: TroubledLab, damage: str) -> None:
    """Pass: a node that starts with half a file, with one whose digest is wrong, or with the files of yesterday has
    the configuration of the others afterwards; a damaged file was kept; and all holds that `TroubledLab.verify` says.
    """
    cluster.verify()
    victim = cluster.others(cluster.dc())[0]
    folder = HOME / "nodes" / str(victim.number) / "upper" / CIB.lstrip("/")
    yesterday = HOME / "yesterday"
    shutil.rmtree(yesterday, ignore_errors=True)
    since = uptime()
    with cluster.writing(*cluster.others(victim)):
        before = _epoch(victim.read(f"{CIB}/cib.xml"))
        _keep(victim, yesterday)
        wait_for("a newer file", lambda: _epoch(victim.read(f"{CIB}/cib.xml")) > before, 60)
        cluster.power_loss(victim)
        _spoil(folder, yesterday, damage)
        cluster.boot(victim)
        cluster.verify(since)
    cluster.verify(since)
    kept = sorted(path.name for path in folder.glob("cib.auto.*"))
    assert bool(kept) is (damage != "old"), kept
    for path in folder.glob("cib.auto.*"):
        path.unlink()


def _keep(victim: Host, copy: Path) -> None:
    """A copy of the node's files as they were at one time: taken again when they were being written."""

    def taken() -> bool:
        shutil.rmtree(copy, ignore_errors=True)
        victim_folder = victim.root / CIB.lstrip("/")
        seen = (victim_folder / "cib.xml").read_bytes()
        try:
            shutil.copytree(victim_folder, copy)
        except (OSError, shutil.Error):
            return False
        return not list(copy.glob("cib.tmp.*")) and seen == (victim_folder / "cib.xml").read_bytes()

    wait_for("a copy of the files", taken, 60)


def _spoil(folder: Path, yesterday: Path, damage: str) -> None:
    file = folder / "cib.xml"
    text = file.read_bytes()
    if damage == "cut":
        file.write_bytes(text[: len(text) // 2])
    elif damage == "changed":
        file.write_bytes(text.replace(b"ocf", b"lsb", 1))
    else:
        owner = file.stat()
        shutil.rmtree(folder)
        shutil.copytree(yesterday, folder)
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.st_uid, owner.st_gid)


@pytest.mark.parametrize("role", ["DC", "other"])
def test_a_full_disk(cluster: TroubledLab, role: str) -> None:
    """Pass: changes are made and acknowledged while the CIB's disk of a node is full, though its CIB manager is killed
    meanwhile; no resource is touched. When there is room again the newest version is written by itself. All holds that
    `TroubledLab.verify` says."""
    cluster.verify()
    dc = cluster.dc()
    victim = dc if role == "DC" else cluster.others(dc)[0]
    victim.run("sh", "-c", SMALL, check=True)
    since = uptime()
    victim.run("sh", "-c", FILL, check=True)
    with cluster.writing():
        wait_for("the failure in the log", lambda: cluster.said(victim, r"cib\[.*could not be written", since), 60)
        cluster.kill_daemon(victim, "cib")
        again = uptime()
        wait_for("the failure of the next", lambda: cluster.said(victim, r"cib\[.*could not be written", again), 60)
    cluster.verify(since)
    shown = cluster.state(victim)
    assert shown is not None and _epoch(victim.read(f"{CIB}/cib.xml")) < shown.version[1]
    victim.run("rm", f"{CIB}/filler", check=True)
    wait_for("the newest version on disk", lambda: _epoch(victim.read(f"{CIB}/cib.xml")) == shown.version[1], 60)
    cluster.verify(since)
    assert cluster.oracle.actions(since) == []
