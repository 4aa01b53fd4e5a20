"""The prompt: history, completion with descriptions, continuation lines; on prompt_toolkit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.shortcuts import CompleteStyle

from hashell.grammar.lines import LogicalLine, logical_lines
from hashell.model.exitcodes import ExitCode
from hashell.shell.completion import complete, split_partial
from hashell.shell.diagnostics import Warned
from hashell.shell.execute import guarded, leave, run_line
from hashell.shell.preferences import preferences_file
from hashell.shell.session import Session


class TableCompleter(Completer):
    """Completion from the command table. Whatever goes wrong, the user goes on typing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        text = document.text_before_cursor
        try:
            found = complete(self._session, text)
        except Exception:  # noqa: BLE001  # a defect in completing a word must not take the user's line away
            return
        _, current = split_partial(text)
        for candidate in found:
            ending = "" if candidate.text.endswith(("=", ":", "/")) else " "
            yield Completion(candidate.text + ending, -len(current), display=candidate.text,
                             display_meta=candidate.about)


def history_file() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path(os.environ.get("HOME", "/")) / ".cache")
    return Path(base) / "hashell" / "history"


def _history() -> History:
    path = history_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a"):
            pass
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(path))


def read_line(prompt: PromptSession[str], session: Session) -> LogicalLine | None:
    """One logical line, asking on after a trailing backslash; None for an empty one. Raises EOFError."""
    text = prompt.prompt(session.prompt())
    while text.rstrip().endswith("\\"):
        text += "\n" + prompt.prompt("   > ")
    lines = logical_lines(text)
    return lines[0] if lines else None


def run_rc(session: Session) -> None:
    """Run the lines of the user's rc file; a line that fails is told and the others go on."""
    path = preferences_file().with_name("rc")
    if not path.is_file():
        return
    try:
        for line in logical_lines(path.read_text(encoding="utf-8"), str(path)):
            run_line(session, line)
    except (OSError, UnicodeDecodeError) as error:
        session.tell(Warned(message=f"{path} was not read: {error}", hint="correct the file"))


def run_interactive(session: Session) -> ExitCode:
    """Read and run lines until the user leaves. Always OK, as in the original."""
    prompt: PromptSession[str] = PromptSession(
        history=_history(), completer=TableCompleter(session), complete_while_typing=False,
        complete_style=CompleteStyle.COLUMN,
    )
    run_rc(session)
    while not session.left:
        try:
            line = read_line(prompt, session)
        except KeyboardInterrupt:
            continue
        except EOFError:
            if guarded(session, lambda: _leave_all(session)) is ExitCode.OK and len(session.stack) == 1:
                break
            continue
        if line is not None:
            try:
                run_line(session, line)
            except KeyboardInterrupt:
                session.note("interrupted; what was begun may still go on in the cluster")
    session.out("bye")
    return ExitCode.OK


def _leave_all(session: Session) -> ExitCode:
    leave(session, 1)
    return ExitCode.OK
