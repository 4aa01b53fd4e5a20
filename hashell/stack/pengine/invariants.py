"""What must hold after every run of the policy engine, whatever the input: for tests and for debugging."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Variant

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet


def check_invariants(ws: WorkingSet, graph: _Element) -> None:
    """Raises AssertionError when the decisions of a finished run contradict each other."""
    _check_actions(ws)
    _check_assignments(ws)
    _check_graph(ws, graph)


def _check_actions(ws: WorkingSet) -> None:
    ids = [action.id for action in ws.actions]
    assert ids == list(range(1, ws.next_action_id)), "action ids are not consecutive"
    for action in ws.actions:
        if action.rsc is not None:
            assert action in action.rsc.actions, f"{action} is unknown to its resource"
        for relation in action.after:
            known = action.after_flags.get(relation.action.id, 0)
            assert relation.flags & known == relation.flags, f"{action}: flags of a relation are not accounted for"


def _check_assignments(ws: WorkingSet) -> None:
    load: Counter[str] = Counter()
    for top in ws.resources:
        for rsc in top.walk():
            assert not rsc.assigning and not rsc.restarting, f"{rsc.id} is in the middle of something"
            if rsc.variant == Variant.PRIMITIVE and rsc.assigned_node is not None:
                load[rsc.assigned_node.node.id] += 1
    for node in ws.nodes:
        assert node.num_resources == load[node.id], f"{node.name} has lost count of its resources"


def _check_graph(ws: WorkingSet, graph: _Element) -> None:
    """Every trigger is an action of the graph, and the actions can be carried out in some order."""
    inputs: dict[str, list[str]] = {}
    for synapse in graph.iterchildren("synapse"):
        action = synapse[0][0]
        inputs[action.get("id") or ""] = [trigger[0].get("id") or "" for trigger in synapse[1]]
    added = {str(action.id) for action in ws.actions if action.flags & Act.ADDED_TO_GRAPH}
    assert inputs.keys() <= added, "an action is in the graph that was not added"
    waiting = {id: len(triggers) for id, triggers in inputs.items()}
    followers: dict[str, list[str]] = {}
    for id, triggers in inputs.items():
        for trigger in triggers:
            assert trigger in inputs, f"action {id} waits for {trigger}, which is not in the graph"
            followers.setdefault(trigger, []).append(id)
    ready = deque(id for id, count in waiting.items() if not count)
    done = 0
    while ready:
        done += 1
        for id in followers.get(ready.popleft(), ()):
            waiting[id] -= 1
            if not waiting[id]:
                ready.append(id)
    assert done == len(inputs), "the graph has a loop"
