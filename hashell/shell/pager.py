"""Paging: text that does not fit on the terminal goes through the user's pager."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import TextIO


def pager_command(preferred: str = "") -> list[str]:
    """The user's pager as a command, [] if there is none."""
    chosen = preferred or os.environ.get("PAGER", "")
    if chosen:
        return shlex.split(chosen)
    return next(([name] for name in ("less", "more") if shutil.which(name)), [])


def page(text: str, preferred: str, stream: TextIO) -> bool:
    """Show the text in the pager; False if it fits, or there is no terminal or pager."""
    if not stream.isatty():
        return False
    size = shutil.get_terminal_size()
    rows = sum(1 + len(line) // max(1, size.columns) for line in text.split("\n"))
    command = pager_command(preferred)
    if rows < size.lines or not command or command[0] == "cat":
        return False
    try:
        subprocess.run(command, input=text + "\n", text=True, env={"LESS": "FRX", **os.environ})
    except OSError:
        return False
    return True
