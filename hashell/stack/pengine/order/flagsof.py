"""What a collective's action is, judged by the actions of its parts (scheduler actions §12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import newest_action
from hashell.stack.pengine.assign.compatible import instances_of
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.order.tasks import BASE_TASK, COMPLETED

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource

#: Tasks that a bundle has its containers do; everything else is done by the bundled clone.
_CONTAINER_TASKS = frozenset({"start", "running", "stop", "stopped", "monitor", "do_shutdown", "stonith", "none"})


def base_task(action: Action) -> str:
    """The task that parts of the action's collective have for it, such as start for running."""
    assert action.rsc is not None
    task = action.task
    if task in ("notify", "notified"):
        for marker in ("_notify_", "_notified_"):
            if marker in action.key:
                task = action.key.split(marker, 1)[1].rpartition("_")[0]
                break
    children = action.rsc.children
    if children and children[0].variant == Variant.PRIMITIVE:
        return BASE_TASK.get(task, task)
    return task


def instances_for(action: Action) -> list[Resource]:
    """The instances whose actions make up the action of a clone or bundle."""
    rsc = action.rsc
    assert rsc is not None
    if rsc.variant == Variant.BUNDLE:
        if rsc.bundle.child is not None and _bundle_task(action) not in _CONTAINER_TASKS:
            return rsc.bundle.child.children
        return instances_of(rsc)
    return rsc.children


def _bundle_task(action: Action) -> str:
    task = action.task
    if task in ("notify", "notified") and "_notify_" in action.key:
        task = action.key.split("_notify_", 1)[1].rpartition("_")[0]
    known = task in COMPLETED or task in BASE_TASK or task in ("monitor", "do_shutdown", "stonith")
    return task if known else "unknown"


def action_flags(action: Action, node: Node | None) -> int:
    """The flags of the action; for collectives summed up over the parts, which also corrects the action itself."""
    rsc = action.rsc
    if rsc is None or rsc.variant == Variant.PRIMITIVE:
        return action.flags
    if rsc.variant == Variant.GROUP:
        return _group_flags(rsc, action, node)
    return _collective_flags(action, node)


def flags_for_ordering(action: Action, node: Node | None) -> int:
    """As action_flags; a clone counts as runnable when it is so on any node."""
    if action.rsc is None:
        return action.flags
    flags = action_flags(action, None)
    if node is None or action.rsc.variant != Variant.CLONE:
        return flags
    runnable = flags & Act.RUNNABLE
    return action_flags(action, node) | runnable


def _group_flags(group: Resource, action: Action, node: Node | None) -> int:
    flags = Act.OPTIONAL | Act.RUNNABLE | Act.PSEUDO
    for member in group.children:
        task = BASE_TASK.get(action.task, action.task) if member.variant == Variant.PRIMITIVE else action.task
        part = newest_action(member, task=task, node=node)
        if part is not None:
            part_flags = action_flags(part, node)
            if flags & Act.OPTIONAL and not part_flags & Act.OPTIONAL:
                flags &= ~Act.OPTIONAL
                action.flags &= ~Act.OPTIONAL
            if task != action.task and flags & Act.RUNNABLE and not part_flags & Act.RUNNABLE:
                flags &= ~Act.RUNNABLE
                action.flags &= ~Act.RUNNABLE
        elif task not in ("stop", "demote"):
            flags &= ~Act.RUNNABLE
    return flags


def _collective_flags(action: Action, node: Node | None) -> int:
    task = base_task(action)
    flags = Act.OPTIONAL | Act.RUNNABLE | Act.PSEUDO
    any_runnable = False
    for instance in instances_for(action):
        where = node if instance.variant == Variant.PRIMITIVE else None
        part = newest_action(instance, task=task, node=where)
        if part is None:
            continue
        part_flags = action_flags(part, node)
        if flags & Act.OPTIONAL and not part_flags & Act.OPTIONAL:
            flags &= ~Act.OPTIONAL
            action.flags &= ~Act.OPTIONAL
        any_runnable = any_runnable or bool(part_flags & Act.RUNNABLE)
    if not any_runnable:
        flags &= ~Act.RUNNABLE
        if node is None:
            action.flags &= ~Act.RUNNABLE
    return flags
