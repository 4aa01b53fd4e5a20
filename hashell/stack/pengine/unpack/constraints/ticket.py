"""rsc_ticket: resources that need a ticket of the site (model spec 14.5, actions spec chapter 20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import INF, Role, TicketLoss
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.state import Ticket, TicketConstraint
from hashell.stack.pengine.unpack.constraints.names import (
    Side,
    constraint_role,
    expand_set_tags,
    expand_sides,
    find_constraint_resource,
    resource_sets,
    unknown_resource,
)
from hashell.stack.pengine.unpack.fencing import fence_node
from hashell.stack.pengine.unpack.locations import resource_location

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Resource, WorkingSet

_SIDES = (Side("rsc", "rsc-role", "role"),)


def unpack_ticket(ws: WorkingSet, element: _Element) -> None:
    """One rsc_ticket element; its effect on resources is immediate."""
    id = element.get("ticket")
    if not id:
        config_error(ws, "constraint", element, id=element.get("id") or "", value="it names no ticket")
        return
    ticket = ws.tickets.setdefault(id, Ticket(id))
    expanded = expand_set_tags(ws, element)
    if expanded.find("resource_set") is None:
        sides = expand_sides(ws, element, _SIDES)
        if sides is None:
            return
        expanded = sides
    if expanded.find("resource_set") is not None:
        for resource_set in resource_sets(ws, expanded):
            for ref in resource_set.iterchildren("resource_ref"):
                rsc = find_constraint_resource(ws, ref.get("id"))
                if rsc is None:
                    unknown_resource(ws, element, ref.get("id"))
                    return
                _new(ws, element, resource_set.get("id") or "", ticket, rsc, resource_set.get("role"))
        return
    found = find_constraint_resource(ws, expanded.get("rsc"))
    if found is None:
        unknown_resource(ws, element, expanded.get("rsc"))
        return
    _new(ws, element, element.get("id") or "", ticket, found, expanded.get("rsc-role"))


def _new(ws: WorkingSet, element: _Element, id: str, ticket: Ticket, rsc: Resource, role_text: str | None) -> None:
    role = constraint_role(ws, element, role_text)
    if role is None:
        return
    policy = _policy(ws, element, role)
    constraint = TicketConstraint(id, rsc, ticket, role, policy)
    rsc.ticket_constraints.append(constraint)
    if not ticket.granted or ticket.standby:
        for leaf in rsc.leaves():
            _apply(ws, leaf, constraint)


def _policy(ws: WorkingSet, element: _Element, role: int) -> str:
    text = (element.get("loss-policy") or "").lower()
    if text == TicketLoss.FENCE and not ws.fencing_enabled:
        config_error(ws, "constraint", element, id=element.get("id") or "", value="loss-policy=fence needs fencing")
        return TicketLoss.STOP
    if text in (TicketLoss.STOP, TicketLoss.DEMOTE, TicketLoss.FENCE, TicketLoss.FREEZE):
        return text
    return TicketLoss.DEMOTE if role == Role.PROMOTED else TicketLoss.STOP


def _apply(ws: WorkingSet, leaf: Resource, constraint: TicketConstraint) -> None:
    ticket, role, policy = constraint.ticket, constraint.role, constraint.loss_policy
    if ticket.granted or not leaf.active_nodes:
        if role != Role.PROMOTED or policy == TicketLoss.STOP:
            resource_location(ws, leaf, None, -INF, cause=Kind.TICKET, id=constraint.id)
        return
    role_matches = role in (Role.UNKNOWN, leaf.orig_role)
    if policy == TicketLoss.STOP or (policy == TicketLoss.DEMOTE and role != Role.PROMOTED):
        resource_location(ws, leaf, None, -INF, cause=Kind.TICKET, id=constraint.id)
    elif policy == TicketLoss.FENCE and role_matches:
        resource_location(ws, leaf, None, -INF, cause=Kind.TICKET, id=constraint.id)
        for node in leaf.active_nodes:
            fence_node(ws, node, "deadman ticket was lost")
    elif policy == TicketLoss.FREEZE and role_matches:
        if ws.ledger is not None:
            ws.ledger.add(Kind.TICKET_FREEZE, leaf, None, None, constraint.id)
        leaf.managed = False
        leaf.blocked = True
