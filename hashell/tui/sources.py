"""What the monitor can look at: a live cluster, here or elsewhere, a CIB file, a folder of saved policy inputs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from hashell.client.board import FencingView
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.diagnostics import Refused
from hashell.client.monitor.reader import Reader
from hashell.client.monitor.ring import RingView, read_ring
from hashell.client.monitor.snapshot import Snapshot, snapshot_of
from hashell.client.source import FileSource, LiveSource, Source, embedded_dir, embedded_nodes, find_source
from hashell.model.diagnostics import HashellError
from hashell.tui.feed import ShotSource
from hashell.tui.operator import ClusterOperator, Operator
from hashell.tui.past import Past, past_in, past_of
from hashell.tui.remote import PREFIX, connect_by_ssh

#: The fencer and the ring are asked at most this often, in seconds.
SIDE_SECONDS = 2.0
#: How long a look waits for the fencer, in seconds.
FENCER_PATIENCE = 1.0


class ClusterShots:
    """A connected live cluster."""

    def __init__(self, cluster: Cluster, source: LiveSource) -> None:
        self._cluster, self._source = cluster, source
        self._fencing: tuple[FencingView, ...] = ()
        self._ring: RingView | None = None
        self._asked = 0.0
        self._reader = Reader()
        self.alive = cluster.alive
        self.wait_lost = cluster.wait_lost
        self.on_change = cluster.on_change
        self.close = cluster.close

    async def snapshot(self) -> Snapshot:
        if time.monotonic() - self._asked > SIDE_SECONDS:
            # A fencer that is frozen must not hold up what the others know: what it said last stays.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FENCER_PATIENCE):
                    self._fencing = tuple(await self._cluster.fencing_history())
            self._ring = await read_ring(self._source.settings)
            self._asked = time.monotonic()
        cib = await self._cluster.cib()
        return await asyncio.to_thread(self._reader.read, cib, self._fencing, self._ring)


class FileShots:
    """A CIB file. It does not tell when it changes: its time of change is looked at instead."""

    def __init__(self, cluster: Cluster, path: Path, poll_seconds: float = 1.0) -> None:
        self._cluster, self._path, self._poll_seconds = cluster, path, poll_seconds
        self._callback: Callable[[], None] = lambda: None
        self._seen = path.stat().st_mtime_ns
        self.close = cluster.close
        self.alive = cluster.alive

    async def snapshot(self) -> Snapshot:
        cib = await self._cluster.cib()
        return await asyncio.to_thread(snapshot_of, cib)

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


class PastShots:
    """The newest saved input of a folder, which never changes by itself."""

    def __init__(self, past: Past) -> None:
        self._past = past

    async def snapshot(self) -> Snapshot:
        return await asyncio.to_thread(self._past.load, -1)

    def on_change(self, callback: Callable[[], None]) -> None:
        pass

    async def alive(self) -> None:
        pass

    async def wait_lost(self) -> str:
        await asyncio.Event().wait()
        return ""

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Watched:
    """One cluster that is shown: how to connect, who carries out changes (nobody for the past), what it kept."""

    name: str
    connect: Callable[[], Awaitable[ShotSource]]
    operator: Operator | None
    past: Past | None = None
    source: Source | None = None


def watched_source(source: Source) -> Watched:
    async def connect() -> ShotSource:
        cluster = await open_cluster(source)
        if isinstance(source, FileSource):
            return FileShots(cluster, source.path)
        assert isinstance(source, LiveSource)
        return ClusterShots(cluster, source)

    return Watched(str(source), connect, ClusterOperator(source), past_of(source), source)


def watched_folder(folder: Path) -> Watched:
    """Raises HashellError when there are no inputs in it."""
    past = past_in(folder)

    async def connect() -> ShotSource:
        return PastShots(past)

    return Watched(f"inputs of {folder}", connect, None, past)


def watched_host(host: str) -> Watched:
    """Raises HashellError for what is no host."""
    if not host or host.startswith("-"):
        raise HashellError(Refused(what=f"{PREFIX}{host}", reason=f"a host is missing: {PREFIX}[USER@]HOST"))

    async def connect() -> ShotSource:
        return await connect_by_ssh(host)

    return Watched(host, connect, None)


def watched_word(word: str) -> Watched:
    """A word of --cluster: ssh:HOST, a folder of inputs, a CIB file, or the name of a node. Raises HashellError."""
    if word.startswith(PREFIX):
        return watched_host(word.removeprefix(PREFIX))
    path = Path(word)
    if path.is_dir():
        return watched_folder(path)
    if path.is_file():
        return watched_source(FileSource(path))
    for settings in embedded_nodes(embedded_dir(os.environ)):
        if settings.name == word:
            return watched_source(LiveSource(settings))
    return watched_source(find_source(node=word))
