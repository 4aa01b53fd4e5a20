"""Live migration of a primitive (scheduler actions §10.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import rsc_op
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.order.create import order_tasks

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def can_migrate(rsc: Resource, current: Node | None) -> bool:
    return (
        rsc.migratable
        and rsc.managed
        and not rsc.failed
        and not rsc.start_pending
        and current is not None
        and not current.unclean
        and rsc.assigned_node is not None
        and not rsc.assigned_node.node.unclean
    )


def create_migration(ws: WorkingSet, rsc: Resource, current: Node, target: Node) -> None:
    """Replace stop and start by a migration, as long as nothing on the way forbids it."""
    start = rsc_op(ws, rsc, "start", target, True)
    stop = rsc_op(ws, rsc, "stop", current, True)
    migrate_to: Action | None = None
    if rsc.partial_migration_target is None:
        migrate_to = rsc_op(ws, rsc, "migrate_to", current, True)
    migrate_from = rsc_op(ws, rsc, "migrate_from", target, True)
    stop.flags |= Act.MIGRATABLE
    start.flags |= Act.MIGRATABLE | Act.PSEUDO
    migrate_from.flags |= Act.MIGRATABLE
    if migrate_to is not None:
        migrate_to.flags |= Act.MIGRATABLE
        migrate_to.needs = start.needs
        order_tasks(ws, rsc, "monitor", rsc, "migrate_to", Rel.ORDERED)
        order_tasks(
            ws, rsc, "migrate_to", rsc, "migrate_from", Rel.ORDERED | Rel.UNMIGRATABLE_THEN_BLOCKS
        )
    else:
        migrate_from.needs = start.needs
        order_tasks(ws, rsc, "monitor", rsc, "migrate_from", Rel.ORDERED)
    flags = Rel.ORDERED | Rel.UNMIGRATABLE_THEN_BLOCKS
    order_tasks(ws, rsc, "migrate_from", rsc, "stop", flags)
    order_tasks(ws, rsc, "migrate_from", rsc, "start", flags | Rel.FIRST_ELSE_THEN)
    for action in (migrate_to, migrate_from):
        if action is not None:
            action.meta["migrate_source"] = current.name
            action.meta["migrate_target"] = target.name
    if migrate_to is not None and not rsc.is_remote_connection:
        migrate_to.meta["record-pending"] = "true"
