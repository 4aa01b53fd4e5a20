"""A change of the configuration in pieces: commands for the objects that it touches, and nothing else. Pure.

A patch of the whole CIB moves its epoch, which takes the right to write the root. Whom access rules let write some
objects only can have a change made by commands for just these, as Pacemaker's own tools make theirs. What the user
may not see is not touched, because only what differs is named.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

from lxml import etree

from hashell.model.document import CallOption
from hashell.model.patchset import element_path

#: In these the order of children means something, and merging puts new ones last.
_ORDERED = ("group", "resource_set", "acl_role", "acl_target", "acl_group", "fencing-topology")
#: What tells an element from its siblings of the same tag.
_NAMES = ("id", "id-ref")


@dataclass(frozen=True)
class Piece:
    """One command for the CIB manager; `section` is an XPath where the options say so."""

    op: str
    section: str
    data: etree._Element | None = None
    options: CallOption = CallOption.NONE


def partly_seen(cib: etree._Element) -> bool:
    """Whether access rules hide a part of this CIB, its own version first of all."""
    return "epoch" not in cib.attrib


def pieces(old: etree._Element, new: etree._Element) -> list[Piece]:
    """The commands that turn one `<configuration>` into another, in the order in which they have to be carried out."""
    found = _Difference()
    merged = found.compare(old, new)
    made = [] if merged is None else [Piece("cib_modify", "configuration", merged, CallOption.CAN_CREATE)]
    return [*found.deletes, *made, *found.replaces]


class _Difference:
    def __init__(self) -> None:
        self.deletes: list[Piece] = []
        self.replaces: list[Piece] = []

    def compare(self, old: etree._Element, new: etree._Element) -> etree._Element | None:
        """What has to be merged into `old`, or None; what merging cannot do is noted apart."""
        if _text(old) == _text(new):
            return None
        theirs, ours = _by_key(old), _by_key(new)
        kept = [key for key in theirs if key in ours]
        moved = old.tag in _ORDERED and list(ours)[: len(kept)] != kept
        if any(name not in new.attrib for name in old.attrib) or moved:
            # The id finds it, whatever section it is in.
            self.replaces.append(Piece("cib_replace", "configuration", copy.deepcopy(new)))
            return None
        self.deletes += [
            Piece("cib_delete", element_path(child), None, CallOption.XPATH)
            for key, child in theirs.items()
            if key not in ours
        ]
        merged = etree.Element(new.tag)
        for name in _NAMES:
            if name in new.attrib:
                merged.set(name, new.get(name, ""))
        changed = False
        for name in map(str, new.attrib):
            if old.get(name) != new.get(name):
                merged.set(name, new.get(name, ""))
                changed = True
        for key, child in ours.items():
            part = self.compare(theirs[key], child) if key in theirs else copy.deepcopy(child)
            if part is not None:
                merged.append(part)
                changed = True
        return merged if changed else None


def _by_key(element: etree._Element) -> dict[tuple[str, str, int], etree._Element]:
    """Children by what makes them the same in both trees: tag and id, and among those without id their number."""
    found: dict[tuple[str, str, int], etree._Element] = {}
    for child in element.iterchildren(etree.Element):
        number, name = 0, child.get("id") or child.get("id-ref") or ""
        while (key := (str(child.tag), name, number)) in found:
            number += 1
        found[key] = child
    return found


def _text(element: etree._Element) -> bytes:
    return etree.tostring(element, with_tail=False)
