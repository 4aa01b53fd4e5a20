"""What the words of a line being typed are, and which of them cannot be right: for colours and live marking.

Pure: it looks at the command table and at what is known of the cluster, in memory. The words are those of the
language's own splitter and statements are read by its own parser, so what is marked here is what would be refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from hashell.grammar.lines import LogicalLine, Word, logical_lines, split_words
from hashell.grammar.tree import CHILD_REF, KEYWORDS, PROPERTY_LIKE
from hashell.model.diagnostics import HashellError
from hashell.shell.table import Command, Level

_KEYWORDS = (
    "params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "rule", "attributes", "docker",
    "podman", "network", "storage", "port-mapping", "storage-mapping", "select", "to", "read", "write", "deny", "date",
    "and", "or", "in", "spec", "defined", "not_defined", "eq", "ne", "lt", "gt", "lte", "gte",
)
_SCORE = re.compile(r"[+-]?(?:inf|infinity|\d+):\Z|(?:mandatory|optional|serialize):\Z", re.IGNORECASE)
_COMMON = ("up", "end", "back", "quit", "bye", "exit", "cd", "ls", "help", "?")
_LEVEL_ONLY = ("cd", "help", "?")
_REFERENCES = ("rsc", "with-rsc", "first", "then")


class Known(Protocol):
    """What is known of the cluster without asking it."""

    def has(self, kind: str, name: str) -> bool | None:
        """Whether there is an object of that kind (a completer's name); None if that is not known."""

    def parse(self, words: list[Word]) -> Any:
        """The statement of words. Raises HashellError."""

    def parameters(self, agent: str) -> list[str] | None:
        """The parameters of an agent, None if they are not known."""


@dataclass(frozen=True)
class Span:
    """A piece of the text, from `start` to `end`; kind is a style, message says what is wrong with it."""

    start: int
    end: int
    kind: str
    message: str = ""


def spans(text: str, level: Level, known: Known) -> list[Span]:
    """The pieces of a text typed at a level, in order, overlapping only where one is marked as wrong."""
    starts = [0]
    for raw in text.split("\n"):
        starts.append(starts[-1] + len(raw) + 1)
    found: list[Span] = []
    for line in logical_lines(text):
        words, finished = _words(line, text)
        below = _Line(line, starts, known, finished, found).read(words, level)
        level = below or level
    found += [Span(starts[n], starts[n] + len(raw), "comment") for n, raw in enumerate(text.split("\n"))
              if raw.lstrip().startswith("#")]
    return sorted(found, key=lambda span: span.start)


def _words(line: LogicalLine, text: str) -> tuple[list[Word], bool]:
    """The words, and whether the last one is finished; an open quote counts as closed at the end."""
    finished = not text or text[-1].isspace()
    for closing in ("", '"', "'"):
        try:
            closed = LogicalLine(line.text + closing, line.positions, line.file)
            return split_words(closed), finished and not closing
        except HashellError:
            continue
    return [], finished


class _Line:
    """One logical line being looked at."""

    def __init__(self, line: LogicalLine, starts: list[int], known: Known, finished: bool, found: list[Span]) -> None:
        self._line, self._starts, self._known, self._found = line, starts, known, found
        self._finished = finished
        self._last: Word | None = None

    def _absolute(self, offset: int) -> int:
        if not self._line.positions:
            return 0
        row, column = self._line.positions[min(offset, len(self._line.positions) - 1)]
        return self._starts[row - 1] + column - 1

    def _add(self, word: Word, kind: str, message: str = "") -> None:
        start = self._absolute(word.offset)
        end = self._absolute(word.offset + max(1, word.width) - 1) + 1
        self._found.append(Span(start, max(end, start), kind, message))

    def _typing(self, word: Word) -> bool:
        """Whether the word may still become another one."""
        return word is self._last and not self._finished

    def read(self, words: list[Word], level: Level) -> Level | None:
        """Look at every word; the level that the line goes to, if it does."""
        self._last = words[-1] if words else None
        for index, word in enumerate(words):
            if word.text in _COMMON:
                self._add(word, "command")
                for other in words[index + 1:]:
                    self._add(other, "level" if word.text in _LEVEL_ONLY else "")
                return None
            child = self._child(level, word)
            if isinstance(child, Level):
                self._add(word, "level")
                level = child
                continue
            if isinstance(child, Command):
                self._add(word, "command")
                self._arguments(child, words[index:])
            return None
        return level

    def _child(self, level: Level, word: Word) -> Level | Command | None:
        found = level.command(word.text) or level.level(word.text)
        if found is not None:
            return found
        matches = [name for name in level.children() if name.startswith(word.text)]
        if self._typing(word) and matches:
            return None
        if len(matches) == 1 and len(word.text) > 1:
            return level.command(matches[0]) or level.level(matches[0])
        if matches and len(word.text) > 1:
            self._add(word, "wrong", f"'{word.text}' could be {' or '.join(matches[:4])}")
            return None
        near = difflib.get_close_matches(word.text, level.children(), 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        self._add(word, "wrong", f"there is no '{word.text}' here{hint}")
        return None

    # -- arguments -----------------------------------------------------------------------------------------

    def _arguments(self, command: Command, words: list[Word]) -> None:
        if command.statement:
            self._statement(words)
            return
        for position, word in enumerate(words[1:]):
            argument = command.args[min(position, len(command.args) - 1)] if command.args else None
            sure = argument is not None and not any(a.optional for a in command.args[:position + 1])
            if argument is not None and sure and not self._typing(word) and not word.text.startswith("-"):
                if argument.words and not argument.completer and word.text not in argument.words:
                    self._add(word, "wrong", f"'{word.text}' is none of {', '.join(argument.words)}")
                    continue
                if argument.completer and self._known.has(argument.completer, word.text) is False:
                    self._add(word, "wrong", f"{word.text} does not exist")
                    continue
            self._add(word, self._kind(word))

    def _kind(self, word: Word) -> str:
        if _SCORE.match(word.text):
            return "score"
        if self._known.has("nodes", word.text):
            return "node"
        return "reference" if self._known.has("ids", word.text.split(":")[0]) else ""

    def _statement(self, words: list[Word]) -> None:
        for position, word in enumerate(words[1:]):
            if position == 0 and "=" not in word.text:
                self._add(word, "id")
            elif word.text.lower() in _KEYWORDS:
                self._add(word, "keyword")
            elif "=" in word.text and not word.text.startswith("="):
                self._pair(word)
            else:
                self._add(word, self._kind(word))
        for word, message in self._faults(words):
            if word is not self._last or self._finished:
                self._add(word, "wrong", message)

    def _pair(self, word: Word) -> None:
        start = self._absolute(word.offset)
        end = self._absolute(word.offset + word.width - 1) + 1
        cut = start + word.text.index("=")
        self._found += [Span(start, cut, "name"), Span(cut + 1, end, "value")]

    def _faults(self, words: list[Word]) -> Iterator[tuple[Word, str]]:
        """Words that make the statement wrong; what is merely not there yet is no fault."""
        keyword = KEYWORDS.get(words[0].text.lower(), words[0].text)
        if keyword in ("primitive", "rsc_template"):
            yield from self._unknown_parameters(words)
        try:
            statement = self._known.parse(words)
        except HashellError as error:
            for diagnostic in error.diagnostics[:1]:
                place = diagnostic.place
                word = next((w for w in words[1:] if w.place == place), None)
                if word is not None:
                    remedy = diagnostic.remedy()
                    yield word, diagnostic.text() + (f" ({remedy})" if remedy else "")
            return
        if keyword not in (*PROPERTY_LIKE, "node", "monitor", "xml") and len(words) > 1 and (
                self._known.has("ids", words[1].text)):
            yield words[1], f"there is a {words[1].text} already"
        yield from self._missing(words, statement)

    def _missing(self, words: list[Word], statement: Any) -> Iterator[tuple[Word, str]]:
        """Words that refer to what is not there."""
        element = statement.element
        names = [e.get("id", "") for e in element.iter(CHILD_REF, "resource_ref", "obj_ref")]
        names += [element.get(name, "") for name in _REFERENCES if element.tag.startswith("rsc_")]
        for name in filter(None, names):
            if self._known.has("ids", name) is False:
                word = next((w for w in words[2:] if w.text.strip("()[]{}").split(":")[0] == name), None)
                if word is not None:
                    yield word, f"{name} does not exist"
        node = element.get("node", "") if element.tag == "rsc_location" else ""
        if node and self._known.has("nodes", node) is False:
            yield next((w for w in words if w.text == node), words[-1]), f"there is no node {node}"

    def _unknown_parameters(self, words: list[Word]) -> Iterator[tuple[Word, str]]:
        """Parameters that the agent does not have."""
        named = len(words) > 3 or (len(words) == 3 and self._finished)
        parameters = self._known.parameters(words[2].text) if named else None
        if parameters is None:
            return
        section = "params"
        for word in words[3:]:
            lowered = word.text.lower()
            if lowered in ("params", "meta", "utilization", "op", "operations"):
                section = lowered
            name, equals, _ = word.text.partition("=")
            if section == "params" and equals and name != "description" and name[:1] not in "$@" and (
                    name.replace("-", "_") not in parameters and name not in parameters):
                near = difflib.get_close_matches(name, parameters, 1)
                hint = f"; did you mean '{near[0]}'?" if near else ""
                yield word, f"{words[2].text} has no parameter {name}{hint}"


def first_fault(found: list[Span]) -> Span | None:
    return next((span for span in found if span.kind == "wrong"), None)


def paint(text: str, found: list[Span], style: Callable[[str], str]) -> list[tuple[str, str]]:
    """(style, piece) of a whole text: marks over kinds, everything else plain."""
    kinds = [""] * len(text)
    for span in sorted(found, key=lambda s: s.kind == "wrong"):
        for index in range(span.start, min(span.end, len(text))):
            kinds[index] = span.kind
    out: list[tuple[str, str]] = []
    for kind, char in zip(kinds, text):
        if out and out[-1][0] == style(kind):
            out[-1] = (out[-1][0], out[-1][1] + char)
        else:
            out.append((style(kind), char))
    return out
