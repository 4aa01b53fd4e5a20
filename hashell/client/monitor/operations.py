"""How long operations take, and how near that is to their timeouts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.model.durations import interval_ms
from hashell.model.values import integer

if TYPE_CHECKING:
    from lxml import etree

#: What counts when nothing is configured, in ms (scheduler model spec, operations).
DEFAULT_TIMEOUT_MS = 20_000


@dataclass(frozen=True)
class Run:
    """One recorded operation. Times in ms, `when` epoch seconds."""

    resource: str
    node: str
    agent: str
    task: str
    interval: int
    call: int
    rc: int
    when: int
    took: int
    queued: int
    timeout: int


@dataclass
class AgentTimes:
    """All known runs of one operation of one agent; `took` in ms, oldest first."""

    agent: str
    task: str
    timeout: int
    took: list[int] = field(default_factory=list)
    slowest: Run | None = None
    failed: int = 0

    @property
    def share(self) -> float:
        """The slowest run as a part of its timeout."""
        return self.slowest.took / self.slowest.timeout if self.slowest and self.slowest.timeout else 0.0


class OperationLog:
    """Remembers the runs of every look, so that a history grows while the monitor is open."""

    def __init__(self, most: int = 20_000) -> None:
        self._runs: dict[tuple[str, str, str, int, int, int], Run] = {}
        self._most = most
        self._timeouts: dict[tuple[str, str, int], int] = {}

    def add(self, cib: etree._Element, changed: frozenset[tuple[str, str]] | None = None) -> None:
        """Remember what a CIB tells. changed: node ids and names of the histories to look at; None is all."""
        if changed is None or not self._timeouts:
            self._timeouts = configured_timeouts(cib)
        for run in runs_of(cib, self._timeouts, changed):
            self._runs.setdefault((run.resource, run.node, run.task, run.interval, run.call, run.when), run)
        while len(self._runs) > self._most:
            del self._runs[next(iter(self._runs))]

    def runs(self) -> list[Run]:
        """Newest first."""
        return sorted(self._runs.values(), key=lambda run: (run.when, run.call), reverse=True)

    def by_agent(self) -> list[AgentTimes]:
        """One entry for each agent and operation, those nearest their timeout first."""
        table: dict[tuple[str, str], AgentTimes] = {}
        for run in reversed(self.runs()):
            name = f"{run.task} every {run.interval // 1000}s" if run.interval else run.task
            times = table.setdefault((run.agent, name), AgentTimes(run.agent, name, run.timeout))
            times.took.append(run.took)
            times.failed += run.rc not in (0, 8) and not (run.task == "monitor" and run.rc == 7 and not run.interval)
            share = run.took / run.timeout if run.timeout else 0
            if times.slowest is None or share >= times.share:
                times.slowest, times.timeout = run, run.timeout
        return sorted(table.values(), key=lambda times: -times.share)


def configured_timeouts(cib: etree._Element) -> dict[tuple[str, str, int], int]:
    """Timeouts in ms by resource, operation and interval in ms; a general one stands under ('', '', 0)."""
    found = {("", "", 0): DEFAULT_TIMEOUT_MS}
    for pair in cib.iterfind("configuration/op_defaults/meta_attributes/nvpair"):
        if pair.get("name") == "timeout":
            found["", "", 0] = interval_ms(pair.get("value")) or DEFAULT_TIMEOUT_MS
    templates = {t.get("id"): t for t in cib.iterfind("configuration/resources/template")}
    for primitive in cib.iterfind("configuration/resources//primitive"):
        template = templates.get(primitive.get("template"))
        for place in (template, primitive):
            for op in place.iter("op") if place is not None else ():
                timeout = op.get("timeout") or next(
                    (pair.get("value") for pair in op.iter("nvpair") if pair.get("name") == "timeout"), None)
                if timeout:
                    key = (primitive.get("id") or "", op.get("name") or "", interval_ms(op.get("interval")))
                    found[key] = interval_ms(timeout)
    return found


def runs_of(
    cib: etree._Element,
    timeouts: dict[tuple[str, str, int], int],
    only: frozenset[tuple[str, str]] | None = None,
) -> Iterator[Run]:
    """Every finished operation in the histories, or in those of these node ids and names."""
    for state in cib.iterfind("status/node_state"):
        node = state.get("uname") or ""
        for lrm in state.iterfind("lrm/lrm_resources/lrm_resource"):
            name = lrm.get("id") or ""
            if only is not None and (state.get("id") or "", name) not in only:
                continue
            agent = ":".join(filter(None, (lrm.get("class"), lrm.get("provider"), lrm.get("type"))))
            for op in lrm.iterchildren("lrm_rsc_op"):
                if op.get("exec-time") is None or op.get("op-status") == "-1":
                    continue
                task, interval = op.get("operation") or "", integer(op.get("interval"))
                base = name.partition(":")[0]
                timeout = timeouts.get((base, task, interval)) or timeouts["", "", 0]
                yield Run(name, node, agent, task, interval, integer(op.get("call-id")), integer(op.get("rc-code")),
                          integer(op.get("last-rc-change")), integer(op.get("exec-time")),
                          integer(op.get("queue-time")), timeout)
