"""Where IPC servers are found: names taken by others, and the folders of connections (ipc.md sections 1.1, 1.3)."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic
from hashell.model.exitcodes import ExitCode


@dataclass(frozen=True, kw_only=True)
class IpcNameInUse(Diagnostic):
    code: ClassVar[str] = "H530"
    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE

    name: str = ""

    def text(self) -> str:
        return f"the IPC service {self.name} is already served by another process"

    def remedy(self) -> str:
        return "a node runs here already: stop it first, or give this one an IPC prefix of its own"


def make_folder(fd: int, client_pid: int) -> str:
    """The folder of one connection's files, named as libqb names it. Raises OSError."""
    shm = Path("/dev/shm")
    parent = str(shm) if os.access(shm, os.W_OK) else tempfile.gettempdir()
    return tempfile.mkdtemp(prefix=f"qb-{os.getpid()}-{client_pid}-{fd}-", dir=parent)


def remove_stale_folders(ipc_prefix: str) -> None:
    """Remove connection folders that killed servers of this prefix left behind; none of them may live.

    Does nothing for the prefix '', which would match foreign servers.
    """
    if not ipc_prefix:
        return
    for folder in sorted(Path("/dev/shm").glob("qb-*-*-*-*")):
        with contextlib.suppress(OSError):
            if not stat.S_ISDIR(folder.lstat().st_mode) or folder.lstat().st_uid != os.getuid():
                continue
            files = sorted(folder.iterdir())
            if files and all(f.name.startswith(f"qb-control-{ipc_prefix}") for f in files):
                for file in files:
                    file.unlink()
                folder.rmdir()
