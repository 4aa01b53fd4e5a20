"""One resource as a line of a status display (actions spec 18.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hashell.client.view.display import Display
from hashell.model.outcomes import exit_words
from hashell.model.values import is_true
from hashell.stack.pengine.kinds import Role, Variant, parse_role
from hashell.stack.pengine.unpack.activity import active_node
from hashell.stack.pengine.unpack.entry import Entry

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_KEY = re.compile(r"(.+)_[^_]+_\d+")
_PENDING = {
    "start": "Starting",
    "stop": "Stopping",
    "migrate_to": "Migrating",
    "migrate_from": "Migrating",
    "promote": "Promoting",
    "demote": "Demoting",
}


def failed_probe(ws: WorkingSet, rsc: Resource, node_name: str | None) -> str | None:
    """What a probe that could not run says, on a node or on any with None; None when there is no such probe."""
    top = rsc.top()
    wanted: str | None = rsc.id
    if top.variant == Variant.CLONE:
        wanted = top.clone.child_xml.get("id") if top.clone.child_xml is not None else None
    for xml in ws.failed:
        if node_name is not None and xml.get("uname") != node_name:
            continue
        entry = Entry(xml)
        if not entry.is_masked_probe():
            continue
        match = _KEY.fullmatch(entry.key)
        if match is not None and match[1] == wanted:
            return exit_words(entry.xml_rc)
    return None


def shown_role(rsc: Resource) -> int:
    """The current role, as what it is called in a promotable clone."""
    if rsc.orig_role == Role.STARTED and rsc.top().promotable:
        return Role.UNPROMOTED
    return rsc.orig_role


def agent_name(rsc: Resource) -> str:
    """class[:provider]:type"""
    parts = (rsc.xml.get("class"), rsc.xml.get("provider"), rsc.xml.get("type"))
    return ":".join(part for part in parts if part)


def resource_class(rsc: Resource) -> str:
    """The class of a resource's text on a page."""
    if not rsc.managed:
        return "rsc-managed"
    if rsc.failed:
        return "rsc-failed"
    if rsc.variant == Variant.PRIMITIVE and not rsc.active_nodes:
        return "rsc-failed"
    if len(rsc.active_nodes) > 1:
        return "rsc-multiple"
    return "rsc-failure-ignored" if rsc.ignore_failure else "rsc-ok"


def pending_word(rsc: Resource) -> str:
    """The state that an operation under way makes of a resource, or ''."""
    return _PENDING.get(rsc.pending_action or "", "")


def _flags(rsc: Resource, node: Node | None, pending: bool) -> list[str]:
    flags = []
    if node is not None and not node.online and node.unclean:
        flags.append("UNCLEAN")
    if node is not None and node is rsc.lock_node:
        flags.append("LOCKED")
    if pending and rsc.pending_action == "monitor":
        flags.append("Monitoring")
    target = rsc.meta.get("target-role")
    role = parse_role(target)
    if role == Role.STOPPED:
        flags.append("disabled")
    elif role == Role.UNPROMOTED and rsc.top().promotable:
        flags.append(f"target-role:{target}")
    if rsc.blocked:
        flags.append("blocked")
    elif rsc.maintenance:
        flags.append("maintenance")
    elif not rsc.managed:
        flags.append("unmanaged")
    if rsc.ignore_failure:
        flags.append("failure ignored")
    return flags


def primitive_line(
    ws: WorkingSet,
    rsc: Resource,
    *,
    name: str | None = None,
    node: Node | None = None,
    display: Display,
) -> str:
    """The line of a primitive; a bundle's replica gives its own name and its container's node."""
    pending = display.pending
    several = len(rsc.active_nodes) > 1
    if name is None:
        name = rsc.display_id()
        node = active_node(rsc) or rsc.pending_node
    node = None if several or display.by_node else node or rsc.lock_node
    role = shown_role(rsc)
    text = f"{name}\t({agent_name(rsc)}):\t"
    if rsc.removed:
        text += " ORPHANED"
    if rsc.failed:
        text += " FAILED" + (f" {Role.TEXT[role]}" if role > Role.UNPROMOTED else "")
    elif pending and rsc.pending_action in _PENDING:
        text += f" {_PENDING[rsc.pending_action]}"
    else:
        text += f" {Role.TEXT[role]}"
    if node is not None:
        text += f" {node.name}"
    if role == Role.STOPPED:
        probe = failed_probe(ws, rsc, node.name if node is not None else None)
        if probe is not None:
            text += f" ({probe}) "
    flags = _flags(rsc, node, pending)
    if flags:
        text += f" ({', '.join(flags)})"
    if several or display.by_node or display.detail or display.description:
        description = rsc.xml.get("description")
        if description:
            text += f" ({description})"
    if several and not display.by_node:
        text += f" [ {' '.join(each.name for each in rsc.active_nodes)} ]"
    return text


def is_hidden(rsc: Resource) -> bool:
    """Whether the resource is an implied part of something else."""
    return is_true(rsc.meta.get("internal_rsc"))
