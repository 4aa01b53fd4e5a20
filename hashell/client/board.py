"""The cluster at a glance as plain data: what the monitor draws and `hashell status` prints as JSON and XML.

A board is a snapshot: building one reads a CIB, never a daemon, so it works alike for a live cluster, a file
and a simulation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class NodeView:
    """One node. `state` is one of online, standby, maintenance, pending, offline, UNCLEAN."""

    name: str
    id: str
    state: str
    dc: bool = False
    kind: str = "member"
    running: int = 0  #: active resource instances

    @property
    def healthy(self) -> bool:
        return self.state == "online"


@dataclass(frozen=True)
class ResourceView:
    """One resource or one instance of it; `depth` is its place in groups, clones and bundles (0 = top level)."""

    key: str  #: unique on the board
    id: str
    kind: str  #: primitive, group, clone, promotable, bundle
    depth: int
    agent: str = ""  #: class:provider:type of a primitive
    role: str = ""  #: Started, Stopped, Promoted, Unpromoted, Starting …
    nodes: tuple[str, ...] = ()
    target_role: str = ""
    managed: bool = True
    maintenance: bool = False
    failed: bool = False
    blocked: bool = False
    orphan: bool = False
    pending: str = ""

    @property
    def problem(self) -> bool:
        return self.failed or self.blocked

    def flags(self) -> list[str]:
        """Marks shown behind the state, most urgent first."""
        marks = {
            "FAILED": self.failed,
            "blocked": self.blocked,
            "orphaned": self.orphan,
            "maintenance": self.maintenance,
            "unmanaged": not self.managed and not self.maintenance,
            "disabled": self.target_role.lower() == "stopped",
        }
        return [name for name, on in marks.items() if on] + ([self.pending] if self.pending else [])


@dataclass(frozen=True)
class FailureView:
    """One failed operation that the cluster still remembers."""

    resource: str
    node: str
    operation: str
    interval_ms: int
    rc: int
    rc_text: str
    status: str
    reason: str
    when: int  #: epoch seconds, 0 = unknown


@dataclass(frozen=True)
class FencingView:
    """One fencing action, newest first on the board."""

    target: str
    action: str
    state: str  #: pending, success, failed
    delegate: str
    origin: str
    client: str
    when: int
    reason: str = ""
    microseconds: int = 0  #: of `when`


@dataclass(frozen=True)
class Board:
    """Everything one look shows. `problems` are sentences, worst first."""

    cluster_name: str = ""
    dc: str = ""
    have_quorum: bool = False
    maintenance: bool = False
    stonith_enabled: bool = True
    version: tuple[int, int, int] = (0, 0, 0)
    last_change: str = ""
    nodes: tuple[NodeView, ...] = ()
    resources: tuple[ResourceView, ...] = ()
    failures: tuple[FailureView, ...] = ()
    fencing: tuple[FencingView, ...] = ()
    left_over: tuple[str, ...] = field(default=())  #: ids of move and ban constraints still in force

    @property
    def problems(self) -> list[str]:
        found: list[str] = []
        if not self.dc:
            found.append("no DC elected: no decisions are being made")
        if not self.have_quorum:
            found.append("this partition has no quorum")
        found += [f"node {n.name} is UNCLEAN: it waits to be fenced" for n in self.nodes if n.state == "UNCLEAN"]
        found += [f"resource {r.id} is blocked" for r in self.resources if r.blocked]
        found += [f"resource {r.id} failed on {' '.join(r.nodes) or 'no node'}" for r in self.resources
                  if r.failed and not r.blocked]
        found += [f"node {n.name} is offline" for n in self.nodes if n.state == "offline"]
        found += [f"fencing of {f.target} is pending" for f in self.fencing if f.state == "pending"]
        found += [f"move constraint {i} is left over: resource clear removes it" for i in self.left_over]
        if not self.stonith_enabled:
            found.append("fencing is disabled: a lost node can hold its resources for ever")
        return found

    def as_json(self) -> dict[str, Any]:
        """The board as JSON types, with the derived problems."""
        return {**asdict(self), "problems": self.problems}
