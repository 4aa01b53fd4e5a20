"""Instances of a clone (model spec 8.6)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from hashell.model.values import is_true, min_integer
from hashell.stack.pengine.messages import config_error, config_warning
from hashell.stack.pengine.state import CloneData

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Resource, WorkingSet
    from hashell.stack.pengine.unpack.groups import Unpack


def _count(rsc: Resource, names: tuple[str, ...], default: int) -> int:
    for name in names:
        text = rsc.meta.get(name)
        if text is not None:
            return min_integer(text, 0)
    return default


def unpack_clone(ws: WorkingSet, rsc: Resource, unpack: Unpack) -> bool:
    """Read the counts and create all instances; False when there is nothing to clone."""
    clone = rsc.clone = CloneData()
    if rsc.promotable:
        clone.promoted_max = _count(rsc, ("promoted-max", "master-max"), 1)
        clone.promoted_node_max = _count(rsc, ("promoted-node-max", "master-node-max"), 1)
    clone.clone_node_max = _count(rsc, ("clone-node-max",), 1)
    clone.clone_max = _count(rsc, ("clone-max",), max(1, len(ws.nodes)))
    clone.ordered = is_true(rsc.meta.get("ordered"))
    if not rsc.unique and clone.clone_node_max > 1:
        config_error(ws, "option", rsc.xml, id=rsc.id, name="clone-node-max", value=str(clone.clone_node_max))
        clone.clone_node_max = 1
    clone.child_xml = next((c for c in rsc.xml.iterchildren("*") if c.tag in ("primitive", "group")), None)
    if clone.child_xml is None:
        return False
    rsc.meta.setdefault("resource-stickiness", "1")
    rsc.meta["globally-unique"] = "true" if rsc.unique else "false"
    if clone.clone_max <= 0:
        return create_instance(ws, rsc, unpack) is not None
    while clone.total_clones < clone.clone_max:
        if create_instance(ws, rsc, unpack) is None:
            return False
    return True


def create_instance(ws: WorkingSet, rsc: Resource, unpack: Unpack) -> Resource | None:
    """One more instance of the clone, an orphan when there are enough already."""
    clone = rsc.clone
    assert clone.child_xml is not None
    xml = deepcopy(clone.child_xml)
    xml.tail = None
    xml.set("clone", str(clone.total_clones))
    orphan = clone.total_clones >= clone.clone_max
    child = unpack(ws, xml, rsc)
    if child is None:
        return None
    clone.total_clones += 1
    rsc.children.append(child)
    if orphan:
        for each in child.walk():
            each.removed = True
    child.meta["clone-max"] = str(clone.clone_max)
    return child


def force_anonymous(ws: WorkingSet, clone: Resource, rsc: Resource) -> None:
    """Make a clone anonymous whose agent class knows no unique instances."""
    config_warning(ws, "option", clone.xml, id=clone.id, name="globally-unique", value="true")
    clone.clone.clone_node_max = 1
    clone.clone.clone_max = min(clone.clone.clone_max, len(ws.nodes))
    for each in (*clone.walk(), rsc):
        each.unique = False
        each.meta["globally-unique"] = "false"
