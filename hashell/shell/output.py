"""Where the shell's words go: results and notes to stdout, warnings and errors to stderr, in colour on terminals."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO, TypeVar

from hashell.model.diagnostics import Diagnostic, HashellError, Severity
from hashell.shell.diagnostics import OutputLost

T = TypeVar("T")
_COLOURS = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "32"}


@dataclass
class Output:
    """Prints results and diagnostics. style: plain, color (on terminals) or color-always; form: text or json."""

    style: str = "color"
    form: str = "text"
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    collecting: bool = False  #: what commands put out is being made a document of; notes go to stderr meanwhile

    def coloured(self, stream: TextIO) -> bool:
        if "color-always" in self.style:
            return True
        if "plain" in self.style or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb":
            return False
        return stream.isatty()

    def out(self, text: str = "") -> None:
        self._write(self.stdout, text)

    def collected(self, work: Callable[[], T]) -> tuple[T, list[str]]:
        """The result of `work` and the lines it put out instead of printing them."""
        kept, self.stdout = self.stdout, io.StringIO()
        self.collecting = True
        try:
            result = work()
            return result, self.stdout.getvalue().splitlines()
        finally:
            self.stdout, self.collecting = kept, False

    def document(self, command: str, code: int, lines: list[str]) -> None:
        """What a command put out as one JSON or XML document: command, exit code, lines."""
        if self.form == "json":
            text = json.dumps({"command": command, "code": code, "lines": lines}, indent=2)
        else:
            from xml.sax.saxutils import escape, quoteattr

            rows = "".join(f"  <line>{escape(line)}</line>\n" for line in lines)
            text = f'<hashell command={quoteattr(command)} code="{code}">\n{rows}</hashell>'
        self._write(self.stdout, text)

    def tell(self, diagnostic: Diagnostic) -> None:
        """Print one diagnostic where it belongs."""
        note = diagnostic.severity is Severity.NOTE and not self.collecting
        stream = self.stdout if note else self.stderr
        if self.form == "json":
            self._write(stream, json.dumps(diagnostic.as_json(), default=str))
            return
        text = str(diagnostic)
        if self.coloured(stream):
            word = str(diagnostic.severity)
            text = text.replace(f"{word}:", f"\x1b[{_COLOURS[diagnostic.severity]}m{word}\x1b[0m:", 1)
        self._write(stream, text)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            print(text.encode("utf-8", "replace").decode("utf-8"), file=stream, flush=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            # What the stream still holds would fail again at the end of the program.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise HashellError(OutputLost(reason=error.strerror or str(error))) from None
