"""A monitor on a stage: sources that can be changed, frozen and lost, and an operator that writes down its orders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from lxml import etree
from textual.pilot import Pilot
from textual.widgets import Static

from hashell.client.board import FencingView
from hashell.client.diagnostics import Refused
from hashell.client.monitor.ring import LinkView, MemberView, RingView
from hashell.client.monitor.snapshot import Snapshot, snapshot_of
from hashell.model.diagnostics import HashellError
from hashell.tui.app import Monitor
from hashell.tui.operator import Change, Order
from hashell.tui.past import Past
from hashell.tui.sources import Watched
from tests.tui.clusters import cluster

#: When the looks are taken, epoch seconds.
NOW = 1_700_000_100.0
RING = RingView(3, 3, 2, (MemberView("node1", 1, "this node", 1, "10.0.0.1"), MemberView("node2", 2, "member", 1)),
                (LinkView("node2", 0, "10.0.0.1 -> 10.0.0.2", True, 210, 0),), (("totem.token", "1000"),))  # fmt: skip
FENCING = (FencingView("node3", "reboot", "success", "node1", "node1", "stonith_admin.7", 1_700_000_050, ""),)


class Source:
    """One connection."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.changed: Callable[[], None] = lambda: None

    async def snapshot(self) -> Snapshot:
        return snapshot_of(self._stage.cib, self._stage.fencing, when=NOW, ring=RING)

    def on_change(self, callback: Callable[[], None]) -> None:
        self.changed = callback

    async def alive(self) -> None:
        if self._stage.frozen:
            await asyncio.Event().wait()

    async def wait_lost(self) -> str:
        return await self.lost

    async def close(self) -> None:
        pass


class Recorder:
    """An operator that only writes down what it is asked for."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.taken_back: list[Order] = []
        self.commands: list[str] = []
        self.refuse = False

    async def carry_out(self, order: Order) -> Change | None:
        if self.refuse:
            raise HashellError(Refused(what=order.verb, reason="the cluster says no"))
        self.orders.append(order)
        return None if order.verb in ("fence", "confirm", "cleanup", "refresh") else Change(order, cluster(), cluster())

    async def take_back(self, change: Change) -> None:
        if self.refuse:
            raise HashellError(Refused(what=change.order.verb, reason="the cluster says no"))
        self.taken_back.append(change.order)

    async def run(self, command: str) -> str:
        self.commands.append(command)
        return ""


class Stage:
    """One watched cluster."""

    def __init__(self, cib: etree._Element | None = None, past: Past | None = None, name: str = "stage") -> None:
        self.cib = cluster() if cib is None else cib
        self.fencing: tuple[FencingView, ...] = FENCING
        self.frozen = self.unreachable = False
        self.sources: list[Source] = []
        self.operator = Recorder()
        self.watched = Watched(name, self.connect, self.operator, past)

    async def connect(self) -> Source:
        if self.unreachable:
            raise HashellError(Refused(what="connecting", reason="nobody is there"))
        self.sources.append(Source(self))
        return self.sources[-1]

    def becomes(self, cib: etree._Element) -> None:
        """The cluster is another way from now on, and says so."""
        self.cib = cib
        self.sources[-1].changed()

    @contextlib.asynccontextmanager
    async def open(
        self, size: tuple[int, int] = (120, 34), **options: bool
    ) -> AsyncIterator[tuple[Monitor, Pilot[int]]]:
        app = Monitor([self.watched], **options)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: not app.views[0].trouble)
            yield app, pilot


async def until(pilot: Pilot[int], condition: Callable[[], bool]) -> None:
    """Let the monitor go on until something holds."""
    for _ in range(2000):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("the monitor did not get there")


def text_of(app: Monitor, selector: str) -> str:
    return str(app.screen_stack[0].query_one(selector, Static).render())


def header(app: Monitor) -> str:
    return text_of(app, "#header")


def rows(app: Monitor) -> dict[str, list[str]]:
    """The texts of the open tab by key."""
    return {row.key: [text for text, _ in row.cells] for row in app.grid().rows}


async def press(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
