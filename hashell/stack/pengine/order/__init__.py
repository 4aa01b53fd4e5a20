"""In which order: constraints, relations between actions and their propagation (scheduler actions §11, §12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashell.stack.pengine.state import WorkingSet


def apply_orderings(ws: WorkingSet) -> None:
    """Relate the actions as all constraints say and propagate what follows."""
    from hashell.stack.pengine.order.apply import apply_orderings as apply

    apply(ws)
