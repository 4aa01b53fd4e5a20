"""What the configure language says about its input: syntax errors and warnings with place, caret and remedy (H2xx)."""

from __future__ import annotations

from typing import ClassVar

from hashell.model.diagnostics import Diagnostic, Severity, printable
from hashell.model.messageclass import message

#: Characters of a very long line that are shown around the place.
_EXCERPT = 160


@message
class SourceDiagnostic(Diagnostic):
    """A message about one place of the input; `source` is the physical line the place is in, or ''."""

    source: str = ""
    width: int = 1

    def __str__(self) -> str:
        head = super().__str__()
        if not self.source or self.place is None or not self.place.column:
            return head
        whole, at = self.source.expandtabs(1), self.place.column - 1
        start = max(0, at - _EXCERPT // 2) if len(whole) > 2 * _EXCERPT else 0
        end = start + _EXCERPT if len(whole) > 2 * _EXCERPT else len(whole)
        shown = ("…" if start else "") + printable(whole[start:end]) + ("…" if end < len(whole) else "")
        column = at - start + (1 if start else 0)
        caret = " " * column + "^" * max(1, min(self.width, len(shown) - column))
        return f"{head}\n    {shown}\n    {caret}"


@message
class SyntaxFault(SourceDiagnostic):
    """A word that the grammar does not allow where it stands."""

    code: ClassVar[str] = "H201"
    statement: str = ""
    expected: str = ""
    found: str = ""
    hint: str = ""

    def text(self) -> str:
        after = f", found '{self.found}'" if self.found else ", found the end of the line"
        return f"{self.statement}: expected {self.expected}{after}"

    def remedy(self) -> str:
        return self.hint


@message
class StatementFault(SourceDiagnostic):
    """A statement whose words are in order but whose meaning is not allowed."""

    code: ClassVar[str] = "H202"
    statement: str = ""
    message: str = ""
    hint: str = ""

    def text(self) -> str:
        return f"{self.statement}: {self.message}" if self.statement else self.message

    def remedy(self) -> str:
        return self.hint


@message
class UnusableMember(StatementFault):
    """A container names a resource that does not exist or cannot be in it."""

    code: ClassVar[str] = "H206"


@message
class UnknownStatement(SourceDiagnostic):
    """A line that begins with no statement of the language."""

    code: ClassVar[str] = "H203"
    word: str = ""
    near: str = ""

    def text(self) -> str:
        return f"'{self.word}' is not a statement of the configure language"

    def remedy(self) -> str:
        return f"did you mean '{self.near}'?" if self.near else "`help configure` lists the statements"


@message
class OpenQuote(SourceDiagnostic):
    """A quotation mark that is never closed."""

    code: ClassVar[str] = "H204"
    quote: str = '"'

    def text(self) -> str:
        return f"no closing quotation mark for {self.quote}"

    def remedy(self) -> str:
        return f"add the closing {self.quote}, or write \\{self.quote} for the character itself"


@message
class XmlFault(SourceDiagnostic):
    """An `xml` statement whose text is not usable XML."""

    code: ClassVar[str] = "H205"
    message: str = ""

    def text(self) -> str:
        return f"xml: {self.message}"

    def remedy(self) -> str:
        if self.place is not None and self.place.line:
            return "the element may go over several lines, each but the last ending in a backslash"
        return "at the prompt put the XML between single quotes: xml '<… id=\"…\"/>'"


@message
class ObjectFault(SourceDiagnostic):
    """An operation on configuration objects that cannot be done."""

    code: ClassVar[str] = "H210"
    message: str = ""
    hint: str = ""

    def text(self) -> str:
        return self.message

    def remedy(self) -> str:
        return self.hint


@message
class NoSuchObject(SourceDiagnostic):
    """An id that no object of the configuration has."""

    code: ClassVar[str] = "H211"
    name: str = ""
    near: str = ""

    def text(self) -> str:
        return f"object {self.name} does not exist"

    def remedy(self) -> str:
        return f"did you mean '{self.near}'?" if self.near else "`configure show` lists all objects"


@message
class DuplicateObject(SourceDiagnostic):
    """Two definitions of one id."""

    code: ClassVar[str] = "H212"
    kind: str = ""
    name: str = ""
    existing: bool = False

    def text(self) -> str:
        if self.existing:
            return f"cannot create {self.kind} '{self.name}': an object with this id exists"
        return f"{self.name} is defined more than once"

    def remedy(self) -> str:
        return "use another id, or `edit`, `load update` or `delete` the existing one"


@message
class BrokenReference(SourceDiagnostic):
    """`$id-ref=X` or `@X` where nothing has that id."""

    code: ClassVar[str] = "H213"
    owner: str = ""
    name: str = ""

    def text(self) -> str:
        return f"{self.owner}: reference not found: {self.name}"

    def remedy(self) -> str:
        return f"give the set that is meant `$id={self.name}`, or name the object that holds it"


@message
class CheckError(Diagnostic):
    """A finding of the semantic check that keeps a commit from being made."""

    code: ClassVar[str] = "H220"
    owner: str = ""
    message: str = ""
    hint: str = ""
    fatal: bool = False

    def text(self) -> str:
        return f"{self.owner}: {self.message}" if self.owner else self.message

    def remedy(self) -> str:
        return self.hint


@message
class CheckWarning(CheckError):
    """A finding of the semantic check that does not keep a commit from being made."""

    code: ClassVar[str] = "H221"
    severity: ClassVar[Severity] = Severity.WARNING


@message
class ChangeNote(Diagnostic):
    """Something that was changed along with what was asked for."""

    code: ClassVar[str] = "H230"
    severity: ClassVar[Severity] = Severity.NOTE
    message: str = ""

    def text(self) -> str:
        return self.message
