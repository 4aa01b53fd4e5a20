"""One look at a cluster with everything that the monitor's tabs need."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from hashell.client.board import Board, FencingView
from hashell.client.boardbuilder import build_board
from hashell.client.view.attributes import expected_value, shown_attributes

if TYPE_CHECKING:
    from hashell.client.monitor.ring import RingView
    from hashell.stack.pengine.state import WorkingSet


@dataclass(frozen=True)
class AttributeView:
    """One node attribute; `expected` is what a ping resource would write if it reached everything."""

    node: str
    name: str
    value: str
    expected: int | None = None

    @property
    def poor(self) -> bool:
        return self.expected is not None and (not self.value.isdigit() or int(self.value) < self.expected)


@dataclass(frozen=True)
class TicketView:
    id: str
    granted: bool
    standby: bool
    last_granted: int  #: epoch seconds, -1 = never


@dataclass(frozen=True)
class Snapshot:
    """A board, and the CIB it was made from for whoever asks deeper questions. `when` is epoch seconds."""

    board: Board = field(default_factory=Board)
    cib: etree._Element | None = None
    when: float = 0.0
    title: str = ""  #: of a saved input or a simulation
    ring: RingView | None = None
    attributes: tuple[AttributeView, ...] = ()
    tickets: tuple[TicketView, ...] = ()
    changed: frozenset[tuple[str, str]] | None = None  #: node ids and names of histories that differ; None = any


def snapshot_of(cib: etree._Element, fencing: tuple[FencingView, ...] = (), *, when: float | None = None,
                title: str = "", ring: RingView | None = None) -> Snapshot:
    """Everything that the CIB itself says. when: epoch seconds, the present when None."""
    moment = time.time() if when is None else when
    models: list[WorkingSet] = []
    board = build_board(cib, fencing, moment, models.append)
    ws = models[0]
    return Snapshot(board, cib, moment, title, ring, tuple(_attributes(ws)), tuple(_tickets(ws)))


def _attributes(ws: WorkingSet) -> Iterator[AttributeView]:
    for node in ws.nodes:
        for name, value in shown_attributes(node).items():
            yield AttributeView(node.name, name, value, expected_value(ws, node, name))


def _tickets(ws: WorkingSet) -> Iterator[TicketView]:
    for ticket in sorted(ws.tickets.values(), key=lambda one: one.id):
        yield TicketView(ticket.id, ticket.granted, ticket.standby, ticket.last_granted)
