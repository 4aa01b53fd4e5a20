"""The steps that bring a primitive from its current role and node to the next (scheduler actions §10.4, §10.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import find_actions, op_key, rsc_op, set_reason
from hashell.stack.pengine.actions.migration import can_migrate, create_migration
from hashell.stack.pengine.actions.recurring import create_recurring
from hashell.stack.pengine.actions.unfencing import order_vs_unfencing
from hashell.stack.pengine.assign.queries import active_node
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import MultiplyActive, Role
from hashell.stack.pengine.kinds import Order as Rel

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_S, _ST, _U, _P = Role.STOPPED, Role.STARTED, Role.UNPROMOTED, Role.PROMOTED

#: Next role on the way from one role (row) to another.
_STEP = {
    Role.UNKNOWN: {_S: _S, _ST: _S, _U: _S, _P: _S},
    _S: {_S: _S, _ST: _ST, _U: _U, _P: _U},
    _ST: {_S: _S, _ST: _ST, _U: _U, _P: _P},
    _U: {_S: _S, _ST: _S, _U: _U, _P: _P},
    _P: {_S: _U, _ST: _U, _U: _U, _P: _P},
}

#: What a single step between two roles takes; None ends the walk.
_OPERATION = {
    (Role.UNKNOWN, _S): "stop",
    (_S, _ST): "start",
    (_S, _U): "start",
    (_ST, _S): "stop",
    (_ST, _P): "promote",
    (_U, _S): "stop",
    (_U, _ST): "stop",
    (_U, _P): "promote",
    (_P, _S): "demote",
    (_P, _ST): "demote",
    (_P, _U): "demote",
}


def create_primitive_actions(ws: WorkingSet, rsc: Resource) -> None:
    """Everything the primitive needs done, required or optional."""
    if rsc.next_role == Role.UNKNOWN:
        rsc.next_role = Role.STOPPED if rsc.assigned_node is None else Role.STARTED
    current, total, clean = active_node(rsc)
    for source in list(rsc.dangling_migration_sources):
        stop = rsc_op(ws, rsc, "stop", source, False)
        stop.flags |= Act.MIGRATION_ABORT
    target = rsc.assigned_node.node if rsc.assigned_node is not None else None
    moving = current is not None and target is not None and current is not target and rsc.next_role >= Role.STARTED
    migrate = moving and can_migrate(rsc, current)
    need_stop, migrate = _check_activity(rsc, current, target, total, clean, moving, migrate)
    if rsc.start_pending:
        start = rsc_op(ws, rsc, "start", target, True)
        start.flags |= Act.ALWAYS_IN_GRAPH
    need_promote = False
    if not moving:
        if rsc.failed:
            if rsc.stop_if_failed:
                need_stop = True
            elif rsc.next_role == Role.PROMOTED:
                need_promote = True
        elif rsc.blocked:
            need_stop = True
        elif rsc.orig_role > Role.STARTED and current is not None and target is not None:
            start = rsc_op(ws, rsc, "start", target, True)
            need_stop = need_stop or not start.optional
    rsc.restarting = True
    _restart(ws, rsc, need_stop, need_promote, target)
    rsc.restarting = False
    _transition(ws, rsc, target)
    create_recurring(ws, rsc)
    if migrate:
        assert current is not None and target is not None
        create_migration(ws, rsc, current, target)


def _check_activity(
    rsc: Resource,
    current: Node | None,
    target: Node | None,
    total: int,
    clean: int,
    moving: bool,
    migrate: bool,
) -> tuple[bool, bool]:
    """Whether a full stop is needed, and whether a migration still is possible, given all nodes it is active on."""
    need_stop = moving
    source, destination = rsc.partial_migration_source, rsc.partial_migration_target
    multiply_active = False
    if source is not None and destination is not None and migrate and total == 2 \
            and current is source and target is destination:  # fmt: skip
        pass
    elif source is not None or destination is not None:
        need_stop = True
        migrate = False
        rsc.partial_migration_source = rsc.partial_migration_target = None
    else:
        multiply_active = (total if rsc.needs_fencing else clean) > 1
    if multiply_active:
        if rsc.multiply_active_policy == MultiplyActive.RESTART:
            need_stop = True
        elif rsc.multiply_active_policy == MultiplyActive.UNEXPECTED:
            need_stop = True
            rsc.stop_unexpected = True
    else:
        rsc.stop_unexpected = False
    return need_stop, migrate


def _restart(ws: WorkingSet, rsc: Resource, need_stop: bool, need_promote: bool, target: Node | None) -> None:
    """Down to stopped and up to the current role again; optional unless something requires it."""
    role = rsc.orig_role
    while role != Role.STOPPED:
        following = _STEP[role][Role.STOPPED]
        if not _step(ws, rsc, role, following, target, not need_stop):
            break
        role = following
    while rsc.orig_role <= rsc.next_role and role != rsc.orig_role and not rsc.blocked:
        following = _STEP[role][rsc.orig_role]
        optional = not need_stop and not (following == Role.PROMOTED and need_promote)
        if not _step(ws, rsc, role, following, target, optional):
            break
        role = following


def _transition(ws: WorkingSet, rsc: Resource, target: Node | None) -> None:
    role = rsc.orig_role
    while role != rsc.next_role:
        following = _STEP[role][rsc.next_role]
        if not _step(ws, rsc, role, following, target, False):
            break
        role = following


def _step(ws: WorkingSet, rsc: Resource, role: int, following: int, node: Node | None, optional: bool) -> bool:
    """Create the actions of one step; False when there are none for it."""
    task = _OPERATION.get((role, following))
    if task is None:
        return False
    if task == "stop":
        _stop(ws, rsc, optional)
    elif task == "start":
        _start(ws, rsc, node, optional)
    elif task == "promote":
        _promote(ws, rsc, node, optional)
    else:
        _demote(ws, rsc, optional)
    return True


def _expected(rsc: Resource, node: Node | None) -> bool:
    """Whether a multiply active resource may stay on the node while it is stopped on the others."""
    return (
        rsc.stop_unexpected
        and rsc.restarting
        and rsc.next_role > Role.STOPPED
        and node is not None
        and rsc.assigned_node is not None
        and node is rsc.assigned_node.node
    )


def _stop(ws: WorkingSet, rsc: Resource, optional: bool) -> None:
    target = rsc.assigned_node.node if rsc.assigned_node is not None else None
    for node in list(rsc.active_nodes):
        if _expected(rsc, node):
            continue
        if rsc.partial_migration_target is not None:
            if node is rsc.partial_migration_target and node is target:
                continue
            optional = False
        stop = rsc_op(ws, rsc, "stop", node, optional)
        if target is None:
            set_reason(stop, "node availability", overwrite=True)
        elif rsc.restarting and rsc.stop_unexpected:
            set_reason(stop, "being multiply active", overwrite=True)
        if not rsc.managed:
            stop.flags &= ~Act.RUNNABLE
        if rsc.needs_unfencing:
            from hashell.stack.pengine.actions.create import fencing_op
            from hashell.stack.pengine.order.relate import relate

            unfence = fencing_op(ws, node, "on", True, None, False)
            relate(stop, unfence, Rel.THEN_IMPLIES_FIRST)


def _start(ws: WorkingSet, rsc: Resource, node: Node | None, optional: bool) -> None:
    start = rsc_op(ws, rsc, "start", node, True)
    order_vs_unfencing(ws, rsc, node, start, Rel.FIRST_IMPLIES_THEN)
    if start.flags & Act.RUNNABLE and not optional:
        start.flags &= ~Act.OPTIONAL
    if _expected(rsc, node):
        start.flags |= Act.PSEUDO


def _promote(ws: WorkingSet, rsc: Resource, node: Node | None, optional: bool) -> None:
    if all(start.runnable for start in find_actions(rsc, op_key(rsc, "start"), node)):
        promote = rsc_op(ws, rsc, "promote", node, optional)
        if _expected(rsc, node):
            promote.flags |= Act.PSEUDO
        return
    for promote in find_actions(rsc, op_key(rsc, "promote"), node):
        promote.flags &= ~Act.RUNNABLE


def _demote(ws: WorkingSet, rsc: Resource, optional: bool) -> None:
    for node in list(rsc.active_nodes):
        if not _expected(rsc, node):
            rsc_op(ws, rsc, "demote", node, optional)
