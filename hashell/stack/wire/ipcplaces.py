"""Where IPC servers are found: names taken by others, and the folders of connections (ipc.md sections 1.1, 1.3)."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic
from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import qbframe

_KIND_VARIABLE = "PCMK_ipc_type"
_CHANNELS = ("control", "request", "response", "event")


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
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
    while True:
        folder = f"{parent}/qb-{os.getpid()}-{client_pid}-{fd}-{os.urandom(3).hex()}"
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
            return folder


def offered_kind(settings: NodeSettings) -> int:
    """The kind of connection to offer: `PCMK_ipc_type=socket`, of the node or the environment, is without rings."""
    wanted = settings.env.get(_KIND_VARIABLE) or os.environ.get(_KIND_VARIABLE, "")
    return qbframe.SOCKET if wanted.lower() == "socket" else qbframe.SHM


def remove_stale_folders(ipc_prefix: str) -> None:
    """Remove connection folders that killed servers of this prefix left behind; none of them may live.

    The prefix '' matches foreign servers as well: of those only folders whose server is dead are removed.
    """
    for folder in sorted(Path("/dev/shm").glob("qb-*-*-*-*")):
        with contextlib.suppress(OSError, ValueError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or os.getuid() not in (0, found.st_uid):
                continue
            if not ipc_prefix and _lives(int(folder.name.split("-")[1])):
                continue
            files = sorted(folder.iterdir())
            if files and all(_belongs(file.name, ipc_prefix) for file in files):
                for file in files:
                    file.unlink()
                folder.rmdir()


def _belongs(file: str, ipc_prefix: str) -> bool:
    return any(file.startswith(f"qb-{channel}-{ipc_prefix}") for channel in _CHANNELS)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
