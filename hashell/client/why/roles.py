"""Why an instance of a promotable clone is promoted, or is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Answer, Cause
from hashell.client.why.bans import location_name, placed, ticket_cause
from hashell.client.why.failures import name_of
from hashell.client.why.waiting import unrunnable_causes
from hashell.model.scores import clip, score_text
from hashell.stack.pengine.assign.promotable import promotion_score
from hashell.stack.pengine.kinds import Role, parse_role
from hashell.stack.pengine.ledger import Kind

if TYPE_CHECKING:
    from hashell.client.why.case import Case
    from hashell.stack.pengine.state import Resource


def role_answer(case: Case, rsc: Resource) -> Answer | None:
    """About the role of one instance that has a place; None for resources without roles."""
    clone = rsc.top()
    if not clone.promotable or rsc.assigned_node is None:
        return None
    name, node = rsc.display_id(), rsc.assigned_node.node
    instance = _instance(rsc)
    if rsc.next_role == Role.PROMOTED:
        return Answer(question="role", text=_promoted_text(case, rsc), causes=tuple(_promoted(case, rsc, instance)))
    causes = _not_promoted(case, rsc, instance)
    word = "is going to be demoted" if rsc.orig_role == Role.PROMOTED else "is not promoted"
    return Answer(question="role", text=f"{name} {word} on {node.name}", causes=tuple(causes))


def _instance(rsc: Resource) -> Resource:
    while rsc.parent is not None and rsc.parent.parent is not None and rsc.parent.promotable:
        if rsc.parent is rsc.top():
            break
        rsc = rsc.parent
    return rsc


def _promoted_text(case: Case, rsc: Resource) -> str:
    assert rsc.assigned_node is not None
    name, node = rsc.display_id(), rsc.assigned_node.node.name
    if rsc.orig_role == Role.PROMOTED and rsc.assigned_node.node in rsc.active_nodes:
        return f"{name} is promoted on {node}"
    blocked = any(not a.runnable and not a.optional for a in rsc.actions_by_task.get("promote", ()))
    if blocked:
        return f"{name} should be promoted on {node}, but cannot be"
    return f"{name} is going to be promoted on {node}"


def _promoted(case: Case, rsc: Resource, instance: Resource) -> list[Cause]:
    for action in rsc.actions_by_task.get("promote", ()):
        if not action.optional and not action.runnable:
            return unrunnable_causes(case, action)
    assert rsc.assigned_node is not None
    found = _scores(case, rsc, instance)
    total = score_text(instance.promotion_priority)
    rivals = [other for other in rsc.top().children if other is not instance and other.promotion_priority >= 0]
    text = f"its promotion score is {total}"
    if rivals:
        best = max(rivals, key=lambda other: other.promotion_priority)
        text += f", that of {_where(best)} is {score_text(best.promotion_priority)}"
    else:
        text += ", no other instance can be promoted"
    return [Cause(kind="promotion-score", node=rsc.assigned_node.node.name, value=instance.promotion_priority,
                  text=text, because=tuple(found))]


def _where(instance: Resource) -> str:
    leaf = next(instance.leaves())
    node = leaf.assigned_node.node.name if leaf.assigned_node is not None else "no node"
    return f"the instance on {node}"


def _scores(case: Case, rsc: Resource, instance: Resource) -> list[Cause]:
    """What makes up the promotion score."""
    assert rsc.assigned_node is not None
    node = rsc.assigned_node.node
    found = []
    score, given = promotion_score(rsc, node)
    attribute = f"master-{rsc.history_id or rsc.id}"
    if given:
        id, _ = case.node_pair(node, attribute, f"master-{rsc.xml_id()}")
        found.append(Cause(kind="promotion-score", id=id, node=node.name, value=score,
                           text=f"{score_text(score)} was set by its agent"))
    for location in (*instance.location_constraints, *rsc.top().location_constraints):
        for entry in location.nodes:
            if location.role_filter == Role.PROMOTED and entry.node is node:
                id, rule = location_name(case, location.id)
                by = f" with the rule {rule}" if rule else ""
                sign = "+" if entry.score > 0 else ""
                found.append(Cause(kind="location", id=id, node=node.name, value=entry.score,
                                   text=f"{sign}{score_text(entry.score)} by a location constraint for the promoted "
                                        f"role{by}"))
    for written in case.facts(instance, Kind.PROMOTED_WITH):
        if written.other is not None and written.node is node and written.value:
            where = placed(written.other) or "no node"
            found.append(Cause(kind=written.kind, id=written.id, node=node.name, value=written.value,
                               text=f"{'+' if written.value > 0 else ''}{score_text(clip(written.value))} for the "
                                    f"promoted role, because {written.other.id} is on {where}"))
    return found


def _not_promoted(case: Case, rsc: Resource, instance: Resource) -> list[Cause]:
    assert rsc.assigned_node is not None
    clone, node = rsc.top(), rsc.assigned_node.node
    if parse_role(rsc.meta.get("target-role")) == Role.UNPROMOTED:
        id, owner = case.pair(rsc, "target-role")
        name = name_of(owner or clone)
        return [Cause(kind="target-role", id=id, text=f"the target-role of {name} is Unpromoted",
                      remedy=f"resource promote {clone.id}")]
    for constraint in clone.ticket_constraints:
        if constraint.role == Role.PROMOTED and (not constraint.ticket.granted or constraint.ticket.standby):
            return [ticket_cause(case, clone, constraint.id)]
    scores = _scores(case, rsc, instance)
    if instance.promotion_priority < 0:
        negative = [cause for cause in scores if (cause.value or 0) < 0]
        if negative:
            return [Cause(kind=c.kind, id=c.id, node=c.node, value=c.value, text=c.text,
                          remedy=f"configure delete {c.id}" if c.kind != "promotion-score" else "") for c in negative]
        if not any(cause.kind == "promotion-score" for cause in scores):
            return [Cause(kind="no-promotion-score", node=node.name,
                          text=f"its agent has set no promotion score on {node.name}",
                          remedy=f"resource refresh {rsc.display_id()} {node.name}")]
        return [Cause(kind="promotion-score", node=node.name, value=instance.promotion_priority,
                      text=f"its promotion score is {score_text(instance.promotion_priority)}", because=tuple(scores))]
    id, _ = case.pair(clone, "promoted-max")
    most = clone.clone.promoted_max
    winners = [leaf.assigned_node.node.name for leaf in clone.leaves()
               if leaf.next_role == Role.PROMOTED and leaf.assigned_node is not None]
    where = ", ".join(dict.fromkeys(winners))
    return [Cause(kind="promoted-max", id=id, remedy=f"resource meta {clone.id} set promoted-max {most + 1}",
                  text=f"promoted-max={most}, and the instance on {where} has the higher promotion score")]
