"""The whole status of a cluster: nodes, then resources (actions spec chapter 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.view.attributes import write_attributes
from hashell.client.view.display import Display
from hashell.client.view.failures import write_failcounts, write_failed_actions
from hashell.client.view.nodelist import write_nodes
from hashell.client.view.resourcelist import write_resources
from hashell.stack.pengine.unpack.entry import Entry

if TYPE_CHECKING:
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import WorkingSet


def write_status(
    ws: WorkingSet,
    out: Outline,
    heading: str,
    *,
    pending: bool = False,
    attributes: bool = False,
    failures: bool = False,
) -> None:
    """The node and resource lists below a heading, with node attributes and failures when asked for."""
    out.begin(heading)
    display = Display(pending=pending)
    if write_nodes(ws, out, display):
        out.blank()
    out.begin("Full List of Resources")
    write_resources(ws, out, display)
    out.end()
    if attributes:
        write_attributes(ws, out, display)
    if failures:
        write_failcounts(ws, out, display)
        if any(not Entry(xml).is_masked_probe() for xml in ws.failed):
            out.blank()
            write_failed_actions(ws, out)
    out.end()
