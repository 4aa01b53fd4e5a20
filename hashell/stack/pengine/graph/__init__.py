"""The transition graph as XML and as a dot file (scheduler actions §16, §18.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet


def build_graph(ws: WorkingSet, transition_id: int) -> _Element:
    """The transition graph of everything that was decided."""
    from hashell.stack.pengine.graph.build import build_graph as build

    return build(ws, transition_id)
