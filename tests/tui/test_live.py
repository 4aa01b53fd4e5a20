"""The monitor over a running embedded cluster: what it shows, an action, a frozen and a killed CIB manager."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from hashell.client.source import LiveSource
from hashell.stack.embedded.cluster import EmbeddedCluster
from hashell.stack.supervisor.panic import marked_processes
from hashell.tui.app import Monitor
from hashell.tui.sources import watched_source
from tests.tui.stage import header, press, rows, until


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[EmbeddedCluster]:
    cluster = EmbeddedCluster(folder, 1)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()


def cib_manager(cluster: EmbeddedCluster) -> int:
    """The process of the node's CIB manager."""
    for pid in marked_processes(cluster.node_settings("node1").env["HASHELL_NODE"]):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == "hashelld-cib":
                return pid
    raise AssertionError("there is no CIB manager")


async def test_a_live_cluster(tmp_path: Path) -> None:
    async with running(tmp_path / "c") as cluster:
        source = LiveSource(cluster.node_settings("node1"))
        app = Monitor([watched_source(source)])
        async with app.run_test(size=(120, 34)) as pilot:
            await until(pilot, lambda: "(nodes)" in rows(app) and "online DC" in rows(app)["(nodes)"][1])
            await until(pilot, lambda: "1/1 votes" in header(app))
            app.grid().go_to("(nodes)", "node1")
            await press(pilot, "s", "y")
            await until(pilot, lambda: "standby" in rows(app)["(nodes)"][1])
            pid = cib_manager(cluster)
            os.kill(pid, signal.SIGSTOP)
            try:
                await until(pilot, lambda: "STALE" in header(app))
            finally:
                os.kill(pid, signal.SIGCONT)
            await until(pilot, lambda: "STALE" not in header(app))
            os.kill(pid, signal.SIGKILL)
            await until(pilot, lambda: "STALE" in header(app))
            await until(pilot, lambda: "STALE" not in header(app))
            await press(pilot, "8")
            await until(pilot, lambda: any("totem.token" in cells[0] for cells in rows(app).values()))
