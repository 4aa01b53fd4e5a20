"""The monitor over a cluster that changes, freezes and is lost; sizes, themes, mouse, several clusters."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from hashell.model.xmltext import pretty
from hashell.tui.app import Monitor
from hashell.tui.grid import Grid
from hashell.tui.sources import watched_word
from hashell.tui.start import build
from hashell.tui.storyview import StoryView
from tests.tui.clusters import cluster
from tests.tui.stage import Stage, header, press, rows, text_of, until


async def test_follows_the_cluster_and_keeps_the_cursor() -> None:
    stage = Stage()
    async with stage.open() as (app, pilot):
        assert "lab" in header(app) and "DC node1" in header(app) and "3/3 votes" in header(app)
        app.grid().go_to("db")
        stage.becomes(cluster(db_failed=True))
        await until(pilot, lambda: rows(app)["db"][2] == "FAILED")
        assert app.grid().row.key == "db"
        assert "resource db failed on node2" in text_of(app, "#problems-line")
        stage.becomes(cluster(lost=3))
        await until(pilot, lambda: rows(app)["(nodes)"][3] == "offline")
        await press(pilot, "3")
        events = [" ".join(cells) for cells in rows(app).values()]
        assert any("node3: online → offline" in event for event in events)
        assert any("monitor of db failed on node2" in event for event in events)


async def test_a_lost_connection_is_said_at_once_and_its_return_too() -> None:
    stage = Stage()
    async with stage.open() as (app, pilot):
        stage.unreachable = True
        stage.sources[-1].lost.set_result("the connection was lost")
        await until(pilot, lambda: "STALE" in header(app) and "connection was lost" in header(app))
        assert rows(app)["db"][2] == "run", "what was known stays"
        stage.unreachable = False
        await until(pilot, lambda: "STALE" not in header(app))
        assert len(stage.sources) == 2


async def test_a_frozen_daemon_is_stale_until_it_answers() -> None:
    stage = Stage()
    async with stage.open() as (app, pilot):
        stage.frozen = True
        await until(pilot, lambda: "STALE" in header(app) and "does not answer" in header(app))
        await press(pilot, "down")
        assert app.grid().cursor == 1, "the monitor itself goes on"
        stage.frozen = False
        await until(pilot, lambda: "STALE" not in header(app))
        assert len(stage.sources) == 1, "the connection is the same one"


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_the_whole_width_is_used_and_nothing_is_cut(size: tuple[int, int]) -> None:
    stage = Stage(cluster(db_failed=True))
    async with stage.open(size) as (app, pilot):
        board = app.board_grid()
        lines = [board.render_line(y).text for y in range(8)]
        assert all(len(line) == board.size.width for line in lines)
        assert "node3" in lines[0] and "Resource" in lines[0]
        assert "FAILED" in next(board.render_line(y).text for y in range(board.size.height)
                                if "db" in board.render_line(y).text)


async def test_a_storm_of_resizes_leaves_a_whole_screen() -> None:
    stage = Stage()
    generator = random.Random(8)
    async with stage.open() as (app, pilot):
        for _ in range(25):
            await pilot.resize_terminal(generator.randint(1, 220), generator.randint(1, 70))
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: app.size.width == 100)
        await press(pilot, "end", "home", "pagedown", "pageup")
        assert "node1" in app.board_grid().render_line(0).text


async def test_without_colours_words_still_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stage = Stage(cluster(db_failed=True))
    async with stage.open() as (app, pilot):
        screen = app.export_screenshot()
        assert "FAILED" in screen
        assert "#6cc26c" not in screen, "no green"


async def test_the_mouse_chooses_cells_and_tells_stories() -> None:
    stage = Stage()
    async with stage.open() as (app, pilot):
        line = next(y for y, row in enumerate(app.grid().rows, start=1) if row.key == "db")
        await pilot.click("#board-0", offset=(2, line))
        assert app.grid().row.key == "db"
        await pilot.click("#board-0", offset=(2, line), times=2)
        await until(pilot, lambda: isinstance(app.screen, StoryView) and bool(app.screen.query("#text")))


async def test_several_clusters_stand_side_by_side() -> None:
    one, two = Stage(name="one"), Stage(cluster(lost=3), name="two")
    app = Monitor([one.watched, two.watched])
    async with app.run_test(size=(160, 40)) as pilot:
        await until(pilot, lambda: all(not view.trouble for view in app.views))
        await until(pilot, lambda: all(len(grid.rows) > 1 for grid in app.query("#boards Grid").results(Grid)))
        assert "▶ lab" in text_of(app, "#card-0") and "problem" in text_of(app, "#card-1")
        await press(pilot, "o")
        assert app.current == 1 and "nodes 2/3" in header(app)
        app.board_grid(1).go_to("db")
        await press(pilot, "T", "y")
        await until(pilot, lambda: bool(two.operator.orders))
        assert not one.operator.orders


async def test_markup_in_names_is_shown_as_it_is() -> None:
    cib = cluster()
    for element in cib.iter("nvpair"):
        if element.get("name") == "cluster-name":
            element.set("value", "[red]lab[/red]")
    async with Stage(cib).open() as (app, _pilot):
        assert "[red]lab[/red]" in header(app)


async def test_a_file_is_followed_and_changed(tmp_path: Path) -> None:
    path = tmp_path / "cib.xml"
    path.write_text(pretty(cluster()))
    app = Monitor([watched_word(str(path))])
    async with app.run_test(size=(120, 34)) as pilot:
        await until(pilot, lambda: not app.views[0].trouble and "db" in rows(app))
        app.grid().go_to("db")
        await press(pilot, "T", "y")
        await until(pilot, lambda: 'value="Stopped"' in path.read_text())
        await until(pilot, lambda: "disabled" in rows(app)["db"][-2])
        await press(pilot, "z", "y")
        await until(pilot, lambda: 'value="Stopped"' not in path.read_text())


async def test_a_folder_of_inputs_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "pe-input-4").write_text(pretty(cluster()))
    app = Monitor([watched_word(str(tmp_path))])
    async with app.run_test(size=(120, 34)) as pilot:
        await until(pilot, lambda: not app.views[0].trouble)
        app.grid().go_to("db")
        await press(pilot, "T")
        assert len(app.screen_stack) == 1 and "read-only" in header(app)


def test_what_cannot_be_opened_is_an_error_at_the_start(tmp_path: Path) -> None:
    from hashell.model.diagnostics import HashellError
    from hashell.tui.main import build_parser

    for words in (["-x", str(tmp_path / "none.xml")], ["-p", str(tmp_path)]):
        with pytest.raises(HashellError):
            build(build_parser().parse_args(words))


async def test_slow_computations_do_not_block_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slowly(*_: object) -> None:
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()

    monkeypatch.setattr("hashell.tui.looking.lose_node", slowly)
    async with stage.open() as (app, pilot):
        app.grid().go_to("(nodes)", "node1")
        await press(pilot, "w", "down")
        assert app.grid().cursor == 1
        assert "computing" in header(app)
        gate.set()
        await until(pilot, lambda: "computing" not in header(app))
