"""One resource of the executor and the operations on it: queue, the active one, the recurring ones. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.model.xmltext import representable
from hashell.ra.agent import AgentId, AgentResult
from hashell.stack.lrmd.protocol import write_parameters


class Phase(StrEnum):
    """Where an operation is. QUEUED -> (DELAYED ->) ACTIVE -> WAITING (recurring) -> QUEUED … -> GONE."""

    QUEUED = "queued"
    DELAYED = "delayed"  #: at the head of the queue, its start delay running
    ACTIVE = "active"
    WAITING = "waiting"  #: recurring, its interval running
    GONE = "gone"


@dataclass
class Operation:
    """One requested operation. `serial` never changes; `call_id` does when a recurring one is asked for again.

    Times of `*_at` are seconds of the monotonic clock, `run_time` and `change_time` whole seconds since the epoch,
    others milliseconds.
    """

    serial: int
    call_id: int
    client: str
    resource: str
    action: str
    interval_ms: int
    timeout_ms: int
    start_delay_ms: int
    options: int
    userdata: str
    params: dict[str, str]
    phase: Phase = Phase.QUEUED
    queued_at: float = 0.0
    started_at: float = 0.0
    run_time: int = 0
    change_time: int = 0
    exec_ms: int = 0
    queue_ms: int = 0
    delay_done: bool = False
    cancelled: bool = False
    reported: tuple[int, int] | None = None  #: rc and status of the last notification
    seen: tuple[int, int] | None = None  #: rc and status of the last run
    result: AgentResult | None = None

    @property
    def recurring(self) -> bool:
        return self.interval_ms > 0

    def matches(self, action: str, interval_ms: int) -> bool:
        return self.action == action and self.interval_ms == interval_ms

    def notification(self, *, deleted: bool) -> etree._Element:
        """The completion event of the last result."""
        result = self.result or AgentResult(193, ExecStatus.UNKNOWN)
        event = etree.Element("lrmd_notify", {"lrmd_origin": "send_cmd_complete_notify"})
        for name, value in (
            ("lrmd_timeout", self.timeout_ms),
            ("lrmd_rsc_interval", self.interval_ms),
            ("lrmd_rsc_start_delay", self.start_delay_ms),
            ("lrmd_exec_rc", result.rc),
            ("lrmd_exec_op_status", int(result.status)),
            ("lrmd_callid", self.call_id),
            ("lrmd_rsc_deleted", int(deleted)),
            ("lrmd_run_time", self.run_time),
            ("lrmd_rcchange_time", self.change_time),
            ("lrmd_exec_time", self.exec_ms),
            ("lrmd_queue_time", self.queue_ms),
        ):
            event.set(name, str(int(value)))
        event.set("lrmd_op", "lrmd_rsc_exec")
        event.set("lrmd_rsc_id", self.resource)
        event.set("lrmd_rsc_action", self.action)
        if self.userdata:
            event.set("lrmd_rsc_userdata_str", representable(self.userdata))
        if result.reason:
            event.set("lrmd_rsc_exit_reason", representable(result.reason))
        if result.output:
            event.set("lrmd_rsc_output", representable(result.output))
        write_parameters(event, self.params)
        return event


@dataclass
class Resource:
    """A registered resource. One operation at most is active; the others wait in the queue in order of arrival."""

    id: str
    agent: AgentId
    options: int = 0
    queue: deque[Operation] = field(default_factory=deque)
    active: Operation | None = None
    waiting: list[Operation] = field(default_factory=list)  #: recurring operations between two runs

    def operations(self) -> list[Operation]:
        """All of them: active, queued, waiting."""
        return ([self.active] if self.active else []) + list(self.queue) + list(self.waiting)

    def recurring(self) -> list[Operation]:
        return [op for op in self.operations() if op.recurring and not op.cancelled]

    def find_recurring(self, action: str, interval_ms: int) -> Operation | None:
        return next((op for op in self.recurring() if op.matches(action, interval_ms)), None)
