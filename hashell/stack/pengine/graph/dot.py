"""The transition graph in the language of Graphviz (scheduler actions §18.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.graph.inputs import deduplicate_inputs
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action, Relation
    from hashell.stack.pengine.state import WorkingSet


def build_dot(ws: WorkingSet, all_actions: bool = False) -> str:
    """The text of the dot file, after the graph was built. With `all_actions` optional ones are drawn as well."""
    lines = [' digraph "g" {']
    for action in reversed(ws.actions):
        line = _action_line(action, all_actions)
        if line is not None:
            lines.append(line)
            action.flags |= Act.ADDED_TO_GRAPH
    for action in reversed(ws.actions):
        deduplicate_inputs(action)
        for relation in action.before:
            line = _relation_line(action, relation, all_actions)
            if line is not None:
                lines.append(line)
    lines.append("}")
    return "\n".join(lines) + "\n"


def _action_line(action: Action, all_actions: bool) -> str | None:
    style, color = "dashed", "black"
    font = "orange" if action.flags & Act.PSEUDO else "black"
    if action.flags & Act.ADDED_TO_GRAPH:
        style, color = "bold", "green"
    elif action.rsc is not None and not action.rsc.managed:
        color, font = "red", "purple"
        if not all_actions:
            return None
    elif action.flags & Act.OPTIONAL:
        color = "blue"
        if not all_actions:
            return None
    else:
        color = "red"
    return f'"{action_name(action)}" [ style={style} color="{color}" fontcolor="{font}"]'


def _relation_line(action: Action, relation: Relation, all_actions: bool) -> str | None:
    style = "dashed"
    if relation.graphed:
        style = "bold"
    elif not relation.flags or not all_actions and (
        not action.flags & Act.ADDED_TO_GRAPH
        or not relation.action.flags & Act.ADDED_TO_GRAPH
        or relation.flags == Rel.IF_ON_SAME_NODE_OR_TARGET
    ):
        return None
    return f'"{action_name(relation.action)}" -> "{action_name(action)}" [ style = {style}]'


def action_name(action: Action) -> str:
    """How the action is called in the drawing."""
    prefix = "Cancel " if action.task == "cancel" else ""
    node = action.node.name if action.node is not None else None
    if node is None and not action.flags & Act.PSEUDO:
        node = "<none>"
    rsc = action.rsc
    if rsc is not None and rsc.history_id is not None:
        if action.task in ("notify", "notified"):
            kind = action.meta.get("notify_key_type", "")
            operation = action.meta.get("notify_key_operation", "")
            key = f"{rsc.history_id}_{kind}_notify_{operation}_0"
        else:
            task = action.cancel_task or action.task
            key = f"{rsc.history_id}_{task}_{action.meta.get('interval', '0')}"
        return f"{prefix}{key} {node}" if node else f"{prefix}{key}"
    if action.task == "stonith":
        return f"{prefix}stonith '{action.meta.get('stonith_action')}' {node}"
    if rsc is not None and node:
        return f"{prefix}{action.key} {node}"
    return f"{prefix}{action.task} {node}" if node else f"{prefix}{action.key}"
