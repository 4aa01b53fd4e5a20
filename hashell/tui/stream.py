"""`hashell monitor --stream`: every change of a cluster as a frame on the standard output, for a monitor elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from hashell.client.monitor.frames import SIGN_OF_LIFE, cib_frame, fencing_frame
from hashell.client.source import Source
from hashell.tui.feed import COALESCE_SECONDS, PULSE_SECONDS, ShotSource, first_end
from hashell.tui.sources import watched_source


def stream(source: Source) -> int:
    """Write frames until the cluster is lost (1, with the reason) or nobody reads any more (0)."""
    try:
        reason = asyncio.run(_stream(source))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed at exit
        return 0
    print(f"error: {reason or 'the connection to the cluster was lost'}", file=sys.stderr)
    return 1


async def _stream(source: Source) -> str:
    shots = await watched_source(source).connect()
    try:
        return await first_end(shots.wait_lost(), _looks(shots), _pulse(shots))
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await shots.close()


async def _looks(shots: ShotSource) -> str:
    changed = asyncio.Event()
    shots.on_change(changed.set)
    changed.set()
    fencing = b""
    while True:
        await changed.wait()
        changed.clear()
        shot = await shots.snapshot()
        if shot.cib is not None:
            _write(cib_frame(shot.cib))
        frame = fencing_frame(shot.board.fencing)
        if frame != fencing:
            fencing = frame
            _write(frame)
        await asyncio.sleep(COALESCE_SECONDS)


async def _pulse(shots: ShotSource) -> str:
    """Signs of life, as long as the cluster itself gives some."""
    while True:
        await shots.alive()
        _write(SIGN_OF_LIFE)
        await asyncio.sleep(PULSE_SECONDS)


def _write(frame: bytes) -> None:
    sys.stdout.buffer.write(frame)
    sys.stdout.buffer.flush()
