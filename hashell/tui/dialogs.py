"""Questions the monitor asks before it changes anything, and its help page."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

_BOX = """
{name} {{ align: center middle; }}
{name} > Vertical {{
    width: auto; max-width: 90%; height: auto; max-height: 90%;
    border: round $accent; background: $surface; padding: 1 2;
}}
{name} Horizontal {{ height: auto; width: auto; margin-top: 1; }}
{name} Button {{ margin-right: 2; }}
{name} Label {{ width: auto; max-width: 100%; }}
{name} OptionList {{ width: 44; height: auto; max-height: 14; }}
{name} Input {{ width: 44; }}
{name} VerticalScroll {{ width: 76; max-width: 100%; height: auto; max-height: 100%; }}
"""


class Confirm(ModalScreen[bool]):
    """Asks one yes/no question; `effect` says in a line what will happen."""

    DEFAULT_CSS = _BOX.format(name="Confirm")
    AUTO_FOCUS = "#no"
    BINDINGS = [Binding("y", "answer(True)", "Yes"), Binding("n,escape", "answer(False)", "No")]

    def __init__(self, question: str, effect: str = "") -> None:
        super().__init__()
        self._question, self._effect = question, effect

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            if self._effect:
                yield Label(self._effect, markup=False)
            with Horizontal():
                yield Button("Yes (y)", variant="warning", id="yes")
                yield Button("No (n)", variant="primary", id="no")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


class TypeName(ModalScreen[bool]):
    """Confirms what cannot be taken back: the name has to be typed."""

    DEFAULT_CSS = _BOX.format(name="TypeName")
    BINDINGS = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, question: str, effect: str, name: str) -> None:
        super().__init__()
        self._question, self._effect, self._wanted = question, effect, name

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield Label(self._effect, markup=False)
            yield Input(placeholder=f"type {self._wanted} and Enter, or Escape")
            yield Label("", id="wrong", markup=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip() == self._wanted:
            self.dismiss(True)
        else:
            self.query_one("#wrong", Label).update(f"'{event.value}' is not {self._wanted}")

    def action_cancel(self) -> None:
        self.dismiss(False)


class Choose(ModalScreen[str]):
    """Asks for one of several names; '' when cancelled."""

    DEFAULT_CSS = _BOX.format(name="Choose")
    BINDINGS = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, question: str, options: list[tuple[str, str]]) -> None:
        super().__init__()
        self._question, self._options = question, options

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield OptionList(*(Option(text, id=f"choice-{i}") for i, (_, text) in enumerate(self._options)))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._options[event.option_index][0])

    def action_cancel(self) -> None:
        self.dismiss("")


class Help(ModalScreen[None]):
    """The keys."""

    DEFAULT_CSS = _BOX.format(name="Help")
    BINDINGS = [Binding("escape,q,question_mark,enter", "close", "Close")]

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        lines = ["hashell monitor", "", *self._lines, "",
                 "Every change asks first. When the connection is lost the last known state stays, marked STALE."]
        with Vertical(), VerticalScroll():
            yield Static("\n".join(lines), markup=False)

    def action_close(self) -> None:
        self.dismiss(None)
