"""The story of one thing on a screen of its own, with the commands that would help; and plain pages of text."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from hashell.client.monitor.story import Story

_CSS = """
{name} {{ align: center middle; }}
{name} > Vertical {{
    width: 96%; height: 94%; border: round $accent; background: $surface; padding: 0 1;
}}
{name} .title {{ text-style: bold; width: 100%; }}
{name} VerticalScroll {{ height: 1fr; }}
{name} OptionList {{ height: auto; max-height: 8; border: tall $panel; }}
"""


class StoryView(ModalScreen[str]):
    """Shows a story; ends with the command that was chosen, or ''."""

    DEFAULT_CSS = _CSS.format(name="StoryView")
    AUTO_FOCUS = "#text"
    BINDINGS = [Binding("escape,q", "close", "Close")]

    def __init__(self, story: Story, can_run: bool) -> None:
        super().__init__()
        self.story = story
        self._can_run = can_run

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self.story.title, classes="title", markup=False)
            with VerticalScroll(id="text"):
                yield Static(self.story.text(), markup=False)
            if self.story.commands:
                head = "What would help (Enter runs it, after a question):" if self._can_run else "What would help:"
                yield Label(head, markup=False)
                yield OptionList(*(Option(command) for command in self.story.commands))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.story.commands[event.option_index] if self._can_run else "")

    def action_close(self) -> None:
        self.dismiss("")


class Page(ModalScreen[bool]):
    """Lines to read; ends with True when Enter was pressed."""

    DEFAULT_CSS = _CSS.format(name="Page")
    BINDINGS = [Binding("escape,q", "close(False)", "Close"), Binding("enter", "close(True)", "Go on")]

    def __init__(self, title: str, lines: list[str], hint: str = "") -> None:
        super().__init__()
        self._title, self._lines, self._hint = title, lines, hint

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._title, classes="title", markup=False)
            with VerticalScroll():
                yield Static("\n".join(self._lines), markup=False)
            yield Label(self._hint or "Esc closes", markup=False)

    def action_close(self, go_on: bool) -> None:
        self.dismiss(go_on)
