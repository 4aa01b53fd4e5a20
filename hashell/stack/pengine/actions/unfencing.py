"""Unfencing of nodes: when it is needed, and what waits for it (scheduler actions §10.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import fencing_op
from hashell.stack.pengine.assign.gtable import iteration_order
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.order.relate import relate

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def trigger_unfencing(
    ws: WorkingSet, rsc: Resource | None, node: Node | None, reason: str, dependency: Action | None = None
) -> None:
    """Require the node's unfencing, or that of every node the resource may run on when the node cannot be unfenced."""
    if not ws.enable_unfencing or (rsc is not None and not rsc.fence_device):
        return
    if node is not None and node.online and not node.unclean and not node.shutdown:
        unfence = fencing_op(ws, node, "on", False, reason, False)
        if dependency is not None:
            relate(unfence, dependency, Rel.ORDERED)
    elif rsc is not None:
        for id in iteration_order(rsc.allowed_nodes):
            other = rsc.allowed_nodes[id].node
            if other.online and not other.unclean and not other.shutdown:
                trigger_unfencing(ws, rsc, other, reason, dependency)


def order_vs_unfencing(ws: WorkingSet, rsc: Resource, node: Node | None, action: Action, flags: int) -> None:
    """Order the action after the unfencing of its node, which it requires unless that has been done."""
    if node is None or not ((rsc.fence_device and ws.enable_unfencing) or rsc.needs_unfencing):
        return
    unfence = fencing_op(ws, node, "on", True, None, False)
    relate(unfence, action, flags)
    if node.attrs.get("#node-unfenced", "0") in ("", "0"):
        trigger_unfencing(ws, None, node, f"required by {rsc.id} {action.task}")
