"""Where one node's files, sockets and users are: the same daemons run a production node or an embedded one.

A production node uses the places of Corosync and Pacemaker; an embedded node has all of them below one folder
and its IPC names prefixed, because several nodes share one machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any


def embedded_dir(environ: Mapping[str, str]) -> Path:
    """The folder of this user's embedded cluster: HASHELL_EMBEDDED_DIR, or `$XDG_STATE_HOME/hashell/embedded`."""
    if chosen := environ.get("HASHELL_EMBEDDED_DIR"):
        return Path(chosen)
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "/")) / ".local" / "state")
    return Path(state) / "hashell" / "embedded"


@dataclass(frozen=True)
class NodeSettings:
    """Static facts of one node, handed to every daemon. Paths are absolute."""

    name: str = ""  #: node name; '' = from corosync.conf or uname
    corosync_conf: Path = Path("/etc/corosync/corosync.conf")
    authkey: Path = Path("/etc/corosync/authkey")
    ring_dir: Path = Path("/var/lib/corosync")  #: totem ring id files
    state_dir: Path = Path("/var/lib/pacemaker")  #: cib/ and pengine/ below it
    run_dir: Path = Path("/run/hashell")  #: pid files
    agent_dir: Path = Path("/run/resource-agents")  #: HA_RSCTMP: state files of agents
    log_dir: Path = Path("/var/log/hashell")
    ocf_root: Path = Path("/usr/lib/ocf")
    ipc_prefix: str = ""  #: put before every IPC service name
    user: str = "hacluster"  #: owner of CIB files and the unprivileged daemons; '' = stay who we are
    group: str = "haclient"
    embedded: bool = False
    env: dict[str, str] = field(default_factory=dict)  #: extra environment of agents

    def ipc_name(self, service: str) -> str:
        """The abstract socket name of an IPC service such as `cib_rw`, without the leading NUL."""
        return self.ipc_prefix + service

    @property
    def cib_dir(self) -> Path:
        return self.state_dir / "cib"

    @property
    def pengine_dir(self) -> Path:
        return self.state_dir / "pengine"

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str, indent=2)

    @classmethod
    def from_json(cls, text: str) -> NodeSettings:
        """Inverse of to_json. Raises ValueError on text that is not one."""
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("settings are not a JSON object")
        paths = {f.name for f in fields(cls) if f.type == "Path"}
        known = {f.name for f in fields(cls)}
        try:
            values: dict[str, Any] = {k: Path(v) if k in paths else v for k, v in data.items() if k in known}
        except TypeError as error:
            raise ValueError(f"a path in the settings is no text: {error}") from None
        return cls(**values)
