"""Crash files: the details of a defect go to a file, and the user gets one line that names it."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

from hashell.shell.diagnostics import Crashed


def crash_folder() -> Path:
    """Where crash files go: below the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path(os.environ.get("HOME", "/tmp")) / ".cache")
    return Path(base) / "hashell" / "crash"


def report_crash(error: BaseException) -> Crashed:
    """Write a crash file; a diagnostic with its path, or without if no file could be written."""
    what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    text = "".join(traceback.format_exception(error))
    details = f"hashell crash\npython {sys.version}\narguments {sys.argv}\n\n{text}"
    for folder in (crash_folder(), Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(prefix="crash-", suffix=".txt", dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
                file.write(details)
        except OSError:
            continue
        return Crashed(what=what, path=path)
    return Crashed(what=what)
