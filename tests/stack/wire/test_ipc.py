"""libqb IPC, server and client end against each other over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
import uuid

import pytest

from hashell.model.diagnostics import HashellError
from hashell.stack.wire import qbframe
from hashell.stack.wire.ipcclient import IpcClient, IpcError
from hashell.stack.wire.ipcserver import Connection, IpcServer

DEADLINE = 20.0


def message(ident: int, body: bytes = b"") -> bytes:
    return qbframe.REQUEST_HEADER.pack(ident, 16 + len(body)) + body


def answer(ident: int, body: bytes = b"") -> bytes:
    return qbframe.RESPONSE_HEADER.pack(ident, 24 + len(body), 1) + body


class EchoServer:
    """Answers request n with response n; request 7 makes as many events as its body says."""

    def __init__(self, refuse: int = 0, kind: int = qbframe.SOCKET) -> None:
        self.kind = kind
        self.name = f"t-{uuid.uuid4().hex[:8]}"
        self.seen: list[bytes] = []
        self.closed: list[Connection] = []
        self.server = IpcServer(
            self.name,
            on_connect=lambda c: None,
            on_message=self.message,
            on_close=self.closed.append,
            authorise=lambda who: refuse,
        )

    def client(self, **options) -> IpcClient:
        return IpcClient(self.name, wish=self.kind, **options)

    def message(self, connection: Connection, data: bytes) -> None:
        self.seen.append(data)
        ident = qbframe.message_id(data)
        if ident == 7:
            for number in range(struct.unpack_from("=I", data, 16)[0]):
                connection.event(answer(1000 + number, data[20:]))
        elif ident == 8:
            raise RuntimeError("a fault of the daemon")
        else:
            connection.respond(answer(ident, data[16:]))


@pytest.fixture(params=[qbframe.SOCKET, qbframe.SHM], ids=["socket", "shm"])
async def echo(request):
    server = EchoServer(kind=request.param)
    await server.server.start()
    yield server
    await server.server.close()


async def until(condition) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_request_and_response(echo):
    client = echo.client()
    await client.connect()
    assert client.server.pid == os.getpid()
    for number in range(50):
        data = await client.request(message(number % 7, b"x" * number), DEADLINE)
        assert data == answer(number % 7, b"x" * number)
    await client.close()
    await until(lambda: len(echo.closed) == 1)


async def test_events_wait_for_a_slow_client_and_keep_their_order(echo):
    got: list[bytes] = []
    client = echo.client(on_event=got.append, max_message=131072)
    await client.connect()
    client.send(message(7, struct.pack("=I", 400) + b"y" * 20000))
    await until(lambda: len(got) == 400)
    assert [qbframe.message_id(m) for m in got] == list(range(1000, 1400))
    await client.close()


async def test_many_requests_without_waiting_all_arrive_in_order(echo):
    client = echo.client()
    await client.connect()
    for number in range(300):
        client.send(message(2, struct.pack("=I", number)))
    await until(lambda: len(echo.seen) == 300)
    assert [struct.unpack_from("=I", m, 16)[0] for m in echo.seen] == list(range(300))
    await client.close()


async def test_name_in_use_says_what_to_do(echo):
    second = IpcServer(
        echo.name,
        on_connect=lambda c: None,
        on_message=lambda c, m: None,
        on_close=lambda c: None,
        authorise=lambda who: 0,
    )
    with pytest.raises(HashellError, match="already served.*stop it first"):
        await second.start()


async def test_refused_client_gets_the_reason():
    server = EchoServer(refuse=errno.EACCES)
    await server.server.start()
    client = IpcClient(server.name)
    with pytest.raises(IpcError) as caught:
        await client.connect()
    assert caught.value.errno == errno.EACCES
    await server.server.close()


async def test_nobody_there():
    with pytest.raises(IpcError) as caught:
        await IpcClient("t-nobody-serves-this").connect()
    assert caught.value.errno == errno.ECONNREFUSED


async def test_connect_waits_for_the_server():
    server = EchoServer()
    client = IpcClient(server.name)
    task = asyncio.create_task(client.connect(DEADLINE))
    await asyncio.sleep(0.05)
    await server.server.start()
    await task
    assert (await client.request(message(1), DEADLINE)) == answer(1)
    await client.close()
    await server.server.close()


async def test_server_that_closes_is_noticed_and_waiting_requests_fail(echo):
    lost: list[bool] = []
    client = echo.client(on_lost=lambda: lost.append(True))
    await client.connect()
    waiting = asyncio.create_task(client.request(message(7, struct.pack("=I", 0)), DEADLINE))
    await until(lambda: echo.seen)
    await echo.server.close()
    with pytest.raises(IpcError):
        await waiting
    assert lost == [True]
    with pytest.raises(IpcError):
        client.send(message(1))


async def test_late_answer_is_not_taken_for_the_next(echo):
    client = echo.client()
    await client.connect()
    held: list[tuple[Connection, bytes]] = []
    original, echo.server._on_message = echo.server._on_message, lambda c, m: held.append((c, m))
    with pytest.raises(TimeoutError):
        await client.request(message(3), 0.02)
    await until(lambda: held)
    echo.server._on_message = original
    pending = asyncio.create_task(client.request(message(4), DEADLINE))
    await asyncio.sleep(0)
    held[0][0].respond(answer(3))
    assert qbframe.message_id(await pending) == 4
    await client.close()


@pytest.mark.parametrize("garbage", [b"", b"x", b"x" * 24, b"\xfe" * 12328])
async def test_garbage_on_the_setup_socket_hurts_nobody(echo, garbage):
    client = echo.client()
    await client.connect()
    raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    raw.connect(qbframe.abstract_address(echo.name))
    raw.sendall(garbage)
    if len(garbage) < 24:
        raw.close()
    assert await client.request(message(1), DEADLINE) == answer(1)
    if len(garbage) >= 24:
        raw.setblocking(False)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.get_running_loop().sock_recv(raw, 10) == b""
        raw.close()
    await client.close()


@pytest.mark.parametrize("echo", [qbframe.SOCKET], indirect=True)
async def test_garbage_datagrams_are_dropped(echo):
    client = echo.client()
    await client.connect()
    good = client._transport.messages
    for junk in (b"", b"abc", b"\xff" * 40, struct.pack("=i4xi4x", 1, 9999)):
        good.send(junk)
    assert await client.request(message(1, b"ok"), DEADLINE) == answer(1, b"ok")
    assert len(echo.seen) == 1
    await client.close()


async def test_fault_of_the_daemon_costs_only_that_client(echo):
    lost: list[bool] = []
    victim, other = echo.client(on_lost=lambda: lost.append(True)), echo.client()
    await victim.connect()
    await other.connect()
    victim.send(message(8))
    await until(lambda: lost)
    assert await other.request(message(1), DEADLINE) == answer(1)
    await other.close()


async def test_files_of_a_connection_are_removed(echo):
    client = echo.client()
    await client.connect()
    folder = echo.server.connections[0]._folder
    assert os.path.isdir(folder)
    await client.close()
    await until(lambda: echo.closed)
    assert not os.path.exists(folder)


async def test_flow_control_holds_requests(echo):
    client = echo.client()
    await client.connect()
    echo.server.connections[0].set_flow_control(1)
    client.send(message(1))
    await asyncio.sleep(0.05)
    assert not echo.seen and client.backlog == 1
    echo.server.connections[0].set_flow_control(2)
    await until(lambda: echo.seen)
    await client.close()


async def test_goodbye_message_ends_the_connection(echo):
    lost: list[bool] = []
    client = echo.client(on_lost=lambda: lost.append(True))
    await client.connect()
    client.send(message(qbframe.DISCONNECT))
    await until(lambda: lost)


async def test_message_longer_than_the_buffer_is_refused_before_sending(echo):
    client = echo.client()
    await client.connect()
    with pytest.raises(IpcError) as caught:
        client.send(message(1, b"x" * 200000))
    assert caught.value.errno == errno.EMSGSIZE
    assert await client.request(message(1), DEADLINE) == answer(1)
    await client.close()


def test_long_names_are_refused():
    with pytest.raises(ValueError):
        qbframe.abstract_address("x" * 108)
    assert len(qbframe.abstract_address("cmap")) == 108


async def test_a_server_that_is_frozen_is_waited_for_no_longer_than_asked() -> None:
    """The kernel connects a client to a process that is stopped: nothing but time tells that nobody is there."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(qbframe.abstract_address(name))
        listener.listen(4)
        client = IpcClient(name)
        with pytest.raises(TimeoutError):
            await client.connect(patience=0.05)
        assert not client.connected
        accepted, _address = listener.accept()
        with accepted:
            assert len(accepted.recv(4096)) == qbframe.CONNECT_REQUEST.size
            assert accepted.recv(4096) == b"", "what was given up is hung up"
