"""Finding resources by id, and the attribute tables of a resource with their caches (model spec 8.2, 14.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.nvpairs import Block, apply_blocks, sorted_blocks
from hashell.model.rules import Context
from hashell.stack.pengine.unpack.config import note_change

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def register(ws: WorkingSet, rsc: Resource) -> None:
    """Make the resource and everything below it known by id. The first of an id wins."""
    index: dict[str, Resource] = ws.caches.setdefault("rsc_by_id", {})
    serial: dict[Resource, int] = ws.caches.setdefault("rsc_serial", {})
    for each in rsc.walk():
        index.setdefault(each.id, each)
        serial[each] = len(serial)


def set_history_id(ws: WorkingSet, rsc: Resource, id: str | None) -> None:
    """Note under which id the history of the resource is recorded; None forgets it."""
    index: dict[str, list[Resource]] = ws.caches.setdefault("rsc_by_history", {})
    if rsc.history_id is not None:
        index[rsc.history_id].remove(rsc)
    rsc.history_id = id
    if id is not None:
        index.setdefault(id, []).append(rsc)


def find_resource(ws: WorkingSet, id: str) -> Resource | None:
    """The first resource in the tree with that id or that history id."""
    own: Resource | None = ws.caches.setdefault("rsc_by_id", {}).get(id)
    recorded: list[Resource] = ws.caches.setdefault("rsc_by_history", {}).get(id, [])
    if not recorded:
        return own
    found = recorded if own is None else [own, *recorded]
    if len(found) == 1:
        return found[0]
    top = found[0].top(include_bundle=True)
    if all(rsc.top(include_bundle=True) is top for rsc in found):
        return min(found, key=ws.caches["rsc_serial"].__getitem__)
    return next((r for each in ws.resources for r in each.walk() if id in (r.id, r.history_id)), None)


def blocks_of(ws: WorkingSet, element: _Element, tag: str) -> list[Block]:
    """`sorted_blocks`, read once a run and element."""
    cache: dict[tuple[_Element, str], list[Block]] = ws.caches.setdefault("blocks", {})
    key = (element, tag)
    blocks = cache.get(key)
    if blocks is None:
        blocks = cache[key] = sorted_blocks(element, tag)
    return blocks


def agent_of(element: _Element) -> tuple[str | None, str | None, str | None]:
    """Class, provider and type, as rules see them."""
    return element.get("class"), element.get("provider"), element.get("type")


def unpack_meta(ws: WorkingSet, rsc: Resource) -> None:
    """Fill the meta table: own attributes and blocks, parents' blocks, rsc_defaults, the parent's table."""
    meta = rsc.meta
    for name, value in rsc.xml.items():
        if value.lower() != "#default":
            meta[str(name)] = str(value)
    context = Context(ws.now, agent=agent_of(rsc.xml))
    apply_blocks(blocks_of(ws, rsc.xml, "meta_attributes"), context, meta)
    inherited: dict[str, str] = {}
    ancestor = rsc.parent
    while ancestor is not None:
        apply_blocks(blocks_of(ws, ancestor.xml, "meta_attributes"), context, inherited)
        ancestor = ancestor.parent
    for name, value in inherited.items():
        meta.setdefault(name, value)
    if ws.rsc_defaults is not None:
        apply_blocks(blocks_of(ws, ws.rsc_defaults, "meta_attributes"), context, meta)
    note_change(ws, context.next_change)
    if rsc.parent is not None:
        for name, value in rsc.parent.meta.items():
            if name not in meta and value.lower() != "#default":
                meta[name] = value


def parameters(ws: WorkingSet, rsc: Resource, node: Node | None) -> dict[str, str]:
    """The instance attributes of the resource as evaluated for a node, or without one."""
    key = "" if node is None else node.name.lower()
    table = rsc.parameter_cache.get(key)
    if table is not None:
        return table
    chain, ancestor = [], rsc
    while True:
        chain.append(blocks_of(ws, ancestor.xml, "instance_attributes"))
        if ancestor.parent is None:
            break
        ancestor = ancestor.parent
    constant = not rsc.is_remote_connection and all(rule is None for blocks in chain for rule, _ in blocks)
    if constant and "*" in rsc.parameter_cache:
        table = rsc.parameter_cache["*"]
    else:
        table = {}
        context = Context(ws.now, node_attrs=node.attrs if node is not None else None)
        for blocks in chain:
            apply_blocks(blocks, context, table)
        note_change(ws, context.next_change)
        if constant:
            rsc.parameter_cache["*"] = table
    rsc.parameter_cache[key] = table
    return table
