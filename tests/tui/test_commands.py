"""Every key of the command table, pressed: what it shows or asks for, and what the cluster is told after a yes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from hashell.model.xmltext import pretty
from hashell.shell.records import stored_records
from hashell.tui.app import Monitor
from hashell.tui.commands import COMMANDS, TABS, help_lines
from hashell.tui.dialogs import Choose, Confirm, Help, TypeName
from hashell.tui.operator import Order
from hashell.tui.past import Past
from hashell.tui.storyview import Page, StoryView
from tests.tui.clusters import cluster
from tests.tui.stage import Stage, header, press, rows, until

Scene = Callable[[Stage, Monitor, "Pilot[int]"], Awaitable[None]]
SCENES: dict[str, Scene] = {}


def scene(*actions: str) -> Callable[[Scene], Scene]:
    def register(play: Scene) -> Scene:
        SCENES.update(dict.fromkeys(actions, play))
        return play

    return register


def key_of(action: str) -> str:
    return next(c.key for c in COMMANDS if c.action == action)


async def perform(play: Scene, tmp_path: Path) -> None:
    """All actions of a scene, one after the other in one monitor."""
    for number, cib in enumerate((cluster(), cluster(db_failed=True)), start=1):
        (tmp_path / f"pe-input-{number}").write_text(pretty(cib))
    stage = Stage(cluster(db_failed=True), Past(stored_records(tmp_path)))
    async with stage.open() as (app, pilot):
        for action in [action for action, one in SCENES.items() if one is play]:
            app.scene_action = action
            stage.operator.orders.clear()
            app.view.done.clear()
            await play(stage, app, pilot)


def test_there_is_a_scene_for_every_command_and_no_key_is_used_twice() -> None:
    assert set(SCENES) == {c.action for c in COMMANDS}
    keys = [c.key for c in COMMANDS]
    assert len(set(keys)) == len(keys)


def test_the_help_page_names_every_command() -> None:
    text = "\n".join(help_lines())
    assert all(c.help in text and c.label in text for c in COMMANDS)


async def go(app: Monitor, pilot: Pilot[int], key: str, column: str = "") -> None:
    assert app.grid().go_to(key, column)
    await pilot.pause()


@scene(*(f"tab('{name}')" for name, _ in TABS))
async def _tabs(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, key_of(app.scene_action))
    name = app.scene_action.partition("'")[2].partition("'")[0]
    assert app.tab == name
    await until(pilot, lambda: bool(app.grid().rows))
    expected = {"board": "db", "problems": "resource db failed", "events": "start of ip on node1", "fencing": "node3",
                "attributes": "master-disk", "tickets": "paris", "constraints": "web-with-disk", "ring": "210",
                "operations": "ocf:heartbeat:IPaddr2"}  # fmt: skip
    shown = " ".join(" ".join(cells) for cells in rows(app).values())
    assert expected[name].replace("210", "0.21 ms") in shown


@scene("story")
async def _story(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "db")
    await press(pilot, "enter")
    await until(pilot, lambda: isinstance(app.screen, StoryView))
    story = app.screen.story
    assert "the database is gone" in story.text()
    assert any(command.startswith("resource cleanup db") for command in story.commands)
    await press(pilot, "tab", "enter")
    await until(pilot, lambda: isinstance(app.screen, Confirm))
    await press(pilot, "y")
    await until(pilot, lambda: stage.operator.commands == [story.commands[0]])


@scene("fold", "fold_all(True)", "fold_all(False)")
async def _fold(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "plus")
    assert "ip" in rows(app)
    if app.scene_action == "fold":
        await go(app, pilot, "web")
        await press(pilot, "space")
        assert "ip" not in rows(app) and "disk:0" in rows(app)
    else:
        await press(pilot, "minus")
        assert list(rows(app)) == ["(nodes)", "web", "disk-clone", "db"]
        assert rows(app)["web"][1] == "run 2"
    await press(pilot, "plus")
    assert "ip" in rows(app)


@scene("next_problem")
async def _next_problem(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "p")
    assert app.grid().row.key == "db"


@scene("only_problems")
async def _only_problems(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "exclamation_mark")
    assert list(rows(app)) == ["(nodes)", "db"]


@scene("search", "clear_search")
async def _search(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "slash", "w", "w", "w", "enter")
    assert list(rows(app)) == ["(nodes)", "web", "www"]
    await press(pilot, "escape")
    assert "db" in rows(app)


@scene("next_cluster")
async def _next_cluster(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "o")
    assert app.current == 0


@scene("what_if")
async def _what_if(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "(nodes)", "node1")
    await press(pilot, "w")
    await until(pilot, lambda: isinstance(app.screen, Page))
    await press(pilot, "enter")
    await until(pilot, lambda: "WHAT IF after the loss of node1" in header(app))
    assert rows(app)["(nodes)"][1] == "offline DC"
    await press(pilot, "m")
    assert not stage.operator.orders and not isinstance(app.screen, Choose)


@scene("step(-1)", "step(1)", "live")
async def _time_travel(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "left_square_bracket")
    await until(pilot, lambda: "INPUT 2/2" in header(app))
    await press(pilot, "left_square_bracket")
    await until(pilot, lambda: "INPUT 1/2" in header(app))
    assert rows(app)["db"][2] == "run"
    if app.scene_action == "live":
        await press(pilot, "l")
    else:
        await press(pilot, "right_square_bracket")
        await until(pilot, lambda: "INPUT 2/2" in header(app))
        await press(pilot, "right_square_bracket")
    await until(pilot, lambda: "INPUT" not in header(app))
    assert app.view.is_present


@scene("move", "ban")
async def _move(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "ip")
    await press(pilot, key_of(app.scene_action))
    assert isinstance(app.screen, Choose)
    await press(pilot, "down", "enter")
    assert isinstance(app.screen, Confirm)
    await press(pilot, "y")
    await until(pilot, lambda: bool(stage.operator.orders))
    order = stage.operator.orders[0]
    assert (order.verb, order.subject) == (app.scene_action, "web")
    assert order.argument in ("node2", "node3")


@scene("clear", "start", "stop", "promote", "demote", "cleanup", "refresh")
async def _plain(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "db")
    await press(pilot, key_of(app.scene_action))
    assert isinstance(app.screen, Confirm)
    await press(pilot, "n")
    assert not stage.operator.orders
    await press(pilot, key_of(app.scene_action), "y")
    await until(pilot, lambda: stage.operator.orders == [Order(app.scene_action, "db")])


@scene("standby", "maintenance")
async def _node(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "(nodes)", "node2")
    await press(pilot, key_of(app.scene_action), "y")
    await until(pilot, lambda: stage.operator.orders == [Order(app.scene_action, "node2", "on")])


@scene("fence")
async def _fence(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "(nodes)", "node2")
    await press(pilot, "f")
    assert isinstance(app.screen, TypeName)
    await press(pilot, *"node1", "enter")
    assert isinstance(app.screen, TypeName) and not stage.operator.orders
    await press(pilot, *["backspace"] * 5, *"node2", "enter")
    await until(pilot, lambda: stage.operator.orders == [Order("fence", "node2")])


@scene("undo")
async def _undo(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await go(app, pilot, "db")
    await press(pilot, "T", "y")
    await until(pilot, lambda: len(app.view.done) == 1)
    await press(pilot, "z", "y")
    await until(pilot, lambda: stage.operator.taken_back == [Order("stop", "db")])
    await until(pilot, lambda: not app.view.done)


@scene("next_theme")
async def _theme(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    seen = []
    for _ in range(4):
        await press(pilot, "t")
        seen.append(app.theme)
    assert sorted(seen) == ["day", "mono", "night", "safe"]


@scene("command_palette")
async def _palette(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    titles = [command.title for command in app.get_system_commands(app.screen)]
    assert "Fence (f)" in titles
    await press(pilot, "ctrl+p")
    assert len(app.screen_stack) == 2


@scene("help")
async def _help(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "question_mark")
    assert isinstance(app.screen, Help)
    await press(pilot, "escape")
    assert len(app.screen_stack) == 1


@scene("quit")
async def _quit(stage: Stage, app: Monitor, pilot: Pilot[int]) -> None:
    await press(pilot, "q")
    await until(pilot, lambda: not app.is_running)


@pytest.mark.parametrize("play", dict.fromkeys(SCENES.values()), ids=lambda play: play.__name__)
async def test_every_command_does_its_work(play: Scene, tmp_path: Path) -> None:
    await perform(play, tmp_path)


async def test_a_refused_action_says_why_and_cannot_be_taken_back() -> None:
    stage = Stage()
    stage.operator.refuse = True
    async with stage.open() as (app, pilot):
        await go(app, pilot, "db")
        await press(pilot, "T", "y")
        await until(pilot, lambda: any("the cluster says no" in n.message for n in app._notifications))
        assert not app.view.done


async def test_a_read_only_monitor_changes_nothing() -> None:
    stage = Stage()
    async with stage.open(read_only=True) as (app, pilot):
        await go(app, pilot, "db", "node2")
        for command in COMMANDS:
            if command.changes:
                await press(pilot, command.key)
                assert len(app.screen_stack) == 1, command
        assert not stage.operator.orders
        assert "read-only" in header(app)
