"""What is going to change for each resource, and why: the steps of the graph as users count them (actions spec 17.2).

Looking for the actions of a resource on its node gives that node to actions which had none yet; so this runs before
the graph is built, as the reference does for its log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import find_actions
from hashell.stack.pengine.assign.queries import current_node
from hashell.stack.pengine.kinds import Role, Variant

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


class Line:
    """One change of one resource."""

    __slots__ = ("change", "id", "details", "reason")

    def __init__(self, change: str, id: str, details: str, reason: str) -> None:
        self.change = change
        self.id = id
        self.details = details
        self.reason = reason


def resource_changes(ws: WorkingSet) -> list[Line]:
    """All changes, in the order of the resources."""
    lines: list[Line] = []
    for rsc in ws.resources:
        _collect(rsc, lines)
    return lines


def _collect(rsc: Resource, lines: list[Line]) -> None:
    if rsc.variant == Variant.BUNDLE:
        for replica in rsc.bundle.replicas:
            for part in (replica.ip, replica.container, replica.remote, replica.child):
                if part is not None:
                    _collect(part, lines)
    elif rsc.variant != Variant.PRIMITIVE:
        for child in rsc.children:
            _collect(child, lines)
    else:
        _Leaf(rsc, lines).collect()


def _required(action: Action | None) -> bool:
    return action is not None and not action.optional


class _Leaf:
    """The change of one primitive."""

    def __init__(self, rsc: Resource, lines: list[Line]) -> None:
        self.rsc = rsc
        self.lines = lines
        self.next: Node | None = rsc.assigned_node.node if rsc.assigned_node is not None else None
        self.current: Node | None = None
        self.promote: Action | None = None
        self.demote: Action | None = None
        if rsc.active_nodes:
            self.current = current_node(rsc)
            if rsc.orig_role == Role.STOPPED:
                rsc.orig_role = Role.STARTED

    def _find(self, task: str, node: Node | None) -> Action | None:
        found = find_actions(self.rsc, f"{self.rsc.id}_{task}_0", node)
        return found[0] if found else None

    def collect(self) -> None:
        rsc, current, next = self.rsc, self.current, self.next
        if current is None and rsc.removed:
            return
        if not rsc.managed or (current is None and next is None):
            return
        moving = current is not None and next is not None and current is not next
        start = self._find("start", next)
        stop_node = current if start is not None and start.runnable else None
        stop = self._find("stop", stop_node)
        if stop is None and rsc.stop_unexpected:
            stop = self._find("stop", None)
        self.promote, self.demote = self._find("promote", next), self._find("demote", next)
        if rsc.orig_role == rsc.next_role:
            self._same_role(start, stop, moving)
        else:
            self._new_role(start, stop, moving)

    def _same_role(self, start: Action | None, stop: Action | None, moving: bool) -> None:
        rsc, current, next = self.rsc, self.current, self.next
        if next is None:
            return
        migrate = self._find("migrate_from", next)
        if migrate is not None and migrate.runnable and current is not None:
            self._add("Migrate", current, next, start, None)
        elif rsc.reload:
            self._add("Reload", current, next, start, None)
        elif start is None or start.optional:
            if _required(self.demote) and _required(self.promote):
                self._add("Re-promote", current, next, self.promote, self.demote)
        elif not start.runnable:
            source = stop if stop is not None and stop.reason is not None else start
            self._add("Stop", current, None, stop, source)
        elif moving:
            self._add("Recover" if rsc.failed else "Move", current, next, stop, None)
        elif rsc.failed:
            self._add("Recover", current, None, stop, None)
        else:
            self._add("Restart", current, next, start, None)

    def _new_role(self, start: Action | None, stop: Action | None, moving: bool) -> None:
        rsc, current, next = self.rsc, self.current, self.next
        blocked_start = start is not None and not start.runnable
        if stop is not None and (rsc.next_role == Role.STOPPED or blocked_start):
            for node in rsc.active_nodes:
                own = self._find("stop", node)
                source = own if own is not None and own.reason is not None else start
                self._add("Stop", node, None, own, source)
        elif stop is not None and rsc.failed and rsc.stop_if_failed:
            self._add("Recover", current, next, stop, start)
        elif moving:
            self._add("Move", current, next, stop, None)
        elif rsc.reload:
            self._add("Reload", current, next, start, None)
        elif stop is not None and not stop.optional:
            self._add("Restart", current, next, start, None)
        elif rsc.orig_role == Role.PROMOTED:
            self._add("Demote", current, next, self.demote, None)
        elif rsc.next_role == Role.PROMOTED:
            self._add("Promote", current, next, self.promote, None)
        elif rsc.orig_role == Role.STOPPED and rsc.next_role > Role.STOPPED:
            self._add("Start", current, next, start, None)

    def _add(
        self, change: str, origin: Node | None, dest: Node | None, action: Action | None, source: Action | None
    ) -> None:
        details = _details(self.rsc, origin, dest)
        self.lines.append(Line(change, self.rsc.id, details, _reason(action, source or action)))


def _details(rsc: Resource, origin: Node | None, dest: Node | None) -> str:
    need_role = rsc.orig_role > Role.STARTED or rsc.next_role > Role.UNPROMOTED
    same_role = rsc.orig_role == rsc.next_role
    old, new = Role.TEXT[rsc.orig_role], Role.TEXT[rsc.next_role]
    to = dest.name if dest is not None else ""
    if origin is None:
        return f"{old} -> {new} {to}" if need_role else to
    at = origin.name
    if dest is None:
        return f"{old} {at}" if need_role else at
    if same_role:
        text = at if origin is dest else f"{at} -> {to}"
        if not need_role:
            return text
        return f"{old} {at}" if origin is dest else f"{text} {old}"
    if origin is dest:
        return f"{old} -> {new} {at}"
    return f"{old} {at} -> {new} {to}"


def _reason(action: Action | None, source: Action | None) -> str:
    if source is None:
        return ""
    runnable = action is None or action.runnable
    if source.reason is not None:
        return f"due to {source.reason}" + ("" if runnable else " (blocked)")
    return "" if runnable else "blocked"
