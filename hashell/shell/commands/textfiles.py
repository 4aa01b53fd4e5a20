"""Handlers of `check` and `fmt`: files of statements looked at and rewritten without a cluster."""

from __future__ import annotations

import difflib
from pathlib import Path

from hashell.model.diagnostics import Diagnostic, HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.loading import read_source
from hashell.shell.diagnostics import UnreadableFile, WrongArguments
from hashell.shell.session import Session


def _split(words: list[str], options: tuple[str, ...], command: str, usage: str) -> tuple[list[str], list[str]]:
    given = [w for w in words if w.startswith("-") and w != "-"]
    files = [w for w in words if w not in given]
    unknown = [w for w in given if w not in options]
    if unknown or not files:
        raise HashellError(WrongArguments(command=command, usage=usage,
                                          problem=f"unknown option {unknown[0]}" if unknown else "no file named"))
    return given, files


def check(session: Session, words: list[str]) -> ExitCode:
    """`check [--strict] FILE…`: errors make the end a failure, warnings only with --strict."""
    from hashell.grammar.filecheck import check_text
    from hashell.shell.agents import ShellAgents

    options, files = _split(words, ("--strict",), "check", "check [--strict] FILE…")
    agents = ShellAgents(session)
    found: list[Diagnostic] = []
    for path in files:
        found += check_text(read_source(path), "(stdin)" if path == "-" else path, agents)
    session.tell(*found)
    errors = sum(f.severity is Severity.ERROR for f in found)
    warnings = sum(f.severity is Severity.WARNING for f in found)
    if found:
        session.note(f"{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    bad = errors or (warnings and "--strict" in options)
    return ExitCode.DATAERR if bad else ExitCode.OK


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def fmt(session: Session, words: list[str]) -> ExitCode:
    """`fmt [--check|--diff] FILE…`: rewrite in place; `-` from standard input to standard output."""
    from hashell.atomicfile import write_atomically
    from hashell.grammar.formatter import format_text
    from hashell.grammar.parser import CrmParser

    options, files = _split(words, ("--check", "--diff"), "fmt", "fmt [--check|--diff] FILE…")
    parser = CrmParser()
    differs = False
    broken: list[Diagnostic] = []
    for path in files:
        text = read_source(path)
        result = format_text(text, parser)
        broken += [d for d in parser.parse_text(text, "(stdin)" if path == "-" else path).diagnostics
                   if d.severity is Severity.ERROR]
        if path == "-" and not options:
            session.out(result.rstrip("\n"))
            continue
        if result == text:
            continue
        differs = True
        if "--diff" in options:
            for line in difflib.unified_diff(text.splitlines(), result.splitlines(), path, path, lineterm=""):
                session.out(line)
        elif "--check" in options:
            session.out(f"{path} is not formatted")
        else:
            try:
                write_atomically(Path(path), result)
            except OSError as error:
                raise HashellError(UnreadableFile(path=path, reason=error.strerror or str(error))) from None
            session.note(f"{path} formatted")
    session.tell(*broken)
    if broken:
        return ExitCode.DATAERR
    return ExitCode.ERROR if differs and "--check" in options else ExitCode.OK
