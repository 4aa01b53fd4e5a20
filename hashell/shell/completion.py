"""Completion of command lines from the command table: words before the cursor in, candidates out."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

from hashell.grammar.lines import LogicalLine, split_words
from hashell.model.diagnostics import HashellError
from hashell.shell.completers import Candidate, values
from hashell.shell.table import Argument, Command, Level

if TYPE_CHECKING:
    from hashell.shell.completers import Source

_COMMON = (("help", "explain a command"), ("ls", "list what can be typed here"), ("cd", "go to a level"),
           ("up", "one level up"), ("quit", "leave the shell"))


@overload
def split_partial(text: str) -> tuple[list[str], str]: ...
@overload
def split_partial(text: str, *, strict: bool) -> tuple[list[str], str] | None: ...
def split_partial(text: str, *, strict: bool = False) -> tuple[list[str], str] | None:
    """The finished words of a line and the word being typed ('' after a blank); open quotes are closed.

    strict: None for an open quote.
    """
    line = LogicalLine(text, [(1, i + 1) for i in range(len(text))])
    for closing in ("",) if strict else ("", '"', "'"):
        try:
            line.text = text + closing
            words = [w.text for w in split_words(line)]
            break
        except HashellError:
            continue
    else:
        return None if strict else ([], "")
    if not text or text[-1].isspace():
        return words, ""
    return words[:-1], words[-1] if words else ""


def joined(text: str) -> str:
    """Typed text with its continuation lines joined as the language does; the last line as it is typed."""
    *before, last = text.split("\n")
    out = ""
    for line in before:
        stripped = line.strip()
        if not stripped.endswith("\\"):
            out = ""
            continue
        out += stripped.rstrip("\\")
    return out + (last.lstrip() if out else last)


def complete(session: Source, text: str) -> list[Candidate]:
    """Candidates for the word at the end of `text`, those that begin with what is typed, in order, without doubles."""
    words, current = split_partial(text)
    try:
        found = _candidates(session, words, current)
    finally:
        session.end_line()
    chosen: dict[str, Candidate] = {}
    for candidate in found:
        if candidate.text.startswith(current):
            chosen.setdefault(candidate.text, candidate)
    return list(chosen.values())


def _candidates(session: Source, words: list[str], current: str) -> list[Candidate]:
    level: Level = session.level
    index = 0
    while index < len(words):
        word = words[index]
        if word in ("help", "?"):
            return _children(_descend(session.level, words[index + 1:]) or session.root)
        if word == "cd":
            return [Candidate(child.name, child.summary) for child in level.levels] + [Candidate("..", "up")]
        below = level.level(word)
        if below is not None:
            level = below
            index += 1
            continue
        command = level.command(word)
        if command is None:
            return []
        return _arguments(session, command, words[index:], current)
    common = [Candidate(name, about) for name, about in _COMMON] if level is session.level else []
    return _children(level) + common


def _descend(level: Level, words: list[str]) -> Level | None:
    for word in words:
        below = level.level(word)
        if below is None:
            return None
        level = below
    return level


def _children(level: Level) -> list[Candidate]:
    return [Candidate(name, level.summary_of(name)) for name in level.children()]


def argument_at(command: Command, position: int) -> Argument | None:
    """The argument a word at `position` (0 = first) is, None beyond the last."""
    if position < len(command.args):
        return command.args[position]
    return command.args[-1] if command.args and command.args[-1].repeat else None


def _arguments(session: Source, command: Command, words: list[str], current: str) -> list[Candidate]:
    if command.statement:
        from hashell.shell.statement_completion import complete_statement

        return complete_statement(session, words, current)
    found: list[Candidate] = []
    position = len(words) - 1
    while True:
        argument = argument_at(command, position)
        if argument is None:
            return found
        found += [Candidate(word) for word in argument.words]
        found += values(session, argument.completer, current) if argument.completer else []
        position += 1
        if not argument.optional or argument.repeat:
            return found
