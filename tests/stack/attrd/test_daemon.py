"""The attribute manager as a process sees it: with a CIB manager, real sockets and a ring of one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from hashell.model.document import CallOption
from hashell.model.xmltext import parse
from hashell.stack.attrd import daemon as attrd
from hashell.stack.cib import daemon as cib
from hashell.stack.wire.attrdclient import AttrdClient
from hashell.stack.wire.cibclient import CibClient
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient
from tests.stack.wire.fakering import FakeRing

DEADLINE = 30.0
NODE = "node2"


class Stack:
    def __init__(self, folder: Path) -> None:
        self.ring = FakeRing()
        self.settings = replace(self.ring.settings, state_dir=folder)
        self.stops: list[tuple[asyncio.Event, asyncio.Task[int]]] = []

    def start(self, main) -> None:
        stop = asyncio.Event()
        self.stops.append((stop, asyncio.create_task(main(self.settings, stop))))

    async def end(self) -> int:
        """Stop the daemon started last."""
        stop, task = self.stops.pop()
        stop.set()
        return await asyncio.wait_for(task, DEADLINE)


@pytest.fixture
async def stack(tmp_path) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path)
    await stack.ring.start()
    stack.start(cib.main)
    yield stack
    while stack.stops:
        await stack.end()
    await stack.ring.close()


@pytest.fixture
async def reader(stack) -> AsyncIterator[CibClient]:
    client = CibClient(stack.settings, "reader", on_diff=lambda element: None)
    await client.connect(DEADLINE)
    yield client
    await client.close()


@pytest.fixture
async def client(stack, reader) -> AsyncIterator[AttrdClient]:
    stack.start(attrd.main)
    client = AttrdClient(stack.settings, "test")
    await client.connect(DEADLINE)
    yield client
    await client.close()


def values(cib_root: etree._Element) -> dict[str, str]:
    return {p.get("name"): p.get("value") for p in cib_root.iterfind("status/node_state/transient_attributes/*/nvpair")}


async def written(reader: CibClient, expected: dict[str, str]) -> None:
    async with asyncio.timeout(DEADLINE):
        while values(reader.cib) != expected:
            await asyncio.sleep(0.005)


async def test_values_reach_the_cib_and_queries(client, reader):
    await client.update("a", "1")
    await client.update("b", "x", private=True)
    await client.update("c", "2", NODE, sync="cluster")
    await client.update("c", "value++", sync="local")
    assert await client.query("c") == {NODE: "3"} and await client.query("b", "localhost") == {NODE: "x"}
    assert await client.query("none") is None
    await written(reader, {"a": "1", "c": "3"})
    await client.update("a", None)
    await client.update("^c$", "7", pattern=True)
    await written(reader, {"c": "7"})
    await client.refresh()


async def test_failures_are_cleared(client, reader):
    await client.update("fail-count-r#monitor_10000", "INFINITY")
    await client.update("fail-count-s#start_0", "1")
    await written(reader, {"fail-count-r#monitor_10000": "INFINITY", "fail-count-s#start_0": "1"})
    await client.clear_failures("r", "monitor", "10s", NODE)
    await written(reader, {"fail-count-s#start_0": "1"})
    await client.clear_failures()
    await written(reader, {})


async def test_dampening_over_the_wire(client, reader):
    await client.update("a", "1", dampen="50ms")
    await client.set_dampening("a", "60ms")
    await client.update("a", "2")
    await written(reader, {"a": "2"})


async def test_values_survive_a_restart_of_the_cib_manager(stack, client, reader):
    await client.update("a", "1")
    await written(reader, {"a": "1"})
    stop, task = stack.stops[0]
    stop.set()
    assert await asyncio.wait_for(task, DEADLINE) == 0
    await client.update("b", "2")
    del stack.stops[0]
    stack.start(cib.main)
    again = CibClient(stack.settings, "again", on_diff=lambda element: None)
    await again.connect(DEADLINE)
    await written(again, {"a": "1", "b": "2"})
    await again.close()


async def test_our_former_values_are_deleted_at_the_start(stack, reader):
    old = parse(
        f'<node_state id="2" uname="{NODE}"><transient_attributes id="2"><instance_attributes id="status-2">'
        '<nvpair id="status-2-old" name="old" value="1"/></instance_attributes></transient_attributes></node_state>'
    )
    await reader.modify("status", old, CallOption.CAN_CREATE)
    await written(reader, {"old": "1"})
    stack.start(attrd.main)
    await written(reader, {})


async def test_requests_nobody_understands(stack, client):
    bare = PacemakerClient(stack.settings, "attrd")
    await bare.connect()
    assert (await bare.request("<broken")).get("status") == "76"
    assert (await bare.request('<x task="sing"/>')).get("status") == "2"
    ack = await bare.request('<x task="update" attr_name="a" attr_value="1"/>')
    assert (ack.get("status"), ack.get("ipc-protocol-version")) == ("112", "7")
    await bare.close()


async def test_without_a_manager_the_client_says_so(stack):
    client = AttrdClient(stack.settings, "test")
    with pytest.raises(IpcError):
        await client.update("a", "1")


async def test_the_loss_of_the_ring_ends_the_daemon(stack, client):
    await stack.ring.close()
    for _stop, task in stack.stops:
        assert await asyncio.wait_for(task, DEADLINE) == 102
    stack.stops.clear()
