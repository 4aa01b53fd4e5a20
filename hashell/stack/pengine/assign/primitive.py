"""Assignment of primitives and groups, and the way to every variant's own (scheduler actions §6.5-§6.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.apply import apply_colocation
from hashell.stack.pengine.assign.colocations import has_influence, this_with, with_this
from hashell.stack.pengine.assign.final import assign_resource
from hashell.stack.pengine.assign.location import ban
from hashell.stack.pengine.assign.nodes import any_usable, copy_table, node_ok, sort_entries, usable
from hashell.stack.pengine.assign.output import show_scores
from hashell.stack.pengine.assign.propagate import ACTIVE, NONNEGATIVE, coloc_factor, propagate
from hashell.stack.pengine.assign.queries import current_node, role_of
from hashell.stack.pengine.assign.utilization import limit_by_utilization
from hashell.stack.pengine.kinds import INF, QuorumPolicy, Role, Variant
from hashell.stack.pengine.ledger.book import scores_of
from hashell.stack.pengine.ledger.kinds import Kind

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Colocation
    from hashell.stack.pengine.state import Node, NodeCopy, Resource, WorkingSet


def assign_any(ws: WorkingSet, rsc: Resource, prefer: Node | None, stop_if_fail: bool) -> NodeCopy | None:
    """Choose a node for the resource, whatever its variant; the chosen entry, None for none or several."""
    if rsc.variant == Variant.PRIMITIVE:
        return assign_primitive(ws, rsc, prefer, stop_if_fail)
    if rsc.variant == Variant.GROUP:
        return assign_group(ws, rsc, prefer, stop_if_fail)
    if rsc.variant == Variant.CLONE:
        from hashell.stack.pengine.assign.clone import assign_clone

        assign_clone(ws, rsc, prefer, stop_if_fail)
        return None
    from hashell.stack.pengine.assign.bundle import assign_bundle

    assign_bundle(ws, rsc, prefer, stop_if_fail)
    return None


def assign_primitive(ws: WorkingSet, rsc: Resource, prefer: Node | None, stop_if_fail: bool) -> NodeCopy | None:
    """Choose a node for a primitive; what it depends on is assigned first."""
    if rsc.parent is not None and not rsc.parent.assigning:
        assign_any(ws, rsc.parent, prefer, stop_if_fail)
    if not rsc.unassigned:
        return rsc.assigned_node
    if rsc.assigning:
        return None
    rsc.assigning = True
    _apply_colocations(ws, rsc)
    if rsc.next_role == Role.STOPPED:
        ban(ws, rsc, None, Kind.STOPPED)
    elif rsc.next_role > rsc.orig_role and not ws.quorate and ws.no_quorum_policy == QuorumPolicy.FREEZE:
        rsc.next_role = rsc.orig_role
        if ws.ledger is not None:
            ws.ledger.add(Kind.QUORUM_FREEZE, rsc)
    show_scores(ws, "pcmk__primitive_assign", rsc)
    if ws.fencing_enabled and not ws.have_fencing:
        rsc.managed = False
        if ws.ledger is not None:
            ws.ledger.add(Kind.NO_FENCING, rsc)
    if not rsc.managed:
        rsc.next_role = rsc.orig_role
        node = current_node(rsc)
        entry = node.copy() if node is not None else None
        assign_resource(ws, rsc, entry, force=True, stop_if_fail=stop_if_fail)
    elif ws.stop_all:
        assign_resource(ws, rsc, None, force=True, stop_if_fail=stop_if_fail)
    else:
        _assign_best(ws, rsc, prefer, stop_if_fail)
    rsc.assigning = False
    if rsc.is_remote_connection:
        _connection_assigned(ws, rsc)
    return rsc.assigned_node


def _connection_assigned(ws: WorkingSet, rsc: Resource) -> None:
    """The remote node behind the connection comes up with it, or goes down."""
    node = ws.find_node(rsc.id)
    if node is None:
        return
    if rsc.assigned_node is not None and rsc.next_role != Role.STOPPED:
        node.online = True
        if not node.seen:
            node.unclean = False
    else:
        node.shutdown = True


def _apply_colocations(ws: WorkingSet, rsc: Resource) -> None:
    primaries, dependents = this_with(rsc), with_this(rsc)
    for mandatory in (True, False):
        for coloc in primaries:
            if (abs(coloc.score) >= INF) == mandatory:
                _apply_this_with(ws, rsc, coloc)
        for coloc in dependents:
            if (abs(coloc.score) >= INF) == mandatory:
                apply_with_this(ws, rsc, coloc)


def _apply_this_with(ws: WorkingSet, rsc: Resource, coloc: Colocation) -> None:
    archive = None
    if coloc.dependent_role >= Role.PROMOTED or -INF < coloc.score < 0:
        archive = copy_table(rsc.allowed_nodes)
    if coloc.primary.unassigned:
        assign_any(ws, coloc.primary, None, True)
    before = None if ws.ledger is None else scores_of(rsc.allowed_nodes)
    apply_colocation(ws, rsc, coloc.primary, coloc, True)
    if archive is not None and not any_usable(rsc.allowed_nodes):
        rsc.allowed_nodes = archive
    if ws.ledger is not None and before is not None:
        ws.ledger.colocation(Kind.COLOCATION, rsc, before, coloc)


def apply_with_this(ws: WorkingSet, primary: Resource, coloc: Colocation) -> None:
    """Let the preferences of a dependent weigh in while its primary is being assigned (end of §4.10)."""
    if not has_influence(coloc):
        return
    flags = ACTIVE | (NONNEGATIVE if primary.variant == Variant.CLONE else 0)
    dependent = coloc.dependent
    table = propagate(ws, dependent, primary, primary.allowed_nodes, coloc, coloc_factor(coloc), flags)
    assert table is not None
    before = None if ws.ledger is None else scores_of(primary.allowed_nodes)
    primary.allowed_nodes = table
    if ws.ledger is not None and before is not None:
        ws.ledger.colocation(Kind.DEPENDENT, primary, before, coloc)


def _assign_best(ws: WorkingSet, rsc: Resource, prefer: Node | None, stop_if_fail: bool) -> None:
    """Assign to the best node of the table (§6.6)."""
    most_free = limit_by_utilization(ws, rsc)
    prefer = prefer or most_free
    if not rsc.unassigned:
        return
    current = current_node(rsc)
    entries = sort_entries(ws, rsc.allowed_nodes.values(), current)
    best = entries[0] if entries else None
    chosen: NodeCopy | None = None
    if prefer is not None and best is not None:
        chosen = rsc.allowed_nodes.get(prefer.id)
        if chosen is not None and (chosen.score < best.score or not usable(chosen)):
            chosen = None
    if chosen is None and best is not None:
        chosen = _prefer_current(rsc, entries, current)
    assign_resource(ws, rsc, chosen, force=False, stop_if_fail=stop_if_fail)


def _prefer_current(rsc: Resource, entries: list[NodeCopy], current: Node | None) -> NodeCopy:
    """The first of the sorted entries, or the current node when its score is the same."""
    chosen = entries[0]
    parent = rsc.parent
    if parent is not None and parent.variant == Variant.CLONE and parent.unique:
        return chosen
    if chosen.score <= 0 or not node_ok(chosen.node):
        return chosen
    if current is None or current.score < 0 or not node_ok(current):
        return chosen
    for entry in entries[1:]:
        if entry.score != chosen.score:
            break
        if entry.node is current:
            return entry
    return chosen


def assign_group(ws: WorkingSet, group: Resource, prefer: Node | None, stop_if_fail: bool) -> NodeCopy | None:
    """Assign the members in order (§6.7)."""
    if not group.unassigned:
        return group.assigned_node
    if group.assigning:
        return None
    if not group.children:
        group.unassigned = False
        return None
    group.assigning = True
    group.orig_role = group.children[0].orig_role
    show_scores(ws, "pcmk__group_assign", group)
    found: NodeCopy | None = None
    for member in group.children:
        entry = assign_any(ws, member, prefer, stop_if_fail)
        found = found or entry
    group.next_role = role_of(group.children[0], False)
    group.assigning = False
    group.unassigned = False
    return found if group.group.colocated else None
