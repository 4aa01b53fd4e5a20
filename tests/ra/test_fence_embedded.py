"""The bundled fence agent on a real process of an embedded node."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashell.model.agentmeta import parse_metadata
from hashell.ra import bundled
from hashell.ra.agent import FenceResult
from hashell.ra.fence import FenceAgents
from hashell.stack.embedded.layout import Plan

PLAN = Plan(2, 5999, f"fence{os.getpid()}.")


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of node2 that ignores SIGTERM, in a session of its own."""
    (tmp_path / "cluster.json").write_text(PLAN.to_json())
    process = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"],
        env={**os.environ, "HASHELL_NODE": PLAN.marker("node2")}, start_new_session=True,
    )  # fmt: skip
    yield process
    process.kill()
    process.wait()


async def call(base: Path, **options: str) -> FenceResult:
    env = {**os.environ, "HASHELL_NODE": "nobody", "HASHELL_PYTHON": sys.executable}
    agents = FenceAgents(env, sys.executable, Path("/"))
    return await agents.execute("fence_embedded", [("base_dir", str(base)), *options.items()], 60)


async def test_off_kills_and_confirms(tmp_path: Path, victim: subprocess.Popen[bytes]) -> None:
    assert (await call(tmp_path, action="status", plug="node2")).rc == 0
    assert (await call(tmp_path, action="status", plug="node1")).rc == 2
    reap = asyncio.get_running_loop().run_in_executor(None, victim.wait)
    result = await call(tmp_path, action="reboot", plug="node2", nodename="node2")
    assert result.ok, result
    assert await reap == -9
    assert (await call(tmp_path, action="status", plug="node2")).rc == 2


async def test_list_and_monitor(tmp_path: Path, victim: subprocess.Popen[bytes]) -> None:
    listed = await call(tmp_path, action="list")
    assert listed.ok and listed.stdout.split() == ["node1", "node2"]
    assert (await call(tmp_path, action="monitor")).ok


@pytest.mark.parametrize(
    "options",
    [
        {"action": "off"},
        {"action": "off", "plug": "node9"},
        {"action": "off", "plug": "-x"},
        {"action": "explode", "plug": "node1"},
    ],
)
async def test_bad_requests_fail_with_a_message(tmp_path: Path, options: dict[str, str]) -> None:
    (tmp_path / "cluster.json").write_text(PLAN.to_json())
    result = await call(tmp_path, **options)
    assert not result.ok and result.stderr and "Traceback" not in result.stderr


async def test_metadata() -> None:
    agents = FenceAgents(dict(os.environ), sys.executable, Path("/"))
    meta = parse_metadata(await agents.metadata("fence_embedded"), "stonith:fence_embedded")
    assert {"on", "off", "reboot", "status", "list", "monitor", "metadata"} == {a.name for a in meta.actions}
    assert [p.name for p in meta.parameters] == ["action", "plug", "base_dir", "restart"]
    assert bundled.fence_types() == ["fence_embedded"]


def test_command_line(tmp_path: Path) -> None:
    (tmp_path / "cluster.json").write_text(PLAN.to_json())
    agent = bundled.fence_path("fence_embedded")
    result = subprocess.run(
        [sys.executable, "-S", "-E", str(agent), "-o", "status", "-n", "node1", f"--base-dir={tmp_path}"],
        env={**os.environ, "HASHELL_PYTHON": sys.executable}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 2
