"""What must be so before a node starts: users, folders, the lock, free IPC names."""

from __future__ import annotations

import contextlib
import fcntl
import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import qbframe
from hashell.stack.wire.ipcplaces import IpcNameInUse, remove_stale_folders

_NAMES = ("cmap", "cpg", "quorum", "votequorum", "cfg")
_CLUSTER_NAMES = ("pacemakerd", "cib_rw", "stonith-ng", "lrmd", "attrd", "pengine", "crmd")


@dataclass(frozen=True, kw_only=True)
class AlreadyRunning(Diagnostic):
    code: ClassVar[str] = "H510"
    exit_code: ClassVar[ExitCode] = ExitCode.EXISTS

    pid: int = 0

    def text(self) -> str:
        return "this node runs already" + (f" (process {self.pid})" if self.pid else "")

    def remedy(self) -> str:
        return f"stop it first: kill {self.pid}" if self.pid else "stop it first"


@dataclass(frozen=True, kw_only=True)
class NoConfiguration(Diagnostic):
    code: ClassVar[str] = "H511"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_CONFIGURED

    path: str = ""
    reason: str = ""

    def text(self) -> str:
        return f"{self.path} cannot be read: {self.reason}"

    def remedy(self) -> str:
        return "write it first (see corosync.conf(5)), or name another one with --corosync-conf"


@dataclass(frozen=True, kw_only=True)
class NotRoot(Diagnostic):
    code: ClassVar[str] = "H512"
    exit_code: ClassVar[ExitCode] = ExitCode.INSUFFICIENT_PRIV

    def text(self) -> str:
        return "a production node needs root"

    def remedy(self) -> str:
        return "run it as root, or try a cluster without root: hashell demo"


@dataclass(frozen=True, kw_only=True)
class NoUser(Diagnostic):
    code: ClassVar[str] = "H513"
    exit_code: ClassVar[ExitCode] = ExitCode.NOUSER

    user: str = ""
    group: str = ""

    def text(self) -> str:
        return f"there is no user {self.user} or no group {self.group}"

    def remedy(self) -> str:
        return f"groupadd -r {self.group}; useradd -r -g {self.group} -s /usr/sbin/nologin {self.user}"


@dataclass(frozen=True, kw_only=True)
class FolderUnusable(Diagnostic):
    code: ClassVar[str] = "H514"
    exit_code: ClassVar[ExitCode] = ExitCode.CANTCREAT

    path: str = ""
    reason: str = ""

    def text(self) -> str:
        return f"the folder {self.path} cannot be used: {self.reason}"

    def remedy(self) -> str:
        return "make it writable for the user that runs the node, or remove it"


def check_users(settings: NodeSettings) -> None:
    """Raises HashellError when the node would need root or users that are not there."""
    if not settings.user:
        return
    if os.getuid() != 0:
        raise HashellError(NotRoot())
    try:
        pwd.getpwnam(settings.user)
        grp.getgrnam(settings.group)
    except KeyError:
        raise HashellError(NoUser(user=settings.user, group=settings.group)) from None


def check_configuration(settings: NodeSettings) -> None:
    """Raises HashellError when there is no corosync.conf to read; its contents are membership's business."""
    try:
        settings.corosync_conf.read_bytes()
    except OSError as error:
        raise HashellError(
            NoConfiguration(path=str(settings.corosync_conf), reason=error.strerror or str(error))
        ) from None


def make_folders(settings: NodeSettings) -> None:
    """Make the node's folders with their owners and modes. Raises HashellError."""
    owner = (-1, -1)
    if settings.user and os.getuid() == 0:
        owner = (pwd.getpwnam(settings.user).pw_uid, grp.getgrnam(settings.group).gr_gid)
    for path, shared, mode in (
        (settings.run_dir, False, 0o755),
        (settings.ring_dir, False, 0o755),
        (settings.agent_dir, False, 0o755),
        (settings.state_dir, True, 0o750),
        (settings.cib_dir, True, 0o750),
        (settings.pengine_dir, True, 0o750),
        (settings.log_dir, True, 0o770),
    ):
        try:
            made = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
            if made:
                path.chmod(mode)
            if shared and owner[0] >= 0:
                os.chown(path, *owner)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(13, "not writable")
        except OSError as error:
            no_folder = isinstance(error, FileExistsError | NotADirectoryError)
            reason = "it is not a folder" if no_folder else error.strerror or str(error)
            raise HashellError(FolderUnusable(path=str(path), reason=reason)) from None
    logfile = settings.log_dir / "hashell.log"
    with contextlib.suppress(OSError):
        logfile.touch(mode=0o660)
        if owner[0] >= 0:
            os.chown(logfile, *owner)


def check_names(settings: NodeSettings, *, with_membership: bool, with_manager: bool = True) -> None:
    """Raises HashellError when another stack serves one of our IPC names on this machine."""
    for service in (_NAMES if with_membership else ()) + (_CLUSTER_NAMES if with_manager else ()):
        name = settings.ipc_name(service)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(qbframe.abstract_address(name))
            except OSError:
                continue
        raise HashellError(IpcNameInUse(name=name))


def foreign_ring(settings: NodeSettings) -> int:
    """Process id of a Corosync that runs on this machine and serves our IPC name of cmap; 0 when there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(qbframe.abstract_address(settings.ipc_name("cmap")))
            pid = int(struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return 0
    return 0 if name.startswith("hashelld") else pid


def lock(settings: NodeSettings) -> int:
    """Take the node's lock and write our process id into it; the descriptor to keep. Raises HashellError."""
    path = pid_file(settings)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise HashellError(FolderUnusable(path=str(path.parent), reason=error.strerror or "")) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise HashellError(AlreadyRunning(pid=running_pid(settings))) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    remove_stale_folders(settings.ipc_prefix)
    return fd


def pid_file(settings: NodeSettings) -> Path:
    return settings.run_dir / "hashelld.pid"


def running_pid(settings: NodeSettings) -> int:
    """Process id of the supervisor that holds the node's lock, 0 when the node does not run."""
    try:
        with open(pid_file(settings), "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return int(file.read() or b"0")
    except (OSError, ValueError):
        return 0
    return 0
