"""Clients that are many, or that never read: nobody else waits for them, and what they cost is bounded."""

from __future__ import annotations

import asyncio
import logging
import resource
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
from lxml import etree

from hashell.stack.runtime import allow_many_files
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import qbframe, sendqueue
from hashell.stack.wire.ipcclient import IpcClient
from hashell.stack.wire.pacemaker import Client, PacemakerClient, PacemakerServer, Request
from tests.stack.embedded.hostile import Mute

DEADLINE = 30.0


class News:
    """Tells whoever asked for news (`<follow/>`) of what others say, as the CIB manager does."""

    def __init__(self) -> None:
        self.settings = NodeSettings(ipc_prefix=f"m{uuid.uuid4().hex[:6]}-", user="", embedded=True)
        self.followers: list[Client] = []
        self.server = PacemakerServer(self.settings, "cib_rw", on_request=self.request, on_close=self.closed)

    def request(self, client: Client, request: Request) -> None:
        if request.element.tag == "follow":
            self.followers.append(client)
        for follower in self.followers if request.element.tag == "say" else ():
            follower.event(request.element)
        client.respond(request, etree.Element("done"))

    def closed(self, client: Client) -> None:
        if client in self.followers:
            self.followers.remove(client)


@pytest.fixture
async def news() -> AsyncIterator[News]:
    news = News()
    await news.server.start()
    yield news
    await news.server.close()


@pytest.mark.parametrize("text", ["few", "x" * 60000], ids=["messages", "bytes"])
async def test_a_client_that_stops_reading_is_given_up_and_nobody_else_waits(news, text, monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(sendqueue, "_STALLED_SECONDS", 0.0 if text == "few" else 1000.0)
    monkeypatch.setattr(sendqueue, "_BYTES_LIMIT", 4 * 1024 * 1024)
    heard: list[etree._Element] = []
    good = PacemakerClient(news.settings, "cib_rw", on_event=heard.append)
    await good.connect()
    await good.request("<follow/>")
    mute = await asyncio.to_thread(Mute, news.settings, "cib_rw")
    assert mute.ask("<follow/>")
    async with asyncio.timeout(DEADLINE):
        while len(news.followers) < 2:
            await asyncio.sleep(0.005)
        said = 0
        while len(news.followers) == 2:
            await good.request(etree.Element("say", text=text))
            said += 1
        while len(heard) < said:
            await asyncio.sleep(0.005)
    assert said >= 60, "no client is given up for a moment's pause"
    assert len([r for r in caplog.records if "does not read" in r.getMessage()]) == 1
    mute.close()
    await good.close()


_MANY = f"""
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
from hashell.stack.runtime import allow_many_files
from hashell.stack.wire.ipcserver import IpcServer
allow_many_files()

async def serve():
    nothing = lambda *_args: None
    server = IpcServer(sys.argv[1], on_connect=nothing, on_message=lambda c, data: c.respond(data),
                       on_close=nothing, authorise=lambda who: 0, kind={qbframe.SOCKET})
    await server.start()
    print("serving", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(serve())
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """The clients of this process are as many files as those of the server."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_many_files()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("wish", [qbframe.SOCKET, qbframe.SHM], ids=["sockets", "rings"])
async def test_five_hundred_clients_at_once(wish: int) -> None:
    """Of a server that was started with the few files that are usual; without more it could not serve a hundred."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    server = subprocess.Popen([sys.executable, "-c", _MANY, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None and server.stdout is not None
    try:
        await asyncio.to_thread(server.stdout.readline)
        clients = [IpcClient(name, wish=wish) for _ in range(500 if wish == qbframe.SOCKET else 150)]
        async with asyncio.timeout(DEADLINE):
            for client in clients:
                await client.connect()
            message = qbframe.REQUEST_HEADER.pack(5, 24) + bytes(8)
            answers = await asyncio.gather(*(client.request(message, DEADLINE) for client in clients))
        assert {qbframe.message_id(answer) for answer in answers} == {5}
        for client in clients:
            await client.close()
    finally:
        server.stdin.close()
        server.wait(DEADLINE)
        server.stdout.close()
