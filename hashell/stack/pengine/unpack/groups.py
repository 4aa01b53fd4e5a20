"""Members of a group (model spec 8.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.model.values import boolean
from hashell.stack.pengine.state import GroupData

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet

    Unpack = Callable[[WorkingSet, _Element, Resource | None], Resource | None]


def unpack_group(ws: WorkingSet, rsc: Resource, unpack: Unpack) -> bool:
    """Unpack all usable members; False when there is none."""
    group = rsc.group = GroupData()
    group.ordered = boolean(rsc.meta.get("ordered")) is not False
    group.colocated = boolean(rsc.meta.get("collocated")) is not False
    instance = rsc.xml.get("clone")
    for element in rsc.xml.iterchildren("primitive"):
        if instance is not None:
            element.set("clone", instance)
        member = unpack(ws, element, rsc)
        if member is not None:
            rsc.children.append(member)
            group.last_child = member
    return bool(rsc.children)
