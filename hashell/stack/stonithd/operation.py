"""A fencing operation as every fencer of the cluster knows it, and the history of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hashell.model.outcomes import ExecStatus

HISTORY_LIMIT = 500
HISTORY_KEPT = 250
A_HUMAN = "a human"


class State(IntEnum):
    """st_state: how far an operation is (daemons specification, section 5.3)."""

    QUERY = 0
    EXECUTING = 1
    DONE = 2
    DUPLICATE = 3
    FAILED = 4


@dataclass(frozen=True)
class Moment:
    """What the outside gives an input of the core: monotonic seconds, seconds since the epoch, an id that has not
    been used, a random number >= 0."""

    now: float
    wall: float
    fresh: str
    chance: int


@dataclass(frozen=True)
class Outcome:
    """How an operation ended; `rc` is an exit code."""

    status: ExecStatus
    rc: int
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.status == ExecStatus.DONE and self.rc == 0

    @property
    def legacy(self) -> int:
        """The negative errno that older peers read (ipc specification, section 3.9)."""
        if self.ok:
            return 0
        return {
            ExecStatus.TIMEOUT: -62,
            ExecStatus.NO_FENCE_DEVICE: -19,
            ExecStatus.NOT_CONNECTED: -107,
            ExecStatus.NOT_SUPPORTED: -95,
            ExecStatus.INVALID: -71 if self.rc == 76 else -13 if self.rc == 4 else -22,
            ExecStatus.CANCELLED: -125,
        }.get(self.status, -201)


SUCCESS = Outcome(ExecStatus.DONE, 0)
NO_DEVICE = Outcome(ExecStatus.NO_FENCE_DEVICE, 1, "No fence device")


@dataclass
class FenceOp:
    """One operation. `completed` is seconds since the epoch, 0 while it is pending."""

    id: str
    target: str
    action: str
    origin: str
    client_id: str = ""
    client_name: str = ""
    state: State = State.QUERY
    delegate: str = ""
    completed: float = 0.0
    outcome: Outcome | None = None
    created: float = 0.0

    @property
    def pending(self) -> bool:
        return self.state in (State.QUERY, State.EXECUTING, State.DUPLICATE)


class History:
    """All operations this fencer has heard of, in that order."""

    def __init__(self) -> None:
        self.ops: dict[str, FenceOp] = {}

    def add(self, op: FenceOp) -> None:
        """Remember an operation; beyond HISTORY_LIMIT only pending and the HISTORY_KEPT newest completed stay."""
        self.ops[op.id] = op
        if len(self.ops) <= HISTORY_LIMIT:
            return
        finished = sorted((o for o in self.ops.values() if not o.pending), key=lambda o: o.completed, reverse=True)
        for old in finished[HISTORY_KEPT:]:
            del self.ops[old.id]

    def newest_first(self, target: str = "") -> list[FenceOp]:
        """Pending ones first, then completed ones, the newest first."""
        found = [op for op in self.ops.values() if not target or op.target.lower() == target.lower()]
        found.reverse()
        return sorted(found, key=lambda op: (not op.pending, -op.completed))

    def in_flight(self, target: str, action: str) -> FenceOp | None:
        """A pending operation that does the same."""
        for op in self.ops.values():
            active = op.state in (State.QUERY, State.EXECUTING)
            if active and op.action == action and op.target.lower() == target.lower():
                return op
        return None

    def recent_success(self, target: str, action: str, wall: float, tolerance: float) -> FenceOp | None:
        """The last operation that did the same within `tolerance` seconds of `wall` (epoch seconds).

        One that lies in the future by more was done before a clock was set back: nobody knows how long ago.
        """
        done = [
            op for op in self.ops.values()
            if op.state == State.DONE and abs(wall - op.completed) <= tolerance and op.action == action
            and op.target.lower() == target.lower()
        ]  # fmt: skip
        return done[-1] if done else None

    def clean(self, target: str) -> int:
        """Forget completed operations of a target ('' = all); returns how many."""
        gone = [
            op.id for op in self.ops.values() if not op.pending and (not target or op.target.lower() == target.lower())
        ]
        for ident in gone:
            del self.ops[ident]
        return len(gone)
