"""What can be wrong with a quorum device, worded once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic
from hashell.model.exitcodes import ExitCode


@dataclass(frozen=True, kw_only=True)
class BadDevice(Diagnostic):
    """Settings of quorum.device that cannot work."""

    code: ClassVar[str] = "H411"
    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG

    problem: str
    advice: str = ""

    def text(self) -> str:
        return f"the quorum device cannot be used: {self.problem}"

    def remedy(self) -> str:
        return self.advice
