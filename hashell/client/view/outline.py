"""Nested lists as text: two spaces a level, `* ` before every item below the top (actions spec chapter 18)."""

from __future__ import annotations


class Outline:
    """Collects lines. `fancy` is off where a program reads the items: then there are no headings and no indents."""

    is_page = False

    def __init__(self, fancy: bool = True) -> None:
        self.fancy = fancy
        self.lines: list[str] = []
        self._depth = 0
        self._bodies: list[int] = []

    def begin(self, heading: str, html: str | None = None) -> None:
        """Open a list; items up to `end` belong to it. html: another heading for pages."""
        if self.fancy:
            self.lines.append(f"{self._bullet()}{heading}:")
        self._depth += 1

    def end(self) -> None:
        self._depth -= 1

    def begin_part(self, heading: str) -> None:
        """Open a list below an item; '' stands for no item."""
        if heading:
            self.item(heading)
        self._depth += 1

    def begin_some(self, heading: str, blank: bool = False, html: str | None = None) -> int:
        """Open a list that is left out, with the blank line before it, when nothing comes; for `end_some`."""
        start = len(self.lines)
        if blank:
            self.blank()
        self.begin(heading)
        self._bodies.append(len(self.lines))
        return start

    def end_some(self, start: int) -> bool:
        """Close such a list; whether it has items."""
        self.end()
        if len(self.lines) > self._bodies.pop():
            return True
        del self.lines[start:]
        return False

    def begin_in_item(self, heading: str) -> None:
        """Open a list that belongs to the item or list above."""
        self.begin(heading)

    def page_only(self, spans: list[tuple[str, str]]) -> None:
        """An item that only pages have."""

    def count(self) -> int:
        """How much there is already; to see whether something came."""
        return len(self.lines)

    def item(self, text: str, css: str = "", spans: list[tuple[str, str]] | None = None, item_css: str = "") -> None:
        """One item. css and item_css: the class of its text and of itself on a page.

        spans: the page's own (class, text) pieces in place of the text.
        """
        self.lines.append(self._bullet() + text)

    def blank(self) -> None:
        self.lines.append("")

    def text(self, text: str) -> None:
        """A line as it is."""
        self.lines.append(text)

    def info(self, text: str) -> None:
        """A remark, which no level indents and which readers of the items alone do not get."""
        if self.fancy:
            self.lines.append(text)

    def _bullet(self) -> str:
        return "  " * self._depth + "* " if self.fancy and self._depth else ""

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self.lines)
