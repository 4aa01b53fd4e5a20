"""A program on a terminal of its own: a pseudo-terminal that is read and typed at."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Escape sequences: colours, cursor, titles.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78PX^_])")


class Terminal:
    """`expect` waits for text after what was expected before; escape sequences are taken out."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        # Nobody answers here where the cursor is.
        env = {**environ, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self._process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=folder,
                                         start_new_session=True,
                                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self._raw = b""
        self._seen = 0

    def expect(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while (found := self.screen().find(text, self._seen)) < 0:
            assert self._read(deadline), f"{text!r} did not appear after:\n{self.screen()[self._seen:]}"
        self._seen = found + len(text)

    def send(self, text: str) -> None:
        os.write(self._master, text.encode())

    def line(self, text: str) -> None:
        self.send(text + "\r")

    def end(self, seconds: float = 60) -> int:
        """Its exit code, once it has ended by itself."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self._process.wait(max(1.0, deadline - time.monotonic()))

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def screen(self) -> str:
        """All that was printed, as text."""
        return _ESCAPES.sub("", self._raw.decode("utf-8", "replace"))

    def _read(self, deadline: float) -> bool:
        """More output; False at the deadline or when the program has ended."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self._raw += data
        return bool(data)
