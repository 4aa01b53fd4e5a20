"""The monitor behind a web server: who is let in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from hashell.model.xmltext import pretty
from tests.tui.clusters import cluster

TOKEN = "sesame"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """The address of a monitor over a CIB file, without token."""
    path, port = folder / "cib.xml", free_port()
    path.write_text(pretty(cluster(db_failed=True)))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hashell.cli", "monitor", "--web", f"--port={port}", "-x", str(path),
        env={**os.environ, "HASHELL_WEB_TOKEN": TOKEN}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(100):
            line = await process.stdout.readline()
            assert f"http://127.0.0.1:{port}/?token={TOKEN}" in line.decode()
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        await process.wait()


async def test_only_who_knows_the_token_is_let_in(tmp_path: Path) -> None:
    async with serving(tmp_path) as address, aiohttp.ClientSession() as stranger, aiohttp.ClientSession() as friend:
        for path in ("", "?token=guess", "ws", "static/"):
            async with stranger.get(address + path) as reply:
                assert reply.status == 403, path
        async with friend.get(f"{address}?token={TOKEN}") as reply:
            assert reply.status == 200
            assert "HttpOnly" in reply.headers["Set-Cookie"] and "SameSite=Strict" in reply.headers["Set-Cookie"]
        async with friend.get(address, headers={"Cookie": f"hashell-monitor={TOKEN}"}) as reply:
            assert reply.status == 200
        async with friend.get(f"{address}?token={TOKEN}", headers={"Origin": "http://elsewhere"}) as reply:
            assert reply.status == 403
