"""The ring daemon on real sockets: three nodes on loopback in one loop, with real clients of the local services."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.effects import Effect
from hashell.stack.membership.daemon import load, main
from hashell.stack.membership.host import RingHost
from hashell.stack.membership.storage import RingStorage
from hashell.stack.membership.totem.packets import ORF_TOKEN
from hashell.stack.membership.totem.variables import State
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import sendqueue
from hashell.stack.wire.corosync import cmap, cpg, quorum
from hashell.stack.wire.corosync.clients import (
    CfgClient,
    CmapClient,
    CorosyncError,
    CpgClient,
    QuorumClient,
    VotequorumClient,
)
from hashell.stack.wire.qbframe import Credentials

DEADLINE = 30.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Lab:
    """Up to three hosts of one ring. Addresses and names carry the process id, so that runs do not meet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.net = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
        self.hosts: dict[int, RingHost] = {}
        self.closing: list[Callable[[], object]] = []
        self.write()

    def write(self, token: int = 400, extra: str = "") -> None:
        nodes = "".join(
            f"  node {{\n    ring0_addr: {self.net}.{n}\n    name: n{n}\n    nodeid: {n}\n  }}\n" for n in (1, 2, 3)
        )
        (self.folder / "corosync.conf").write_text(
            f"totem {{\n  version: 2\n  cluster_name: lab\n  transport: udpu\n  token: {token}\n{extra}"
            f"  interface {{\n    linknumber: 0\n    mcastport: {self.port}\n  }}\n}}\n"
            f"nodelist {{\n{nodes}}}\nquorum {{\n  provider: corosync_votequorum\n}}\n"
        )

    def settings(self, n: int) -> NodeSettings:
        return NodeSettings(
            name=f"n{n}",
            corosync_conf=self.folder / "corosync.conf",
            ring_dir=self.folder / f"ring{n}",
            log_dir=self.folder,
            ipc_prefix=f"mtest{os.getpid()}-{self.port}-{n}-",
            user="",
            group="",
            embedded=True,
        )

    async def start(self, n: int) -> RingHost:
        settings = self.settings(n)
        host = RingHost(settings, *load(settings), lambda: load(settings))
        await host.start()
        self.hosts[n] = host
        return host

    async def ring(self, *nodes: int) -> None:
        """Start these nodes and wait for their ring."""
        for n in nodes:
            await self.start(n)
        await self.settled(*nodes)

    async def settled(self, *nodes: int) -> None:
        await until(
            lambda: all(
                self.hosts[n].node.members == nodes and not self.hosts[n].node.synchronising for n in nodes
            )
        )

    async def close(self) -> None:
        for host in self.hosts.values():
            await host.close()


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    value = Lab(tmp_path)
    yield value
    await value.close()


class Client:
    """A cpg client that keeps what it got."""

    def __init__(self, settings: NodeSettings) -> None:
        self.messages: list[tuple[int, bytes]] = []
        self.changes: list[cpg.Confchg] = []
        self.lost = False
        self.end = CpgClient(
            settings,
            on_deliver=lambda group, nodeid, pid, data: self.messages.append((nodeid, data)),
            on_confchg=self.changes.append,
            on_lost=self.gone,
        )

    def gone(self) -> None:
        self.lost = True

    async def join(self) -> None:
        await self.end.connect()
        await self.end.join(b"test\0")


async def test_three_nodes_agree_on_order_and_survive_a_crash(lab: Lab) -> None:
    await lab.ring(1, 2, 3)
    assert all(lab.hosts[n].node.quorate for n in (1, 2, 3))
    clients = [Client(lab.settings(n)) for n in (1, 2, 3)]
    for client in clients:
        await client.join()
    await until(lambda: all(c.changes and len(c.changes[-1].members) == 3 for c in clients))
    for i in range(100):
        for client in clients:
            client.end.mcast(b"%d" % i + b"x" * (i * 37))
    await until(lambda: all(len(c.messages) == 300 for c in clients))
    assert clients[0].messages == clients[1].messages == clients[2].messages
    await lab.hosts[3].close()
    await lab.settled(1, 2)
    await until(lambda: all([a.nodeid for a in c.changes[-1].left] == [3] for c in clients[:2]))
    assert clients[0].changes[-1].left[0].reason == cpg.Reason.NODEDOWN
    for client in clients:
        await client.end.close()


async def test_orderly_leave_is_quick_and_the_ring_number_is_kept(lab: Lab) -> None:
    await lab.ring(1, 2)
    seq = lab.hosts[2].node.ring.seq
    await lab.hosts.pop(2).leave()
    await lab.settled(1)
    assert lab.hosts[1].node.ring.seq == seq + 4
    assert RingStorage(lab.folder / "ring2", 2).ring_seq() == seq
    await lab.start(2)
    await lab.settled(1, 2)
    assert lab.hosts[2].node.ring.seq > seq + 4


async def test_quorum_and_votes_are_told(lab: Lab) -> None:
    await lab.ring(1, 2)
    told: list[quorum.Notification] = []
    client = QuorumClient(lab.settings(1), on_notification=told.append)
    await client.connect()
    assert await client.type() == 1
    await client.track()
    assert told[0].quorate and told[0].nodes == (1, 2), "the first notification comes before the answer"
    votes = VotequorumClient(lab.settings(1))
    await votes.connect()
    info = await votes.info(1)
    assert (info.votes, info.expected_votes, info.total_votes, info.quorum) == (1, 3, 2, 2)
    with pytest.raises(CorosyncError):
        await votes.info(77)
    await lab.hosts[2].close()
    await until(lambda: not told[-1].quorate)
    assert told[-1].nodes == (1,)
    await client.close()
    await votes.close()


async def test_cmap_and_cfg(lab: Lab) -> None:
    await lab.ring(1, 2)
    changes: list[cmap.Notify] = []
    client = CmapClient(lab.settings(1), on_notify=changes.append)
    await client.connect()
    assert await client.get("totem.cluster_name") == "lab"
    assert await client.get("nodelist.local_node_pos") == 0
    assert await client.get("runtime.config.totem.token") == 400 + 650
    assert await client.get("runtime.votequorum.this_node_id") == 1
    assert await client.get("no.such.key") is None
    assert "runtime.members.2.status" in await client.keys("runtime.members.")
    await client.track("test.", cmap.TRACK_ADD | cmap.TRACK_PREFIX)
    await client.set("test.key", cmap.ValueType.UINT32, 9)
    await until(lambda: bool(changes))
    assert changes[0].name == b"test.key"
    with pytest.raises(CorosyncError):
        await client.set("totem.version", cmap.ValueType.UINT32, 3)
    cfg = CfgClient(lab.settings(1))
    await cfg.connect()
    assert await cfg.local_nodeid() == 1
    assert await cfg.addresses(2) == (f"{lab.net}.2",)
    assert (await cfg.node_status(2)).reachable == 1
    assert (await cfg.node_status(3)).reachable == 0
    await cfg.close()
    await client.close()


async def test_reload_changes_every_node_and_a_bad_file_changes_nothing(lab: Lab) -> None:
    await lab.ring(1, 2)
    cfg = CfgClient(lab.settings(1))
    await cfg.connect()
    lab.write(token=900)
    await cfg.reload()
    await until(lambda: all(lab.hosts[n].node.totem.config.token == 1.55 for n in (1, 2)))
    lab.write(token=900, extra="  join: 1\n")
    await cfg.reload()
    store = lab.hosts[2].node.cmap
    await until(lambda: "config.reload_error_message" in store.values)
    assert "join timeout" in str(store.get("config.reload_error_message").python())
    assert lab.hosts[2].node.totem.config.join == 0.05
    await lab.settled(1, 2)
    await cfg.close()


async def test_garbage_on_the_port_is_ignored_and_told_once(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    await lab.ring(1, 2)
    caplog.set_level(logging.WARNING)
    ring = lab.hosts[1].node.ring
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((f"{lab.net}.3", 0))
        for _ in range(20):
            for data in (b"", b"x", os.urandom(200), b"\x70\xc0\x03\x00" + bytes(20), b"\x01\x81" + bytes(40)):
                sock.sendto(data, (f"{lab.net}.1", lab.port))
        await until(lambda: sum(lab.hosts[1].garbage.values()) >= 90)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((f"{lab.net}.77", 0))
        sock.sendto(b"\x70\xc0\x03\x05" + bytes(40), (f"{lab.net}.1", lab.port))
        await until(lambda: lab.hosts[1].transport.rejected == 1)
    assert len([r for r in caplog.records if "bad magic" in r.message]) == 1
    assert lab.hosts[1].node.ring == ring and lab.hosts[1].node.members == (1, 2)


async def test_a_client_that_does_not_read_does_not_hold_the_ring(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendqueue, "_STALLED_SECONDS", 0.1)
    await lab.ring(1, 2)
    lazy, busy = Client(lab.settings(1)), Client(lab.settings(2))
    await lazy.join()
    await busy.join()
    await until(lambda: bool(busy.changes) and len(busy.changes[-1].members) == 2)
    service = lab.hosts[1].cpg
    stuck = next(iter(service.connections.values()))
    stuck.queue_limit = 50
    transport = lazy.end._ipc._transport
    assert transport is not None
    asyncio.get_running_loop().remove_reader(transport.events)  # type: ignore[union-attr]
    for _ in range(1500):
        busy.end.mcast(b"y" * 3000)
    await until(lambda: len(busy.messages) == 1500)
    def closed() -> bool:
        busy.end.mcast(b"one more")
        return stuck.closed

    await until(closed)
    assert lab.hosts[1].node.members == (1, 2)
    await until(lambda: len(busy.changes[-1].members) == 1)
    assert busy.changes[-1].left[0].reason == cpg.Reason.PROCDOWN
    await busy.end.close()


async def test_who_may_connect(lab: Lab) -> None:
    host = await lab.start(1)
    assert host.authorise(Credentials(1, 0, 0)) == 0
    assert host.authorise(Credentials(1, os.getuid(), 12345)) == 0
    assert host.authorise(Credentials(1, 54321, 54321)) != 0
    host.node.cmap.set("uidgid.gid.54321", 2, b"\x01")
    assert host.authorise(Credentials(1, 54321, 54321)) == 0


async def test_port_in_use_is_one_message_and_an_exit_code(lab: Lab) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((f"{lab.net}.1", lab.port))
        with pytest.raises(HashellError) as caught:
            await main(lab.settings(1), asyncio.Event())
    assert caught.value.exit_code == ExitCode.UNAVAILABLE
    (said,) = map(str, caught.value.diagnostics)
    assert f"port {lab.port}" in said and "mcastport" in said


async def test_main_runs_until_it_is_told_to_stop(lab: Lab) -> None:
    stop = asyncio.Event()
    running = asyncio.ensure_future(main(lab.settings(1), stop))
    client = CfgClient(lab.settings(1))
    await client.connect(wait=DEADLINE)
    assert await client.local_nodeid() == 1
    stop.set()
    assert await asyncio.wait_for(running, DEADLINE) == 0
    await client.close()


async def test_shutdown_by_cfg_ends_the_daemon(lab: Lab) -> None:
    running = asyncio.ensure_future(main(lab.settings(1), asyncio.Event()))
    client = CfgClient(lab.settings(1))
    await client.connect(wait=DEADLINE)
    await client.shutdown()
    assert await asyncio.wait_for(running, DEADLINE) == 0
    await client.close()


async def test_unreadable_configuration(lab: Lab) -> None:
    (lab.folder / "corosync.conf").unlink()
    with pytest.raises(HashellError, match="No such file") as caught:
        await main(lab.settings(1), asyncio.Event())
    assert caught.value.exit_code == ExitCode.CONFIG
    (lab.folder / "corosync.conf").write_text("totem {\n")
    with pytest.raises(HashellError, match="Missing closing brace"):
        load(lab.settings(1))


def test_a_damaged_ring_file_is_replaced(tmp_path: Path) -> None:
    storage = RingStorage(tmp_path, 7)
    (tmp_path / "ringid_7").write_bytes(b"abc")
    assert storage.ring_seq() == 0
    storage.store_ring_seq(0x1234)
    assert (tmp_path / "ringid_7").read_bytes() == (0x1234).to_bytes(8, "little")
    assert (tmp_path / "ringid_7").stat().st_mode & 0o777 == 0o600
    assert storage.ring_seq() == 0x1234


async def test_a_node_that_cannot_keep_its_ring_id_leaves(lab: Lab) -> None:
    await lab.ring(1)
    host = lab.hosts[1]
    shutil.rmtree(lab.settings(1).ring_dir)
    lab.settings(1).ring_dir.write_text("in the way")
    await lab.start(2)
    await until(host.stopping.is_set)
    assert host.exit_code == ExitCode.CANTCREAT


async def test_a_token_that_waited_while_this_node_did_not_run_is_one_of_a_lost_ring(lab: Lab) -> None:
    await lab.ring(1, 2)
    host, tokens = lab.hosts[1], []
    receive = host.node.packet

    def noted(data: bytes, source: str, now: float) -> list[Effect]:
        if data[3] == ORF_TOKEN:
            tokens.append((data, source))
        return receive(data, source, now)

    host.node.packet = noted  # type: ignore[method-assign]
    await until(lambda: bool(tokens))
    assert host.node.totem.state is State.OPERATIONAL
    time.sleep(host.facts.config.totem.token + 0.3)  # the loop stands still
    host._packet(*tokens[-1])
    assert host.node.totem.state is State.GATHER
    await lab.settled(1, 2)


async def test_a_token_in_time_is_taken(lab: Lab) -> None:
    await lab.ring(1, 2)
    timers = lab.hosts[1].timers
    assert not timers.overdue("token")
    timers.set("token", 0.0)
    time.sleep(0.01)
    assert timers.overdue("token")
    timers.cancel("token")
    assert not timers.overdue("token")
    timers.catch_up("token")
    assert lab.hosts[1].node.totem.state is State.OPERATIONAL, "a timer that was cancelled fires no more"
