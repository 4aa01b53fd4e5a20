"""From characters to words: continuation lines, comments and shell word splitting, with the place of every word.

Rules of the language specification, section 1.1 (text mode) and 1.2 (token mode). The places survive joining of
continuation lines, so that a message can point at the physical line a word stands in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import repeat

from hashell.grammar.diagnostics import OpenQuote
from hashell.model.diagnostics import HashellError, Place


class Word:
    """One word after quote removal. Where it stands is worked out when somebody asks, which is in messages."""

    __slots__ = ("text", "width", "offset", "_line")

    def __init__(self, text: str, line: LogicalLine, offset: int, width: int) -> None:
        self.text = text
        self.width = width  #: characters as typed, quotes included
        self.offset = offset  #: of its first character in the logical line
        self._line = line

    @property
    def place(self) -> Place:
        """The place of its first character."""
        return self._line.place(self.offset)

    @property
    def source(self) -> str:
        """The physical line it stands in."""
        return self._line.source(self.offset)

    def named(self, text: str) -> Word:
        """Another word at the same place."""
        return Word(text, self._line, self.offset, self.width)

    def __repr__(self) -> str:
        return f"Word({self.text!r})"


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
        pending.positions.extend(zip(repeat(number), range(start + 1, start + 1 + len(body))))
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
    text = line.text
    if "'" not in text and '"' not in text and "\\" not in text:
        return [Word(found[0], line, found.start(), found.end() - found.start()) for found in _BARE.finditer(text)]
    words: list[Word] = []
    i, size = 0, len(text)
    while i < size:
        bare = _PLAIN.match(text, i)
        if bare is not None and (bare.end() == size or text[bare.end()].isspace()):
            if bare[1]:
                words.append(Word(bare[1], line, bare.start(1), bare.end() - bare.start(1)))
            i = bare.end()
            continue
        start = bare.start(1) if bare is not None else i
        value, i = _one_word(line, start)
        words.append(Word(value, line, start, i - start))
    return words


_BARE = re.compile(r"\S+")
#: White space and then characters that mean themselves.
_PLAIN = re.compile(r"""\s*([^\s'"\\]*)""")


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
