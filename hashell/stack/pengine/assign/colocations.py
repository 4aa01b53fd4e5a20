"""Colocation constraints: creation, and the lists of them as each variant sees them (scheduler actions §4.1-§4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import INF, Role, Variant
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.order.create import order_tasks
from hashell.stack.pengine.relations import Colocation

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Resource, WorkingSet


def _precedes(new: Resource, old: Resource) -> bool:
    """Whether `new` goes before `old` in a sorted list; among equals the new one does."""
    if new.priority != old.priority:
        return new.priority > old.priority
    if new.variant != old.variant:
        return new.variant > old.variant
    if new.variant == Variant.CLONE and new.promotable != old.promotable:
        return new.promotable
    return new.id.encode() <= old.id.encode()


def _insert_by_primary(items: list[Colocation], new: Colocation) -> None:
    for index, item in enumerate(items):
        if _precedes(new.primary, item.primary):
            items.insert(index, new)
            return
    items.append(new)


def _insert_by_dependent(items: list[Colocation], new: Colocation) -> None:
    for index, item in enumerate(items):
        if _precedes(new.dependent, item.dependent):
            items.insert(index, new)
            return
    items.append(new)


def new_colocation(
    ws: WorkingSet,
    id: str,
    attribute: str | None,
    score: int,
    dependent: Resource,
    primary: Resource,
    dependent_role: int = Role.UNKNOWN,
    primary_role: int = Role.UNKNOWN,
    *,
    influence: bool = False,
    explicit: bool = False,
) -> Colocation | None:
    """Put `dependent` with (or away from) `primary`; None, and nothing done, for score 0."""
    if score == 0:
        return None
    coloc = Colocation(id, dependent, primary, score)
    coloc.dependent_role = dependent_role
    coloc.primary_role = primary_role
    coloc.node_attribute = attribute or "#uname"
    coloc.influence = influence
    coloc.explicit = explicit
    _insert_by_primary(dependent.this_with_colocations, coloc)
    _insert_by_dependent(primary.with_this_colocations, coloc)
    ws.colocation_constraints.append(coloc)
    if score <= -INF:
        _order_apart(ws, dependent, dependent_role, primary, primary_role)
        _order_apart(ws, primary, primary_role, dependent, dependent_role)
    return coloc


def _order_apart(ws: WorkingSet, first: Resource, first_role: int, then: Resource, then_role: int) -> None:
    """What must not share a node leaves it before the other comes."""
    lose = {Role.PROMOTED: ("demote",), Role.UNPROMOTED: ("stop", "promote")}.get(first_role, ("stop",))
    gain = {Role.PROMOTED: ("promote",), Role.UNPROMOTED: ("start", "demote")}.get(then_role, ("start",))
    for first_task in lose:
        for then_task in gain:
            order_tasks(ws, first, first_task, then, then_task, Rel.IF_REQUIRED_ON_SAME_NODE)


def this_with(rsc: Resource) -> list[Colocation]:
    """Colocations in which `rsc` is the dependent, with those its ancestors and relatives contribute."""
    items: list[Colocation] = []
    _this_with(rsc, rsc, items)
    return items


def with_this(rsc: Resource) -> list[Colocation]:
    """Colocations in which `rsc` is the primary."""
    items: list[Colocation] = []
    _with_this(rsc, rsc, items)
    return items


def _add_this_with(items: list[Colocation], added: list[Colocation]) -> None:
    """An empty list takes all; a filled one takes the first as often as there are added ones, as the original does."""
    if not items:
        items.extend(added)
        return
    for _ in added:
        _insert_by_primary(items, added[0])


def _add_with_this(items: list[Colocation], added: list[Colocation]) -> None:
    if not items:
        items.extend(added)
        return
    for _ in added:
        _insert_by_dependent(items, added[0])


def _this_with(rsc: Resource, orig: Resource, items: list[Colocation]) -> None:
    own = rsc.this_with_colocations
    if rsc.variant == Variant.PRIMITIVE:
        if rsc is orig:
            _add_this_with(items, own)
            if rsc.parent is not None:
                _this_with(rsc.parent, orig, items)
        else:
            for coloc in own:
                if coloc.explicit:
                    _insert_by_primary(items, coloc)
    elif rsc.variant == Variant.GROUP:
        _group_this_with(rsc, orig, items)
    elif rsc.variant == Variant.CLONE:
        _add_this_with(items, own)
        if rsc.parent is not None:
            _this_with(rsc.parent, orig, items)
    elif _bundle_speaks_for(rsc, orig):
        _add_this_with(items, own)


def _group_this_with(group: Resource, orig: Resource, items: list[Colocation]) -> None:
    if not group.children:
        return
    if orig is group or orig is group.children[0]:
        _add_this_with(items, group.this_with_colocations)
        if group.parent is not None:
            _this_with(group.parent, orig, items)
        if group.group.colocated:
            for member in group.children:
                if member is not orig:
                    _this_with(member, orig, items)
        return
    for member in group.children:
        if member is orig:
            return
        if not member.managed:
            for coloc in group.this_with_colocations:
                if coloc.score == INF:
                    _insert_by_primary(items, coloc)
            return


def _with_this(rsc: Resource, orig: Resource, items: list[Colocation]) -> None:
    own = rsc.with_this_colocations
    if rsc.variant == Variant.PRIMITIVE:
        if rsc is orig:
            _add_with_this(items, own)
            if rsc.parent is not None:
                _with_this(rsc.parent, orig, items)
        else:
            for coloc in own:
                if coloc.explicit:
                    _insert_by_dependent(items, coloc)
    elif rsc.variant == Variant.GROUP:
        if not rsc.children or (orig is not rsc and orig is not rsc.children[-1]):
            return
        _add_with_this(items, own)
        if rsc.parent is not None:
            _with_this(rsc.parent, orig, items)
        if rsc.group.colocated:
            for member in rsc.children:
                if member is not orig:
                    _with_this(member, orig, items)
    elif rsc.variant == Variant.CLONE:
        _add_with_this(items, own)
        if rsc.parent is not None:
            _with_this(rsc.parent, orig, items)
    elif _bundle_speaks_for(rsc, orig):
        _add_with_this(items, own)


def _bundle_speaks_for(bundle: Resource, orig: Resource) -> bool:
    """Whether the bundle's own constraints concern `orig`, a part of it."""
    if orig is bundle or orig.replica_container:
        return True
    child = bundle.bundle.child
    if child is None or not child.promotable or orig.top() is not child:
        return False
    if orig is child:
        return child.clone.added_promoted_constraints
    return not orig.unassigned


def has_influence(coloc: Colocation, primary: Resource | None = None) -> bool:
    """Whether the dependent's preferences may affect where the primary goes (§4.5)."""
    rsc = primary or coloc.primary
    if coloc.dependent.remote_nesting_allowed and not rsc.failed and len(rsc.active_nodes) == 1:
        return False
    return coloc.influence or not rsc.active_nodes
