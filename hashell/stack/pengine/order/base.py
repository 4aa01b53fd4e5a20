"""How one relation changes two actions of primitives, or resource-less ones (scheduler actions §12.4, first part)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import set_reason
from hashell.stack.pengine.assign.queries import role_of
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.kinds import Role

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action

FIRST = 1  #: result bit: the first action changed
THEN = 2  #: result bit: the then action changed

_LOST = {Act.RUNNABLE: "unrunnable", Act.OPTIONAL: "required", Act.MIGRATABLE: "unmigrateable"}


def clear_because(action: Action, flag: int, cause: Action) -> None:
    """Clear the flag, and name the cause as reason when it is another resource's."""
    if action.flags & flag:
        action.flags &= ~flag
        owner = action.rsc or cause.rsc
        if owner is not None and owner.working_set.ledger is not None:
            owner.working_set.ledger.lost(action, flag, cause)
        if action.rsc is not cause.rsc and action.reason is None:
            who = f" {cause.rsc.id}" if cause.rsc is not None else ""
            set_reason(action, f"{_LOST[flag]}{who} {cause.task}")


def update_base(first: Action, then: Action, flags: int, filter_: int, kind: int) -> int:
    """Apply a relation of that kind; `flags` are those of first as far as they matter. Returns FIRST | THEN bits."""
    then_before, first_before = then.flags, first.flags
    if kind & Rel.ASYMMETRIC:
        _asymmetric(first, then)
    if kind & (Rel.THEN_IMPLIES_FIRST | Rel.PROMOTED_THEN_IMPLIES_FIRST | Rel.UNMIGRATABLE_THEN_BLOCKS):
        _then_to_first(first, then, flags, filter_, kind)
    if kind & Rel.FIRST_ELSE_THEN and filter_ & Act.OPTIONAL and not first.flags & Act.RUNNABLE:
        clear_because(then, Act.MIGRATABLE, first)
        then.flags &= ~Act.PSEUDO
    if (
        kind & Rel.UNRUNNABLE_FIRST_BLOCKS
        and filter_ & Act.RUNNABLE
        and then.flags & Act.RUNNABLE
        and not flags & Act.RUNNABLE
    ):
        clear_because(then, Act.RUNNABLE, first)
        clear_because(then, Act.MIGRATABLE, first)
    if (
        kind & Rel.FIRST_IMPLIES_THEN
        and filter_ & Act.OPTIONAL
        and then.flags & Act.OPTIONAL
        and not flags & Act.OPTIONAL
        and not first.flags & Act.MIGRATABLE
    ):
        clear_because(then, Act.OPTIONAL, first)
    if kind & Rel.INTERMEDIATE_STOP:
        _restart(first, then, filter_)
    return (THEN if then.flags != then_before else 0) | (FIRST if first.flags != first_before else 0)


def _asymmetric(first: Action, then: Action) -> None:
    if then.rsc is None or first.flags & Act.RUNNABLE:
        return
    if then.flags & Act.OPTIONAL:
        role = role_of(then.rsc, True)
        if role == Role.STOPPED and then.task == "stop":
            return
        active = then.rsc.active_nodes
        if role >= Role.STARTED and then.task == "start" and then.node is not None \
                and len(active) == 1 and active[0] is then.node:  # fmt: skip
            return
    clear_because(then, Act.OPTIONAL, first)
    clear_because(then, Act.RUNNABLE, first)


def _then_to_first(first: Action, then: Action, flags: int, filter_: int, kind: int) -> None:
    then_required = not then.flags & Act.OPTIONAL
    if kind & Rel.THEN_IMPLIES_FIRST and then_required:
        if filter_ & Act.OPTIONAL and not flags & Act.OPTIONAL and first.flags & Act.OPTIONAL:
            clear_because(first, Act.OPTIONAL, then)
        if flags & Act.MIGRATABLE and not then.flags & Act.MIGRATABLE:
            clear_because(first, Act.MIGRATABLE, then)
    if (
        kind & Rel.PROMOTED_THEN_IMPLIES_FIRST
        and then.rsc is not None
        and then.rsc.orig_role == Role.PROMOTED
        and filter_ & Act.OPTIONAL
        and then_required
    ):
        clear_because(first, Act.OPTIONAL, then)
        if first.flags & Act.MIGRATABLE and not then.flags & Act.MIGRATABLE:
            clear_because(first, Act.MIGRATABLE, then)
    if kind & Rel.UNMIGRATABLE_THEN_BLOCKS and filter_ & Act.OPTIONAL:
        if then.flags & (Act.MIGRATABLE | Act.RUNNABLE) != Act.MIGRATABLE | Act.RUNNABLE:
            clear_because(first, Act.RUNNABLE, then)
        if not then.flags & Act.OPTIONAL:
            clear_because(first, Act.OPTIONAL, then)


def _restart(first: Action, then: Action, filter_: int) -> None:
    restart = filter_ & Act.OPTIONAL and not then.flags & Act.OPTIONAL
    stop = (
        filter_ & Act.RUNNABLE
        and not then.flags & Act.RUNNABLE
        and then.rsc is not None
        and then.rsc.managed
        and first.rsc is then.rsc
    )
    if not restart and not stop:
        return
    if first.flags & Act.RUNNABLE:
        clear_because(first, Act.OPTIONAL, then)
    if not then.flags & Act.OPTIONAL:
        clear_because(first, Act.OPTIONAL, then)
    if not then.flags & Act.MIGRATABLE:
        clear_because(first, Act.MIGRATABLE, then)
    if not first.flags & (Act.OPTIONAL | Act.RUNNABLE):
        clear_because(then, Act.RUNNABLE, first)
