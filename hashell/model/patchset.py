"""Patchsets, format 2: the difference of two CIBs, and applying one (daemons specification, section 2.7).

Creating compares two trees. Children match by name and id; the position rule for moves is the peer's: siblings
are walked in target order and a child is moved when its index in the old and the new list differ, not counting
siblings that were deleted, created or moved before it (a child that goes forward is left out of the old list,
one that goes backward out of the new).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import deepcopy

from lxml import etree

from hashell.model.digest import digest_v2
from hashell.model.document import attributes
from hashell.model.version import COUNTERS, CibVersion, counter

OLD_DATA = -205
DIFF_FAILED = -206
DIFF_RESYNC = -207
UNKNOWN_FORMAT = -217

_STEP = re.compile(r"/([^/\[\]]+)(?:\[@id='(.*?)'\](?=/|$))?")


def element_path(element: etree._Element) -> str:
    """`/cib/configuration/resources/primitive[@id='a']`: the address of an element in a patchset."""
    steps: list[str] = []
    node: etree._Element | None = element
    while node is not None:
        steps.append(path_step(node))
        node = node.getparent()
    return "".join(reversed(steps))


def path_step(element: etree._Element) -> str:
    """One step of an element's address, with its leading slash."""
    if not isinstance(element.tag, str):
        return "/comment"
    ident = element.get("id")
    return f"/{element.tag}" if ident is None else f"/{element.tag}[@id='{ident}']"


# --- creating ---------------------------------------------------------------------------------------------------


def changes(old: etree._Element, new: etree._Element) -> list[etree._Element]:
    """The `<change>` elements that turn `old` into `new`, in patchset order. Empty when nothing differs."""
    return changes_within([(old, new)])


def changes_within(pairs: Sequence[tuple[etree._Element, etree._Element]]) -> list[etree._Element]:
    """The same for separate parts of a tree, given as (old copy, new element in its tree) in document order."""
    deletes: list[etree._Element] = []
    rest: list[etree._Element] = []
    for old, new in pairs:
        rest += _compare(old, new, element_path(new), deletes, 2 if new.tag == "cib" else 0)
    return deletes + rest


def create(
    old: etree._Element, new: etree._Element, *, found: list[etree._Element] | None = None, digest: bool = False
) -> etree._Element | None:
    """The `<diff format="2">` from `old` to `new`, or None when they are equal.

    `found` are the results of `changes()` if they are known already; `digest` adds the version 2 digest of `new`.
    """
    if found is None:
        found = changes(old, new)
    if not found:
        return None
    patch = etree.Element("diff", format="2")
    if digest:
        patch.set("digest", digest_v2(new))
    version = etree.SubElement(patch, "version")
    for tag, cib in (("source", old), ("target", new)):
        side = etree.SubElement(version, tag)
        for name in COUNTERS:
            side.set(name, cib.get(name, "1"))
    patch.extend(found)
    return patch


def refresh_root(old: etree._Element, new: etree._Element, found: list[etree._Element]) -> list[etree._Element]:
    """`found` with the change of the root's attributes made anew, after counters and time stamps were set."""
    deletes = [change for change in found if change.get("operation") == "delete"]
    rest = [
        change
        for change in found
        if change.get("operation") != "delete" and (change.get("operation"), change.get("path")) != ("modify", "/cib")
    ]
    return deletes + compare_attributes(old, new, path_step(new)) + rest


def touches_configuration(found: list[etree._Element]) -> bool:
    """True when a change lies in `/cib/configuration`, which is what makes an epoch."""
    return any(
        path.startswith("/cib/configuration") or (path == "/cib" and _adds_configuration(change))
        for change in found
        for path in (change.get("path", ""),)
    )


def _adds_configuration(change: etree._Element) -> bool:
    return change.get("operation") == "create" and len(change) > 0 and change[0].tag == "configuration"


def _same(old: etree._Element, new: etree._Element) -> bool:
    return bool(etree.tostring(old, with_tail=False) == etree.tostring(new, with_tail=False))


def _compare(
    old: etree._Element, new: etree._Element, path: str, deletes: list[etree._Element], unequal: int = 0
) -> list[etree._Element]:
    """The changes other than deletes; deletes are collected apart, in the order of the old tree.

    Equal children are passed over by their text. On the `unequal` upper levels that would cost more than it saves.
    """
    result = compare_attributes(old, new, path)
    old_children, new_children = list(old), list(new)
    old_of, new_of = _match(old_children, new_children)
    moved = _positions(len(old_children), old_of)
    inner: dict[int, list[etree._Element]] = {}
    gone = 0
    for index, child in enumerate(old_children):
        match = new_of[index]
        if match is None:
            deletes.append(_change("delete", path + path_step(child), None if _is_tag(child) else index - gone))
            gone += 1
        elif _is_tag(child) and (unequal > 1 or not _same(child, new_children[match])):
            inner[match] = _compare(child, new_children[match], path + path_step(child), deletes, unequal - 1)
    for index, child in enumerate(new_children):
        if old_of[index] is None:
            change = _change("create", path, index)
            change.append(_without_tail(child))
            result.append(change)
            continue
        result.extend(inner.get(index, ()))
        if index in moved:
            result.append(_change("move", path + path_step(child), index))
    return result


def _is_tag(node: etree._Element) -> bool:
    return isinstance(node.tag, str)


def _match(old: list[etree._Element], new: list[etree._Element]) -> tuple[list[int | None], list[int | None]]:
    """Indices of the counterparts: for each new child its old one, for each old child its new one."""
    old_of: list[int | None] = [None] * len(new)
    new_of: list[int | None] = [None] * len(old)
    waiting: dict[tuple[object, str | None], list[int]] = {}
    for index, child in enumerate(old):
        if isinstance(child.tag, str):
            waiting.setdefault((child.tag, child.get("id")), []).append(index)
        elif index < len(new) and not isinstance(new[index].tag, str) and new[index].text == child.text:
            old_of[index], new_of[index] = index, index
    for index, child in enumerate(new):
        candidates = waiting.get((child.tag, child.get("id"))) if isinstance(child.tag, str) else None
        if candidates:
            old_of[index] = candidates.pop(0)
            new_of[old_of[index]] = index  # type: ignore[index]
    return old_of, new_of


def _positions(count: int, old_of: list[int | None]) -> dict[int, None]:
    """Indices of the new children that have moved, among `count` old ones."""
    kept = {match for match in old_of if match is not None}
    old_rank = _Ranks([index in kept for index in range(count)])
    return _moved(old_rank, _Ranks([match is not None for match in old_of]), old_of)


def _moved(old_rank: _Ranks, new_rank: _Ranks, old_of: list[int | None]) -> dict[int, None]:
    moved: dict[int, None] = {}
    for index, match in enumerate(old_of):
        if match is None:
            continue
        was, now = old_rank.rank(match), new_rank.rank(index)
        if was != now:
            moved[index] = None
            if was > now:
                old_rank.skip(match)
            else:
                new_rank.skip(index)
    return moved


class _Ranks:
    """How many counted siblings stand before an index, in logarithmic time (a Fenwick tree)."""

    def __init__(self, counted: list[bool]) -> None:
        self._tree = [0] * (len(counted) + 1)
        for index, flag in enumerate(counted):
            if flag:
                self._add(index, 1)

    def _add(self, index: int, amount: int) -> None:
        index += 1
        while index < len(self._tree):
            self._tree[index] += amount
            index += index & -index

    def skip(self, index: int) -> None:
        self._add(index, -1)

    def rank(self, index: int) -> int:
        total = 0
        while index > 0:
            total += self._tree[index]
            index -= index & -index
        return total


def compare_attributes(old: etree._Element, new: etree._Element, path: str) -> list[etree._Element]:
    """The `modify` change of an element's attributes in a list, or an empty one."""
    before, after = attributes(old), attributes(new)
    if before == after and list(before) == list(after):
        return []
    names, old_names = list(after), list(before)
    match = [old_names.index(name) if before.get(name) == value else None for name, value in after.items()]
    moved = _moved(_Ranks([True] * len(old_names)), _Ranks([True] * len(names)), match)
    entries: list[tuple[str, str | None]] = [
        (name, value)
        for index, (name, value) in enumerate(after.items())
        if before.get(name) != value or index in moved
    ]
    entries += [(name, None) for name in before if name not in after]
    if not entries:
        return []
    change = _change("modify", path, None)
    listing = etree.SubElement(change, "change-list")
    for name, value_ in entries:
        attr = etree.SubElement(listing, "change-attr", name=name, operation="unset" if value_ is None else "set")
        if value_ is not None:
            attr.set("value", value_)
    result = etree.SubElement(etree.SubElement(change, "change-result"), new.tag)
    for name, value in after.items():
        result.set(name, value)
    return [change]


def _change(operation: str, path: str, position: int | None) -> etree._Element:
    change = etree.Element("change", operation=operation, path=path)
    if position is not None:
        change.set("position", str(position))
    return change


def _without_tail(element: etree._Element) -> etree._Element:
    copy = deepcopy(element)
    copy.tail = None
    return copy


# --- applying ---------------------------------------------------------------------------------------------------


def check_version(cib: etree._Element, patch: etree._Element) -> int:
    """0 when the patch starts at the version of `cib`; -207 when `cib` is too old for it, -205 when too new.

    A patch without versions, as the tools make them with --no-version, fits any CIB.
    """
    ours = CibVersion.of(cib)
    source = _side(patch, "source", ours)
    target = _side(patch, "target", ours._replace(num_updates=ours.num_updates + 1))
    for mine, start in zip(ours, source):
        if mine < start:
            return DIFF_RESYNC
        if mine > start:
            return OLD_DATA
    return 0 if any(end > start for end, start in zip(target, source)) else OLD_DATA


def _side(patch: etree._Element, tag: str, default: CibVersion) -> CibVersion:
    side = patch.find(f"version/{tag}")
    if side is None:
        return default
    return CibVersion(*(counter(side, name) for name in COUNTERS))


def apply(cib: etree._Element, patch: etree._Element, *, check: bool = True) -> int:
    """Apply a patchset to `cib` in place and return 0 or a negative legacy code.

    With a result other than 0 the tree may be half changed: work on a copy. -217 for another format than 2, -205
    and -207 from the version check (left out when `check` is false), -206 for a change that did not fit.
    """
    if patch.get("format") != "2":
        return UNKNOWN_FORMAT
    if check and (rc := check_version(cib, patch)):
        return rc
    deferred: list[tuple[int, etree._Element, etree._Element]] = []
    rc = 0
    for change in patch.iterchildren("change"):
        rc = _apply_one(cib, change, deferred) or rc
    deferred.sort(key=lambda entry: entry[0])
    for position, parent, node in deferred:
        current = node.getparent()
        if current is not None:
            current.remove(node)
        parent.insert(position, node)
    digest = patch.get("digest")
    if not rc and digest is not None and digest != digest_v2(cib):
        rc = DIFF_FAILED
    return rc


def _apply_one(
    cib: etree._Element, change: etree._Element, deferred: list[tuple[int, etree._Element, etree._Element]]
) -> int:
    operation = change.get("operation", "")
    position = counter(change, "position", -1)
    target = find_path(cib, change.get("path", ""), position if operation == "delete" else None)
    if target is None:
        return 0 if operation == "delete" else DIFF_FAILED
    parent = target.getparent()
    if operation == "create":
        if not len(change):
            return DIFF_FAILED
        deferred.append((position if position >= 0 else 1 << 30, target, _without_tail(change[0])))
    elif operation == "modify":
        result = change.find("change-result")
        if result is None or not len(result):
            return DIFF_FAILED
        target.attrib.clear()
        for name, value in attributes(result[0]).items():
            target.set(name, value)
    elif parent is None:
        return DIFF_FAILED
    elif operation == "delete":
        parent.remove(target)
    elif operation == "move":
        parent.append(target)
        deferred.append((position, parent, target))
    else:
        return DIFF_FAILED
    return 0


def find_path(cib: etree._Element, path: str, position: int | None = None) -> etree._Element | None:
    """The element a patchset path names, or None. `position` picks a comment among its siblings."""
    node: etree._Element | None = None
    end = 0
    for step in _STEP.finditer(path):
        if step.start() != end:
            return None
        end = step.end()
        name, ident = step.groups()
        siblings = [cib] if node is None else list(node) if name == "comment" else list(node.iterchildren(name))
        if name == "comment" and end == len(path):
            chosen = siblings[position : position + 1] if position is not None and position >= 0 else siblings
            node = next((child for child in chosen if isinstance(child, etree._Comment)), None)
        else:
            node = next((c for c in siblings if c.tag == name and (ident is None or c.get("id") == ident)), None)
        if node is None:
            return None
    return node if end == len(path) and end else None
