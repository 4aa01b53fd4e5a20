"""What the shell says about command lines: unknown commands, wrong arguments, refused questions (H1xx)."""

from __future__ import annotations

from typing import ClassVar

from hashell.model.diagnostics import Diagnostic, Severity
from hashell.model.exitcodes import ExitCode
from hashell.model.messageclass import message


@message
class UnknownCommand(Diagnostic):
    code: ClassVar[str] = "H101"
    level: str = ""
    word: str = ""
    near: str = ""
    known: tuple[str, ...] = ()

    def text(self) -> str:
        where = f"{self.level}.{self.word}" if self.level else self.word
        return f"{where}: no such command"

    def remedy(self) -> str:
        if self.near:
            return f"did you mean '{self.near}'?"
        return f"here: {' '.join(self.known)}" if 0 < len(self.known) < 12 else "`help` lists the commands"


@message
class AmbiguousCommand(Diagnostic):
    code: ClassVar[str] = "H102"
    word: str = ""
    matches: tuple[str, ...] = ()

    def text(self) -> str:
        return f"'{self.word}' could be {' or '.join(self.matches)}"

    def remedy(self) -> str:
        return "type more of it"


@message
class WrongArguments(Diagnostic):
    code: ClassVar[str] = "H103"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    command: str = ""
    usage: str = ""
    given: int = 0
    problem: str = ""

    def text(self) -> str:
        return f"{self.command}: {self.problem or f'{self.given} arguments given'}"

    def remedy(self) -> str:
        return f"usage: {self.usage}"


@message
class BadOption(Diagnostic):
    """An option of `hashell` itself."""

    code: ClassVar[str] = "H104"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    message: str = ""

    def text(self) -> str:
        return self.message

    def remedy(self) -> str:
        return "`hashell --help` lists the options"


@message
class UnreadableFile(Diagnostic):
    code: ClassVar[str] = "H105"
    exit_code: ClassVar[ExitCode] = ExitCode.NOINPUT
    path: str = ""
    reason: str = ""

    def text(self) -> str:
        return f"could not open {self.path}: {self.reason}"

    def remedy(self) -> str:
        return "check the name and the permissions"


@message
class CommandFailed(Diagnostic):
    """A command that could not do its work; `message` says why, `hint` what helps."""

    code: ClassVar[str] = "H106"
    message: str = ""
    hint: str = ""

    def text(self) -> str:
        return self.message

    def remedy(self) -> str:
        return self.hint


@message
class NotCommitted(Diagnostic):
    code: ClassVar[str] = "H107"
    errors: int = 0
    forcible: bool = True
    missing: str = ""  #: what a script defines and was refused, so that the rest would be half a configuration

    def text(self) -> str:
        if self.missing:
            return f"nothing was committed, because {self.missing} could not be made"
        return "nothing was committed, because of the error above" if self.errors == 1 else (
            f"nothing was committed, because of the {self.errors} errors above")

    def remedy(self) -> str:
        return "correct the configuration" + (", or use `commit force` or -F" if self.forcible else "")


@message
class Note(Diagnostic):
    code: ClassVar[str] = "H108"
    severity: ClassVar[Severity] = Severity.NOTE
    message: str = ""

    def text(self) -> str:
        return self.message


@message
class Warned(Diagnostic):
    code: ClassVar[str] = "H109"
    severity: ClassVar[Severity] = Severity.WARNING
    message: str = ""
    hint: str = ""

    def text(self) -> str:
        return self.message

    def remedy(self) -> str:
        return self.hint


@message
class OutputLost(Diagnostic):
    """Standard output takes no more."""

    code: ClassVar[str] = "H113"
    exit_code: ClassVar[ExitCode] = ExitCode.IOERR
    reason: str = ""

    def text(self) -> str:
        return f"the output cannot be written: {self.reason}"

    def remedy(self) -> str:
        return "make room where it goes; changes that were reported before are made"


@message
class Crashed(Diagnostic):
    """A defect of hashell itself. The details are in the crash file."""

    code: ClassVar[str] = "H199"
    exit_code: ClassVar[ExitCode] = ExitCode.SOFTWARE
    what: str = ""
    path: str = ""

    def text(self) -> str:
        return f"internal error: {self.what}"

    def remedy(self) -> str:
        return f"nothing more was done; please report it with {self.path}" if self.path else "please report it"
