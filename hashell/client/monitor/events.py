"""What happened: the differences of two boards in words, and what a CIB's history tells about the time before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.client.board import Board
from hashell.model.outcomes import exit_words
from hashell.model.values import integer

if TYPE_CHECKING:
    from lxml import etree


@dataclass(frozen=True, order=True)
class Event:
    """One thing that happened. `when` is epoch seconds; `kind` is node, resource, failure, fencing, cluster."""

    when: float
    kind: str
    subject: str
    text: str
    bad: bool = False


def events_between(old: Board, new: Board, when: float) -> list[Event]:
    """What changed from one board to the next one."""
    found = [*_cluster(old, new, when), *_nodes(old, new, when), *_resources(old, new, when)]
    known = {(f.resource, f.node, f.operation, f.when) for f in old.failures}
    for f in new.failures:
        if (f.resource, f.node, f.operation, f.when) not in known:
            reason = f": {f.reason}" if f.reason else ""
            found.append(Event(when, "failure", f.resource,
                               f"{f.operation} of {f.resource} failed on {f.node} ({f.rc_text}){reason}", True))
    past = {(f.target, f.when, f.state) for f in old.fencing}
    for event in new.fencing:
        if (event.target, event.when, event.state) not in past:
            found.append(_fencing(event.target, event.action, event.state, event.origin, event.reason, when))
    return found


def _fencing(target: str, action: str, state: str, origin: str, reason: str, when: float) -> Event:
    words = {"success": "succeeded", "failed": "FAILED", "pending": "began"}.get(state, state)
    return Event(when, "fencing", target, f"fencing ({action}) of {target} {words}, asked for by {origin}"
                 + (f": {reason}" if reason else ""), state != "success")


def _cluster(old: Board, new: Board, when: float) -> Iterator[Event]:
    if old.dc != new.dc:
        text = f"{new.dc} became the DC" if new.dc else "there is no DC"
        yield Event(when, "cluster", new.dc, text, not new.dc)
    if old.have_quorum != new.have_quorum:
        yield Event(when, "cluster", "", "quorum gained" if new.have_quorum else "quorum LOST", not new.have_quorum)
    if old.maintenance != new.maintenance:
        yield Event(when, "cluster", "", f"maintenance mode {'on' if new.maintenance else 'off'}")
    if old.version[:2] != new.version[:2]:
        yield Event(when, "cluster", "", f"configuration changed to version {'.'.join(map(str, new.version))}")


def _nodes(old: Board, new: Board, when: float) -> Iterator[Event]:
    before = {node.name: node.state for node in old.nodes}
    for node in new.nodes:
        was = before.pop(node.name, None)
        if was is None:
            yield Event(when, "node", node.name, f"{node.name} is new: {node.state}")
        elif was != node.state:
            yield Event(when, "node", node.name, f"{node.name}: {was} → {node.state}",
                        node.state in ("offline", "UNCLEAN"))
    for name in before:
        yield Event(when, "node", name, f"{name} was removed")


def _resources(old: Board, new: Board, when: float) -> Iterator[Event]:
    same = set(map(id, old.resources)) & set(map(id, new.resources))  # looks share what did not change
    before = {r.key: r for r in old.resources if r.kind == "primitive" and id(r) not in same}
    for r in new.resources:
        if id(r) in same:
            continue
        was = before.pop(r.key, None) if r.kind == "primitive" else r
        if was is r or was == r:
            continue
        if was is None:
            yield Event(when, "resource", r.id, f"{r.id} is new: {_where(r.role, r.nodes)}")
        elif (was.role, was.nodes) != (r.role, r.nodes):
            yield Event(when, "resource", r.id,
                        f"{r.id}: {_where(was.role, was.nodes)} → {_where(r.role, r.nodes)}", r.problem)
        elif was.problem != r.problem:
            yield Event(when, "resource", r.id, f"{r.id} {'has a problem' if r.problem else 'is well again'}: "
                        f"{', '.join(r.flags()) or r.role}", r.problem)
        elif was.managed != r.managed:
            yield Event(when, "resource", r.id, f"{r.id} is {'managed again' if r.managed else 'unmanaged'}")
    for gone in before.values():
        yield Event(when, "resource", gone.id, f"{gone.id} was removed")


def _where(role: str, nodes: tuple[str, ...]) -> str:
    return f"{role} on {' '.join(nodes)}" if nodes else role


def events_of(cib: etree._Element, board: Board, most: int = 300) -> list[Event]:
    """The newest things that the history of operations and the fencer still know, oldest first."""
    found: list[Event] = []
    for state in cib.iterfind("status/node_state"):
        node = state.get("uname") or state.get("id") or ""
        for lrm in state.iterfind("lrm/lrm_resources/lrm_resource"):
            found += [event for op in lrm.iterchildren("lrm_rsc_op") if (event := _operation(op, lrm, node))]
    for f in board.fencing:
        found.append(_fencing(f.target, f.action, f.state, f.origin, f.reason, f.when))
    return sorted(found)[-most:]


def _operation(op: etree._Element, lrm: etree._Element, node: str) -> Event | None:
    when, task = integer(op.get("last-rc-change")), op.get("operation") or ""
    rc, status = integer(op.get("rc-code"), -1), integer(op.get("op-status"), -1)
    name = lrm.get("id") or ""
    if when <= 0 or status == -1:
        return None
    failed = "_last_failure_" in (op.get("id") or "")
    if failed:
        reason = op.get("exit-reason")
        return Event(when, "failure", name, f"{task} of {name} failed on {node} ({exit_words(rc)})"
                     + (f": {reason}" if reason else ""), True)
    if task == "monitor":
        return None
    return Event(when, "resource", name, f"{task} of {name} on {node}: {exit_words(rc)}", rc != 0)
