"""Questions the monitor asks before it changes anything, and its help page."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, OptionList, Static
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
"""


class Confirm(ModalScreen[bool]):
    """Asks one yes/no question; `effect` says in a line what will happen."""

    DEFAULT_CSS = _BOX.format(name="Confirm")
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

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        self.dismiss(answer)


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
    """The keys, and what the words and colours mean."""

    DEFAULT_CSS = _BOX.format(name="Help")
    BINDINGS = [Binding("escape,q,question_mark,enter", "close", "Close")]

    def __init__(self, keys: list[tuple[str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        lines = ["hashell monitor", ""]
        lines += [f"  {key:<10} {text}" for key, text in self._keys]
        lines += [
            "",
            "  Every change asks first. The view follows the cluster by itself;",
            "  when the connection is lost the last known state stays, marked STALE.",
            "",
            "  Escape closes this page.",
        ]
        with Vertical():
            yield Static("\n".join(lines), markup=False)

    def action_close(self) -> None:
        self.dismiss(None)


class Details(ModalScreen[None]):
    """Everything the board knows about one row."""

    DEFAULT_CSS = _BOX.format(name="Details")
    BINDINGS = [Binding("escape,q,enter", "close", "Close")]

    def __init__(self, title: str, rows: list[tuple[str, str]]) -> None:
        super().__init__()
        self._title, self._rows = title, rows

    def compose(self) -> ComposeResult:
        width = max((len(name) for name, _ in self._rows), default=0)
        body = "\n".join(f"{name:<{width}}  {value}" for name, value in self._rows if value)
        with Vertical():
            yield Label(self._title, markup=False)
            yield Static(f"\n{body}\n\nEscape closes.", markup=False)

    def action_close(self) -> None:
        self.dismiss(None)
