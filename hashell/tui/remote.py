"""A cluster on another machine, looked at through ssh: `ssh:[USER@]HOST`.

The other machine writes frames: by `hashell monitor --stream` where hashell is installed, otherwise by a loop around
Pacemaker's own tools. Nothing is changed there.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Callable

from lxml import etree

from hashell.client.board import FencingView
from hashell.client.diagnostics import Refused
from hashell.client.monitor.frames import Frames, fencing_of
from hashell.client.monitor.reader import Reader
from hashell.client.monitor.snapshot import Snapshot
from hashell.model.diagnostics import HashellError

PREFIX = "ssh:"
#: Half a second between signs of life: a monitor that hears none for a second says so.
_LOOP = """\
if command -v hashell >/dev/null 2>&1; then exec hashell monitor --stream; fi
command -v cibadmin >/dev/null || { echo "neither hashell nor Pacemaker's tools are in the PATH there" >&2; exit 5; }
while cibadmin --query && printf '\\000'; do
    stonith_admin --history='*' --output-as=xml 2>/dev/null; printf '\\000'
    for pause in 1 2 3 4; do sleep 0.5; printf '\\000'; done
done
"""
_READ_BYTES = 1 << 16


class RemoteShots:
    """A connection: one ssh process."""

    def __init__(self, host: str, process: asyncio.subprocess.Process) -> None:
        self._host, self._process = host, process
        self._frames = Frames(host)
        self._cib: etree._Element | None = None
        self._fencing: tuple[FencingView, ...] = ()
        self._came = asyncio.Event()
        self._pulse = asyncio.Event()
        self._callback: Callable[[], None] = lambda: None
        self._reader = Reader()
        self._complaint = asyncio.ensure_future(self._last_words())

    async def first(self) -> None:
        """Wait for the first CIB. Raises HashellError with what ssh or the other machine said instead."""
        while self._cib is None:
            if not await self._more():
                raise HashellError(Refused(what=f"looking at {self._host}", reason=await self._reason()))

    async def snapshot(self) -> Snapshot:
        assert self._cib is not None
        return await asyncio.to_thread(self._reader.read, self._cib, self._fencing)

    def on_change(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    async def alive(self) -> None:
        self._pulse.clear()
        await self._pulse.wait()

    async def wait_lost(self) -> str:
        while await self._more():
            pass
        return f"{self._host}: {await self._reason()}"

    async def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()
        self._complaint.cancel()

    async def _more(self) -> bool:
        """Take what came; False at the end."""
        assert self._process.stdout is not None
        data = await self._process.stdout.read(_READ_BYTES)
        if data:
            self._pulse.set()
        for frame in self._frames.feed(data):
            if frame is None:
                continue
            if frame.tag == "cib":
                self._cib = frame
            else:
                self._fencing = fencing_of(frame)
            self._callback()
        return bool(data)

    async def _last_words(self) -> str:
        """The last line that was said on the error channel."""
        assert self._process.stderr is not None
        last = ""
        async for line in self._process.stderr:
            last = line.decode("utf-8", "replace").strip() or last
        return last

    async def _reason(self) -> str:
        code = await self._process.wait()
        said = await self._complaint
        return said or f"ssh ended with exit code {code}"


async def connect_by_ssh(host: str) -> RemoteShots:
    """Raises HashellError when the host cannot be reached without a password or has no cluster that runs."""
    try:
        process = await asyncio.create_subprocess_exec(
            "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "--", host,
            f"exec sh -c {shlex.quote(_LOOP)}", stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError:
        raise HashellError(Refused(what=f"looking at {host}", reason="ssh is not installed here")) from None
    shots = RemoteShots(host, process)
    try:
        await shots.first()
    except BaseException:
        await shots.close()
        raise
    return shots
