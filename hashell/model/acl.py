"""Access control lists: who may read and change which part of a CIB (daemons specification, section 2.8).

A permission flags the elements its XPath selects; flags add up. A check walks from an element to the root and the
first level with an opinion decides, deny before everything; no opinion at all is a denial.
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from hashell.model.document import copy_tree, nodes_matching
from hashell.model.patchset import find_path

#: Users whom ACLs do not bind.
SUPERUSERS = ("root", "hacluster")
_TRUE = ("true", "on", "yes", "y", "1")

Flags = dict[etree._Element, tuple[str, ...]]


def needed(cib: etree._Element, user: str | None) -> bool:
    """True when requests of `user` are bound by ACLs."""
    if not user or user in SUPERUSERS:
        return False
    for nvpair in cib.iterfind("configuration/crm_config/cluster_property_set/nvpair"):
        if nvpair.get("name") == "enable-acl":
            return nvpair.get("value", "").lower() in _TRUE
    return False


def permissions(cib: etree._Element, user: str, groups: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, XPath) of all permissions of the user, in document order, roles expanded."""
    acls = cib.find("configuration/acls")
    result: list[tuple[str, str]] = []
    if acls is None:
        return result
    for holder in acls.iterchildren(etree.Element):
        name = holder.get("name") or holder.get("id", "")
        if (holder.tag == "acl_target" and name == user) or (holder.tag == "acl_group" and name in groups):
            result.extend(_entries(acls, holder))
    return result


def _entries(acls: etree._Element, holder: etree._Element) -> list[tuple[str, str]]:
    result: list[tuple[str, str]] = []
    for child in holder.iterchildren(etree.Element):
        if child.tag == "role":
            wanted = child.get("id")
            role = next((r for r in acls.iterchildren("acl_role") if r.get("id") == wanted), None)
            if role is not None:
                result.extend(_entries(acls, role))
        elif child.tag == "acl_permission" and child.get("kind") in ("read", "write", "deny"):
            result.append((child.get("kind", ""), _expression(child)))
    return result


def _expression(permission: etree._Element) -> str:
    if permission.get("xpath"):
        return permission.get("xpath", "")
    tag = permission.get("object-type") or "*"
    reference, attribute = permission.get("reference"), permission.get("attribute")
    parts = ([f"@id='{reference}'"] if reference else []) + ([f"@{attribute}"] if attribute else [])
    return f"//{tag}" + (f"[{' and '.join(parts)}]" if parts else "")


def _flags(cib: etree._Element, entries: Sequence[tuple[str, str]]) -> Flags:
    flags: Flags = {}
    for kind, expression in entries:
        try:
            matches = nodes_matching(cib, expression)
        except ValueError:
            continue
        for match in matches:
            flags[match] = (*flags.get(match, ()), kind)
    return flags


def _allowed(element: etree._Element, mode: str, flags: Flags, fresh: Flags | None = None) -> bool:
    node: etree._Element | None = element
    while node is not None:
        own = flags.get(node, ())
        if "deny" in own:
            return False
        if "write" in own or mode in own or (mode == "create" and fresh is not None and node in fresh):
            return True
        node = node.getparent()
    return False


def readable(cib: etree._Element, user: str, groups: Sequence[str]) -> etree._Element | None:
    """A copy with only what the user may read, or None when that is nothing."""
    copy = copy_tree(cib)
    flags = _flags(copy, permissions(cib, user, groups))
    for element in [e for e, own in flags.items() if "deny" in own]:
        parent = element.getparent()
        if parent is None:
            return None
        parent.remove(element)
    return copy if _purge(copy, flags) else None


def _purge(element: etree._Element, flags: Flags) -> bool:
    """Reduce an element to its readable parts; False when there are none."""
    own = flags.get(element, ())
    if "read" in own or "write" in own:
        return True
    kept = False
    for child in list(element):
        if isinstance(child.tag, str) and _purge(child, flags):
            kept = True
        else:
            element.remove(child)
    if kept:
        for name in [n for n in element.attrib if n != "id"]:
            del element.attrib[name]
    return kept


def may_change(
    old: etree._Element, new: etree._Element, found: Sequence[etree._Element], user: str, groups: Sequence[str]
) -> bool:
    """True when the user may make all the changes (patchset `<change>` elements) from `old` to `new`.

    The permissions are those of `old`: nobody grants himself a right with the request that needs it.
    """
    entries = permissions(old, user, groups)
    old_flags, new_flags = _flags(old, entries), _flags(new, entries)
    for change in found:
        operation, path = change.get("operation", ""), change.get("path", "")
        if operation == "delete":
            target = find_path(old, path)
            if target is not None and not _allowed(target, "write", old_flags):
                return False
        elif operation == "create":
            position = change.get("position", "")
            parent = find_path(new, path)
            if parent is None or not position.isdigit() or int(position) >= len(parent):
                return False
            if not _may_create(parent[int(position)], new_flags):
                return False
        else:
            target = find_path(new, path)
            if target is None or not _allowed(target, "write", new_flags):
                return False
    return True


def _may_create(element: etree._Element, flags: Flags) -> bool:
    if not isinstance(element.tag, str):
        return True
    scaffolding = set(element.attrib) <= {"id"} and not any(a.tag == "acls" for a in element.iterancestors())
    if (not scaffolding or "deny" in flags.get(element, ())) and not _allowed(element, "write", flags):
        return False
    return all(_may_create(child, flags) for child in element)
