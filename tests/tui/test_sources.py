"""A look at a live cluster waits for nobody but the CIB manager."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from lxml import etree

from hashell.client.board import FencingView
from hashell.client.cluster import Cluster
from hashell.client.source import LiveSource
from hashell.stack.settings import NodeSettings
from hashell.tui import sources
from hashell.tui.sources import ClusterShots
from tests.tui.clusters import cluster


class FrozenFencer(Cluster):
    """A cluster whose fencer says nothing, for as long as it is told to."""

    live = True
    frozen = True

    async def cib(self) -> etree._Element:
        return cluster()

    async def fencing_history(self, target: str = "") -> list[FencingView]:
        if self.frozen:
            await asyncio.Event().wait()
        return [FencingView("node9", "off", "success", "node1", "node1", "tool", 1700000000)]

    async def commit(self, old: etree._Element, new: etree._Element) -> None:
        raise NotImplementedError

    async def replace(self, new: etree._Element) -> None:
        raise NotImplementedError

    async def set_ticket(self, ticket: str, values: object) -> None:
        raise NotImplementedError


async def test_a_frozen_fencer_holds_up_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FENCER_PATIENCE", 0.05)
    monkeypatch.setattr(sources, "SIDE_SECONDS", 0.0)
    source = LiveSource(NodeSettings(ipc_prefix=f"s{uuid.uuid4().hex[:6]}-"))
    frozen = FrozenFencer(source)
    shots = ClusterShots(frozen, source)
    async with asyncio.timeout(20):
        shot = await shots.snapshot()
        assert [node.name for node in shot.board.nodes] == ["node1", "node2", "node3"] and not shot.board.fencing
        frozen.frozen = False
        assert [one.target for one in (await shots.snapshot()).board.fencing] == ["node9"]
        frozen.frozen = True
        assert [one.target for one in (await shots.snapshot()).board.fencing] == ["node9"], "what it said last stays"
