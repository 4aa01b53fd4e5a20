"""Node health: attributes that move resources off a node (model spec chapter 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.options import option_value
from hashell.model.scores import add_scores, parse_score, score
from hashell.model.values import is_true
from hashell.stack.pengine.kinds import ProbeMode, Role
from hashell.stack.pengine.state import Location, NodeCopy

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, WorkingSet


def health_score(ws: WorkingSet, node: Node, base: int = 0) -> int:
    """The sum of the node's health attributes."""
    total = base
    for name, value in node.attrs.items():
        if name.startswith("#health"):
            total = add_scores(total, parse_score(value, ws.health_scores) or 0)
    return total


def health_class(ws: WorkingSet, node: Node) -> int:
    """-1 red, 0 yellow, 1 green."""
    if ws.health_strategy == "none":
        return 1
    red, yellow, green = (ws.health_scores[colour] for colour in ("red", "yellow", "green"))
    result = 1
    for name, value in node.attrs.items():
        if not name.startswith("#health"):
            continue
        lowered = value.lower()
        if lowered == "red":
            return -1
        number = parse_score(value, ws.health_scores)
        if lowered == "yellow":
            result = min(result, 0)
        elif lowered != "green" and number is not None:
            if number <= red:
                return -1
            if number <= yellow and yellow != green:
                result = min(result, 0)
    return result


def apply_health(ws: WorkingSet) -> None:
    """One location constraint a node and resource for every node whose health is not neutral."""
    if ws.health_strategy == "none":
        return
    base = 0
    if ws.health_strategy == "progressive":
        base = score(option_value(ws.options, "node-health-base"), 0, ws.health_scores)
    id = option_value(ws.options, "node-health-strategy") or ""
    for node in ws.nodes:
        health = health_score(ws, node, base)
        if health == 0:
            continue
        for rsc in ws.resources:
            if health < 0 and is_true(rsc.meta.get("allow-unhealthy-nodes")):
                continue
            location = Location(id, rsc, Role.UNKNOWN, ProbeMode.ALWAYS, [NodeCopy(node, health, node.probe_mode)])
            ws.location_constraints.append(location)
            rsc.location_constraints.append(location)
