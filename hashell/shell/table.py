"""The command table: what a level, a command and an argument are, and the tree they form.

Every command of every level is declared once, in `levels/`; interactive use, batch, one-shot calls, help and the
shell completions all read the table. Handlers are named by dotted path and imported when they are first called, so
that help and completion stay light.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Argument:
    """One argument. `completer` names a source of values in `completers`; `words` are fixed choices."""

    name: str
    completer: str = ""
    words: tuple[str, ...] = ()
    optional: bool = False
    repeat: bool = False

    def usage(self) -> str:
        text = "|".join(self.words) if self.words and len(self.words) <= 4 else self.name
        if self.repeat:
            text += "…"
        return f"[{text}]" if self.optional else text


@dataclass(frozen=True)
class Command:
    """One command. handler: `module:function` below `hashell.shell.commands`, called with (session, words)."""

    name: str
    handler: str
    summary: str
    args: tuple[Argument, ...] = ()
    help: str = ""
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    statement: bool = False  #: the words are a statement of the configure language
    forms: bool = False  #: gives --output-as=json|xml a form of its own; of others the lines are handed out
    changes: bool = False  #: makes a running cluster act, so -w waits after it
    example: str = ""  #: lines as typed at its level; the manual shows them and a test runs them
    #: what an example needs beyond a CIB file: a running `cluster`, a `terminal`, or a `machine` of one's own
    needs: str = ""

    def usage(self) -> str:
        return " ".join([self.name, *(a.usage() for a in self.args)])

    def least(self) -> int:
        return sum(not a.optional for a in self.args)

    def most(self) -> int | None:
        """How many arguments are possible, None for any number."""
        return None if any(a.repeat for a in self.args) else len(self.args)

    def load(self) -> Callable[..., Any]:
        module, _, function = self.handler.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(f"hashell.shell.commands.{module}"), function)
        return found


@dataclass(frozen=True)
class Below:
    """A level that is made when it is first needed. place: `module:function` below `hashell.shell.levels`."""

    name: str
    place: str

    def load(self) -> Level:
        module, _, function = self.place.partition(":")
        made: Level = getattr(importlib.import_module(f"hashell.shell.levels.{module}"), function)()
        return made


@dataclass(frozen=True)
class Level:
    """One level: its commands, the levels below, and what is done on leaving it."""

    name: str
    summary: str
    commands: tuple[Command, ...] = ()
    below: tuple[Below, ...] = ()
    help: str = ""
    leave: str = ""
    skill: str = "operator"  #: the least skill-level that is let in
    _index: dict[str, Command] = field(default_factory=dict, compare=False, repr=False)
    _loaded: dict[str, Level] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        for command in self.commands:
            for name in (command.name, *command.aliases):
                self._index[name] = command

    def command(self, name: str) -> Command | None:
        return self._index.get(name)

    def level(self, name: str) -> Level | None:
        """The level below of that name, made when it is first asked for."""
        for below in self.below:
            if below.name == name:
                if name not in self._loaded:
                    self._loaded[name] = below.load()
                return self._loaded[name]
        return None

    @property
    def levels(self) -> tuple[Level, ...]:
        return tuple(level for below in self.below if (level := self.level(below.name)) is not None)

    def children(self) -> list[str]:
        """Names that may be typed here, without aliases and hidden commands, in order."""
        names = [c.name for c in self.commands if not c.hidden] + [below.name for below in self.below]
        return sorted(names)

    def summary_of(self, name: str) -> str:
        found = self.command(name) or self.level(name)
        return found.summary if found else ""

    def walk(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Level]]:
        """This level and all below it with their paths."""
        yield path, self
        for level in self.levels:
            yield from level.walk((*path, level.name))


def load_tree() -> Level:
    """The root level with everything below it."""
    from hashell.shell.levels.root import root_level

    return root_level()
