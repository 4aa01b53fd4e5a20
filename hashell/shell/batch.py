"""Batch mode: command lines from a file, standard input or the arguments; any failed line makes the end a failure."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from hashell.grammar.lines import LogicalLine, logical_lines, words_as_line
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.diagnostics import UnreadableFile
from hashell.shell.execute import guarded, leave, run_line
from hashell.shell.session import Session


def read_script(path: str) -> list[LogicalLine]:
    """The lines of a script, `-` for standard input. Raises HashellError (UnreadableFile)."""
    try:
        if path == "-":
            stream = getattr(sys.stdin, "buffer", None)
            return logical_lines(sys.stdin.read() if stream is None else stream.read().decode("utf-8"), "stdin")
        return logical_lines(Path(path).read_bytes().decode("utf-8"), path)
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        name = "standard input" if path == "-" else path
        raise HashellError(UnreadableFile(path=name, reason=f"line {line} is not UTF-8 text")) from None
    except OSError as error:
        raise HashellError(UnreadableFile(path=path, reason=error.strerror or str(error))) from None


def run_script(session: Session, lines: Iterable[LogicalLine]) -> ExitCode:
    """Run every line; the exit code of the first that failed, ERROR at most once."""
    failed = ExitCode.OK
    for line in lines:
        code = run_line(session, line)
        if failed is ExitCode.OK and code is not ExitCode.OK:
            failed = code
        if session.left:
            break
    code = finish(session)
    return failed if failed is not ExitCode.OK else code


def run_arguments(session: Session, words: list[str]) -> tuple[ExitCode, bool]:
    """One line given as arguments: its exit code, and whether it ended at a level (a session starts there)."""
    line = words_as_line(words)
    if not session.preferences.on("core.add_quotes"):
        line = next(iter(logical_lines(" ".join(words))), line)
    code = run_line(session, line)
    at_level = code is ExitCode.OK and len(session.stack) > 1 and not session.left
    return code, at_level


def finish(session: Session) -> ExitCode:
    """Leave all levels, committing what is pending."""

    def work() -> ExitCode:
        leave(session, 1)
        return ExitCode.OK

    return guarded(session, work)
