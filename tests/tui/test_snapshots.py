"""A few screens as they are meant to look; `pytest --snapshot-update` takes new ones, which are to be looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from hashell.tui.app import Monitor
from hashell.tui.feed import Feed
from hashell.tui.storyview import StoryView
from tests.tui.clusters import cluster
from tests.tui.stage import Stage, until

Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The age of the data is not part of the picture."""
    monkeypatch.setattr(Feed, "age", 0.0)
    monkeypatch.setenv("TZ", "UTC")


async def ready(pilot: Pilot[int]) -> None:
    app = pilot.app
    assert isinstance(app, Monitor)
    await until(pilot, lambda: not app.views[0].trouble and len(app.board_grid().rows) > 1)
    await pilot.pause()


@pytest.mark.parametrize(("size", "theme"), [((80, 24), "night"), ((200, 60), "safe")])
def test_board(snap_compare: Compare, size: tuple[int, int], theme: str) -> None:
    app = Monitor([Stage(cluster(db_failed=True, standby=3)).watched], theme=theme)
    assert snap_compare(app, terminal_size=size, run_before=ready)


def test_story(snap_compare: Compare) -> None:
    async def open_story(pilot: Pilot[int]) -> None:
        await ready(pilot)
        app = pilot.app
        assert isinstance(app, Monitor)
        app.grid().go_to("db")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StoryView))
        await pilot.pause()

    app = Monitor([Stage(cluster(db_failed=True)).watched])
    assert snap_compare(app, terminal_size=(100, 34), run_before=open_story)


def test_constraints(snap_compare: Compare) -> None:
    async def open_graph(pilot: Pilot[int]) -> None:
        await ready(pilot)
        await pilot.press("7")
        await pilot.pause()

    assert snap_compare(Monitor([Stage().watched]), terminal_size=(100, 24), run_before=open_graph)
