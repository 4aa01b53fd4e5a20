"""How much a node may do at once: load modes and job limits (daemons specification, section 3.9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from hashell.model.values import integer
from hashell.stack.crmd.graph import Action


class Mode(IntEnum):
    """Load of a node; the number travels as `crm-limit-mode`."""

    NONE = 0
    LOW = 1
    MEDIUM = 16
    HIGH = 256
    EXTREME = 4096


def load_mode(load1: float, cib_share: float, cores: int, threshold: float) -> Mode:
    """The mode of a node: 1-minute load average, CPU share of its CIB manager (0..1), cores, load-threshold (0..1)."""
    peak = min(0.4 if cores == 1 else 0.95, threshold) if threshold > 0 else 0.95
    by_cib = Mode.NONE
    for factor, mode in ((1.5, Mode.EXTREME), (1.0, Mode.HIGH), (0.9, Mode.MEDIUM), (0.8, Mode.LOW)):
        if cib_share > factor * peak:
            by_cib = mode
            break
    units = 0.6 if cores == 1 else float(cores)
    by_load = Mode.NONE
    for factor, mode in ((2.0, Mode.HIGH), (1.6, Mode.MEDIUM), (1.2, Mode.LOW)):
        if load1 > threshold * units * factor:
            by_load = mode
            break
    return max(by_cib, by_load)


@dataclass(slots=True)
class NodeLoad:
    """What a node last said of itself; `limit` is its own maximum of parallel jobs."""

    mode: Mode = Mode.LOW
    limit: int = 0


@dataclass(slots=True)
class Throttle:
    """Job limits as the DC applies them. `local_limit` is this node's maximum, used for nodes that said nothing."""

    local_limit: int = 4
    nodes: dict[str, NodeLoad] = field(default_factory=dict)

    def said(self, node: str, mode: str | None, limit: str | None) -> None:
        """Take over a throttle message; what is not a known mode counts as low."""
        number = integer(mode, 1)
        found = next((m for m in Mode if m == number), Mode.LOW)
        self.nodes[node.lower()] = NodeLoad(found, max(0, integer(limit)))

    def forget(self, node: str) -> None:
        self.nodes.pop(node.lower(), None)

    def job_limit(self, node: str) -> int:
        """How many operations may run on a node at once."""
        load = self.nodes.get(node.lower(), NodeLoad())
        limit = load.limit or self.local_limit
        if load.mode is Mode.NONE:
            return max(1, limit)
        if load.mode is Mode.LOW:
            return max(1, limit // 2)
        return max(1, limit // 4) if load.mode is Mode.MEDIUM else 1

    def batch_limit(self, wanted: int, active: int) -> int:
        """The cluster-wide limit: the graph's own (0 none) lowered while nodes are overloaded."""
        limit = wanted
        for load in self.nodes.values():
            if load.mode in (Mode.HIGH, Mode.EXTREME):
                share = max(1, active // (2 if load.mode is Mode.HIGH else 4))
                limit = share if limit <= 0 else min(limit, share)
        return limit

    def allows(self, action: Action, pending: list[Action], migration_limit: int) -> bool:
        """True when the nodes an operation burdens have room for it."""
        if action.kind != "rsc_op":
            return True
        for node in burdened(action):
            jobs = [a for a in pending if a.kind == "rsc_op" and node in burdened(a)]
            if len(jobs) >= self.job_limit(node):
                return False
            if action.task.startswith("migrate_") and migration_limit > 0:
                moves = sum(1 for a in jobs if a.task.startswith("migrate_"))
                if moves >= migration_limit:
                    return False
        return True


def burdened(action: Action) -> tuple[str, ...]:
    """The nodes an operation is charged to: where it runs; for migrations source and target."""
    if action.task in ("migrate_to", "migrate_from"):
        ends = (
            action.attributes.get("CRM_meta_migrate_source", ""),
            action.attributes.get("CRM_meta_migrate_target", ""),
        )
        return tuple(node for node in ends if node)
    return (action.runs_on,)
