"""Assignment of a clone (scheduler actions §7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.colocations import this_with, with_this
from hashell.stack.pengine.assign.instances import distribute, sort_instances
from hashell.stack.pengine.assign.output import show_scores
from hashell.stack.pengine.assign.primitive import apply_with_this, assign_any
from hashell.stack.pengine.assign.promotable import add_promotion_scores, set_instance_roles

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def assign_clone(ws: WorkingSet, clone: Resource, prefer: Node | None, stop_if_fail: bool) -> None:
    """Assign the instances, and promote those that are to be."""
    if not clone.unassigned or clone.assigning:
        return
    clone.assigning = True
    if clone.promotable:
        add_promotion_scores(clone)
    for coloc in this_with(clone):
        assign_any(ws, coloc.primary, prefer, stop_if_fail)
    for coloc in with_this(clone):
        apply_with_this(ws, clone, coloc)
    show_scores(ws, "pcmk__clone_assign", clone)
    sort_instances(ws, clone.children)
    distribute(ws, clone, list(clone.children), clone.clone.clone_max, clone.clone.clone_node_max)
    if clone.promotable:
        set_instance_roles(ws, clone)
    clone.unassigned = False
    clone.assigning = False
