"""Why a resource is where it is, why not elsewhere, and why it moves: bans first, then the scores that decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Cause
from hashell.client.why.bans import contributions, hindrances
from hashell.client.why.failures import name_of
from hashell.model.scores import score_text
from hashell.stack.pengine.assign.nodes import node_ok
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.ledger import Kind

if TYPE_CHECKING:
    from hashell.client.why.case import Case
    from hashell.stack.pengine.state import Node, Resource


def score_on(rsc: Resource, node: Node) -> int:
    entry = rsc.allowed_nodes.get(node.id)
    return entry.score if entry is not None else -INF


def candidates(case: Case, rsc: Resource) -> list[Node]:
    """The nodes that could run the resource, best first."""
    usable = [node for node in case.ws.nodes if node_ok(node) and score_on(rsc, node) >= 0]
    return sorted(usable, key=lambda node: -score_on(rsc, node))


def here_causes(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """Why the node was chosen."""
    others = [other for other in candidates(case, rsc) if other is not node]
    if not others:
        return _only_node(case, rsc, node)
    own, best = score_on(rsc, node), others[0]
    rival = score_on(rsc, best)
    if own > rival:
        found = [cause for cause in contributions(case, rsc, node) if (cause.value or 0) > 0]
        against = [cause for cause in contributions(case, rsc, best) if (cause.value or 0) < 0]
        text = f"{node.name} has the highest score, {score_text(own)}; {best.name} has {score_text(rival)}"
        return [Cause(kind="score", node=node.name, value=own, text=text, because=tuple(found[:3] + against[:2]))]
    if own < rival:
        return [Cause(kind="score", node=node.name, value=own, remedy=f"resource move {name_of(rsc.top())} {best.name}",
                      text=f"{best.name} has a higher score ({score_text(rival)} against {score_text(own)}), but other "
                           "instances go there")]
    return [Cause(kind="tie", node=node.name, text=_tie(case, rsc, node, best, own))]


def _tie(case: Case, rsc: Resource, node: Node, best: Node, score: int) -> str:
    equal = f"{node.name} and {best.name} are as good (score {score_text(score)})"
    if node in rsc.active_nodes:
        return f"{equal}, and it runs on {node.name} already"
    if case.ws.placement_strategy == "balanced" and rsc.utilization:
        return f"{equal}, {node.name} has more capacity left"
    return f"{equal}, {node.name} had fewer resources or comes first by name"


def _only_node(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """The decisive hindrance of each of the other nodes."""
    found: list[Cause] = []
    for other in case.ws.nodes:
        if other is node or (other.is_pacemaker_remote() and not node.is_pacemaker_remote()):
            continue
        causes = hindrances(case, rsc, other)
        found += causes[:1] or below_causes(case, rsc, other)
    found = list({(cause.kind, cause.id, cause.text): cause for cause in reversed(found)}.values())[::-1]
    if found:
        return [Cause(kind="only-node", node=node.name, text=f"{node.name} is the only node that can run it",
                      because=tuple(found))]
    return [Cause(kind="only-node", node=node.name, text=f"{node.name} is the only node there is")]


def below_causes(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """Contributions that make the score on the node negative."""
    return [cause for cause in contributions(case, rsc, node) if (cause.value or 0) < 0]


def not_there_causes(case: Case, rsc: Resource, node: Node) -> list[Cause]:
    """Why the resource does not go to the node although it is not stopped."""
    found = hindrances(case, rsc, node)
    if found:
        return found
    own = score_on(rsc, node)
    if own < 0:
        return below_causes(case, rsc, node) or [
            Cause(kind="score", node=node.name, value=own, text=f"its score there is {score_text(own)}")
        ]
    chosen = rsc.assigned_node.node if rsc.assigned_node is not None else None
    if chosen is None:
        return []
    better = score_on(rsc, chosen)
    if better <= own:
        if better == own:
            return [Cause(kind="tie", node=node.name, text=_tie(case, rsc, chosen, node, own),
                          remedy=f"resource move {name_of(rsc.top())} {node.name}")]
        return here_causes(case, rsc, chosen)
    gains = contributions(case, rsc, chosen)
    sticky = next((cause for cause in gains if cause.kind == Kind.STICKINESS), None)
    remedy = f"resource move {name_of(rsc.top())} {node.name}"
    if sticky is not None and own > better - (sticky.value or 0):
        wish = contributions(case, rsc, node)
        return [Cause(kind=Kind.STICKINESS, id=sticky.id, node=chosen.name, value=sticky.value, remedy=remedy,
                      text=f"it stays on {chosen.name}, where it runs: resource-stickiness makes its score "
                           f"{score_text(better)} there and only {score_text(own)} on {node.name}",
                      because=tuple(wish[:2]))]
    positive = [cause for cause in gains if (cause.value or 0) > 0]
    negative = below_causes(case, rsc, node)
    text = f"{chosen.name} has the higher score: {score_text(better)}, {node.name} has {score_text(own)}"
    return [Cause(kind="score", id="", node=node.name, value=own, text=text, remedy=remedy,
                  because=tuple(positive[:3] + negative[:2]))]


def leave_causes(case: Case, rsc: Resource, old: Node, new: Node) -> list[Cause]:
    """Why the resource leaves the node it is on for the other."""
    found = hindrances(case, rsc, old)
    if found:
        return found
    return not_there_causes(case, rsc, old) or here_causes(case, rsc, new)
