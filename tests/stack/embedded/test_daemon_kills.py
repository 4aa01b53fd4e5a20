"""SIGKILL to each daemon in turn while a web site is served: it stays served, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hashell.client.board import Board
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.stack.embedded import EmbeddedCluster
from hashell.stack.supervisor.panic import marked_processes

ADDRESS = "127.0.0.121"
DEADLINE = 90.0
#: A restart of a daemon must not interrupt a running service at all; these few polls allow for a busy machine.
POLLS_LOST = 4
CONFIG = """property stonith-enabled=true
rsc_defaults resource-stickiness=100
primitive fence stonith:fence_embedded op monitor interval=60s
primitive ip ocf:heartbeat:IPaddr2 params ip={address} cidr_netmask=32 op monitor interval=2s timeout=20s
primitive site ocf:hashell:webserver params server=python listenaddress={address} port={port} \
    op monitor interval=2s timeout=20s
group web ip site
"""


class Watch:
    """Fetches the page all the time: failed polls in a row, and where it was served."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.lost = self.worst = 0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            served = await asyncio.to_thread(self.fetch)
            self.lost = 0 if served else self.lost + 1
            self.worst = max(self.worst, self.lost)
            await asyncio.sleep(0.1)

    def fetch(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=3) as response:
                return response.status == 200
        except OSError:
            return False

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def until(what: str, probe: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not await probe():
        assert time.monotonic() < deadline, f"not reached: {what}"
        await asyncio.sleep(0.2)


class Stage:
    """A cluster of two nodes that serves one page."""

    def __init__(self, base: Path, port: int) -> None:
        self.nodes = EmbeddedCluster(base, 2)
        self.port = port

    @contextlib.asynccontextmanager
    async def cluster(self, name: str) -> AsyncIterator[Cluster]:
        cluster = await open_cluster(LiveSource(self.nodes.node_settings(name)))
        try:
            yield cluster
        finally:
            await cluster.close()

    async def board(self) -> Board | None:
        for name in self.nodes.names:
            with contextlib.suppress(HashellError):
                async with self.cluster(name) as cluster:
                    return await cluster.board()
        return None

    async def settled(self) -> bool:
        board = await self.board()
        return bool(
            board
            and board.dc
            and all(node.state == "online" for node in board.nodes)
            and not any(r.role == "Starting" for r in board.resources)
            and len(board.nodes) == 2
            and any(r.id == "web" and r.role == "Started" and len(r.nodes) == 1 for r in board.resources)
        )

    async def active(self) -> str:
        board = await self.board()
        assert board is not None
        return next(r.nodes[0] for r in board.resources if r.id == "web")

    def pids(self, node: str, daemon: str) -> list[int]:
        comm = f"hashelld-{daemon}"[:15]
        return [pid for pid in self.marked(node) if _read(f"/proc/{pid}/comm").strip() == comm]

    def marked(self, node: str) -> list[int]:
        return marked_processes(self.nodes.node_settings(node).env["HASHELL_NODE"])

    def servers(self) -> int:
        """Nodes on which a process of the web server runs."""
        return sum(
            any("http.server" in (line := _read(f"/proc/{pid}/cmdline")) or str(self.port) in line
                for pid in self.marked(node))
            for node in self.nodes.names
        )  # fmt: skip


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return probe.getsockname()[1]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    stage = Stage(tmp_path / "cluster", _free_port())
    await stage.nodes.start()
    try:
        await until("both nodes online", lambda: _online(stage))
        script = tmp_path / "web.crm"
        script.write_text(CONFIG.format(address=ADDRESS, port=stage.port))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hashell.cli", "configure", "load", "update", str(script),
            env=dict(os.environ, HASHELL_EMBEDDED_DIR=str(tmp_path / "cluster")),
        )  # fmt: skip
        assert await process.wait() == 0
        await until("the web site started", stage.settled)
        yield stage
    finally:
        for name in stage.nodes.names:
            await stage.nodes.kill_node(name)


async def _online(stage: Stage) -> bool:
    board = await stage.board()
    return bool(board and board.dc and sum(n.state == "online" for n in board.nodes) == 2)


@pytest.mark.timeout(600)
async def test_every_daemon_may_be_killed(stage: Stage) -> None:
    watch = Watch(f"http://{ADDRESS}:{stage.port}/")
    assert watch.fetch()
    for daemon in ("pacemakerd", "cib", "stonithd", "lrmd", "attrd", "schedulerd", "crmd"):
        node = await stage.active()
        (pid,) = stage.pids(node, daemon)
        os.kill(pid, signal.SIGKILL)

        async def replaced(node: str = node, daemon: str = daemon, old: int = pid) -> bool:
            return [p for p in stage.pids(node, daemon) if p != old] != []

        await until(f"{daemon} restarted", replaced)
        await until(f"a settled cluster after the loss of {daemon}", stage.settled)
        assert stage.servers() <= 1, f"served twice after the loss of {daemon}"
    await watch.stop()
    assert watch.worst <= POLLS_LOST, "the service was interrupted by the restart of a daemon"


@pytest.mark.timeout(600)
async def test_the_ring_daemon_may_be_killed(stage: Stage) -> None:
    watch = Watch(f"http://{ADDRESS}:{stage.port}/")
    node = await stage.active()
    (pid,) = stage.pids(node, "membership")
    os.kill(pid, signal.SIGKILL)

    async def replaced() -> bool:
        return [p for p in stage.pids(node, "membership") if p != pid] != []

    async def back() -> bool:
        if not stage.nodes.node_running(node):
            await stage.nodes.start_node(node)
        assert stage.servers() <= 1
        return await replaced() and await stage.settled()

    await until("a settled cluster after the loss of the ring daemon", back)

    async def served() -> bool:
        return await asyncio.to_thread(watch.fetch)

    await until("the page served again", served)
    await watch.stop()
    assert stage.servers() == 1
