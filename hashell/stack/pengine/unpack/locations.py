"""Scores given directly to nodes of a resource, outside of constraints (model spec 8.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.scores import add_scores
from hashell.stack.pengine.kinds import INF, ProbeMode

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def resource_location(
    ws: WorkingSet, rsc: Resource, node: Node | None, score: int, *, symmetric_default: bool = False,
    cause: str = "", id: str = "",
) -> None:  # fmt: skip
    """Add a score on one node, or with None on every node, to the resource and everything below it.

    cause (a ledger kind) and id (of the CIB element) are for the ledger.
    """
    if ws.ledger is not None and score:
        ws.ledger.add(cause, rsc, node, score, id)
    if node is not None:
        _one_node(rsc, node, score, symmetric_default)
        return
    for each in ws.nodes:
        _one_node(rsc, each, score, symmetric_default)
    if score == -INF and rsc.assigned_node is not None:
        rsc.assigned_node = None


def _one_node(rsc: Resource, node: Node, score: int, symmetric_default: bool) -> None:
    if symmetric_default and (rsc.exclusive_probes or node.probe_mode == ProbeMode.NEVER):
        return
    for child in rsc.children:
        _one_node(child, node, score, symmetric_default)
    entry = rsc.allowed_nodes.get(node.id)
    if entry is None:
        entry = rsc.allowed_nodes[node.id] = node.copy()
    if score:
        entry.score = add_scores(entry.score, score)


def ban_everywhere(ws: WorkingSet, rsc: Resource) -> None:
    """Replace the allowed table by all nodes at minus infinity."""
    rsc.allowed_nodes = {node.id: node.copy() for node in ws.nodes}
    for entry in rsc.allowed_nodes.values():
        entry.score = -INF
