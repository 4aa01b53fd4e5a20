"""The prompt: menus with descriptions, colours, live marking, fuzzy history, continuation lines, a toolbar.

On prompt_toolkit. Nothing a key does reads a file or asks a daemon: everything shown comes from `knowledge`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style

from hashell.grammar.lines import LogicalLine, logical_lines
from hashell.model.exitcodes import ExitCode
from hashell.shell.completion import complete, joined, split_partial
from hashell.shell.diagnostics import Warned
from hashell.shell.execute import guarded, leave, run_line
from hashell.shell.highlight import Span, first_fault, paint, spans
from hashell.shell.knowledge import Knowledge
from hashell.shell.preferences import preferences_file
from hashell.shell.session import Session
from hashell.shell.toolbar import toolbar

_HISTORY_SHOWN = 200


def prompt_style(scheme: str) -> Style:
    """The styles of words, in the user's colours."""
    keyword, ident, name, value, reference = (f"ansi{c}" if c != "white" else "bold" for c in scheme.split(","))
    return Style.from_dict({
        "hs.command": f"{keyword} bold", "hs.level": f"{keyword} bold", "hs.keyword": keyword, "hs.id": ident,
        "hs.name": name, "hs.value": value, "hs.reference": reference, "hs.node": reference, "hs.score": "ansimagenta",
        "hs.comment": "ansibrightblack", "hs.wrong": "ansired underline", "prompt": "ansigreen",
        "bottom-toolbar": "noreverse bg:#303030 #d0d0d0", "bottom-toolbar.bad": "bg:#303030 ansibrightred bold",
        "bottom-toolbar.good": "bg:#303030 ansibrightgreen", "bottom-toolbar.note": "bg:#303030 ansibrightyellow",
    })


class Painter(Lexer):
    """Colours and marks from the command table, the language's splitter and parser, and the knowledge at hand."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._of: tuple[str, str, int] = ("", "", -1)
        self._spans: list[Span] = []

    def look(self, text: str) -> list[Span]:
        """The pieces of the text, remembered until it or the knowledge changes."""
        key = (text, self._knowledge.level.name, self._knowledge.version)
        if key != self._of:
            try:
                self._spans = spans(text, self._knowledge.level, self._knowledge)
            except Exception:  # noqa: BLE001  # a defect in colouring must not take the user's line away
                self._spans = []
            self._of = key
        return self._spans

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        painted = paint(document.text, self.look(document.text), lambda kind: f"class:hs.{kind}" if kind else "")
        rows: list[StyleAndTextTuples] = [[]]
        for style, piece in painted:
            for number, part in enumerate(piece.split("\n")):
                if number:
                    rows.append([])
                rows[-1].append((style, part))
        return lambda number: rows[number] if number < len(rows) else []

    def invalidation_hash(self) -> tuple[str, int]:
        return self._knowledge.level.name, self._knowledge.version


class TableCompleter(Completer):
    """Completion from the command table; of whole lines out of the history while that is searched."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self.history: History | None = None  #: set while the history is searched

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        try:
            if self.history is not None:
                yield from self._earlier(document, self.history)
                return
            text = joined(document.text_before_cursor)
            found = complete(self._knowledge, text)
        except Exception:  # noqa: BLE001  # a defect in completing a word must not take the user's line away
            return
        _, current = split_partial(text)
        for candidate in found:
            ending = "" if candidate.text.endswith(("=", ":", "/")) else " "
            yield Completion(candidate.text + ending, -len(current), display=candidate.text,
                             display_meta=candidate.about)

    def _earlier(self, document: Document, history: History) -> Iterator[Completion]:
        for line in fuzzy(document.text, history.get_strings())[:_HISTORY_SHOWN]:
            yield Completion(line, -document.cursor_position, display=" ⏎ ".join(line.split("\n")))


def fuzzy(pattern: str, lines: list[str]) -> list[str]:
    """Lines that hold the letters of the pattern in order, closest together first, then the latest; each once."""
    wanted = [c for c in pattern.lower() if not c.isspace()]
    found: dict[str, tuple[int, int]] = {}
    for age, line in enumerate(reversed(lines)):
        if line not in found and (spread := _spread(wanted, line.lower())) is not None:
            found[line] = (spread, age)
    return sorted(found, key=lambda line: found[line])


def _spread(wanted: list[str], line: str) -> int | None:
    """How many characters the shortest match from each beginning takes, None without one."""
    if not wanted:
        return 0
    best: int | None = None
    start = line.find(wanted[0])
    while start >= 0:
        at = start
        for char in wanted[1:]:
            at = line.find(char, at + 1)
            if at < 0:
                return best
        best = at - start if best is None else min(best, at - start)
        start = line.find(wanted[0], start + 1)
    return best


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


def unfinished(text: str) -> bool:
    """Whether a line goes on in the next: after a trailing backslash, or with a quote still open."""
    return text.rstrip(" ").endswith("\\") or split_partial(joined(text), strict=True) is None


def _keys(completer: TableCompleter, history: History) -> KeyBindings:
    keys = KeyBindings()
    searching = Condition(lambda: completer.history is not None)

    def selected(event: KeyPressEvent) -> bool:
        state = event.current_buffer.complete_state
        return state is not None and state.current_completion is not None

    @keys.add("enter")
    def _enter(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        was_searching, completer.history = completer.history is not None, None
        if selected(event) or was_searching:
            buffer.complete_state = None
        elif unfinished(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("c-r")
    def _search(event: KeyPressEvent) -> None:
        if completer.history is not None:
            event.current_buffer.complete_next()
            return
        completer.history = history
        event.current_buffer.start_completion(select_first=False)

    @keys.add("c-g", filter=searching)
    @keys.add("escape", filter=searching, eager=True)
    def _leave(event: KeyPressEvent) -> None:
        completer.history = None
        event.current_buffer.cancel_completion()

    return keys


def _continued(width: int, number: int, wrapped: int) -> str:
    """Before the further rows of a line: only those that were typed as such have a prompt."""
    return "" if wrapped else "   > "


class Prompt:
    """The prompt of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.knowledge = Knowledge(session, self._redraw)
        self.painter = Painter(self.knowledge)
        history = _history()
        self.completer = TableCompleter(self.knowledge)
        self._prompt: PromptSession[str] = PromptSession(
            history=history, completer=self.completer, complete_while_typing=True, lexer=self.painter,
            complete_style=CompleteStyle.COLUMN, key_bindings=_keys(self.completer, history), multiline=True,
            prompt_continuation=_continued, bottom_toolbar=self._toolbar, reserve_space_for_menu=8,
            style=prompt_style(session.preferences.get("color.scheme")), include_default_pygments_style=False,
        )

    def _redraw(self, asked: bool) -> None:
        """Called by the knowledge's thread: show what it has found, in an open menu too."""
        app = self._prompt.app
        if app.loop is None or not app.is_running:
            return
        if asked:
            app.loop.call_soon_threadsafe(self._complete_anew)
        app.invalidate()

    def _complete_anew(self) -> None:
        buffer = self._prompt.app.current_buffer
        state = buffer.complete_state
        waits = state.current_completion is None if state is not None else buffer.text[-1:] in ("=", " ", "/")
        if waits and buffer.text.strip() and self.completer.history is None:
            buffer.start_completion(select_first=False)

    def _toolbar(self) -> StyleAndTextTuples:
        app = self._prompt.app
        fault = first_fault(self.painter.look(app.current_buffer.text))
        return toolbar(self.knowledge, fault.message if fault else "", app.output.get_size().columns,
                       searching=self.completer.history is not None)

    def read(self) -> list[LogicalLine]:
        """The logical lines of one input, several when several were pasted. Raises EOFError, KeyboardInterrupt."""
        self.completer.history = None
        self.knowledge.renew()
        return logical_lines(self._prompt.prompt([("class:prompt", self._session.prompt())]))


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
    prompt = Prompt(session)
    run_rc(session)
    prompt.knowledge.start()
    try:
        while not session.left:
            try:
                lines = prompt.read()
            except KeyboardInterrupt:
                continue
            except EOFError:
                if guarded(session, lambda: _leave_all(session)) is ExitCode.OK and len(session.stack) == 1:
                    break
                continue
            _run(session, lines)
    finally:
        prompt.knowledge.stop()
    session.out("bye")
    return ExitCode.OK


def _run(session: Session, lines: list[LogicalLine]) -> None:
    for line in lines:
        if session.left:
            return
        try:
            run_line(session, line)
        except KeyboardInterrupt:
            session.note("interrupted; what was begun may still go on in the cluster")
            return


def _leave_all(session: Session) -> ExitCode:
    leave(session, 1)
    return ExitCode.OK
