"""Dependents of what cannot start or be promoted are blocked as well (scheduler actions §4.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import newest_action, set_reason
from hashell.stack.pengine.assign.colocations import with_this
from hashell.stack.pengine.kinds import INF, Role
from hashell.stack.pengine.kinds import ActionFlag as Act

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Resource, WorkingSet


def block_colocation_dependents(ws: WorkingSet, action: Action) -> None:
    """Block what must be with the resource of an unrunnable start or promote."""
    if action.flags & Act.RUNNABLE or action.task not in ("start", "promote") or action.rsc is None:
        return
    rsc = action.rsc.top()
    if rsc.parent is not None:
        rsc = rsc.parent
    for child in rsc.children:
        part = newest_action(child, task=action.task)
        if part is None or part.flags & Act.RUNNABLE:
            return
    for coloc in with_this(rsc):
        if coloc.score < INF:
            continue
        if action.task == "promote" and coloc.primary_role != Role.PROMOTED:
            continue
        task = "promote" if coloc.dependent_role == Role.PROMOTED else "start"
        _block(ws, coloc.dependent, task, action, coloc.id)


def _block(ws: WorkingSet, rsc: Resource, task: str, cause: Action, id: str) -> None:
    from hashell.stack.pengine.order.update import update_action

    for action in reversed(rsc.actions):
        if action.flags & Act.RUNNABLE and action.task == task:
            action.flags &= ~Act.RUNNABLE
            if ws.ledger is not None:
                ws.ledger.lost(action, Act.RUNNABLE, cause, id)
            set_reason(action, f"colocation with {cause.rsc.id if cause.rsc is not None else ''}")
            block_colocation_dependents(ws, action)
            update_action(ws, action)
    for child in rsc.children:
        _block(ws, child, task, cause, id)
