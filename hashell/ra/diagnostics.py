"""What hashell says about agents: not found, not of a supported class, no metadata. Codes H6xx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic
from hashell.model.exitcodes import ExitCode


@dataclass(frozen=True, kw_only=True)
class UnknownAgentClass(Diagnostic):
    code: ClassVar[str] = "H602"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_INSTALLED
    klass: str
    known: tuple[str, ...]

    def text(self) -> str:
        return f"agents of class {self.klass!r} are not supported here"

    def remedy(self) -> str:
        return f"use one of the classes {', '.join(self.known)}"


@dataclass(frozen=True, kw_only=True)
class AgentNotInstalled(Diagnostic):
    code: ClassVar[str] = "H603"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_INSTALLED
    agent: str
    searched: tuple[str, ...] = ()

    def text(self) -> str:
        return f"agent {self.agent} is not installed on this node"

    def remedy(self) -> str:
        return f"install it below {' or '.join(self.searched)}" if self.searched else "install it"


@dataclass(frozen=True, kw_only=True)
class MetadataFailed(Diagnostic):
    code: ClassVar[str] = "H604"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR
    agent: str
    problem: str

    def text(self) -> str:
        return f"agent {self.agent} did not give its metadata: {self.problem}"

    def remedy(self) -> str:
        return "run it by hand with the action meta-data (a fence agent: -o metadata) to see what it says"
