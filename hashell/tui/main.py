"""`hashell monitor`: its options, and the cluster it is connected to."""

from __future__ import annotations

import argparse
import asyncio
import copy
import sys
from collections.abc import Callable

from hashell.client.changes import Cib
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import FileSource, Source, find_source
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode


class ClusterOperator:
    """Carries out what was confirmed, each change over a connection of its own."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def _change(self, edit: Callable[[Cib], object]) -> None:
        cluster = await open_cluster(self._source)
        try:
            old = await cluster.cib()
            changed = Cib(copy.deepcopy(old))
            edit(changed)
            await cluster.commit(old, changed.root)
        finally:
            await cluster.close()

    async def move(self, resource: str, node: str) -> None:
        await self._change(lambda cib: cib.prefer(cib.movable(resource), node))

    async def clear(self, resource: str) -> None:
        await self._change(lambda cib: cib.clear(resource))

    async def standby(self, node: str, on: bool) -> None:
        await self._change(lambda cib: cib.set_node_attribute(node, "standby", "on" if on else None))

    async def cleanup(self, resource: str) -> None:
        cluster = await open_cluster(self._source)
        try:
            await cluster.cleanup(resource)
        finally:
            await cluster.close()


class FileBoard:
    """A CIB file does not tell when it changes: its time of change is looked at every `poll_seconds` instead."""

    def __init__(self, cluster: Cluster, source: FileSource, poll_seconds: float = 1.0) -> None:
        self._poll_seconds = poll_seconds
        self._callback: Callable[[], None] = lambda: None
        self._cluster, self._path = cluster, source.path
        self._seen = self._path.stat().st_mtime_ns
        self.board = cluster.board

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    async def wait_lost(self) -> str:
        while True:
            await asyncio.sleep(self._poll_seconds)
            try:
                now = self._path.stat().st_mtime_ns
            except OSError as error:
                return f"{self._path}: {error.strerror}"
            if now != self._seen:
                self._seen = now
                self._callback()

    async def close(self) -> None:
        await self._cluster.close()


def main(argv: list[str]) -> int:
    """Run the monitor. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="hashell monitor", description="The live cluster in the terminal.")
    parser.add_argument("-N", "--node", default="", help="the embedded node to talk to")
    try:
        options = parser.parse_args(argv)
    except SystemExit as error:
        return int(ExitCode.USAGE) if error.code else 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("error: the monitor needs a terminal (for one look in a pipe: hashell status)", file=sys.stderr)
        return int(ExitCode.USAGE)
    source = find_source(node=options.node)
    try:
        asyncio.run(_reachable(source))
        return _watch(source)
    except HashellError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)


async def _reachable(source: Source) -> None:
    """A cluster that cannot be reached at the start is an error; one lost later is waited for."""
    cluster = await open_cluster(source)
    await cluster.close()


def _watch(source: Source) -> int:
    from hashell.tui.app import Monitor
    from hashell.tui.feed import BoardSource

    async def connect() -> BoardSource:
        cluster = await open_cluster(source)
        return FileBoard(cluster, source) if isinstance(source, FileSource) else cluster

    return Monitor(connect, ClusterOperator(source), str(source)).run() or 0
