"""The transition summary: what is going to be done to nodes and resources, and why (actions spec chapter 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.changes import resource_changes

if TYPE_CHECKING:
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import WorkingSet

__all__ = ["node_actions", "resource_changes", "write_summary"]


def write_summary(ws: WorkingSet, out: Outline, heading: str = "Transition Summary") -> None:
    """Fencing, then the changes of resources in aligned columns."""
    out.begin(heading)
    for text in node_actions(ws):
        out.item(text)
    lines = resource_changes(ws)
    width = details = 5
    for line in lines:
        if len(line.id) > width:
            width = len(line.id) + 2
        details = max(details, len(line.details))
    for line in lines:
        reason = f"  {line.reason}" if line.reason else ""
        out.item(f"{line.change:<8}   {line.id:<{width}}   ( {line.details:>{details}} ){reason}")
    out.end()


def node_actions(ws: WorkingSet) -> list[str]:
    """Fencing that is required, newest first."""
    texts = []
    for action in reversed(ws.actions):
        if action.rsc is not None or action.optional or action.node is None or action.reason is None:
            continue
        if action.task == "do_shutdown":
            task = "Shutdown"
        elif action.task == "stonith":
            task = f"Fence ({action.meta.get('stonith_action')})"
        else:
            continue
        node = action.node
        name = node.name
        if node.is_guest():
            assert node.remote is not None and node.remote.launcher is not None
            name = f"{name} (resource: {node.remote.launcher.id})"
        texts.append(f"{task} {name} '{action.reason}'")
    return texts
