"""What hashell tells a user: errors, warnings and notes as data, with one text form and one JSON form.

A diagnostic is a class with a stable code, a severity and a remedy; its fields are those of the class. The
wording lives in the class (`text`), never at the place that raises it.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from enum import StrEnum
from typing import Any, ClassVar

from hashell.model.exitcodes import ExitCode
from hashell.model.messageclass import message


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


#: Characters of a message that are shown; input that it quotes may be of any length.
_SHOWN = 4000
_QUOTED = 80


def printable(text: str) -> str:
    """Text for a terminal: characters that would steer it as `?`, and the middle of what is far too long left out."""
    if len(text) > _SHOWN:
        text = f"{text[: _SHOWN // 2]} … {text[-_SHOWN // 4 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def quoted(text: str) -> str:
    """A word of somebody else's message for a line of the log: in quotes, and no longer than a line."""
    return repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…")


@message
class Place:
    """Where in the input something stands: file name (or '' for typed text), 1-based line and column."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file] if self.file else []
        if self.line:
            parts.append(str(self.line))
        if self.line and self.column:
            parts.append(str(self.column))
        return ":".join(parts)


@message
class Diagnostic:
    """Base of every message. Subclasses set `code` and `severity` and word themselves in `text`."""

    code: ClassVar[str] = "H000"
    severity: ClassVar[Severity] = Severity.ERROR
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    place: Place | None = None

    def text(self) -> str:
        """One sentence: what is wrong, without place or remedy."""
        raise NotImplementedError

    def remedy(self) -> str:
        """One sentence or command that says what to do next, or ''."""
        return ""

    def __str__(self) -> str:
        """`PLACE: severity: text (remedy)`, the form printed on a terminal."""
        where = f"{self.place}: " if self.place and str(self.place) else ""
        remedy = self.remedy()
        return f"{where}{self.severity}: {printable(self.text())}" + (f" ({printable(remedy)})" if remedy else "")

    def as_json(self) -> dict[str, Any]:
        """The JSON form: code, severity, text, remedy, place and the fields of the class."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "place"}
        return {
            "code": self.code,
            "severity": str(self.severity),
            "text": self.text(),
            "remedy": self.remedy(),
            "place": asdict(self.place) if self.place else None,
            "fields": own,
        }


class HashellError(Exception):
    """An error a user is told about. Carries one or more diagnostics and the exit code to leave with."""

    def __init__(self, *diagnostics: Diagnostic, exit_code: ExitCode | None = None) -> None:
        super().__init__("\n".join(str(d) for d in diagnostics))
        self.diagnostics = diagnostics
        self.exit_code = exit_code if exit_code is not None else (
            diagnostics[0].exit_code if diagnostics else ExitCode.ERROR
        )
