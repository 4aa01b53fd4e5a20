"""Statements typed at the configure level (token mode): parse, create, tell side effects."""

from __future__ import annotations

from hashell.grammar.apply import Mode
from hashell.grammar.diagnostics import UnusableMember
from hashell.grammar.lines import Word
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed, WrongArguments
from hashell.shell.session import Session

_ALIASES = {"resource": "primitive", "rsc-defaults": "rsc_defaults", "op-defaults": "op_defaults"}


def define(session: Session, words: list[Word]) -> None:
    """One statement as typed."""
    head, rest = words[0], words[1:]
    if rest and rest[0].text.startswith("id="):
        rest = [rest[0].named(rest[0].text[3:]), *rest[1:]]
    name = _ALIASES.get(head.text.lower(), head.text)
    if name == "monitor":
        _monitor(session, rest)
        return
    if name in ("property", "rsc_defaults", "op_defaults") and not rest:
        raise HashellError(WrongArguments(command=f"configure.{name}", usage=f"{name} [ID:] NAME=VALUE…",
                                          problem="no value given"))
    statement = session.workspace.parser.parse_words([head.named(name), *rest])
    try:
        session.workspace.apply([statement], Mode.CREATE)
    except HashellError as error:
        if any(isinstance(d, UnusableMember) for d in error.diagnostics) and not session.interactive:
            session.workspace.incomplete = statement.id
        raise


def _monitor(session: Session, words: list[Word]) -> None:
    if len(words) != 2:
        raise HashellError(WrongArguments(command="configure.monitor", given=len(words),
                                          usage="monitor RESOURCE[:ROLE] INTERVAL[:TIMEOUT]"))
    interval, _, timeout = words[1].text.partition(":")
    session.workspace.editor().monitor(words[0].text, interval, timeout)


def old_ms(session: Session, words: list[str]) -> None:
    """`ms` is text of files only; at the prompt say how it is written now."""
    name = words[0] if words else "ID"
    child = words[1] if len(words) > 1 else "RESOURCE"
    raise HashellError(CommandFailed(message="configure.ms: no such command",
                                     hint=f"write: clone {name} {child} meta promotable=true"))
