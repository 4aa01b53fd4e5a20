"""The answers about one resource, put together: where it is, why, what changes, and what that waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Answer, Cause, Explanation, shortest_first
from hashell.client.why.bans import clone_max_cause, hindrances, location_name, placed
from hashell.client.why.case import Case
from hashell.client.why.failures import describe_last
from hashell.client.why.placing import candidates, here_causes, leave_causes, not_there_causes
from hashell.client.why.roles import role_answer
from hashell.client.why.rules import expired, rule_text
from hashell.client.why.stopped import stopped_causes, unmanaged_causes
from hashell.client.why.waiting import pending_inputs, restart_causes, start_hindrances
from hashell.stack.pengine.assign.queries import current_node
from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.ledger import Kind

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource


def explain_resource(case: Case, name: str, node_name: str = "") -> Explanation:
    """Everything worth saying about the resource, or about it on one node. Raises HashellError on unknown names."""
    rsc = case.resource(name)
    node = case.node(node_name) if node_name else None
    answers: list[Answer] = []
    clone = rsc if rsc.variant in (Variant.CLONE, Variant.BUNDLE) else None
    if clone is not None:
        answers += _clone(case, clone, node)
    else:
        for leaf in rsc.leaves():
            answers += _leaf(case, leaf, node)
    return Explanation(resource=name, node=node_name, answers=tuple(answers))


def _leaf(case: Case, rsc: Resource, node: Node | None) -> list[Answer]:
    if node is not None:
        return [_on_node(case, rsc, node), *idle_rules(case, rsc, node)]
    answers = [_state(case, rsc)]
    target = rsc.assigned_node.node if rsc.assigned_node is not None else None
    if target is not None and rsc.managed:
        role = role_answer(case, rsc)
        answers += [role] if role is not None else []
    if case.changes.get(rsc.id) is not None:
        waits = pending_inputs(case, rsc)
        if waits:
            answers.append(Answer(question="waits", text=f"{rsc.display_id()} waits in this transition",
                                  causes=tuple(waits)))
    return answers + idle_rules(case, rsc, None)


def _state(case: Case, rsc: Resource) -> Answer:
    """Where it is and will be, with the causes."""
    name = rsc.display_id()
    current = current_node(rsc)
    target = rsc.assigned_node.node if rsc.assigned_node is not None else None
    if not rsc.managed:
        where = f"runs on {', '.join(node.name for node in rsc.active_nodes)}" if rsc.active_nodes else "is stopped"
        state = "is blocked" if rsc.blocked else "is left alone"
        return Answer(question="unmanaged", text=f"{name} {where} and {state}",
                      causes=tuple(unmanaged_causes(case, rsc)))
    if target is None or (case.ws.stop_all and current is None):
        text = f"{name} is stopped and stays stopped"
        if current is not None:
            text = f"{name} on {current.name} is to be stopped"
        return Answer(question="stopped", text=text + _stuck(rsc), causes=tuple(stopped_causes(case, rsc)))
    blocked = start_hindrances(case, rsc)
    if blocked and (current is None or current is not target or not _stays(rsc)):
        if current is None:
            text = f"{name} is stopped: it is to run on {target.name}, but cannot be started"
        else:
            text = f"{name} on {current.name} is to be stopped"
            text += f" and cannot be started on {target.name}" if current is not target else ""
        return Answer(question="stopped", text=text, causes=tuple(blocked))
    if current is None:
        return Answer(question="starts", text=f"{name} is stopped and is going to be started on {target.name}",
                      causes=tuple(here_causes(case, rsc, target)))
    if current is not target:
        change = case.changes.get(rsc.id)
        verb = "migrates" if change is not None and change.change == "Migrate" else "moves"
        return Answer(question="moves", text=f"{name} {verb} from {current.name} to {target.name}",
                      causes=tuple(leave_causes(case, rsc, current, target)))
    return _staying(case, rsc, current)


def _stays(rsc: Resource) -> bool:
    return not any(not stop.optional for stop in rsc.actions_by_task.get("stop", ()))


def _stuck(rsc: Resource) -> str:
    """Said of a stop that cannot be carried out."""
    if any(not stop.optional and not stop.runnable for stop in rsc.actions_by_task.get("stop", ())):
        return ", but cannot be stopped"
    return ""


def _staying(case: Case, rsc: Resource, node: Node) -> Answer:
    name, change = rsc.display_id(), case.changes.get(rsc.id)
    if change is not None and change.change in ("Recover", "Restart", "Reload", "Re-promote"):
        causes = restart_causes(case, rsc)
        word = {"Recover": "is recovered", "Restart": "is restarted", "Reload": "is reloaded",
                "Re-promote": "is demoted and promoted again"}[change.change]
        if rsc.failed:
            causes = [Cause(kind="failed", text=describe_last(case, rsc, node)), *causes]
        return Answer(question="changes", text=f"{name} {word} on {node.name}", causes=tuple(shortest_first(causes)))
    return Answer(question="here", text=f"{name} runs on {node.name} and stays there",
                  causes=tuple(_keeping(case, rsc, node)))


def _keeping(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """Why it stays; when another node would be preferred but for stickiness, that."""
    best = [other for other in candidates(case, rsc) if other is not node]
    if best:
        causes = not_there_causes(case, rsc, best[0])
        if causes and causes[0].kind == "stickiness":
            return causes
    return here_causes(case, rsc, node)


def _on_node(case: Case, rsc: Resource, node: Node) -> Answer:
    name = rsc.display_id()
    target = rsc.assigned_node.node if rsc.assigned_node is not None else None
    if target is node or node in rsc.active_nodes:
        return _state(case, rsc)
    if not rsc.managed:
        return Answer(question="not-there", text=f"{name} is not on {node.name}",
                      causes=tuple(unmanaged_causes(case, rsc)))
    stopped = [] if target is not None else _global_stop(case, rsc, node)
    causes = stopped or not_there_causes(case, rsc, node)
    return Answer(question="not-there", text=f"{name} cannot run on {node.name}" if _forbidden(causes)
                  else f"{name} does not run on {node.name}", causes=tuple(causes))


def _forbidden(causes: list[Cause]) -> bool:
    soft = ("score", "tie", "stickiness", "target-role", "stop-all", "clone-max")
    return bool(causes) and causes[0].kind not in soft


def _global_stop(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """Causes that have nothing to do with the node, followed by those of the node."""
    found = [cause for cause in stopped_causes(case, rsc) if not cause.node]
    keys = {(cause.kind, cause.id) for cause in found}
    return found + [cause for cause in hindrances(case, rsc, node) if (cause.kind, cause.id) not in keys]


def _clone(case: Case, clone: Resource, node: Node | None) -> list[Answer]:
    """Instances that have a place one by one, then each node without one."""
    answers: list[Answer] = []
    for leaf in clone.leaves():
        target = leaf.assigned_node.node if leaf.assigned_node is not None else None
        places = [target, *leaf.active_nodes]
        if (target is not None or leaf.active_nodes) and (node is None or node in places):
            answers.append(_instance_state(case, leaf))
            role = role_answer(case, leaf) if leaf.managed else None
            answers += [role] if role is not None else []
    where = {name for leaf in clone.leaves() for name in placed(leaf).split(", ")}
    where |= {active.name for leaf in clone.leaves() for active in leaf.active_nodes}
    if clone.variant == Variant.BUNDLE:
        return answers or _leaf(case, next(clone.leaves()), node)
    spare = next((leaf for leaf in clone.leaves() if leaf.assigned_node is None), None) or next(clone.leaves(), None)
    if spare is None:
        return answers
    missing = [other for other in case.ws.nodes if other.name not in where and node in (None, other)]
    if not answers and node is None:
        return [Answer(question="stopped", text=f"{clone.id} is stopped and stays stopped",
                       causes=tuple(stopped_causes(case, spare)))]
    for other in missing:
        causes = _instance_causes(case, clone, spare, other)
        answers.append(Answer(question="not-there", text=f"{clone.id} has no instance on {other.name}",
                              causes=tuple(causes)))
    return answers


def _instance_state(case: Case, leaf: Resource) -> Answer:
    """As of other resources; that other nodes have an instance of their own explains nothing."""
    answer = _state(case, leaf)
    if answer.question not in ("here", "starts"):
        return answer
    kept = []
    for cause in answer.causes:
        deeper = tuple(each for each in cause.because if each.kind != Kind.CLONE_NODE_MAX)
        if deeper == cause.because:
            kept.append(cause)
    return Answer(question=answer.question, text=answer.text, causes=tuple(kept))


def _instance_causes(case: Case, clone: Resource, spare: Resource, node: Node) -> list[Cause]:
    """Why the node has no instance: what holds for the whole clone comes before what holds for one instance."""
    found = hindrances(case, clone, node)
    if found:
        return found
    causes = [cause for cause in hindrances(case, spare, node) if cause.kind != Kind.CLONE_NODE_MAX]
    if not causes and len(placed(clone).split(", ")) >= clone.clone.clone_max:
        return [clone_max_cause(case, clone)]
    return causes or stopped_causes(case, spare)


def idle_rules(case: Case, rsc: Resource, node: Node | None) -> list[Answer]:
    """Location constraints whose rule matches no node (or not this one), which one might have expected to act."""
    answers: list[Answer] = []
    each: Resource | None = rsc
    while each is not None:
        for location in each.location_constraints:
            element = case.elements.get(location.id)
            if element is None or element.tag != "rule":
                continue
            if (location.nodes if node is None else [n for n in location.nodes if n.node is node]):
                continue
            id, text = location_name(case, location.id)
            over = expired(element, case.ws.now)
            kind, said = ("rule-expired", "has expired") if over else ("rule-idle", "matches no node")
            if node is not None and not over:
                said = f"does not match on {node.name}"
            cause = Cause(kind=kind, id=id, text=f"its rule {said}: {text or rule_text(element)}",
                          remedy=f"configure delete {id}" if over else "")
            answers.append(Answer(question="rule", text=f"a location constraint of {each.id} has no effect",
                                  causes=(cause,)))
        each = each.parent
    return answers
