"""Our exporter beside Debian's ha_cluster_exporter on the same CIB: the same metrics, labels and values."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOME, Host, wait_for

ADDRESS = "127.0.0.1:19664"
PACKAGE = "prometheus-hacluster-exporter"
CIB = Path(__file__).with_name("exporter.xml")
#: crm_mon 3.0 has no -X any more, by which the exporter calls it: the same report in today's words.
WRAPPER = """#!/bin/sh
[ "$1" = --version ] && exec crm_mon --version
exec crm_mon -1 --output-as=xml --group-by-node --inactive
"""


def program() -> Path:
    """The original, downloaded once; skips where it cannot be had."""
    found = HOME / "exporter" / "usr/bin/ha_cluster_exporter"
    if not found.exists():
        folder = HOME / "exporter"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        steps = f"apt-get download {PACKAGE} && dpkg -x {PACKAGE}_*.deb ."
        done = subprocess.run(["sh", "-c", steps], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"{PACKAGE} cannot be downloaded: {done.stderr.strip().splitlines()[-1:]}")
    return found


@pytest.fixture(scope="module")
def host(lab: None) -> Iterator[Host]:
    """A host without a cluster: the original's tools read a CIB file."""
    original = program()
    peerlab.peerlab("host", "1", f"{peerlab.library_layer()}:{peerlab._image()}")
    host = Host(1)
    host.write("/root/cib.xml", CIB.read_text())
    host.write("/root/mon", WRAPPER)
    shutil.copy(original, host.root / "root" / "exporter")
    host.run("chmod", "755", "/root/mon", "/root/exporter", check=True)
    serve = f"/root/exporter --web.listen-address={ADDRESS} --crm-mon-path=/root/mon"
    command = f"TZ=UTC CIB_file=/root/cib.xml setsid {serve} >/root/log 2>&1 </dev/null &"
    host.run("sh", "-c", command, check=True)
    wait_for("the original exporter", lambda: "ha_cluster" in original_metrics(host), 60)
    yield host


def original_metrics(host: Host) -> str:
    return host.run("curl", "-s", f"http://{ADDRESS}/metrics").stdout


def metrics(text: str) -> dict[str, float]:
    """Sample -> value, of Pacemaker's part."""
    lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith("ha_cluster_pacemaker_")]
    return {name: float(value) for name, _, value in lines}


def test_the_same_metrics(host: Host) -> None:
    theirs = metrics(original_metrics(host))
    assert len(theirs) > 70, host.read("/root/log")
    ours = host.run("sh", "-c", "TZ=UTC hashell exporter --once --file /root/cib.xml", timeout=120, check=True)
    assert metrics(ours.stdout) == theirs
