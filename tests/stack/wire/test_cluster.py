"""The link of a daemon to its peers, on a membership daemon with one node."""

from __future__ import annotations

import asyncio

import pytest
from lxml import etree

from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import compact
from hashell.stack.wire.cluster import ClusterLink
from hashell.stack.wire.corosync import cpg
from hashell.stack.wire.corosync.clients import CmapClient, CpgClient
from hashell.stack.wire.cpgframe import ClusterMessage, encode
from tests.stack.wire.fakering import FakeRing

DEADLINE = 20.0


async def until(condition) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


class Daemon:
    def __init__(self, ring: FakeRing, group: str = "cib", **options) -> None:
        self.got: list[tuple[str, str]] = []
        self.changes: list[tuple[list[int], list[int], list[int]]] = []
        self.quorum: list[tuple[bool, int, list[int]]] = []
        self.lost = 0
        self.link = ClusterLink(
            ring.settings, group,
            on_message=lambda peer, element: self.got.append((peer.name, compact(element))),
            on_peers=lambda *lists: self.changes.append(tuple([p.nodeid for p in peers] for peers in lists)),
            on_quorum=lambda quorate, seq, nodes: self.quorum.append((quorate, seq, nodes)),
            on_lost=self._lost, **options,
        )  # fmt: skip

    def _lost(self) -> None:
        self.lost += 1


@pytest.fixture
async def ring():
    ring = FakeRing()
    await ring.start()
    yield ring
    await ring.close()


async def test_connecting_tells_who_we_are_and_brings_ourselves_first(ring):
    daemon = Daemon(ring)
    await daemon.link.connect()
    assert (daemon.link.nodeid, daemon.link.name, daemon.link.cluster_name) == (2, "node2", "test")
    await until(lambda: daemon.changes)
    assert daemon.changes == [([2], [2], [])] and daemon.quorum == [(True, 8, [2])]
    assert daemon.link.names == {1: "node1", 2: "node2"}
    await daemon.link.close()
    assert not daemon.lost


async def test_messages_come_back_in_order_with_their_source(ring):
    daemon = Daemon(ring)
    await daemon.link.connect()
    for number in range(300):
        daemon.link.send(etree.Element("n", v=str(number)))
    daemon.link.send(etree.Element("mine", src="forged"), to="NODE2")
    daemon.link.send(etree.Element("theirs"), to="node1")
    daemon.link.send(etree.Element("end"))
    await until(lambda: daemon.got and daemon.got[-1][1].startswith("<end"))
    assert daemon.got[:300] == [("node2", f'<n v="{number}" src="node2"/>') for number in range(300)]
    assert [text for _, text in daemon.got[300:]] == ['<mine src="node2"/>', '<end src="node2"/>']
    await daemon.link.close()


async def test_long_messages_are_compressed_and_longer_ones_cut(ring):
    daemon = Daemon(ring)
    await daemon.link.connect()
    ring.interrupt = 1
    noise = "".join(chr(33 + (n * n * 7919 + n // 3) % 90) for n in range(4000)) * 40
    daemon.link.send(etree.Element("long", v=noise))
    await until(lambda: daemon.got)
    assert len(ring.received[0]) < 130000
    link = daemon.link._cpg
    parts: list[bytes] = []
    link._on_deliver = lambda group, nodeid, pid, data: parts.append(data)
    link.mcast(b"a" * 3_000_000)
    link.mcast(b"after")
    await until(lambda: len(parts) == 2)
    assert parts == [b"a" * 3_000_000, b"after"]
    await daemon.link.close()


async def test_peers_come_and_go(ring):
    daemon = Daemon(ring)
    await daemon.link.connect()
    ring.foreign[b"cib\0"] = [cpg.Address(1, 77)]
    ring.confchg(b"cib\0", joined=(cpg.Address(1, 77, 1),))
    await until(lambda: len(daemon.changes) == 2)
    assert daemon.link.peers.by_name("node1").active
    message = ClusterMessage(text=b"<hi/>", sender_nodeid=0, sender_name="node1")
    ring.deliver(b"cib\0", 1, 77, encode(message))
    ring.deliver(b"cib\0", 1, 77, b"garbage")
    ring.deliver(b"cib\0", 1, 77, encode(ClusterMessage(text=b"<open>", sender_nodeid=0, sender_name="node1")))
    ring.foreign.clear()
    ring.confchg(b"cib\0", left=(cpg.Address(1, 77, 3),))
    await until(lambda: len(daemon.changes) == 3)
    assert daemon.got == [("node1", '<hi src="node1"/>')]
    assert daemon.changes[1:] == [([1, 2], [1], []), ([2], [], [1])]
    ring.quorum(0, 12, (2,))
    await until(lambda: len(daemon.quorum) == 2)
    assert not daemon.link.quorate and daemon.link.ring_id == 12
    await daemon.link.close()


async def test_a_node_that_is_added_later_has_its_name(ring):
    """Whether it comes before or after the reload that tells of it."""
    daemon = Daemon(ring)
    await daemon.link.connect()
    for nodeid in (7, 8):
        for key, kind, value in (("nodeid", 6, nodeid), ("name", 11, f"new{nodeid}")):
            ring.put(f"nodelist.node.{nodeid - 5}.{key}", kind, value)
        if nodeid == 8:
            ring.confchg(b"cib\0", joined=(cpg.Address(8, 80, 1),))
            ring.foreign[b"cib\0"] = [cpg.Address(8, 80)]
            ring.confchg(b"cib\0", joined=(cpg.Address(8, 80, 1),))
        ring.changed(f"nodelist.node.{nodeid - 5}.nodeid")
        ring.changed(f"nodelist.node.{nodeid - 5}.name")
        await until(lambda nodeid=nodeid: daemon.link.names.get(nodeid) == f"new{nodeid}")
    assert daemon.link.peers.name_of(7) == "new7" and daemon.link.peers.by_name("new8").online
    assert daemon.changes[-1] == ([2, 8], [], [])
    await daemon.link.close()


async def test_losing_the_membership_daemon_is_told_once(ring):
    daemon = Daemon(ring)
    await daemon.link.connect()
    await until(lambda: daemon.changes)
    await ring.close()
    await until(lambda: daemon.lost)
    await asyncio.sleep(0.02)
    assert daemon.lost == 1
    daemon.link.send(etree.Element("late"))
    await daemon.link.close()


async def test_a_loss_before_the_first_view_of_the_group_is_told(ring, monkeypatch):
    monkeypatch.setattr(ring, "confchg", lambda *_args, **_more: None)
    daemon = Daemon(ring)
    await daemon.link.connect()
    await ring.close()
    await until(lambda: daemon.lost)
    assert not daemon.changes and daemon.lost == 1
    await daemon.link.close()


async def test_eviction_is_a_loss(ring):
    daemon = Daemon(ring)
    await daemon.link.connect()
    await until(lambda: daemon.changes)
    for connection in ring.groups:
        connection.event(cpg.Confchg(b"cib\0", (cpg.Address(1, 77),), (cpg.Address(2, 1, 3),), ()).encode())
    await until(lambda: daemon.lost)
    await daemon.link.close()


async def test_connect_waits_for_membership_and_for_try_again():
    ring = FakeRing()
    ring.try_again = 2
    daemon = Daemon(ring)
    task = asyncio.create_task(daemon.link.connect())
    await asyncio.sleep(0.05)
    assert not task.done()
    await ring.start()
    async with asyncio.timeout(DEADLINE):
        await task
    assert daemon.link.connected and ring.try_again == 0
    await daemon.link.close()
    await ring.close()


async def test_nodes_of_the_same_name_are_refused(ring):
    ring.put("nodelist.node.1.name", 11, "NODE1")
    with pytest.raises(HashellError, match="nodes 1 and 2 have the same name"):
        await Daemon(ring).link.connect()


async def test_names_fall_back_to_the_address_unless_it_is_numeric(ring):
    del ring.keys[b"nodelist.node.0.name"], ring.keys[b"nodelist.node.1.name"]
    ring.put("nodelist.node.0.ring0_addr", 11, "alpha")
    daemon = Daemon(ring)
    await daemon.link.connect()
    assert daemon.link.names == {1: "alpha", 2: "fallback"} and daemon.link.name == "fallback"
    await daemon.link.close()


async def test_cmap_and_unknown_requests(ring):
    cmap_client = CmapClient(ring.settings)
    await cmap_client.connect()
    assert await cmap_client.get("totem.cluster_name") == "test"
    assert await cmap_client.get("nodelist.node.0.nodeid") == 1
    assert await cmap_client.get("no.such") is None
    await cmap_client.close()
    cpg_client = CpgClient(ring.settings, on_deliver=lambda *a: None, on_confchg=lambda e: None)
    await cpg_client.connect()
    assert await cpg_client.local_nodeid() == 2
    await cpg_client.close()
