"""Where the cluster is: a CIB file, the stack of this machine, or an embedded node."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hashell.stack.settings import NodeSettings, embedded_dir


@dataclass(frozen=True)
class FileSource:
    """A CIB in a file; a shadow CIB is one too."""

    path: Path

    def __str__(self) -> str:
        return f"file {self.path}"


@dataclass(frozen=True)
class LiveSource:
    """The daemons of one running node."""

    settings: NodeSettings

    def __str__(self) -> str:
        return f"node {self.settings.name}" if self.settings.name else "this machine"


Source = FileSource | LiveSource


def find_source(environ: Mapping[str, str] | None = None, node: str = "") -> Source:
    """What a command without further options works on.

    In this order: the file of CIB_file, the shadow CIB of CIB_shadow, the embedded node asked for by name, the stack
    of this machine when it runs, a running embedded node, and else the stack of this machine, which is then reported
    as not running by whoever connects to it.
    """
    env = os.environ if environ is None else environ
    if path := env.get("CIB_file"):
        return FileSource(Path(path))
    if shadow := env.get("CIB_shadow"):
        folder = env.get("CIB_shadow_dir") or env.get("HOME", "/")
        return FileSource(Path(folder) / f"shadow.{shadow}")
    node = node or env.get("HASHELL_TALK_TO", "")
    embedded = embedded_nodes(embedded_dir(env))
    if node:
        for settings in embedded:
            if settings.name == node:
                return LiveSource(settings)
    here = NodeSettings()
    if not is_running(here):
        for settings in embedded:
            if is_running(settings):
                return LiveSource(settings)
    return LiveSource(here)


def embedded_nodes(base: Path) -> list[NodeSettings]:
    """The settings of every embedded node below `base`, by name; unreadable ones are left out."""
    found = []
    for path in sorted(base.glob("**/settings.json")):
        try:
            found.append(NodeSettings.from_json(path.read_text()))
        except (OSError, ValueError):
            continue
    return found


def is_running(settings: NodeSettings) -> bool:
    """Whether the CIB manager of that node accepts connections."""
    import socket

    from hashell.stack.wire.qbframe import abstract_address

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(abstract_address(settings.ipc_name("cib_ro")))
        except OSError:
            return False
    return True
