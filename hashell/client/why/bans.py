"""Why a resource may not run on a node: every entry of the ledger that rules the node out, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hashell.client.why.answer import Cause, shortest_first
from hashell.client.why.case import banned
from hashell.client.why.failures import failure_causes
from hashell.client.why.nodes import node_causes
from hashell.client.why.rules import rule_text
from hashell.model.scores import score_text
from hashell.stack.pengine.assign.nodes import amount
from hashell.stack.pengine.kinds import INF, Role, Variant
from hashell.stack.pengine.ledger import Entry, Kind

if TYPE_CHECKING:
    from hashell.client.why.case import Case
    from hashell.stack.pengine.state import Node, Resource

DEEPEST = 6  #: steps of a chain of colocations that are followed

_Writer = Callable[["Case", "Resource", Entry, "Node", int], list[Cause]]


def hindrances(case: Case, rsc: Resource, node: Node, depth: int = 0) -> list[Cause]:
    """Everything that forbids the resource on the node, the shortest first; empty when only scores decide."""
    found = node_causes(case, node)
    for entry in case.entries(rsc, node):
        writer = _WRITERS.get(entry.kind)
        if writer is not None and banned(entry):
            found += writer(case, rsc, entry, node, depth)
    if node.id not in rsc.allowed_nodes and not found:
        found.append(_not_allowed(case, rsc, node))
    return shortest_first(found)


def _not_allowed(case: Case, rsc: Resource, node: Node) -> Cause:
    top = rsc.top(include_bundle=True).id
    return Cause(
        kind="opt-in", node=node.name, id=case.option("symmetric-cluster"),
        text=f"no location constraint lets {top} run on {node.name}, and symmetric-cluster=false demands one",
        remedy=f"configure location allow-{top}-{node.name} {top} 0: {node.name}",
    )


def constraint_remedy(id: str, rsc: Resource) -> str:
    if id.startswith(("cli-ban-", "cli-prefer-")):
        return f"resource clear {rsc.top(include_bundle=True).id}"
    return f"configure delete {id}"


def location_name(case: Case, id: str) -> tuple[str, str]:
    """(id of the location constraint, its rule in words or "") for the id of a constraint or rule."""
    element = case.elements.get(id)
    if element is None or element.tag != "rule":
        return id, ""
    parent = element.getparent()
    while parent is not None and parent.tag == "rule":
        parent = parent.getparent()
    constraint = parent.get("id") if parent is not None else None
    return constraint or id, rule_text(element)


def _location(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    id, rule = location_name(case, entry.id)
    text = f"a location constraint keeps it off {node.name}"
    if rule:
        text = f"the rule of a location constraint keeps it off {node.name} ({rule})"
    return [Cause(kind=entry.kind, id=id, node=node.name, value=-INF, text=text, remedy=constraint_remedy(id, rsc))]


def _health(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    return [health_cause(case, node, entry)]


def health_cause(case: Case, node: Node, entry: Entry) -> Cause:
    values = {name: value for name, value in node.attrs.items() if name.startswith("#health")}
    worst = next((n for n, v in values.items() if v.lower() == "red"), next(iter(values), "#health"))
    id, transient = case.node_pair(node, worst)
    shown = ", ".join(f"{name}={value}" for name, value in values.items())
    level = "status-attr" if transient else "attribute"
    return Cause(
        kind=entry.kind, id=id, node=node.name, value=entry.value,
        text=f"{node.name} is not healthy: {shown} (node-health-strategy={case.ws.health_strategy})",
        remedy=f"node {level} {node.name} delete '{worst}'" if id else "",
    )


def _ticket(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    return [ticket_cause(case, rsc, entry.id)]


def ticket_cause(case: Case, rsc: Resource, id: str) -> Cause:
    each: Resource | None = rsc
    while each is not None:
        for constraint in each.ticket_constraints:
            ticket = constraint.ticket
            if (not id or constraint.id == id) and (not ticket.granted or ticket.standby):
                said = "is in standby" if ticket.granted else "is not granted to this site"
                verb = "activate" if ticket.granted else "grant"
                return Cause(kind="ticket", id=constraint.id, text=f"it needs ticket {ticket.id}, which {said}",
                             remedy=f"site ticket {verb} {ticket.id}")
        each = each.parent
    return Cause(kind="ticket", id=id, text="it needs a ticket that is not granted")


def _orphan(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    return [Cause(kind=entry.kind, text="it is not configured any more, only its history is left",
                  remedy=f"resource refresh {rsc.id}")]


def _lock(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    home = rsc.lock_node.name if rsc.lock_node is not None else "another node"
    return [Cause(kind=entry.kind, id=case.option("shutdown-lock"), node=node.name,
                  text=f"it is kept for {home}, which was shut down (shutdown-lock)",
                  remedy=f"resource refresh {rsc.id} {home}")]


def _exclusive(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    top = rsc.top(include_bundle=True)
    id = ""
    for element in case.elements.values():
        if element.tag == "rsc_location" and element.get("resource-discovery") == "exclusive" \
                and element.get("rsc") in (rsc.id, top.id):
            id = element.get("id") or ""
            break
    return [Cause(
        kind=entry.kind, id=id, node=node.name,
        text=f"only nodes with a resource-discovery=exclusive constraint may run it, {node.name} has none",
        remedy=f"configure location allow-{top.id}-{node.name} {top.id} resource-discovery=exclusive 0: {node.name}",
    )]


def _colocation(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    other = entry.other
    coloc = case.colocation(entry.id, rsc, other) if other is not None else None
    if other is None or coloc is None:
        return []
    group = rsc.parent if entry.id == "#group-members" else None
    id = group.id if group is not None else ("" if entry.id.startswith("#") else entry.id)
    words = f"as a member of {id} it must run with {other.id}" if group is not None else f"it must run with {other.id}"
    lift = constraint_remedy(id, rsc) if id and group is None else ""
    place = placed(other)
    if coloc.primary_role == Role.PROMOTED:
        words = words.replace("must run with", "must run where") + " is promoted"
        place = placed(other, Role.PROMOTED)
        if not place and placed(other):
            return [Cause(kind=entry.kind, id=id, because=_promotion(case, other), text=f"{words}, and nowhere it is")]
    if coloc.score < 0:
        return [Cause(kind=entry.kind, id=id, node=node.name, remedy=lift,
                      text=f"it must not run with {other.id}, which is on {place}")]
    if coloc.node_attribute != "#uname":
        words += f" (where {coloc.node_attribute} is the same)"
    if not place:
        from hashell.client.why.stopped import stopped_causes

        deeper = tuple(stopped_causes(case, other, depth + 1)[:2]) if depth < DEEPEST else ()
        return [Cause(kind=entry.kind, id=id, text=f"{words}, which is stopped", because=deeper,
                      remedy="" if _has_remedy(deeper) else lift)]
    deeper = tuple(hindrances(case, other, node, depth + 1)[:1]) if depth < DEEPEST else ()
    return [Cause(kind=entry.kind, id=id, node=node.name, text=f"{words}, which is on {place}", because=deeper,
                  remedy="" if _has_remedy(deeper) else f"resource move {other.top().id} {node.name}")]


def _has_remedy(causes: tuple[Cause, ...]) -> bool:
    return any(cause.remedy or _has_remedy(cause.because) for cause in causes)


def _promotion(case: Case, clone: Resource) -> tuple[Cause, ...]:
    """Why no instance is promoted."""
    from hashell.client.why.roles import role_answer

    for leaf in clone.leaves():
        answer = role_answer(case, leaf)
        if answer is not None and answer.causes:
            return answer.causes[:1]
    return ()


def placed(rsc: Resource, role: int = Role.UNKNOWN) -> str:
    """Names of the nodes where the resource is going to be, in that role (UNKNOWN = any)."""
    names = [leaf.assigned_node.node.name for leaf in rsc.leaves()
             if leaf.assigned_node is not None and role in (Role.UNKNOWN, leaf.next_role)]
    return ", ".join(dict.fromkeys(names))


def _dependent(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    other = entry.other
    if other is None or depth >= DEEPEST:
        return []
    deeper = tuple(cause for cause in hindrances(case, other, node, depth + 2)
                   if cause.kind not in (Kind.COLOCATION, Kind.STOPPED))[:1]
    id = "" if entry.id.startswith("#") else entry.id
    return [Cause(kind=entry.kind, id=id, node=node.name, because=deeper,
                  remedy="" if _has_remedy(deeper) or not id else constraint_remedy(id, rsc),
                  text=f"{other.id} has to run with it and cannot run on {node.name}")]


def _capacity(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    missing = {
        name: (amount(rsc.utilization, name), amount(node.utilization, name))
        for name in rsc.utilization
        if amount(rsc.utilization, name) > amount(node.utilization, name)
    }
    users = [other.id for top in case.ws.resources for other in top.leaves()
             if other.assigned_node is not None and other.assigned_node.node is node and other.utilization]
    by = f" (used by {', '.join(users)})" if users else ""
    if not missing:
        text = f"{node.name} has no room for it and what must run with it{by}"
        return [Cause(kind=entry.kind, node=node.name, text=text)]
    said = ", ".join(f"{name}: needs {need}, {free} left" for name, (need, free) in missing.items())
    name, (need, free) = next(iter(missing.items()))
    total = need - free + _total(case, node, name)
    id, _ = case.pair(rsc, name, "utilization")
    return [Cause(kind=entry.kind, id=id, node=node.name, text=f"{node.name} has no room for it{by}: {said}",
                  remedy=f"node utilization {node.name} set {name} {total}")]


def _total(case: Case, node: Node, name: str) -> int:
    used = sum(
        amount(other.utilization, name)
        for top in case.ws.resources
        for other in top.leaves()
        if other.assigned_node is not None and other.assigned_node.node is node
    )
    return used + amount(node.utilization, name)


def _clone_max(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    clone = case.collective(rsc)
    return [clone_max_cause(case, clone)] if clone is not None else []


def clone_max_cause(case: Case, clone: Resource) -> Cause:
    id, _ = case.pair(clone, "clone-max")
    name, most = clone.id, clone.clone.clone_max
    text = f"{name} has all its instances (clone-max={most}), on {placed(clone)}"
    return Cause(kind=Kind.CLONE_MAX, id=id, text=text,
                 remedy=f"resource meta {name} set clone-max {most + 1}")


def _clone_node_max(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    clone = case.collective(rsc)
    if clone is None:
        return []
    id, _ = case.pair(clone, "clone-node-max")
    most = clone.clone.clone_node_max
    return [Cause(kind=entry.kind, id=id, node=node.name,
                  text=f"{node.name} runs clone-node-max={most} of {clone.id} already")]


def _ordering(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    first = entry.other
    if first is None:
        return []
    from hashell.client.why.stopped import stopped_causes

    deeper = tuple(stopped_causes(case, first, depth + 1)[:1]) if depth < DEEPEST else ()
    return [Cause(kind=entry.kind, id=case.ordering(first, rsc), because=deeper,
                  text=f"an instance of {first.id} has to be started on the same node before, and none is going to be")]


def _connection(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    return [Cause(kind=entry.kind, node=node.name, text=f"it cannot run on the guest or remote node {node.name}")]


def _failures(case: Case, rsc: Resource, entry: Entry, node: Node, depth: int) -> list[Cause]:
    return failure_causes(case, rsc, entry, node)


_WRITERS: dict[str, _Writer] = {
    Kind.LOCATION: _location, Kind.HEALTH: _health, Kind.TICKET: _ticket, Kind.ORPHAN: _orphan, Kind.LOCK: _lock,
    Kind.EXCLUSIVE: _exclusive, Kind.COLOCATION: _colocation, Kind.DEPENDENT: _dependent, Kind.CAPACITY: _capacity,
    Kind.ORDERING: _ordering,
    Kind.CLONE_MAX: _clone_max, Kind.CLONE_NODE_MAX: _clone_node_max, Kind.CONNECTION: _connection,
    Kind.THRESHOLD: _failures, Kind.FAILED_STOP: _failures, Kind.FAILURE_BAN: _failures,
    Kind.FATAL_FAILURE: _failures, Kind.ON_FAIL_STOP: _failures,
}


def contributions(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """What makes up the score of the resource on the node, the greatest first; bans are left out."""
    found: dict[tuple[str, str], Cause] = {}
    for entry in case.entries(rsc, node):
        if entry.value and not banned(entry) and entry.kind != Kind.UNMANAGED_HERE:
            cause = _contribution(case, rsc, entry, node)
            found[cause.kind, cause.id or cause.text] = cause
    return sorted(found.values(), key=lambda cause: -abs(cause.value or 0))


def _contribution(case: Case, rsc: Resource, entry: Entry, node: Node) -> Cause:
    value = entry.value or 0
    points = f"{'+' if value > 0 else ''}{score_text(value)}"
    id, other = entry.id, entry.other.id if entry.other is not None else ""
    if entry.kind == Kind.STICKINESS:
        id, _ = case.pair(rsc, "resource-stickiness")
        text = f"{points} because it runs there (resource-stickiness)"
    elif entry.kind == Kind.LOCATION:
        id, rule = location_name(case, id)
        text = f"{points} by a location constraint" + (f" with the rule {rule}" if rule else "")
    elif entry.kind == Kind.HEALTH:
        return health_cause(case, node, entry)
    elif entry.kind == Kind.COLOCATION:
        id, text = _shown(rsc, id), f"{points} because {other} is on {placed(entry.other) if entry.other else '?'}"
    elif entry.kind == Kind.DEPENDENT:
        id, text = _shown(rsc, id), f"{points} by the wishes of {other}, which runs with it"
    elif entry.kind == Kind.PROMOTION_SCORE:
        text = f"{points} by the promotion score that its agent set"
    else:
        text = f"{points} ({entry.kind})"
    return Cause(kind=entry.kind, id=id, node=node.name, value=value, text=text)


def _shown(rsc: Resource, id: str) -> str:
    if id == "#group-members":
        return rsc.parent.id if rsc.parent is not None and rsc.parent.variant == Variant.GROUP else ""
    return "" if id.startswith("#") else id
