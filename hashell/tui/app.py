"""`hashell monitor`: one cluster or several, live or in the past, in a terminal or a browser."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.theme import Theme
from textual.widgets import Input, Static, TabbedContent, TabPane

from hashell.client.monitor.snapshot import Snapshot
from hashell.tui.boardrows import board_columns, board_rows
from hashell.tui.commands import COMMANDS, TABS
from hashell.tui.constraintrows import constraint_rows
from hashell.tui.feed import Feed
from hashell.tui.grid import Grid, Row
from hashell.tui.header import footer_text, header_text, problems_text
from hashell.tui.looking import LookActions
from hashell.tui.sources import Watched
from hashell.tui.tabrows import (
    attribute_rows,
    event_rows,
    fencing_rows,
    operation_rows,
    problem_rows,
    ring_rows,
    ticket_rows,
)
from hashell.tui.themes import THEMES, palette
from hashell.tui.view import ClusterView

_COLUMNS: dict[str, tuple[tuple[str, ...], str]] = {
    "problems": (("Problem", "Since", "About"), "no problems"),
    "events": (("When", "What", "Event"), "nothing has happened yet"),
    "fencing": (("When", "Target", "Action", "Result", "By", "Asked by", "Reason"), "nothing was ever fenced"),
    "attributes": (("Attribute", "Node", "Value", ""), "no attributes"),
    "tickets": (("Ticket", "State", "", "Last granted"), "no tickets"),
    "constraints": (("Graph", "Constraint", ""), "no constraints"),
    "ring": (("Ring", "State", "", ""), "the ring's services do not answer here"),
    "operations": (("Agent", "Operation", "Runs", "Median", "Slowest", "Timeout", "Of the timeout", "Newest",
                    "Failed", "Slowest was"), "no operations"),
}  # fmt: skip


class Monitor(LookActions):
    """The monitor over what is watched. `read_only` takes all actions away."""

    TITLE = "hashell monitor"
    CSS = """
    #header { height: 2; padding: 0 1; background: $panel; }
    #problems-line { height: auto; max-height: 5; padding: 0 1; }
    #footer { height: 1; padding: 0 1; background: $panel; link-style: none; link-style-hover: bold; }
    #search { display: none; height: 3; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0; }
    Tab { padding: 0 0 0 1; }
    #boards { height: 1fr; }
    .cluster { width: 1fr; }
    .card { height: 1; padding: 0 1; background: $boost; }
    .alone .card { display: none; }
    """
    BINDINGS = [
        Binding(c.key, c.action, c.title, show=c.footer, key_display=c.label if c.footer else None) for c in COMMANDS
    ]

    def __init__(self, watched: list[Watched], *, read_only: bool = False, theme: str = "") -> None:
        super().__init__()
        self.views = [ClusterView(one) for one in watched]
        self.feeds = [Feed(view.watched.connect, partial(self._came, view), partial(self._state, view))
                      for view in self.views]
        self.read_only = read_only
        self.styles_by_word = {}
        self._wanted_theme = theme or THEMES[0].name
        for one in THEMES:
            self.register_theme(one)

    def compose(self) -> ComposeResult:
        yield Static(id="header")
        yield Static(id="problems-line")
        with TabbedContent(initial="board"):
            for number, (name, title) in enumerate(TABS, start=1):
                with TabPane(f"{number} {title}", id=name):
                    if name == "board":
                        yield from self._boards()
                    else:
                        columns, empty = _COLUMNS[name]
                        yield Grid(f"{name}-grid", columns, empty=empty)
        yield Input(placeholder="show only rows with …   (Enter keeps it, Esc ends it)", id="search")
        yield Static(id="footer")

    def _boards(self) -> ComposeResult:
        with Horizontal(id="boards", classes="alone" if len(self.views) == 1 else ""):
            for index in range(len(self.views)):
                with Vertical(classes="cluster"):
                    yield Static(id=f"card-{index}", classes="card")
                    yield Grid(f"board-{index}", ("Resource",), cells=True, empty="no resources")

    def on_mount(self) -> None:
        self.theme_changed_signal.subscribe(self, self._restyle)
        self.theme = self._wanted_theme if self._wanted_theme in self.available_themes else THEMES[0].name
        self._restyle(self.current_theme)
        for feed in self.feeds:
            self.run_worker(feed.run(), group="feed")
        self.set_interval(0.5, self.draw_header)
        self.draw()
        self.board_grid().focus()

    # -- data ---------------------------------------------------------------------------------------------------

    def _came(self, view: ClusterView, shot: Snapshot) -> None:
        view.came(shot)
        self.draw()

    def _state(self, view: ClusterView, trouble: str) -> None:
        view.trouble = trouble
        self.draw_header()

    def _restyle(self, theme: Theme) -> None:
        self.styles_by_word = palette(theme)
        for grid in self.query(Grid):
            grid.restyle(self.styles_by_word)
        self.query_one("#footer", Static).update(footer_text(self.styles_by_word))
        self.draw_header()

    # -- drawing ------------------------------------------------------------------------------------------------

    def draw(self) -> None:
        """Bring what is on the screen up to date; what is hidden waits until it is looked at."""
        if not self.is_running or not self.screen_stack:
            return
        self.draw_header()
        tab = self.tab
        if tab == "board":
            for index, view in enumerate(self.views):
                board = view.shown.board
                rows = board_rows(board, view.folds, only_problems=self.only_problems, text=self.wanted,
                                  cache=view.row_cache)
                self.board_grid(index).show(rows, board_columns(board))
            return
        rows = self._rows(tab)
        if self.wanted:
            rows = [row for row in rows if any(self.wanted.lower() in text.lower() for text, _ in row.cells)]
        self.query_one(f"#{tab}-grid", Grid).show(rows)

    def _rows(self, tab: str) -> list[Row]:
        view = self.view
        shot = view.shown
        match tab:
            case "problems":
                return problem_rows(view.problems())
            case "events":
                return event_rows(view.events())
            case "fencing":
                return fencing_rows(shot.board)
            case "attributes":
                return attribute_rows(shot)
            case "tickets":
                return ticket_rows(shot)
            case "constraints":
                return constraint_rows(shot.cib)
            case "ring":
                return ring_rows(shot.ring)
            case _:
                return operation_rows(view.operation_log())

    def draw_header(self) -> None:
        if not self.is_running or not self.screen_stack:
            return
        now, main = time.time(), self.screen_stack[0]
        view, styles = self.view, self.styles_by_word
        age = self.feeds[self.current].age
        text = header_text(view, age, now, styles, self.read_only or view.watched.operator is None, self.busy)
        main.query_one("#header", Static).update(text)
        most = 3 if self.size.height < 40 else 5
        main.query_one("#problems-line", Static).update(problems_text(view.problems(), now, most, styles))
        if len(self.views) > 1:
            for index, one in enumerate(self.views):
                board = one.shown.board
                mark = "▶ " if index == self.current else "  "
                state = f"STALE {self.feeds[index].age:.0f} s" if one.trouble else f"{len(one.problems())} problem(s)"
                main.query_one(f"#card-{index}", Static).update(
                    f"{mark}{board.cluster_name or one.watched.name}  DC {board.dc or 'NONE'}  {state}")

    def board_grid(self, index: int | None = None) -> Grid:
        chosen = self.current if index is None else index
        return self.screen_stack[0].query_one(f"#board-{chosen}", Grid)

    @property
    def tab(self) -> str:
        return str(self.screen_stack[0].query_one(TabbedContent).active)

    # -- events of widgets --------------------------------------------------------------------------------------

    def on_tabbed_content_tab_activated(self) -> None:
        self.draw()

    def on_grid_chosen(self) -> None:
        self.action_story()

    def on_descendant_focus(self) -> None:
        if not self.screen_stack:
            return  # the monitor is ending
        focused = self.focused
        if isinstance(focused, Grid) and (focused.id or "").startswith("board-"):
            index = int((focused.id or "").removeprefix("board-"))
            if index != self.current:
                self.current = index
                self.draw_header()

    def on_resize(self) -> None:
        self.draw_header()

    def action_next_theme(self) -> None:
        names = [theme.name for theme in THEMES]
        here = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(here + 1) % len(names)]
        self.notify(f"theme {self.theme}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a question is open only its own keys count."""
        open_question = len(self.screen_stack) > 1
        return not (open_question and any(action == c.action.partition("(")[0] for c in COMMANDS))

    def get_system_commands(self, screen: Screen) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        for command in COMMANDS:
            if command.action not in ("command_palette", "quit", "help"):
                yield SystemCommand(f"{command.title} ({command.label})", command.help,
                                    partial(self.run_action, command.action))  # fmt: skip
