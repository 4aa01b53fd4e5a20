"""How one relation changes the parts of a collective (scheduler actions §12.4, groups, clones and bundles)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import newest_action
from hashell.stack.pengine.assign.compatible import compatible_instance, instances_of
from hashell.stack.pengine.kinds import INF, Variant
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.order.base import FIRST, THEN, update_base
from hashell.stack.pengine.order.flagsof import action_flags, base_task
from hashell.stack.pengine.order.relate import relate

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_TRUE = frozenset({"true", "on", "yes", "y", "1"})
_COLLECTIVE = (Variant.CLONE, Variant.BUNDLE)


def interleaves(rsc: Resource) -> bool:
    return rsc.meta.get("interleave", "").lower() in _TRUE


def update_variant(
    ws: WorkingSet,
    rsc: Resource,
    first: Action,
    then: Action,
    node: Node | None,
    flags: int,
    filter_: int,
    kind: int,
) -> int:
    """Apply a relation of that kind as the variant of `rsc` demands. Returns FIRST | THEN bits."""
    if rsc.variant == Variant.PRIMITIVE:
        return _update_single(ws, first, then, flags, filter_, kind)
    if rsc.variant == Variant.GROUP:
        return _update_group(ws, rsc, first, then, node, flags, filter_, kind)
    if _can_interleave(first, then):
        return _update_interleaved(ws, first, then, node, filter_, kind)
    return _update_instances(ws, rsc, first, then, node, flags, filter_, kind)


def _update_single(ws: WorkingSet, first: Action, then: Action, flags: int, filter_: int, kind: int) -> int:
    changed = update_base(first, then, flags, filter_, kind)
    if changed & THEN and then.rsc is not None and then.rsc.parent is not None:
        from hashell.stack.pengine.order.update import update_action

        update_action(ws, then)
    return changed


def _update_group(
    ws: WorkingSet,
    group: Resource,
    first: Action,
    then: Action,
    node: Node | None,
    flags: int,
    filter_: int,
    kind: int,
) -> int:
    changed = _update_single(ws, first, then, flags, filter_, kind)
    for member in group.children:
        part = newest_action(member, task=then.task, node=node)
        if part is not None:
            changed |= update_variant(ws, member, first, part, node, flags, filter_, kind)
    return changed


def _can_interleave(first: Action, then: Action) -> bool:
    one, two = first.rsc, then.rsc
    if one is None or two is None or one is two:
        return False
    if one.variant not in _COLLECTIVE or two.variant not in _COLLECTIVE:
        return False
    return interleaves(one if then.key.endswith(("_stop_0", "_demote_0")) else two)


def _update_instances(
    ws: WorkingSet,
    rsc: Resource,
    first: Action,
    then: Action,
    node: Node | None,
    flags: int,
    filter_: int,
    kind: int,
) -> int:
    from hashell.stack.pengine.order.update import update_action

    changed = _update_single(ws, first, then, flags, filter_, kind)
    for instance in instances_of(rsc):
        part = newest_action(instance, task=then.task, node=node)
        if part is None:
            continue
        part_flags = action_flags(part, node)
        if not part_flags & Act.RUNNABLE:
            continue
        instance_changed = update_variant(ws, instance, first, part, node, flags, filter_, kind)
        changed |= instance_changed
        if instance_changed & THEN:
            for relation in reversed(part.after):
                update_action(ws, relation.action)
    return changed


def _update_interleaved(
    ws: WorkingSet, first: Action, then: Action, node: Node | None, filter_: int, kind: int
) -> int:
    assert first.rsc is not None and then.rsc is not None
    changed = 0
    current = first.key.endswith(("_stopped_0", "_demoted_0"))
    first_task = base_task(first)
    for then_instance in instances_of(then.rsc):
        first_instance = compatible_instance(ws, then_instance, first.rsc, current=current)
        if first_instance is None:
            if not current and kind & (Rel.UNRUNNABLE_FIRST_BLOCKS | Rel.FIRST_IMPLIES_THEN):
                from hashell.stack.pengine.assign.final import assign_resource

                if assign_resource(ws, then_instance, None, force=True, stop_if_fail=True):
                    changed |= THEN
                    if ws.ledger is not None:
                        ws.ledger.add(Kind.ORDERING, then_instance, None, -INF, "", first.rsc)
            continue
        first_part = _instance_action(first, first_instance, first_task, node, is_first=True)
        then_part = _instance_action(then, then_instance, then.task, node, is_first=False)
        if first_part is None or then_part is None:
            continue
        if relate(first_part, then_part, kind):
            changed |= FIRST | THEN
        part_flags = action_flags(first_part, node)
        changed |= update_variant(
            ws, then_instance, first_part, then_part, node, part_flags, filter_, kind
        )
    return changed


def _instance_action(
    action: Action, instance: Resource, task: str, node: Node | None, is_first: bool
) -> Action | None:
    """The action of one instance; for the container of a bundle, that of the resource within unless it is its own."""
    rsc = instance
    where = node
    if instance.replica_container and instance.parent is not None and instance.parent.variant == Variant.BUNDLE:
        if is_first:
            own = task in ("stop", "stopped")
        else:
            own = task not in ("promote", "promoted", "demote", "demoted")
        if not own:
            replica = instance.bundle_replica()
            if replica is not None and replica.child is not None:
                rsc = replica.child
                where = None
    return newest_action(rsc, task=task, node=where)
