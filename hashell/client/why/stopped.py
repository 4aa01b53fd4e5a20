"""Why a resource is stopped, or is going to be, and why it is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Cause, shortest_first
from hashell.client.why.bans import DEEPEST, hindrances, ticket_cause
from hashell.client.why.failures import failure_causes, name_of
from hashell.client.why.nodes import maintenance
from hashell.client.why.waiting import several_nodes, start_hindrances
from hashell.stack.pengine.kinds import MultiplyActive, Role, Variant, parse_role
from hashell.stack.pengine.ledger import Kind

if TYPE_CHECKING:
    from hashell.client.why.case import Case
    from hashell.stack.pengine.state import Resource


def target_cause(case: Case, rsc: Resource) -> Cause | None:
    """The target-role that wants the resource stopped."""
    if parse_role(rsc.meta.get("target-role")) != Role.STOPPED:
        return None
    id, owner = case.pair(rsc, "target-role")
    whose = "its target-role" if owner is None or owner is rsc else f"the target-role of {owner.id}"
    default = " by rsc_defaults" if owner is None else ""
    return Cause(kind="target-role", id=id, text=f"{whose} is Stopped{default}",
                 remedy=f"resource start {name_of(owner or rsc)}")


def unmanaged_causes(case: Case, rsc: Resource) -> list[Cause]:
    """Why the cluster keeps its hands off the resource; empty when it manages it."""
    if rsc.managed:
        return []
    found: list[Cause] = []
    for entry in case.facts(rsc, Kind.ON_FAIL_BLOCK):
        for cause in failure_causes(case, rsc, entry, entry.node):
            hands = "so the cluster touches it no more until you have looked after it"
            if "stop" in cause.text and not case.ws.fencing_enabled:
                hands = "and without fencing nobody can be sure that it is down"
            found.append(Cause(kind=cause.kind, id=cause.id, node=cause.node, text=f"{cause.text}, {hands}",
                               remedy=cause.remedy))
    for entry in case.facts(rsc, Kind.TICKET_FREEZE):
        found.append(ticket_cause(case, rsc, entry.id))
    for entry in case.facts(rsc, Kind.NODE_MAINTENANCE):
        if entry.node is not None:
            found.append(maintenance(case, entry.node))
    if rsc.blocked:
        beside = rsc.parent.children if rsc.parent is not None else [rsc]
        for each in beside:
            if case.facts(each, Kind.MULTIPLE):
                cause = several_nodes(each)
                found.append(Cause(kind=cause.kind, text=f"{cause.text}: stop it by hand on all but one, then clean up",
                                   remedy=f"resource refresh {name_of(each)}"))
    if case.ws.in_maintenance:
        found.append(Cause(kind="maintenance-mode", id=case.option("maintenance-mode"),
                           text="the whole cluster is in maintenance (maintenance-mode=true)",
                           remedy="configure property maintenance-mode=false"))
    found += _by_meta(case, rsc)
    if case.facts(rsc, Kind.NO_FENCING):
        found.append(no_fence_device(case))
    if not found and rsc.removed:
        found.append(Cause(kind=Kind.ORPHAN, id=case.option("stop-orphan-resources"),
                           text="it is not configured any more, and stop-orphan-resources=false lets it run"))
    return shortest_first(found)


def no_fence_device(case: Case) -> Cause:
    return Cause(kind=Kind.NO_FENCING, id=case.option("stonith-enabled"),
                 text="fencing is on, but there is no fence device: nothing is started until one is configured",
                 remedy="configure primitive fencing stonith:AGENT params …")


def _by_meta(case: Case, rsc: Resource) -> list[Cause]:
    found = []
    truths = ("true", "on", "yes", "y", "1")
    if rsc.meta.get("maintenance", "").lower() in truths:
        id, owner = case.pair(rsc, "maintenance")
        name = name_of(owner or rsc)
        found.append(Cause(kind="maintenance", id=id, text=f"{name} is in maintenance",
                           remedy=f"resource maintenance {name} off"))
    managed = rsc.meta.get("is-managed")
    if managed is not None and managed.lower() not in (*truths, "default"):
        id, owner = case.pair(rsc, "is-managed")
        name = name_of(owner or rsc)
        found.append(Cause(kind="unmanaged", id=id, text=f"{name} is unmanaged (is-managed={managed})",
                           remedy=f"resource manage {name}"))
    return found


def stopped_causes(case: Case, rsc: Resource, depth: int = 0) -> list[Cause]:
    """Why no node runs the resource, the shortest chain first."""
    if rsc.variant != Variant.PRIMITIVE:
        return _collective(case, rsc, depth)
    ws = case.ws
    if ws.stop_all:
        return [Cause(kind="stop-all", id=case.option("stop-all-resources"), text="stop-all-resources is set",
                      remedy="configure property stop-all-resources=false")]
    unmanaged = unmanaged_causes(case, rsc)
    if unmanaged and not rsc.active_nodes:
        return unmanaged
    wanted = target_cause(case, rsc)
    if wanted is not None:
        return [wanted]
    if case.facts(rsc, Kind.MULTIPLE) and rsc.multiply_active_policy == MultiplyActive.STOP:
        return [several_nodes(rsc)]
    found = [cause for entry in case.facts(rsc, Kind.ON_FAIL_STOP) for cause in failure_causes(case, rsc, entry, None)]
    if found:
        return shortest_first(found)
    if rsc.assigned_node is not None:
        return start_hindrances(case, rsc, depth)
    nodes = [node for node in ws.nodes if not node.is_pacemaker_remote()] or ws.nodes
    return _everywhere([(node.name, hindrances(case, rsc, node, depth)) for node in nodes])


def _everywhere(by_node: list[tuple[str, list[Cause]]]) -> list[Cause]:
    """Causes that every node shares, if there are any; else the decisive one of each node."""
    if not by_node:
        return [Cause(kind="no-nodes", text="there are no nodes")]
    keys = [{(cause.kind, cause.id) for cause in causes if not cause.node} for _, causes in by_node]
    shared = set.intersection(*keys)
    common = [cause for cause in by_node[0][1] if not cause.node and (cause.kind, cause.id) in shared]
    if common:
        return shortest_first(common)
    firsts: list[Cause] = []
    for _, causes in by_node:
        firsts += causes[:1]
    return shortest_first(firsts)


def _collective(case: Case, rsc: Resource, depth: int) -> list[Cause]:
    """For a group its first stopped member, for a clone any instance."""
    if depth > DEEPEST:
        return []
    for leaf in rsc.leaves():
        if leaf.assigned_node is None or not leaf.managed:
            return stopped_causes(case, leaf, depth)
    for leaf in rsc.leaves():
        causes = stopped_causes(case, leaf, depth)
        if causes:
            return causes
    return []
