"""Preferences of colocated resources flow into a node table (scheduler actions §4.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.attributes import colocation_value
from hashell.stack.pengine.assign.colocations import has_influence, this_with, with_this
from hashell.stack.pengine.assign.nodes import add_scores, any_usable, copy_table, node_ok, single
from hashell.stack.pengine.kinds import INF, Variant
from hashell.stack.pengine.unpack.criteria import apply_to_one

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Colocation
    from hashell.stack.pengine.state import NodeCopy, Resource, WorkingSet

THIS_WITH = 1  #: follow the source's primaries instead of its dependents
NONNEGATIVE = 2  #: do not let positive scores become negative
ACTIVE = 4  #: give the change up when it leaves no usable node

_UNUSABLE = INF * -100

Table = dict[str, "NodeCopy"]


def coloc_factor(coloc: Colocation) -> float:
    return single(coloc.score / INF)


def propagate(
    ws: WorkingSet,
    source: Resource,
    target: Resource | None,
    table: Table | None,
    coloc: Colocation | None,
    factor: float,
    flags: int,
) -> Table | None:
    """The table after `source`'s preferences, weighted by `factor`, were merged into it; None asks for a new one."""
    if source.updating_nodes:
        return table
    source.updating_nodes = True
    if source.variant == Variant.GROUP:
        if not source.children:
            return table
        member = source.children[-1] if table is None else source.children[0]
        table = propagate(ws, member, target, table, coloc, factor, flags)
        source.updating_nodes = False
        return table
    work: Table | None = _merged(ws, source, target, table, coloc, factor, flags)
    if table is None:
        target = source
    if work is not None:
        if any_usable(work):
            work = _follow(ws, source, target, work, factor, flags)
        elif flags & ACTIVE:
            work = None
    if work is None:
        source.updating_nodes = False
        return table
    if flags & NONNEGATIVE:
        for entry in work.values():
            if entry.score == _UNUSABLE:
                entry.score = 1
    source.updating_nodes = False
    return work


def _merged(
    ws: WorkingSet,
    source: Resource,
    target: Resource | None,
    table: Table | None,
    coloc: Colocation | None,
    factor: float,
    flags: int,
) -> Table:
    if table is None:
        return copy_table(source.allowed_nodes)
    work = copy_table(table)
    assert coloc is not None and target is not None
    _merge(ws, work, source, target, coloc, factor, bool(flags & NONNEGATIVE))
    return work


def _follow(
    ws: WorkingSet, source: Resource, target: Resource | None, work: Table, factor: float, flags: int
) -> Table:
    following = this_with(source) if flags & THIS_WITH else with_this(source)
    flags |= ACTIVE
    for coloc in following:
        if flags & THIS_WITH:
            other = coloc.primary
        else:
            if not has_influence(coloc):
                continue
            other = coloc.dependent
        other_factor = single(single(factor * coloc.score) / INF)
        result = propagate(ws, other, target, work, coloc, other_factor, flags)
        assert result is not None
        work = result
    return work


def _best_scores(
    ws: WorkingSet, source: Resource, coloc: Colocation, by_name: bool
) -> dict[str | None, int]:
    """Attribute value -> best score that the source has on available nodes with it.

    With `by_name` node ids stand for the values: without guests each node is the only one of its name.
    """
    allowed = source.allowed_nodes
    parent = source.parent
    if (
        source is coloc.dependent
        and coloc.explicit
        and parent is not None
        and parent.variant == Variant.GROUP
        and parent.children[0] is not source
    ):
        source.allowed_nodes = copy_table(allowed)
        for location in ws.location_constraints:
            if location.rsc is parent:
                apply_to_one(source, location)
        table, source.allowed_nodes = source.allowed_nodes, allowed
    else:
        table = allowed
    best: dict[str | None, int] = {}
    for entry in table.values():
        if entry.score > -INF and node_ok(entry.node):
            value = entry.node.id if by_name else colocation_value(entry.node, coloc.node_attribute, source)
            if entry.score > best.get(value, -INF):
                best[value] = entry.score
    return best


def _moves_primary(coloc: Colocation, score: int) -> bool:
    """Whether a dependent that is kept away may push the primary off its node nevertheless."""
    if coloc.primary.stickiness >= -score or not has_influence(coloc):
        return False
    return sum(1 for entry in coloc.dependent.allowed_nodes.values() if entry.score >= 0) == 1


def _merge(
    ws: WorkingSet,
    work: Table,
    source: Resource,
    target: Resource,
    coloc: Colocation,
    factor: float,
    only_positive: bool,
) -> None:
    by_name = coloc.node_attribute == "#uname" and not ws.have_remote_nodes and len(ws.node_by_name) == len(ws.nodes)
    best = _best_scores(ws, source, coloc, by_name)
    for entry in work.values():
        value = entry.node.id if by_name else colocation_value(entry.node, coloc.node_attribute, target)
        score = best.get(value, -INF)
        if not score:
            continue
        if factor < 0 and score < 0 and not _moves_primary(coloc, score):
            continue
        if entry.score == _UNUSABLE:
            continue
        product = single(factor * score)
        delta = int(product - 0.5 if product < 0 else product + 0.5)
        if delta == 0 and score != 0:
            delta = (factor > 0) - (factor < 0)
        new = add_scores(delta, entry.score)
        if only_positive and new < 0:
            if entry.score > 0:
                entry.score = _UNUSABLE
                continue
            if entry.score == 0:
                continue
        entry.score = new
