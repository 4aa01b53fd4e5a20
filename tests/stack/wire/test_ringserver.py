"""Connections of the shared-memory kind: rings that wrap, that a client spoils, and the files behind them."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import stat
import struct
from pathlib import Path

import pytest

from hashell.stack.settings import NodeSettings
from hashell.stack.wire import ipcplaces, qbframe, ringserver, shmring
from hashell.stack.wire.ipcclient import IpcClient
from hashell.stack.wire.ringserver import ServerRing
from hashell.stack.wire.shmring import Ring, RingError
from tests.stack.wire.test_ipc import DEADLINE, EchoServer, answer, message, until

pytestmark = pytest.mark.skipif(not ringserver.usable(), reason="no shared memory rings here")


@pytest.fixture
def pair(tmp_path):
    server = ServerRing(str(tmp_path / "qb-request-x"), 4096, lambda fd: None)
    client = Ring(server.base, with_user_data=True)
    yield server, client
    client.close()
    server.close()


@pytest.fixture
async def echo():
    server = EchoServer(kind=qbframe.SHM)
    await server.server.start()
    yield server
    await server.server.close()


def folder_of(echo: EchoServer) -> Path:
    return Path(echo.server.connections[0]._folder)


@pytest.mark.parametrize("seed", range(4))
def test_messages_of_all_sizes_wrap_around_in_both_directions(pair, seed):
    server, client = pair
    chance = random.Random(seed)
    for write, read in ((server.write, client.read), (client.write, lambda: server.read(8192))):
        waiting: list[bytes] = []
        for _ in range(1500):
            data = chance.randbytes(chance.choice((1, 3, 16, 700, 4000)))
            if chance.random() < 0.55:
                if write(data):
                    waiting.append(data)
                else:
                    assert waiting, "an empty ring has room"
            else:
                assert read() == (waiting.pop(0) if waiting else None)
        for data in waiting:
            assert read() == data
        # Each direction goes on from where the other has left the ring.
        server._position = struct.unpack_from("=I", client._header, 0)[0]
        client._header[4:8] = client._header[0:4]


def test_ring_is_connected_when_both_ends_have_it_open(pair):
    server, client = pair
    assert server.connected and client.connected
    client.close()
    assert not server.connected


def test_header_is_laid_out_as_libqb_does(pair):
    server, _client = pair
    raw = Path(server.header_path).read_bytes()
    assert len(raw) == 8252
    write, read, words = struct.unpack_from("=III", raw)
    assert (write, read, words * 4) == (0, 0, os.path.getsize(server.data_path))
    assert words * 4 == 8192
    assert raw[12:4108].rstrip(b"\0").decode() == server.header_path
    assert raw[4108:8204].rstrip(b"\0").decode() == server.data_path
    assert struct.unpack_from("=III", raw, 8208) == (0, 0, 128)
    assert stat.S_IMODE(os.stat(server.header_path).st_mode) == 0o600


@pytest.mark.parametrize("which", ["header_path", "data_path"])
@pytest.mark.parametrize("size", [0, 100])
def test_a_ring_cut_short_is_an_error_and_no_signal(pair, which, size):
    server, client = pair
    client.write(b"x" * 100)
    assert server.read(4096) == b"x" * 100
    client.write(b"x" * 100)
    os.truncate(getattr(server, which), size)
    with pytest.raises(OSError):
        for _ in range(100):
            server.read(4096)
            server.write(b"y" * 500)
    # The client maps its files, so it cannot even close them as they are.
    os.truncate(server.header_path, 8252)


def test_a_chunk_that_says_too_much_is_refused(pair):
    server, client = pair
    client.write(b"x")
    client._data[0:4] = struct.pack("=I", 2**32 - 1)
    with pytest.raises(RingError):
        server.read(4096)


async def test_garbage_in_the_rings_costs_only_its_client(echo):
    other = echo.client()
    await other.connect()
    chance = random.Random(1)
    for turn in range(60):
        victim = echo.client()
        await victim.connect()
        victim.send(message(1, b"first"))
        connection = echo.server.connections[-1]
        for file in sorted(Path(connection._folder).iterdir()):
            kind = chance.randrange(4)
            with open(file, "r+b") as ring:
                if kind == 0:
                    ring.truncate(chance.choice((0, 1, 4096, 8220)))
                elif kind == 1:
                    ring.write(chance.randbytes(12))
                elif kind == 2 and file.name.endswith("header"):
                    ring.seek(shmring.SEMAPHORE)
                    ring.write(chance.randbytes(32))
                else:
                    ring.seek(chance.randrange(file.stat().st_size + 1))
                    ring.write(chance.randbytes(200))
        victim._setup.send(b"x" * chance.randrange(1, 100))
        connection.event(answer(3))
        connection.respond(answer(4))
        # A client of ours dies of its own shortened files when it looks into them.
        asyncio.get_running_loop().remove_reader(victim._setup)
        assert await other.request(message(turn % 7), DEADLINE) == answer(turn % 7)
        victim._setup.close()
        await until(lambda connection=connection: connection.closed)
        assert not os.path.exists(connection._folder)
    await other.close()


async def test_bytes_without_requests_are_taken(echo):
    client = echo.client()
    await client.connect()
    client._setup.send(b"x" * 1000)
    assert await client.request(message(1), DEADLINE) == answer(1)
    await client.close()


async def test_server_without_room_for_rings_serves_by_sockets(echo, monkeypatch):
    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "posix_fallocate", full)
    client = echo.client()
    await client.connect()
    assert await client.request(message(2, b"body"), DEADLINE) == answer(2, b"body")
    assert [f.name for f in folder_of(echo).iterdir()] == [f"qb-control-{echo.name}"]
    await client.close()


async def test_kind_wished_for_and_kind_offered(echo):
    for wish, kind in ((qbframe.SOCKET, 1), (None, 6)):
        client = IpcClient(echo.name, wish=wish)
        await client.connect()
        assert len(list(folder_of(echo).iterdir())) == kind
        await client.close()
        await until(lambda: not echo.server.connections)


def test_offered_kind(monkeypatch):
    monkeypatch.delenv("PCMK_ipc_type", raising=False)
    assert ipcplaces.offered_kind(NodeSettings()) == qbframe.SHM
    assert ipcplaces.offered_kind(NodeSettings(env={"PCMK_ipc_type": "socket"})) == qbframe.SOCKET
    monkeypatch.setenv("PCMK_ipc_type", "socket")
    assert ipcplaces.offered_kind(NodeSettings()) == qbframe.SOCKET


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
async def test_files_belong_to_the_client_or_to_the_group(echo):
    cases = ((-1, 65534, (65534, 7), 0o600), (9, 65534, (0, 9), 0o660), (9, 0, (0, 7), 0o600))
    for share_gid, uid, owner, mode in cases:
        echo.server.share_gid = share_gid
        client = echo.client()
        await client.connect()
        connection = echo.server.connections[0]
        connection.uid, connection.gid = uid, 7
        fd = os.open(folder_of(echo) / "probe", os.O_CREAT | os.O_RDWR, 0o600)
        connection._give(fd)
        found = os.fstat(fd)
        os.close(fd)
        (folder_of(echo) / "probe").unlink()
        assert (found.st_uid, found.st_gid) == owner
        assert stat.S_IMODE(found.st_mode) == mode
        await client.close()
        await until(lambda: not echo.server.connections)


@pytest.mark.parametrize("prefix", ["t-gone-", ""])
def test_folders_of_dead_servers_are_removed(prefix):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    dead = Path(f"/dev/shm/qb-{pid}-1-5-tEsTsT")
    alive = Path(f"/dev/shm/qb-{os.getpid()}-1-5-tEsTsT")
    for folder in (dead, alive):
        folder.mkdir()
        (folder / f"qb-request-{prefix}cmap-header").touch()
    try:
        ipcplaces.remove_stale_folders(prefix)
        assert not dead.exists()
        assert alive.exists() == (prefix == "")
    finally:
        for folder in (dead, alive):
            if folder.exists():
                (folder / f"qb-request-{prefix}cmap-header").unlink()
                folder.rmdir()
