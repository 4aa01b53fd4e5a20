"""From characters to words: continuation lines, comments and shell word splitting, with the place of every word.

Rules of the language specification, section 1.1 (text mode) and 1.2 (token mode). The places survive joining of
continuation lines, so that a message can point at the physical line a word stands in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hashell.grammar.diagnostics import OpenQuote
from hashell.model.diagnostics import HashellError, Place


@dataclass(frozen=True)
class Word:
    """One word after quote removal; `place` is that of its first character, `source` the physical line."""

    text: str
    place: Place
    source: str = ""
    width: int = 1


@dataclass
class LogicalLine:
    """A statement's characters with the physical position of each, and the comments that stood before it."""

    text: str
    positions: list[tuple[int, int]]
    file: str = ""
    comments: list[str] = field(default_factory=list)
    sources: dict[int, str] = field(default_factory=dict)

    def place(self, offset: int) -> Place:
        """The place of a character. Typed text has no file, and then no line number either."""
        line, column = self._position(offset)
        return Place(file=self.file, line=line if self.file else 0, column=column)

    def _position(self, offset: int) -> tuple[int, int]:
        if not self.positions:
            return 0, 0
        line, column = self.positions[min(offset, len(self.positions) - 1)]
        return line, column + (offset >= len(self.positions))

    def source(self, offset: int) -> str:
        return self.sources.get(self._position(offset)[0], "")


def logical_lines(text: str, file: str = "", first_line: int = 1) -> list[LogicalLine]:
    """Split `text` into logical lines: stripped, joined at trailing backslashes, comments kept with what follows."""
    lines: list[LogicalLine] = []
    comments: list[str] = []
    pending: LogicalLine | None = None
    for number, raw in enumerate(text.split("\n"), first_line):
        stripped = raw.strip()
        start = len(raw) - len(raw.lstrip())
        if pending is None and not stripped:
            continue
        if pending is None and stripped.startswith("#"):
            comments.append(stripped)
            continue
        body = stripped.rstrip("\\")
        if pending is None:
            pending = LogicalLine("", [], file)
        pending.text += body
        pending.positions += [(number, start + i + 1) for i in range(len(body))]
        pending.sources[number] = raw.rstrip("\r")
        if body == stripped:
            if pending.text.strip():
                pending.comments, comments = comments, []
                lines.append(pending)
            pending = None
    if pending is not None and pending.text.strip():
        pending.comments = comments
        lines.append(pending)
    return lines


def split_words(line: LogicalLine) -> list[Word]:
    """POSIX shell words of a logical line. Raises HashellError(OpenQuote)."""
    words: list[Word] = []
    text, i, size = line.text, 0, len(line.text)
    while i < size:
        if text[i].isspace():
            i += 1
            continue
        start = i
        value, i = _one_word(line, i)
        words.append(Word(value, line.place(start), line.source(start), i - start))
    return words


def _one_word(line: LogicalLine, i: int) -> tuple[str, int]:
    text, size, out = line.text, len(line.text), []
    while i < size and not text[i].isspace():
        char = text[i]
        if char == "\\":
            out.append(text[i + 1:i + 2])
            i += 2
        elif char in "'\"":
            piece, i = _quoted(line, i)
            out.append(piece)
        else:
            out.append(char)
            i += 1
    return "".join(out), min(i, size)


def _quoted(line: LogicalLine, i: int) -> tuple[str, int]:
    text, quote, start, out = line.text, line.text[i], i, []
    i += 1
    while i < len(text) and text[i] != quote:
        if quote == '"' and text[i] == "\\" and text[i + 1:i + 2] in ('"', "\\"):
            i += 1
        out.append(text[i])
        i += 1
    if i >= len(text):
        raise HashellError(OpenQuote(place=line.place(start), source=line.source(start), quote=quote))
    return "".join(out), i + 1


def quote_word(word: str) -> str:
    """The word as it has to be typed to come back as one word."""
    if word and not any(c.isspace() or c in "'\"\\" for c in word):
        return word
    if '"' in word and "'" not in word:
        return f"'{word}'"
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def words_as_line(words: list[str]) -> LogicalLine:
    """A logical line made of separate words, as they come from a command line."""
    text = " ".join(quote_word(w) for w in words)
    return LogicalLine(text, [(1, i + 1) for i in range(len(text))], "", [], {1: text})
