"""The machines of a cluster, for commands on all of them: over ssh, or the embedded nodes of this machine."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.client.source import embedded_nodes
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed
from hashell.stack.settings import NodeSettings, embedded_dir

if TYPE_CHECKING:
    from hashell.shell.session import Session

_SECONDS = 60.0
_SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "--")


@dataclass(frozen=True)
class Host:
    """One machine, or one embedded node. `local` is done here, everything else over ssh without questions."""

    name: str
    settings: NodeSettings
    local: bool = False
    seconds: float = _SECONDS

    def run(self, command: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        """Run a shell command. Raises HashellError when the machine is not reached or it takes too long."""
        words = ["sh", "-c", command] if self.local else [*_SSH, self.name, command]
        env = {**os.environ, "HASHELL_TALK_TO": self.name} if self.settings.embedded else None
        try:
            result = subprocess.run(words, input=data if data is not None else b"", capture_output=True, env=env,
                                    timeout=self.seconds)
        except FileNotFoundError:
            raise HashellError(CommandFailed(message=f"{self.name}: there is no ssh on this machine",
                                             hint="install an ssh client")) from None
        except subprocess.TimeoutExpired:
            raise HashellError(CommandFailed(message=f"{self.name}: no end after {self.seconds:.0f} s",
                                             hint="run it on the node itself")) from None
        if result.returncode == 255 and not self.local:
            reason = (result.stderr.decode(errors="replace").strip().splitlines() or ["no answer"])[-1]
            raise HashellError(CommandFailed(message=f"{self.name} cannot be reached: {reason}",
                                             hint=f"check that this works without a password: ssh {self.name} true"))
        return result

    def read(self, path: Path) -> bytes:
        """The contents of a file. Raises HashellError."""
        result = self.run(f"cat -- {shlex.quote(str(path))}")
        if result.returncode:
            reason = result.stderr.decode(errors="replace").strip().rpartition(": ")[2] or "unreadable"
            raise HashellError(CommandFailed(message=f"{self.name}: {path}: {reason}"))
        return result.stdout

    def write(self, path: Path, data: bytes, mode: int = 0o644) -> None:
        """Replace a file as a whole. Raises HashellError."""
        target, part = shlex.quote(str(path)), shlex.quote(f"{path}.hashell-new")
        folder = shlex.quote(str(path.parent))
        result = self.run(f"umask 077 && mkdir -p -- {folder} && cat > {part} && chmod {mode:o} {part} && "
                          f"sync {part} && mv -f -- {part} {target}", data)
        if result.returncode:
            reason = result.stderr.decode(errors="replace").strip().rpartition(": ")[2] or "unwritable"
            raise HashellError(CommandFailed(message=f"{self.name}: {path}: {reason}"))


def this_machine() -> str:
    return socket.gethostname().split(".")[0]


def all_hosts(session: Session) -> list[Host]:
    """Every machine of the cluster, or the embedded nodes where the session talks to them. Raises HashellError."""
    embedded = _embedded(session)
    if embedded:
        return [Host(settings.name, settings, local=True) for settings in embedded]
    from hashell.shell.corosynctext import CorosyncText

    settings = NodeSettings()
    try:
        names = CorosyncText(settings.corosync_conf.read_text(encoding="utf-8", errors="replace")).names()
    except OSError as error:
        raise HashellError(CommandFailed(
            message=f"this machine is in no cluster: {settings.corosync_conf}: {error.strerror}",
            hint="cluster init makes one; cluster start --embedded 3 for one to try out")) from None
    here = (this_machine(), socket.gethostname())
    return [Host(name, settings, local=name in here) for name in names]


def _embedded(session: Session) -> list[NodeSettings]:
    from hashell.client.source import is_running

    nodes = embedded_nodes(embedded_dir(session.environ()))
    return [] if nodes and not any(map(is_running, nodes)) and NodeSettings().corosync_conf.exists() else nodes


def chosen_hosts(session: Session, names: list[str]) -> list[Host]:
    """The named machines, all without a name. Raises HashellError for one that is not of the cluster."""
    known = all_hosts(session)
    for name in names:
        if name not in [h.name for h in known]:
            raise HashellError(CommandFailed(message=f"{name} is not a node of the cluster",
                                             hint=f"nodes: {' '.join(h.name for h in known)}"))
    return [h for h in known if not names or h.name in names]
