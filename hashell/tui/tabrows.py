"""The rows of the monitor's tabs."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from hashell.client.board import Board
from hashell.client.monitor.events import Event
from hashell.client.monitor.operations import AgentTimes, OperationLog
from hashell.client.monitor.problems import Problem
from hashell.client.monitor.ring import RingView
from hashell.client.monitor.snapshot import Snapshot
from hashell.tui.grid import Row

_BARS = "▁▂▃▄▅▆▇█"
_FENCING = {"success": "ok", "failed": "bad", "pending": "warn"}
#: From this share of its timeout on a duration is a warning, and a danger.
_NEAR, _NEXT = 0.5, 0.8


def at(epoch: float) -> str:
    return datetime.datetime.fromtimestamp(epoch).strftime("%Y-%m-%d %H:%M:%S") if epoch else "-"


def problem_rows(problems: Iterable[Problem]) -> list[Row]:
    return [Row(f"{i}/{p.text}", ((p.text, "bad" if p.grave else "warn"), (at(p.since), ""), (p.kind, "dim")),
                p.kind, p.subject, p.node, float(p.since)) for i, p in enumerate(problems)]  # fmt: skip


def event_rows(events: Iterable[Event]) -> list[Row]:
    """Newest first."""
    rows = []
    for e in events:
        cells = ((at(e.when), "dim"), (e.kind, "mark"), (e.text, "bad" if e.bad else ""))
        rows.append(Row(f"{e.when}/{e.kind}/{e.text}", cells, e.kind, e.subject, "", e.when))
    return rows[::-1]


def fencing_rows(board: Board) -> list[Row]:
    return [Row(f"{f.when}/{f.target}/{f.action}/{i}", (
        (at(f.when), "dim"), (f.target, "head"), (f.action, ""), (f.state, _FENCING.get(f.state, "")),
        (f.delegate or "-", ""), (f"{f.client}@{f.origin}" if f.client else f.origin, ""), (f.reason, "")),
        "node", f.target, f.target, float(f.when)) for i, f in enumerate(board.fencing)]  # fmt: skip


def attribute_rows(shot: Snapshot) -> list[Row]:
    rows = []
    for a in shot.attributes:
        remark = f"expected {a.expected}" if a.expected is not None else ""
        rows.append(Row(f"{a.node}/{a.name}", ((a.name, ""), (a.node, "head"), (a.value, "bad" if a.poor else ""),
                                               (remark, "dim")), "node", a.node, a.node))  # fmt: skip
    return sorted(rows, key=lambda row: row.key.partition("/")[2])


def ticket_rows(shot: Snapshot) -> list[Row]:
    return [Row(t.id, ((t.id, "head"), ("granted" if t.granted else "revoked", "ok" if t.granted else "warn"),
                       ("standby" if t.standby else "", "warn"), (at(max(t.last_granted, 0)), "dim")),
                "ticket", t.id) for t in shot.tickets]  # fmt: skip


def ring_rows(ring: RingView | None) -> list[Row]:
    if ring is None:
        return []
    rows = [Row("votes", (("votes", "head"), (f"{ring.total_votes} of {ring.expected_votes}", ""),
                          (f"quorum at {ring.quorum}", ""), ("", "")))]  # fmt: skip
    for m in ring.members:
        good = m.state in ("member", "this node")
        rows.append(Row(f"member/{m.node}", ((f"{m.node} ({m.id})", "head"), (m.state, "ok" if good else "bad"),
                                             (f"{m.votes} vote{'s' * (m.votes != 1)}", ""), (m.addresses, "dim")),
                        "node", m.node, m.node))  # fmt: skip
    for link in ring.links:
        rtt = f"{link.latency_us / 1000:.2f} ms" if link.latency_us >= 0 else "rtt not measured"
        lost = f", {link.lost} lost" if link.lost >= 0 else ""
        state = ("up", "ok") if link.connected else ("DOWN", "bad")
        cells = ((f"link {link.link} to {link.node}", ""), state, (rtt + lost, ""), (link.ends, "dim"))
        rows.append(Row(f"link/{link.node}/{link.link}", cells, "node", link.node, link.node))
    rows += [Row(f"fact/{name}", ((name, "dim"), (value, ""), ("", ""), ("", ""))) for name, value in ring.facts]
    return rows


def operation_rows(log: OperationLog) -> list[Row]:
    """Durations per agent, those nearest their timeout first."""
    return [_agent_row(times) for times in log.by_agent()]


def _agent_row(times: AgentTimes) -> Row:
    slow = times.slowest
    median = sorted(times.took)[len(times.took) // 2]
    word = "bad" if times.share >= _NEXT else "warn" if times.share >= _NEAR else "ok"
    filled = min(round(times.share * 10), 10)
    return Row(f"{times.agent}/{times.task}", (
        (times.agent, ""), (times.task, "mark"), (str(len(times.took)), ""), (f"{median} ms", ""),
        (f"{slow.took} ms" if slow else "-", word), (f"{times.timeout / 1000:g} s", ""),
        (f"{'█' * filled}{'·' * (10 - filled)} {times.share:4.0%}", word), (_spark(times.took), "dim"),
        (str(times.failed or ""), "bad"), (f"{slow.resource} on {slow.node}" if slow else "", "dim")), "resource",
        slow.resource if slow else "", slow.node if slow else "", float(slow.when) if slow else 0.0)  # fmt: skip


def _spark(values: list[int], most: int = 16) -> str:
    """The newest durations as little bars."""
    shown = values[-most:]
    top = max(shown) or 1
    return "".join(_BARS[min(value * len(_BARS) // (top + 1), len(_BARS) - 1)] for value in shown)
