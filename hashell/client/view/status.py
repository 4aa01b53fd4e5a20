"""The whole status of a cluster: nodes, then resources (actions spec chapter 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.view.nodelist import write_nodes
from hashell.client.view.resourcelist import write_resources

if TYPE_CHECKING:
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import WorkingSet


def write_status(ws: WorkingSet, out: Outline, heading: str, *, pending: bool = False) -> None:
    """The node and resource lists below a heading."""
    out.begin(heading)
    write_nodes(ws, out)
    out.blank()
    write_resources(ws, out, pending=pending)
    out.end()
