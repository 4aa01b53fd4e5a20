"""Replacing a file as a whole: readers, and the machine after a crash, see the old content or the new.

The CIB manager has its own order of several files that belong together: `hashell.stack.cib.storage`.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(path: Path, content: str | bytes, *, mode: int | None = None) -> None:
    """Write `content` (text as UTF-8) into `path` by way of a temporary file beside it. Raises OSError.

    The file gets `mode`; with None it keeps the mode and owner that it had, and is private when new. Links are
    followed.
    """
    import tempfile  # what it imports takes longer than most commands that write nothing

    target = path.resolve()
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            _adopt(target, handle, mode)
            os.fsync(handle)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _adopt(target: Path, handle: int, mode: int | None) -> None:
    """Give the new file its mode, and the owner of the one that it replaces as far as we may."""
    if mode is not None:
        os.fchmod(handle, mode)
        return
    with contextlib.suppress(FileNotFoundError, PermissionError):
        state = target.stat()
        os.fchmod(handle, state.st_mode & 0o7777)
        os.fchown(handle, state.st_uid, state.st_gid)
