"""What can be wrong in corosync.conf and with the ring's port, worded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic, Severity
from hashell.model.exitcodes import ExitCode


@dataclass(frozen=True, kw_only=True)
class ConfSyntax(Diagnostic):
    """A line that is no part of the grammar; `problem` in corosync's words."""

    code: ClassVar[str] = "H401"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    problem: str
    expected: str = ""

    def text(self) -> str:
        return self.problem

    def remedy(self) -> str:
        return f"expected {self.expected}" if self.expected else ""


@dataclass(frozen=True, kw_only=True)
class ConfValue(Diagnostic):
    """A key with a value that it cannot have."""

    code: ClassVar[str] = "H402"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    key: str
    value: str
    expected: str
    suggestion: str = ""
    problem: str = ""

    def text(self) -> str:
        return f'{self.key} cannot be "{self.value}"' + (f": {self.problem}" if self.problem else "")

    def remedy(self) -> str:
        return f"expected {self.expected}" + (f"; did you mean {self.suggestion}?" if self.suggestion else "")


@dataclass(frozen=True, kw_only=True)
class ConfRule(Diagnostic):
    """Values that are each possible but not together, or something that must be there and is not."""

    code: ClassVar[str] = "H403"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    problem: str
    advice: str = ""

    def text(self) -> str:
        return self.problem

    def remedy(self) -> str:
        return self.advice


@dataclass(frozen=True, kw_only=True)
class ConfUnreadable(Diagnostic):
    code: ClassVar[str] = "H404"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    reason: str

    def text(self) -> str:
        return f"cannot read the ring configuration: {self.reason}"

    def remedy(self) -> str:
        return "create it, or say where it is"


@dataclass(frozen=True, kw_only=True)
class RingFileFault(Diagnostic):
    """A file or socket of the ring daemon other than its configuration; `reason` names it."""

    code: ClassVar[str] = "H409"
    exit_code: ClassVar[ExitCode] = ExitCode.OSFILE

    reason: str

    def text(self) -> str:
        return f"the ring cannot start: {self.reason}"

    def remedy(self) -> str:
        return "mend its permissions, or make room for it"


@dataclass(frozen=True, kw_only=True)
class UnknownKey(Diagnostic):
    """A key nobody reads: kept, but probably a misspelling."""

    code: ClassVar[str] = "H405"
    severity: ClassVar[Severity] = Severity.WARNING

    key: str
    suggestion: str = ""

    def text(self) -> str:
        return f"nothing reads the key {self.key}"

    def remedy(self) -> str:
        return f"did you mean {self.suggestion}?" if self.suggestion else ""


@dataclass(frozen=True, kw_only=True)
class NoLocalNode(Diagnostic):
    code: ClassVar[str] = "H406"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    wanted: str
    names: str

    def text(self) -> str:
        return f"no valid name found for local host: no node of the nodelist is {self.wanted}"

    def remedy(self) -> str:
        return f"the nodelist has {self.names}: add this node, or correct its name or ring0_addr"


@dataclass(frozen=True, kw_only=True)
class PortInUse(Diagnostic):
    code: ClassVar[str] = "H407"
    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE

    address: str
    port: int
    reason: str

    def text(self) -> str:
        return f"cannot use the ring address {self.address} port {self.port}: {self.reason}"

    def remedy(self) -> str:
        return "stop the other ring daemon there, or change ring0_addr or totem.interface.mcastport"


@dataclass(frozen=True, kw_only=True)
class NotSupported(Diagnostic):
    code: ClassVar[str] = "H408"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    what: str
    instead: str

    def text(self) -> str:
        return f"{self.what} is not supported"

    def remedy(self) -> str:
        return self.instead
