"""Files of an embedded cluster: what it consists of, its corosync.conf and its nodes' settings (pure).

Below the base folder: `cluster.json`, and for each node a folder of its name with `settings.json`,
`corosync.conf`, `ring/`, `state/`, `run/`, `agents/` and `log/`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.panic import NODE_VARIABLE

#: Tells agents where the cluster that they belong to is.
BASE_VARIABLE = "HASHELL_EMBEDDED_BASE"

NODES_MAX = 16
TOKEN_MS = 1000
_FIRST_ADDRESS = 11


@dataclass(frozen=True)
class Plan:
    """A cluster's unchanging facts; `prefix` makes its IPC names unique on this machine."""

    nodes: int
    port: int
    prefix: str
    name: str = "embedded"

    @property
    def names(self) -> list[str]:
        return [f"node{number}" for number in range(1, self.nodes + 1)]

    def nodeid(self, name: str) -> int:
        """The number of a node. Raises KeyError when there is none of that name."""
        if name not in self.names:
            raise KeyError(name)
        return self.names.index(name) + 1

    def address(self, name: str) -> str:
        return f"127.0.0.{_FIRST_ADDRESS - 1 + self.nodeid(name)}"

    def marker(self, name: str) -> str:
        """The value of HASHELL_NODE in every process of the node."""
        return f"{self.prefix}{self.nodeid(name)}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Inverse of to_json. Raises ValueError on anything else."""
        data = json.loads(text)
        try:
            plan = cls(int(data["nodes"]), int(data["port"]), str(data["prefix"]), str(data["name"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"no {error} in it") from None
        if not 1 <= plan.nodes <= NODES_MAX or not 1024 <= plan.port <= 65535:
            raise ValueError("its numbers are out of range")
        return plan


def make_prefix(base: Path, uid: int) -> str:
    """A short IPC prefix for the cluster of this folder and user."""
    return "h" + hashlib.sha256(f"{uid}:{base}".encode()).hexdigest()[:7] + "."


def corosync_conf(plan: Plan, logfile: Path) -> str:
    """The ring's configuration, the same for all nodes but for the log file."""
    nodes = "".join(
        f"    node {{\n        ring0_addr: {plan.address(name)}\n        name: {name}\n"
        f"        nodeid: {plan.nodeid(name)}\n    }}\n"
        for name in plan.names
    )
    two_node = "    two_node: 1\n" if plan.nodes == 2 else ""
    return (
        f"totem {{\n    version: 2\n    cluster_name: {plan.name}\n    transport: udpu\n    token: {TOKEN_MS}\n"
        f"    interface {{\n        linknumber: 0\n        mcastport: {plan.port}\n    }}\n}}\n"
        f"nodelist {{\n{nodes}}}\n"
        f"quorum {{\n    provider: corosync_votequorum\n{two_node}}}\n"
        f"logging {{\n    to_logfile: yes\n    logfile: {logfile}\n    to_syslog: no\n    timestamp: hires\n}}\n"
    )


def node_settings(plan: Plan, base: Path, name: str) -> NodeSettings:
    """The settings of one node. Raises KeyError when there is none of that name."""
    folder = base / name
    return NodeSettings(
        name=name,
        corosync_conf=folder / "corosync.conf",
        authkey=folder / "authkey",
        ring_dir=folder / "ring",
        state_dir=folder / "state",
        run_dir=folder / "run",
        agent_dir=folder / "agents",
        log_dir=folder / "log",
        ipc_prefix=f"{plan.marker(name)}-",
        user="",
        group="",
        embedded=True,
        env={NODE_VARIABLE: plan.marker(name), BASE_VARIABLE: str(base)},
    )
