"""Actions of groups, clones and bundles: those of the parts, then the steps of the whole (scheduler actions §10.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import pseudo_op
from hashell.stack.pengine.actions.notify import order_notifications
from hashell.stack.pengine.actions.primitive import create_primitive_actions
from hashell.stack.pengine.assign.compatible import instances_of
from hashell.stack.pengine.kinds import INF, Variant
from hashell.stack.pengine.kinds import ActionFlag as Act

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Resource, WorkingSet

_TRUE = frozenset({"true", "on", "yes", "y", "1"})


def create_resource_actions(ws: WorkingSet, rsc: Resource) -> None:
    """Create the actions of the resource as its variant demands."""
    if rsc.variant == Variant.PRIMITIVE:
        create_primitive_actions(ws, rsc)
    elif rsc.variant == Variant.GROUP:
        _group(ws, rsc)
    elif rsc.variant == Variant.CLONE:
        _instances(ws, rsc, notify=True)
        if rsc.promotable:
            _promotable(ws, rsc)
    else:
        _bundle(ws, rsc)


def _group(ws: WorkingSet, group: Resource) -> None:
    for member in group.children:
        create_resource_actions(ws, member)
    for task in ("start", "running", "stop", "stopped"):
        pseudo_op(ws, group, task, True, True)
    if group.meta.get("promotable", "").lower() in _TRUE:
        for task in ("demote", "demoted", "promote", "promoted"):
            pseudo_op(ws, group, task, True, True)


class _State:
    """What the instances of a collective are about to do."""

    __slots__ = ("active", "starting", "stopping", "restarting")

    def __init__(self) -> None:
        self.active = self.starting = self.stopping = self.restarting = False

    def collect(self, rsc: Resource) -> None:
        if rsc.children:
            for child in rsc.children:
                self.collect(child)
            return
        starting = stopping = False
        self.active = self.active or bool(rsc.active_nodes)
        for action in reversed(rsc.actions):
            if action.task == "start":
                if not action.optional and action.runnable:
                    starting = True
            elif action.task == "stop" and not action.optional and (action.pseudo or action.runnable):
                stopping = True
        self.starting = self.starting or starting
        self.stopping = self.stopping or stopping
        self.restarting = self.restarting or (starting and stopping)


def _instances(ws: WorkingSet, rsc: Resource, notify: bool) -> None:
    state = _State()
    for instance in instances_of(rsc):
        create_resource_actions(ws, instance)
        state.collect(instance)
    start = pseudo_op(ws, rsc, "start", not state.starting, True)
    started = pseudo_op(ws, rsc, "running", not state.starting, False)
    started.priority = INF
    if state.active or state.starting:
        started.flags |= Act.RUNNABLE
    else:
        started.flags &= ~Act.RUNNABLE
    stop = pseudo_op(ws, rsc, "stop", not state.stopping, True)
    stopped = pseudo_op(ws, rsc, "stopped", not state.stopping, True)
    stopped.priority = INF
    if not state.restarting:
        stop.flags |= Act.MIGRATABLE
    if notify:
        order_notifications(ws, rsc, "start", start, started)
        order_notifications(ws, rsc, "stop", stop, stopped)


def _promotable(ws: WorkingSet, clone: Resource) -> None:
    promoting = demoting = False
    for instance in clone.children:
        create_resource_actions(ws, instance)
        for leaf in instance.leaves():
            for action in leaf.actions:
                if not action.optional:
                    promoting = promoting or action.task == "promote"
                    demoting = demoting or action.task == "demote"
    promote = pseudo_op(ws, clone, "promote", not promoting, True)
    promoted = pseudo_op(ws, clone, "promoted", not promoting, True)
    promoted.priority = INF
    order_notifications(ws, clone, "promote", promote, promoted)
    demote = pseudo_op(ws, clone, "demote", not demoting, True)
    demoted = pseudo_op(ws, clone, "demoted", not demoting, True)
    demoted.priority = INF
    order_notifications(ws, clone, "demote", demote, demoted)
    for instance in clone.children:
        instance.priority = clone.priority


def _bundle(ws: WorkingSet, bundle: Resource) -> None:
    for replica in bundle.bundle.replicas:
        for part in (replica.ip, replica.container, replica.remote):
            if part is not None:
                create_resource_actions(ws, part)
    _instances(ws, bundle, notify=False)
    child = bundle.bundle.child
    if child is None:
        return
    create_resource_actions(ws, child)
    if child.promotable:
        for task in ("promote", "promoted", "demote", "demoted"):
            action = pseudo_op(ws, bundle, task, True, True)
            if task in ("promoted", "demoted"):
                action.priority = INF
