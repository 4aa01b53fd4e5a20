"""Notifications of clone instances around every change of their siblings (scheduler actions §15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import new_action, newest_action
from hashell.stack.pengine.assign.nodes import sorted_by_name
from hashell.stack.pengine.kinds import INF, Role
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.order.relate import relate

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_TASKS = ("start", "stop", "promote", "demote")


class Notification:
    """The steps around one operation of a clone, and who is affected by it."""

    __slots__ = ("task", "pre", "pre_done", "post", "post_done", "lists", "keys")

    def __init__(self, task: str) -> None:
        self.task = task
        self.pre: Action | None = None
        self.pre_done: Action | None = None
        self.post: Action | None = None
        self.post_done: Action | None = None
        self.lists: dict[str, list[tuple[Resource, Node | None]]] = {}
        self.keys: list[tuple[str, str]] = []


def order_notifications(
    ws: WorkingSet, clone: Resource, task: str, action: Action | None, complete: Action | None
) -> None:
    """Create the notification steps of one operation of the clone, and order those of different operations."""
    if not clone.notify:
        return
    table: dict[str, Notification] = clone.scratch.setdefault("notify", {})
    if task in table:
        return
    table[task] = notification(ws, clone, task, action, complete)

    def order(first: str, then: str) -> None:
        one, two = table.get(first), table.get(then)
        if one is not None and two is not None:
            relate(one.post_done, two.pre, Rel.ORDERED)

    if task == "stop":
        order("stop", "start")
    elif task == "demote":
        order("stop", "promote")
        order("start", "promote")
        order("demote", "promote")
        order("demote", "start")
        order("demote", "stop")


def _note_op(
    ws: WorkingSet, rsc: Resource, kind: str, task: str, operation: str, about: str, optional: bool
) -> Action:
    """A pseudo-action of the notification; `about` is the task in its key."""
    action = new_action(ws, rsc, f"{rsc.id}_{kind}_notify_{about}_0", task, None, optional)
    action.flags |= Act.PSEUDO
    action.meta["notify_key_type"] = kind
    action.meta["notify_key_operation"] = about
    action.meta["notify_type"] = kind.removeprefix("confirmed-")
    action.meta["notify_operation"] = operation
    return action


def notification(
    ws: WorkingSet, rsc: Resource, task: str, action: Action | None, complete: Action | None
) -> Notification:
    """The pre and post steps (§15.1)."""
    note = Notification(task)
    if action is not None:
        note.pre = _note_op(ws, rsc, "pre", "notify", task, action.task, action.optional)
        note.pre.flags |= Act.RUNNABLE
        note.pre_done = _note_op(ws, rsc, "confirmed-pre", "notified", task, action.task, action.optional)
        note.pre_done.flags |= Act.RUNNABLE
        relate(note.pre, note.pre_done, Rel.ORDERED)
        relate(note.pre_done, action, Rel.ORDERED)
    if complete is not None:
        optional = complete.optional
        note.post = _note_op(ws, rsc, "post", "notify", task, complete.task, optional)
        note.post_done = _note_op(ws, rsc, "confirmed-post", "notified", task, complete.task, optional)
        for step in (note.post, note.post_done):
            step.priority = INF
            step.flags = step.flags & ~Act.RUNNABLE | complete.flags & Act.RUNNABLE
        relate(complete, note.post, Rel.FIRST_IMPLIES_THEN)
        relate(note.post, note.post_done, Rel.FIRST_IMPLIES_THEN)
    if action is not None and complete is not None:
        relate(note.pre_done, note.post, Rel.ORDERED)
    return note


def create_notifications(ws: WorkingSet, clone: Resource) -> None:
    """The notify operations of all instances, once it is known what happens (§15.2)."""
    if not clone.notify:
        return
    table: dict[str, Notification] = clone.scratch.get("notify", {})
    for task in _TASKS:
        note = table.get(task)
        if note is None:
            continue
        _collect(note, clone, True)
        _add_keys(ws, clone, note)
        _create(ws, clone, note)


def _put(note: Notification, name: str, rsc: Resource, node: Node | None) -> None:
    note.lists.setdefault(name, []).append((rsc, node))


def _collect(note: Notification, rsc: Resource, activity: bool) -> None:
    if rsc.children:
        for child in rsc.children:
            _collect(note, child, activity)
        return
    if activity:
        node = rsc.active_nodes[0] if rsc.active_nodes else None
        if rsc.orig_role == Role.STOPPED:
            _put(note, "inactive", rsc, node)
        elif rsc.orig_role == Role.STARTED:
            _put(note, "active", rsc, node)
        elif rsc.orig_role == Role.UNPROMOTED:
            _put(note, "unpromoted", rsc, node)
            _put(note, "active", rsc, node)
        elif rsc.orig_role == Role.PROMOTED:
            _put(note, "promoted", rsc, node)
            _put(note, "active", rsc, node)
    for action in reversed(rsc.actions):
        if action.optional or action.node is None or action.task not in _TASKS:
            continue
        if action.runnable or (action.task == "stop" and action.node.unclean):
            _put(note, action.task, rsc, action.node)


def _texts(entries: list[tuple[Resource, Node | None]] | None) -> tuple[str, str]:
    """Resource ids and node names, sorted, the first entry of each resource only; a single space for none."""
    if not entries:
        return " ", " "
    ordered = sorted(entries, key=lambda e: (e[0].id.encode(), e[1].id.encode() if e[1] is not None else b""))
    resources: list[str] = []
    nodes: list[str] = []
    for rsc, node in ordered:
        if resources and resources[-1] == rsc.id:
            continue
        resources.append(rsc.id)
        if node is not None:
            nodes.append(node.name)
    return " ".join(resources) or " ", " ".join(nodes) or " "


_KEYS = (
    ("stop", ("stop",)),
    ("start", ("start",)),
    ("demote", ("demote",)),
    ("promote", ("promote",)),
    ("active", ("active",)),
    ("unpromoted", ("unpromoted", "slave")),
    ("promoted", ("promoted", "master")),
    ("inactive", ("inactive",)),
)


def _add_keys(ws: WorkingSet, rsc: Resource, note: Notification) -> None:
    """Say who is where in the notification's environment, and require it when there is news."""
    for name, labels in _KEYS:
        resources, nodes = _texts(note.lists.get(name))
        for label in labels:
            note.keys.append((f"notify_{label}_resource", resources))
            if name != "inactive":
                note.keys.append((f"notify_{label}_uname", nodes))
    if note.lists.get(note.task):
        for step in (note.pre, note.pre_done, note.post, note.post_done):
            if step is not None:
                step.flags &= ~Act.OPTIONAL
    available = sorted_by_name(entry.node for entry in rsc.allowed_nodes.values())
    note.keys.append(("notify_available_uname", " ".join(node.name for node in available) or " "))
    target = rsc.meta.get("container-attribute-target", "")
    if target.lower() == "host":
        note.keys.append(("notify_all_hosts", " ".join(_host_names(ws))))
    note.keys.append(("notify_all_uname", " ".join(node.name for node in ws.nodes)))


def _host_names(ws: WorkingSet) -> list[str]:
    names = []
    for node in ws.nodes:
        host = node
        if node.is_guest() and node.remote is not None and node.remote.launcher is not None:
            active = node.remote.launcher.active_nodes
            host = active[0] if active else node
        names.append(host.name)
    return names


def _create(ws: WorkingSet, rsc: Resource, note: Notification) -> None:
    if rsc.children:
        for child in rsc.children:
            _create(ws, child, note)
        return
    for action in reversed(rsc.actions):
        if not action.optional and action.node is not None and action.task in _TASKS:
            action.meta.update(note.keys)
    if note.task in ("start", "promote", "demote") and not note.lists.get(note.task):
        return
    if note.task in ("stop", "demote"):
        if rsc.orig_role != Role.STOPPED:
            _notify_leaving(ws, rsc, note)
    elif rsc.next_role != Role.STOPPED:
        _notify_coming(ws, rsc, note)


def _notify_leaving(ws: WorkingSet, rsc: Resource, note: Notification) -> None:
    stop = newest_action(rsc, task="stop")
    for node in rsc.active_nodes:
        if stop is not None and stop.pseudo and (node.unclean or node.remote_reset):
            continue
        _notify_one(ws, rsc, node, note.pre, note.pre_done, note)
        if note.task == "demote" or stop is None or stop.optional:
            _notify_one(ws, rsc, node, note.post, note.post_done, note)


def _notify_coming(ws: WorkingSet, rsc: Resource, note: Notification) -> None:
    start = newest_action(rsc, task="start")
    if start is not None and start.node is not None and start.node.is_pacemaker_remote():
        connection = start.node.remote
        if connection is not None:
            remote_start = newest_action(connection, task="start")
            if remote_start is not None and not remote_start.runnable:
                return
    if rsc.assigned_node is None:
        return
    node = rsc.assigned_node.node
    if note.task != "start" or start is None or start.optional:
        _notify_one(ws, rsc, node, note.pre, note.pre_done, note)
    _notify_one(ws, rsc, node, note.post, note.post_done, note)


def _notify_one(
    ws: WorkingSet, rsc: Resource, node: Node, op: Action | None, done: Action | None, note: Notification
) -> None:
    """One notify operation on one node, between a step and its completion."""
    if op is None or done is None:
        return
    if node.online and op.runnable:
        _notify_action(ws, rsc, node, op, done, note)
    if op.meta["notify_type"] == "post":
        _hold_monitors(rsc, done)


def _notify_action(ws: WorkingSet, rsc: Resource, node: Node, op: Action, done: Action, note: Notification) -> None:
    kind, operation = op.meta["notify_type"], op.meta["notify_operation"]
    key = f"{rsc.id}_{kind}_notify_{operation}_0"
    action = new_action(ws, rsc, key, "notify", node, op.optional)
    for name, value in op.meta.items():
        action.meta.setdefault(name, value)
    action.meta.update(note.keys)
    relate(op, action, Rel.ORDERED)
    relate(action, done, Rel.ORDERED)
    if kind == "post":
        action.priority = INF


def _hold_monitors(rsc: Resource, done: Action) -> None:
    """Recurring operations start after everyone has been told."""
    for other in reversed(rsc.actions):
        if other.meta.get("interval", "0") not in ("", "0") and other.task != "cancel":
            relate(done, other, Rel.ORDERED)


def notify_after_fencing(ws: WorkingSet, rsc: Resource, stop: Action, fencing: Action) -> None:
    """Tell the siblings of what was on a fenced node (§15.4)."""
    note = notification(ws, rsc, "stop", None, fencing)
    top = rsc.top()
    _collect(note, top, False)
    node = stop.node.name if stop.node is not None else " "
    note.keys.append(("notify_stop_resource", rsc.id))
    note.keys.append(("notify_stop_uname", node))
    _create(ws, top, note)


