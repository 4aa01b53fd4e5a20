"""The monitor, driven by its keys, over boards we hand it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hashell.tui.tables import KeyedTable
from textual.widgets import Static

from hashell.client.board import Board, FailureView, NodeView, ResourceView
from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.tui.app import Monitor
from hashell.tui.dialogs import Choose, Confirm, Details, Help


class Refused(Diagnostic):
    code = "H199"

    def text(self) -> str:
        return "refused by the cluster"


class Source:
    def __init__(self, board: Board) -> None:
        self.now = board
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.changed: Callable[[], None] = lambda: None

    async def board(self) -> Board:
        return self.now

    def on_change(self, callback: Callable[[], None]) -> None:
        self.changed = callback

    async def wait_lost(self) -> str:
        return await self.lost

    async def close(self) -> None:
        pass


class Operator:
    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.refuse = False

    async def _note(self, *what: str) -> None:
        if self.refuse:
            raise HashellError(Refused())
        self.asked.append(what)

    async def move(self, resource: str, node: str) -> None:
        await self._note("move", resource, node)

    async def clear(self, resource: str) -> None:
        await self._note("clear", resource)

    async def standby(self, node: str, on: bool) -> None:
        await self._note("standby", node, str(on))

    async def cleanup(self, resource: str) -> None:
        await self._note("cleanup", resource)


def board(**changes: object) -> Board:
    values: dict = {
        "cluster_name": "lab",
        "dc": "node1",
        "have_quorum": True,
        "nodes": (NodeView("node1", "1", "online", dc=True, running=2), NodeView("node2", "2", "online")),
        "resources": (
            ResourceView("web", "web", "group", 0, role="Started", nodes=("node1",)),
            ResourceView("ip", "ip", "primitive", 1, "ocf:heartbeat:IPaddr2", "Started", ("node1",)),
            ResourceView("db", "db", "primitive", 0, "ocf:pacemaker:Dummy", "Started", ("node2",)),
        ),
    }
    return Board(**{**values, **changes})


class Stage:
    """One monitor with a source that can be changed and lost."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.operator = Operator()
        self.first = board()
        self.app = Monitor(self.connect, self.operator)

    async def connect(self) -> Source:
        self.sources.append(Source(self.first))
        return self.sources[-1]


async def settle(pilot, condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("the monitor did not reach the state")


def summary(app: Monitor) -> str:
    return str(app.query_one("#summary", Static).render())


def problems(app: Monitor) -> str:
    return str(app.query_one("#problems", Static).render())


def cells(app: Monitor, table_id: str) -> list[list[str]]:
    table = app.query_one(f"#{table_id}", KeyedTable)
    return [[str(cell) for cell in table.get_row_at(i)] for i in range(table.row_count)]


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_shows_nodes_and_resources(size: tuple[int, int]) -> None:
    stage = Stage()
    async with stage.app.run_test(size=size) as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        assert [row[:2] for row in cells(stage.app, "nodes")] == [["node1", "online"], ["node2", "online"]]
        assert [row[0] for row in cells(stage.app, "resource-table")] == ["web (group)", "  ip", "db"]
        assert "lab" in summary(stage.app) and "DC node1" in summary(stage.app)
        assert problems(stage.app) == "no problems"


async def test_follows_changes_in_place() -> None:
    stage = Stage()
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("down", "down")
        failed = FailureView("db", "node2", "monitor", 10000, 7, "not running", "done", "it crashed", 0)
        changed = board(failures=(failed,), have_quorum=False)
        stage.sources[0].now = changed
        stage.sources[0].changed()
        await settle(pilot, lambda: bool(cells(stage.app, "failure-table")))
        assert stage.app.query_one("#resource-table", KeyedTable).selected == "db"
        assert "no quorum" in problems(stage.app)
        assert cells(stage.app, "failure-table")[0][4] == "it crashed"


async def test_lost_connection_is_stale_and_comes_back() -> None:
    stage = Stage()
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        stage.sources[0].lost.set_result("the CIB manager closed the connection")
        await settle(pilot, lambda: "STALE" in summary(stage.app))
        assert "closed the connection" in problems(stage.app)
        assert cells(stage.app, "nodes"), "the last known state stays on screen"
        await settle(pilot, lambda: len(stage.sources) == 2 and "STALE" not in summary(stage.app))


async def test_move_asks_for_the_node_and_for_confirmation() -> None:
    stage = Stage()
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("down", "m")
        assert isinstance(stage.app.screen, Choose)
        await pilot.press("enter")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("y")
        await settle(pilot, lambda: bool(stage.operator.asked))
        assert stage.operator.asked == [("move", "web", "node2")], "a member moves with its group"


@pytest.mark.parametrize("key", ["n", "escape"])
async def test_nothing_happens_without_a_yes(key: str) -> None:
    stage = Stage()
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("c")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press(key)
        await pilot.pause()
        assert stage.operator.asked == []


async def test_standby_toggles_the_selected_node() -> None:
    stage = Stage()
    stage.first = board(nodes=(NodeView("node1", "1", "standby"), NodeView("node2", "2", "online", running=1)))
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("n", "s", "y")
        await settle(pilot, lambda: len(stage.operator.asked) == 1)
        await pilot.press("down", "s", "y")
        await settle(pilot, lambda: len(stage.operator.asked) == 2)
        assert stage.operator.asked == [("standby", "node1", "False"), ("standby", "node2", "True")]


async def test_a_refusal_is_shown_and_the_monitor_goes_on() -> None:
    stage = Stage()
    stage.operator.refuse = True
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("c", "y")
        await settle(pilot, lambda: any("refused" in n.message for n in stage.app._notifications))
        assert stage.app.is_running


async def test_help_and_details_open_and_close() -> None:
    stage = Stage()
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("question_mark")
        assert isinstance(stage.app.screen, Help)
        await pilot.press("escape", "enter")
        assert isinstance(stage.app.screen, Details)
        await pilot.press("escape")
        assert not isinstance(stage.app.screen, Details)


async def test_markup_in_names_is_shown_literally() -> None:
    stage = Stage()
    stage.first = board(nodes=(NodeView("[red]x[/red]", "1", "online"),))
    async with stage.app.run_test() as pilot:
        await settle(pilot, lambda: bool(cells(stage.app, "nodes")))
        await pilot.press("n", "s")
        assert isinstance(stage.app.screen, Confirm)
        assert cells(stage.app, "nodes")[0][0] == "[red]x[/red]"
