"""What is wrong with a cluster, worst first, each problem with the thing it is about, since when and who waits."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hashell.client.board import Board

if TYPE_CHECKING:
    from hashell.client.monitor.events import Event


@dataclass(frozen=True)
class Problem:
    """`kind` and `subject` say whose story tells more; `since` is epoch seconds, 0 = unknown."""

    text: str
    kind: str = "cluster"  #: cluster, node, resource, constraint
    subject: str = ""
    node: str = ""
    since: int = 0
    grave: bool = True

    def line(self, now: float) -> str:
        """The text with its age."""
        return self.text + (f" (since {clock(self.since, now)})" if self.since else "")


def clock(epoch: float, now: float) -> str:
    """A time of day, with the date when that was another day."""
    moment = datetime.datetime.fromtimestamp(epoch)
    same = moment.date() == datetime.datetime.fromtimestamp(now).date()
    return moment.strftime("%H:%M:%S" if same else "%Y-%m-%d %H:%M")


def dated(problems: Iterable[Problem], events: Sequence[Event]) -> list[Problem]:
    """The problems with the time of the last bad event about their subject, where they have no time of their own."""
    bad = {_topic(e.kind, e.subject, e.text): e.when for e in events if e.bad}
    return [p if p.since else replace(p, since=int(bad.get(_topic(p.kind, p.subject, p.text), 0))) for p in problems]


def _topic(kind: str, subject: str, text: str) -> tuple[str, str]:
    """What a problem and an event have to share for the one to date from the other."""
    if kind != "cluster":
        return kind, subject
    return kind, next((word for word in ("no DC", "quorum") if word in text), text)


def problems_of(board: Board) -> list[Problem]:
    found: list[Problem] = []
    if not board.dc:
        found.append(Problem("no DC elected: no decisions are being made"))
    if not board.have_quorum:
        found.append(Problem("this partition has no quorum"))
    found += _fencing(board)
    unclean = [n.name for n in board.nodes if n.state == "UNCLEAN"]
    found += [Problem(f"node {name} is UNCLEAN: it waits to be fenced{_waiting(board, name)}", "node", name, name)
              for name in unclean]
    found += _resources(board)
    found += [Problem(f"node {n.name} is offline", "node", n.name, n.name)
              for n in board.nodes if n.state == "offline" and n.kind != "guest"]
    failed = {r.id for r in board.resources if r.failed}
    for f in board.failures:
        if f.resource.partition(":")[0] not in failed:
            reason = f": {f.reason}" if f.reason else ""
            found.append(Problem(f"{f.operation} of {f.resource} failed on {f.node} ({f.rc_text}){reason}", "resource",
                                 f.resource, f.node, f.when, False))
    found += [Problem(f"move constraint {i} is left over: u removes it", "constraint", i, grave=False)
              for i in board.left_over]
    if not board.stonith_enabled:
        found.append(Problem("fencing is disabled: a lost node can hold its resources for ever", grave=False))
    return found


def _fencing(board: Board) -> list[Problem]:
    pending = [f for f in board.fencing if f.state == "pending"]
    return [Problem(f"fencing of {f.target} is pending, asked for by {f.client or 'somebody'}@{f.origin}"
                    f"{_waiting(board, f.target)}", "node", f.target, f.target, f.when) for f in pending]


def _waiting(board: Board, node: str) -> str:
    """Who cannot start elsewhere before the node is known to be down."""
    held = [r.id for r in board.resources if r.kind == "primitive" and r.nodes == (node,)]
    if not held:
        return ""
    return f"; waiting: {' '.join(held[:4])}" + (f" and {len(held) - 4} more" if len(held) > 4 else "")


def _resources(board: Board) -> list[Problem]:
    found = []
    for r in board.resources:
        if r.kind != "primitive" or not r.problem:
            continue
        failure = next((f for f in board.failures if f.resource.partition(":")[0] == r.id.partition(":")[0]), None)
        why = f": {failure.operation} {failure.rc_text}" if failure else ""
        why += f", {failure.reason}" if failure and failure.reason else ""
        what = "is blocked" if r.blocked else "failed"
        where = f" on {' '.join(r.nodes)}" if r.nodes else ""
        found.append(Problem(f"resource {r.id} {what}{where}{why}", "resource", r.id, r.nodes[0] if r.nodes else "",
                             failure.when if failure else 0))
    return found
