"""A table that draws only what is seen: thousands of rows, updated as a whole many times, cost one screen each time."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

#: Widest column, in cells.
_WIDEST = 70

Cell = tuple[str, str]  #: text and a word of the palette


@dataclass(frozen=True)
class Row:
    """One row. `kind`, `subject` and `node` say what it is about; `columns` what its single cells are about."""

    key: str
    cells: tuple[Cell, ...]
    kind: str = ""
    subject: str = ""
    node: str = ""
    when: float = 0.0


class Grid(ScrollView, can_focus=True):
    """Rows below a head that stays; the first column stays, too. The cursor keeps to the row's key, not its number."""

    DEFAULT_CSS = "Grid { height: 1fr; }"
    BINDINGS = [
        Binding("up", "cursor(-1)", show=False),
        Binding("down", "cursor(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "edge(0)", show=False),
        Binding("end", "edge(1)", show=False),
        Binding("left", "column(-1)", show=False),
        Binding("right", "column(1)", show=False),
    ]

    class Chosen(Message):
        """A row was clicked twice."""

    def __init__(self, grid_id: str, columns: tuple[str, ...], *, cells: bool = False, empty: str = "nothing") -> None:
        super().__init__(id=grid_id)
        self.columns = columns
        self.rows: list[Row] = []
        self.cursor = 0
        self.column = 0
        self._cells = cells  #: whether the cursor is in one cell
        self._widths: list[int] = [cell_len(name) for name in columns]
        self._styles: dict[str, Style] = {}
        self._known_styles: dict[str, Style] = {}
        self._empty = empty
        self._measured: tuple[str, ...] = ()
        self.draws = 0

    # -- data ---------------------------------------------------------------------------------------------------

    def show(self, rows: list[Row], columns: tuple[str, ...] | None = None) -> None:
        """Show these rows in place of the ones before."""
        if columns is not None and columns != self.columns:
            self.columns = columns
            self.column = min(self.column, len(columns) - 1)
        elif rows == self.rows:
            return
        key = self.row.key if self.row else ""
        known = set(map(id, self.rows)) if columns is None or len(columns) == len(self._widths) else set()
        same_columns = columns is None or columns == self._measured
        widths = list(self._widths) if same_columns and known else [cell_len(name) for name in self.columns]
        self._measured = self.columns
        old, self.rows = self.rows, rows  # kept until the end, so that ids stay unique
        for row in rows:
            if same_columns and id(row) in known:
                continue
            for index, (text, _) in enumerate(row.cells):
                if len(text) > widths[index] or not text.isascii():
                    widths[index] = max(widths[index], min(cell_len(text), _WIDEST))
        self._widths = widths
        self.virtual_size = Size(sum(widths) + 2 * len(widths), len(rows) + 1)
        if key and not (self.cursor < len(rows) and rows[self.cursor].key == key):
            found = next((i for i, row in enumerate(rows) if row.key == key), None)
            self.cursor = found if found is not None else min(self.cursor, max(len(rows) - 1, 0))
        self.cursor = min(self.cursor, max(len(rows) - 1, 0))
        del old
        self.refresh()

    @property
    def row(self) -> Row | None:
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    @property
    def column_name(self) -> str:
        """The head of the column of the cursor; '' when the cursor is a whole row."""
        return self.columns[self.column] if self._cells and self.column < len(self.columns) else ""

    def go_to(self, key: str, column: str = "") -> bool:
        """Move the cursor to a row by its key; whether it is there."""
        found = next((i for i, row in enumerate(self.rows) if row.key == key), None)
        if found is None:
            return False
        self.cursor = found
        if column in self.columns:
            self.column = self.columns.index(column)
        self._follow()
        return True

    def restyle(self, styles: dict[str, Style]) -> None:
        self._styles = styles
        self._known_styles.clear()
        self.refresh()

    # -- drawing ------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            self.draws += 1
            return self._strip([(name, "head") for name in self.columns], width, head=True)
        index = int(self.scroll_offset.y) + y - 1
        if index < len(self.rows):
            return self._strip(list(self.rows[index].cells), width, current=index == self.cursor)
        if not self.rows and y == 1:
            said = Strip([Segment(f"  {self._empty}", self._style("dim"))], cell_len(self._empty) + 2)
            return said.adjust_cell_length(width, self._style(""))
        return Strip.blank(width, self._style(""))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._known_styles.clear()

    def _style(self, word: str) -> Style:
        """A word of the palette on the widget's own ground; worked out once, because every cell asks."""
        found = self._known_styles.get(word)
        if found is None:
            found = self._known_styles[word] = self.rich_style + self._styles.get(word, Style())
        return found

    def _strip(self, cells: list[Cell], width: int, *, head: bool = False, current: bool = False) -> Strip:
        base = self._styles.get("cursor" if self.has_focus else "cursor-away", Style(reverse=True)) if current else None
        segments: list[Segment] = []
        for index, size in enumerate(self._widths):
            text, word = cells[index] if index < len(cells) else ("", "")
            style = self._style(word)
            if head:
                style += Style(underline=True)
            if base is not None:
                marked = not self._cells or index in (0, self.column)
                style += base if marked else Style(underline=True)
            segments.append(Segment(set_cell_size(text, size) + ("  " if index < len(self._widths) - 1 else ""), style))
        pinned = self._widths[0] + 2 if self._widths else 0
        first, rest = Strip(segments[:1]), Strip(segments[1:])
        left = int(self.scroll_offset.x)
        room = max(width - pinned, 0)
        strip = Strip.join([first, rest.crop(left, left + room)])
        return strip.adjust_cell_length(width, self._style(""))

    # -- moving -------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Scroll so that the cursor is seen, and draw."""
        room = max(self.size.height - 1, 1)
        top = int(self.scroll_offset.y)
        if self.cursor < top:
            top = self.cursor
        elif self.cursor >= top + room:
            top = self.cursor - room + 1
        left = int(self.scroll_offset.x)
        if self._cells and self.column > 0:
            start = sum(self._widths[1 : self.column]) + 2 * (self.column - 1)
            wide = self.size.width - self._widths[0] - 2
            if start < left:
                left = start
            elif start + self._widths[self.column] > left + wide:
                left = max(start + self._widths[self.column] - wide, 0)
        elif self._cells:
            left = 0
        self.scroll_to(left, top, animate=False, force=True)
        self.refresh()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_x(old_value, new_value)
        self.refresh(Region(0, 0, self.size.width, self.size.height))

    def action_cursor(self, step: int) -> None:
        self.cursor = min(max(self.cursor + step, 0), max(len(self.rows) - 1, 0))
        self._follow()

    def action_page(self, step: int) -> None:
        self.action_cursor(step * max(self.size.height - 2, 1))

    def action_edge(self, end: int) -> None:
        self.action_cursor(len(self.rows) if end else -len(self.rows))

    def action_column(self, step: int) -> None:
        if self._cells:
            self.column = min(max(self.column + step, 0), len(self.columns) - 1)
            self._follow()
        else:
            self.scroll_to(x=self.scroll_offset.x + 8 * step, animate=False)

    def on_click(self, event: events.Click) -> None:
        index = int(self.scroll_offset.y) + event.y - 1
        if event.y < 1 or index >= len(self.rows):
            return
        again = index == self.cursor and event.chain > 1
        self.cursor = index
        if self._cells:
            self.column = self._column_at(event.x)
        self.refresh()
        if again:
            self.post_message(self.Chosen())

    def _column_at(self, x: int) -> int:
        edge = self._widths[0] + 2
        if x < edge:
            return 0
        x += int(self.scroll_offset.x)
        for index, size in enumerate(self._widths[1:], start=1):
            edge += size + 2
            if x < edge:
                return index
        return len(self._widths) - 1

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()
