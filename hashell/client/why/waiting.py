"""What an action of this transition waits for, and why one cannot run although it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Cause, shortest_first
from hashell.client.why.bans import DEEPEST
from hashell.client.why.nodes import node_causes
from hashell.stack.pengine.actions.create import effective_quorum_policy
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Needs, QuorumPolicy
from hashell.stack.pengine.ledger import Kind

if TYPE_CHECKING:
    from hashell.client.why.case import Case
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Resource

_STATES = {"start": "started", "running": "started", "promote": "promoted", "promoted": "promoted",
           "stop": "stopped", "stopped": "stopped", "demote": "demoted", "demoted": "demoted"}


def required(rsc: Resource, *tasks: str) -> list[Action]:
    """The actions that are to be done, in the order of the tasks."""
    return [a for task in tasks for a in rsc.actions_by_task.get(task, ()) if not a.optional]


def start_hindrances(case: Case, rsc: Resource, depth: int = 0) -> list[Cause]:
    """Why a start (or promotion) that is wanted cannot run; empty when it can."""
    found: list[Cause] = []
    for action in required(rsc, "start", "promote"):
        if not action.runnable and action.interval_ms == 0:
            found += unrunnable_causes(case, action, depth)
    return shortest_first(found)


def quorum_cause(case: Case, policy: str) -> Cause:
    away = next((n for n in case.ws.nodes if not n.online and not n.is_pacemaker_remote()), None)
    id = case.option("no-quorum-policy")
    said = "nothing is started" if policy == QuorumPolicy.FREEZE else "everything is stopped"
    return Cause(kind="quorum", id=id, text=f"there is no quorum, {said} (no-quorum-policy={policy})",
                 remedy=f"cluster start {away.name}" if away is not None else "")


def unrunnable_causes(case: Case, action: Action, depth: int = 0) -> list[Cause]:
    """Why the action cannot run."""
    found: list[Cause] = []
    rsc = action.rsc
    if rsc is not None and not case.ws.quorate and action.needs != Needs.NOTHING:
        policy = effective_quorum_policy(case.ws, rsc)
        if policy in (QuorumPolicy.STOP, QuorumPolicy.FREEZE):
            return [quorum_cause(case, case.ws.no_quorum_policy)]
    if action.node is not None:
        found += node_causes(case, action.node)
    if found or depth > DEEPEST:
        return found
    for loss in case.losses(action):
        if loss.flag == Act.RUNNABLE and loss.cause is not None and loss.cause.rsc is not rsc:
            found += _blocker(case, action, loss.cause, loss.id, depth)
    if not found:
        for relation in action.before:
            first = relation.action
            if first.rsc is not rsc and not first.runnable and not first.optional and relation.flags:
                found += _blocker(case, action, first, "", depth)
    return found


def _blocker(case: Case, action: Action, cause: Action, colocation: str, depth: int) -> list[Cause]:
    """The action cannot run because of another one that cannot."""
    first, then = cause.rsc, action.rsc
    if first is None:
        return _gate(case, action, cause, depth)
    if then is not None and (first.is_ancestor_of(then) or then.is_ancestor_of(first)):
        found: list[Cause] = []
        for loss in case.losses(cause):
            if loss.cause is not None and loss.flag == Act.RUNNABLE and loss.cause.rsc not in (first, then):
                found += _blocker(case, cause, loss.cause, loss.id, depth + 1) if depth < DEEPEST else []
        return found
    from hashell.client.why.stopped import stopped_causes, unmanaged_causes

    state = _STATES.get(cause.task, cause.task)
    deeper = unmanaged_causes(case, first) if cause.task in ("stop", "demote") else []
    deeper = deeper or (stopped_causes(case, first, depth + 1) if depth < DEEPEST else [])
    if colocation:
        return [Cause(kind=Kind.COLOCATION, id=colocation, because=tuple(deeper[:1]),
                      text=f"it must run with {first.display_id()}, which cannot be {state}")]
    id = case.ordering(first, then)
    lift = "" if deeper or not id else f"configure delete {id}"
    return [Cause(kind="ordering", id=id, because=tuple(deeper[:1]), remedy=lift,
                  text=f"{first.display_id()} has to be {state} before, and that cannot be done")]


def _gate(case: Case, action: Action, gate: Action, depth: int) -> list[Cause]:
    """A minimum of instances, or fencing, that is not reached."""
    if gate.key.startswith("clone-one-or-more:"):
        id = gate.key.partition(":")[2]
        return [Cause(kind="ordering", id=id, remedy=f"configure delete {id}",
                      text=f"{gate.required_runnable_before} instances have to be started before, too few can be")]
    if gate.task == "stonith" and gate.node is not None:
        return node_causes(case, gate.node)
    return []


def pending_inputs(case: Case, rsc: Resource) -> list[Cause]:
    """What has to be done first in this transition, for the resource's next step."""
    found: list[Cause] = []
    for action in required(rsc, "stop", "demote", "migrate_to", "start", "promote"):
        if action.interval_ms or not action.runnable:
            continue
        for relation in action.before:
            first = relation.action
            if not relation.flags or first.optional or not first.runnable:
                continue
            if first.task == "stonith" and first.node is not None:
                found.append(Cause(kind="fencing", node=first.node.name,
                                   text=f"{first.node.name} has to be fenced first"))
            elif first.rsc is not None and not _same_tree(first.rsc, rsc) and first.task in _STATES:
                name, id = first.rsc.display_id(), case.ordering(first.rsc, rsc)
                where = f" on {first.node.name}" if first.node is not None else ""
                found.append(Cause(kind="ordering", id=id,
                                   text=f"{name} has to be {_STATES[first.task]}{where} first"))
        if found:
            break
    return shortest_first(found)


def _same_tree(one: Resource, two: Resource) -> bool:
    return one is two or one.is_ancestor_of(two) or two.is_ancestor_of(one)


def restart_causes(case: Case, rsc: Resource) -> list[Cause]:
    """Why a resource that stays where it is has to be stopped and started, or demoted, on the way."""
    found = _own_restart_causes(case, rsc)
    for action in required(rsc, "stop", "demote", "start", "promote"):
        for loss in case.losses(action):
            cause = loss.cause
            if loss.flag != Act.OPTIONAL or cause is None or cause.rsc is None or _same_tree(cause.rsc, rsc):
                continue
            id = case.ordering(cause.rsc, rsc) or case.ordering(rsc, cause.rsc)
            verb = {"start": "starts", "running": "starts", "stop": "stops", "stopped": "stops",
                    "promote": "is promoted", "promoted": "is promoted", "demote": "is demoted",
                    "demoted": "is demoted"}
            element = case.elements.get(id)
            lift = f"configure delete {id}" if element is not None and element.tag == "rsc_order" else ""
            what = f"{cause.rsc.display_id()} {verb.get(cause.task, 'changes')}"
            found.append(Cause(kind="ordering", id=id, remedy=lift, text=f"{what}, and the two are ordered"))
    if found:
        return shortest_first(found)
    for action in required(rsc, "stop", "start", "demote", "promote"):
        if action.reason:
            found.append(Cause(kind="action", text=f"its {action.task} is due to {action.reason}"))
    change = case.changes.get(rsc.id)
    if not found and change is not None and change.reason:
        found.append(Cause(kind="action", text=f"it is {change.reason}"))
    return shortest_first(found)


def _own_restart_causes(case: Case, rsc: Resource) -> list[Cause]:
    """Causes that lie in the resource itself."""
    found: list[Cause] = []
    for entry in case.facts(rsc, Kind.PARAMETERS):
        found.append(Cause(kind=entry.kind, id=entry.id, text="its parameters have changed since it was started"))
    if len(rsc.active_nodes) > 1:
        found.append(several_nodes(rsc))
    for inside in rsc.launched:
        if inside.failed:
            found.append(Cause(kind="failed", text=f"{inside.display_id()}, which it holds, has failed",
                               remedy=f"resource cleanup {inside.display_id()}"))
    return found


def several_nodes(rsc: Resource) -> Cause:
    where = ", ".join(node.name for node in rsc.active_nodes)
    policy = rsc.multiply_active_policy
    return Cause(kind=Kind.MULTIPLE, text=f"{rsc.display_id()} runs on several nodes at once ({where}), "
                                          f"multiple-active={policy}")
