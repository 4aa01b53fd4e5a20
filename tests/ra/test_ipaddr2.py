"""The address agent on a real network card, in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hashell.ra import bundled

SETUP = """set -e
ip link set lo up; ip link add card type veth peer name wire; ip link set card up; ip link set wire up
ip addr add 10.9.9.1/24 dev card; ip -6 addr add 2001:db8::1/64 dev card nodad
set +e
"""
WHERE = "ip -o addr show dev card to $OCF_RESKEY_ip | tr -s ' ' | cut -d' ' -f4"


def in_namespace(script: str, tmp_path: Path, **params: str) -> list[str]:
    """The lines that a script prints; `act ACTION` in it prints the agent's return code."""
    agent = bundled.ocf_path("hashell", "IPaddr2")
    env = {
        "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "HA_RSCTMP": str(tmp_path), "OCF_RESOURCE_INSTANCE": "ip",
        "HASHELL_PYTHON": sys.executable, **{f"OCF_RESKEY_{k}": v for k, v in params.items()},
    }  # fmt: skip
    text = SETUP + f"act() {{ {agent} $1; echo $?; }}\n" + script
    result = subprocess.run(
        ["unshare", "-n", "sh", "-c", text], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def _usable() -> bool:
    if os.getuid() or not shutil.which("unshare") or not shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin"):
        return False
    return subprocess.run(["unshare", "-n", "sh", "-c", SETUP], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _usable(), reason="needs root, iproute2 and network namespaces with veth")


@pytest.mark.parametrize(("ip", "length"), [("10.9.9.70", "24"), ("2001:db8::70", "64")])
def test_life_cycle(tmp_path: Path, ip: str, length: str) -> None:
    script = f"act monitor; act start; act start; act monitor; {WHERE}; act stop; act stop; act monitor"
    assert in_namespace(script, tmp_path, ip=ip) == ["7", "0", "0", "0", f"{ip}/{length}", "0", "0", "7"]


def test_card_that_goes_down_fails_the_monitor(tmp_path: Path) -> None:
    script = "act start; ip link set card down; act monitor; act stop; act monitor"
    assert in_namespace(script, tmp_path, ip="10.9.9.70") == ["0", "1", "0", "7"]


def test_configured_card_mask_and_label(tmp_path: Path) -> None:
    script = f"act start; {WHERE}; ip -o addr show dev card | grep -c card:web; act monitor; act stop"
    found = in_namespace(script, tmp_path, ip="172.16.0.1", nic="card", cidr_netmask="255.255.0.0", iflabel="web")
    assert found == ["0", "172.16.0.1/16", "1", "0", "0"]


def test_nodes_without_such_a_network_are_told_apart(tmp_path: Path) -> None:
    assert in_namespace("act start; act stop", tmp_path, ip="172.16.0.1") == ["5", "0"]
    assert in_namespace("act start; act stop", tmp_path, ip="10.9.9.70", nic="eth77") == ["5", "0"]
