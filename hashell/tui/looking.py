"""The monitor's actions that only look: stories, what-if, time travel, search, folds, tabs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from textual.widgets import Input, TabbedContent

from hashell.client.monitor.snapshot import Snapshot
from hashell.client.monitor.story import (
    Story,
    element_story,
    no_logs,
    node_story,
    resource_story,
    text_story,
)
from hashell.client.monitor.whatif import Prospect, fail_resource, lose_node
from hashell.model.diagnostics import HashellError
from hashell.tui.changing import ChangeActions
from hashell.tui.commands import help_lines
from hashell.tui.dialogs import Choose, Help
from hashell.tui.grid import Row
from hashell.tui.storyview import Page, StoryView

T = TypeVar("T")


class LookActions(ChangeActions):
    """Actions by key that leave the cluster alone."""

    only_problems: bool = False
    wanted: str = ""

    def action_help(self) -> None:
        self.push_screen(Help(help_lines()))

    def action_tab(self, tab: str) -> None:
        self.query_one(TabbedContent).active = tab
        self.grid().focus()
        self.draw()

    # -- stories ------------------------------------------------------------------------------------------------

    def action_story(self) -> None:
        row = self.under_cursor()
        if row is not None:
            self.run_worker(self._tell(row), group="story", exclusive=True)

    async def _tell(self, row: Row) -> None:
        view, shot = self.view, self.view.shown
        if shot.cib is None:
            self.warn("nothing is known yet")
            return
        column = self.node_here()
        node = column.name if column is not None else ""
        logs = view.watched.past.log_lines if view.watched.past is not None else no_logs
        tab = self.tab

        def tell() -> Story:
            if row.kind == "node" or row.key == "(nodes)":
                return node_story(shot, node or row.subject, logs)
            if row.kind == "constraint":
                return element_story(shot, row.subject)
            known = any(r.id.partition(":")[0] == row.subject.partition(":")[0] for r in shot.board.resources)
            if row.kind in ("resource", "failure") and known:
                story = resource_story(shot, row.subject, node if tab == "board" else "", logs)
            else:
                words = (row.subject,) if row.subject else ("quorum", "DC", "member")
                story = text_story(row.subject or row.kind, [text for text, _ in row.cells if text], logs, words,
                                   row.when)  # fmt: skip
            if tab == "events":
                story.sections.insert(0, ("What happened", [text for text, _ in row.cells if text]))
            return story

        if (row.kind == "node" or row.key == "(nodes)") and not (node or row.subject):
            self.warn("go to the column of a node first (←/→)")
            return
        story = await self._computed(tell, "reading the story")
        if story is None:
            return
        can_run = not self.read_only and view.watched.operator is not None and view.is_present

        def chosen(command: str | None) -> None:
            if command:
                self.ask_and_run(command)

        self.push_screen(StoryView(story, can_run), chosen)

    async def _computed(self, work: Callable[[], T], what: str) -> T | None:
        """Run something long beside the drawing; None, and a word to the user, when it fails."""
        self.busy = what
        self.draw_header()
        try:
            return await asyncio.to_thread(work)
        except HashellError as error:
            self.notify(str(error), severity="error", timeout=10)
            return None
        finally:
            self.busy = ""
            self.draw_header()

    # -- what if ------------------------------------------------------------------------------------------------

    def action_what_if(self) -> None:
        node, resource, shot = self.node_here(), self.resource_here(), self.view.shown
        if shot.cib is None:
            self.warn("nothing is known yet")
            return
        cib = shot.cib
        choices: list[tuple[str, str]] = []
        if resource is not None and resource.kind == "primitive":
            choices += [(f"fail {resource.id} {at}", f"{resource.id} fails on {at}") for at in resource.nodes]
        names = [node.name] if node is not None else [n.name for n in shot.board.nodes if n.kind == "member"]
        choices += [(f"lose {name}", f"{name} is lost") for name in names]

        def chosen(word: str | None) -> None:
            if not word:
                return
            verb, *rest = word.split(" ")
            work = partial(fail_resource if verb == "fail" else lose_node, cib, *rest)
            self.run_worker(self._look_ahead(work), group="what-if", exclusive=True)

        if len(choices) == 1:
            chosen(choices[0][0])
        else:
            self.push_screen(Choose("What would happen if", choices), chosen)

    async def _look_ahead(self, work: Callable[[], Prospect]) -> None:
        prospect = await self._computed(work, "computing what would happen")
        if prospect is None:
            return

        def read(go_on: bool | None) -> None:
            if go_on:
                self.view.show(prospect.after)
                self.draw()

        self.push_screen(Page(f"What would happen: {prospect.question}", list(prospect.lines),
                              "Enter shows the board afterwards, Esc closes"), read)

    # -- time ---------------------------------------------------------------------------------------------------

    def action_step(self, step: int) -> None:
        view = self.view
        if view.watched.past is None:
            self.warn("nothing was saved here")
            return
        view.watched.past.refresh()
        count = len(view.watched.past.inputs)
        position = count if view.position is None else view.position
        if not count or (step > 0 and position + step >= count):
            if count and view.position is not None:
                self.action_live()
            else:
                self.warn("there is nothing later" if count else "no policy inputs are saved here")
            return
        if position + step < 0:
            self.warn("there is nothing earlier")
            return
        self.run_worker(self._travel(position + step), group="travel", exclusive=True)

    async def _travel(self, position: int) -> None:
        view = self.view
        past = view.watched.past
        assert past is not None
        shot: Snapshot | None = await self._computed(lambda: past.load(position), "reading the input")
        if shot is not None:
            view.show(shot, position)
            self.draw()

    def action_live(self) -> None:
        self.view.show(None)
        self.draw()

    # -- what is shown ------------------------------------------------------------------------------------------

    def action_fold(self) -> None:
        row = self.under_cursor()
        if self.tab == "board" and row is not None:
            self.view.folds.toggle(row.key)
            self.draw()

    def action_fold_all(self, folded: bool) -> None:
        self.view.folds.all(folded)
        self.draw()

    def action_only_problems(self) -> None:
        self.only_problems = not self.only_problems
        self.draw()

    def action_next_problem(self) -> None:
        self.action_tab("board")
        grid = self.board_grid()
        troubled = [r.key for r in self.view.shown.board.resources if r.problem]
        bad = [i for i, row in enumerate(grid.rows) if row.key in troubled or any(
            word in ("bad", "loud") for _, word in row.cells[1:])]
        later = [i for i in bad if i > grid.cursor] or bad
        if not later:
            self.notify("no problem on the board")
            return
        grid.go_to(grid.rows[later[0]].key)

    def action_search(self) -> None:
        box = self.query_one("#search", Input)
        box.display = True
        box.focus()

    def action_clear_search(self) -> None:
        box = self.query_one("#search", Input)
        box.value = self.wanted = ""
        box.display = False
        self.grid().focus()
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "search":
            self.wanted = event.value
            self.draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "search":
            self.grid().focus()

    def action_next_cluster(self) -> None:
        if len(self.views) == 1:
            self.warn("there is one cluster only; --cluster shows several")
            return
        self.current = (self.current + 1) % len(self.views)
        self.grid().focus()
        self.draw()
