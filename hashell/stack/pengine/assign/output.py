"""Lines of the score listing (scheduler actions §6.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.nodes import name_key, score_text

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def show_scores(ws: WorkingSet, tag: str, rsc: Resource) -> None:
    """The table of the resource and of everything below it; nothing for removed resources."""
    if not ws.output_scores or rsc.removed:
        return
    for entry in sorted(rsc.allowed_nodes.values(), key=lambda item: name_key(item.node.name)):
        ws.scores.append(
            f"{tag}: {rsc.id} allocation score on {entry.node.name}: {score_text(entry.score)}"
        )
    for child in rsc.children:
        show_scores(ws, tag, child)


def show_promotion(ws: WorkingSet, rsc: Resource, node: Node | None, score: int) -> None:
    if not ws.output_scores:
        return
    where = f"on {node.name}" if node is not None else "(inactive)"
    ws.scores.append(f"{rsc.id} promotion score {where}: {score_text(score)}")


def show_capacity(ws: WorkingSet, when: str) -> None:
    """What each node has to offer: "Original" before, "Remaining" after assignment."""
    if not ws.show_utilization:
        return
    for node in ws.nodes:
        values = "".join(f" {name}={value}" for name, value in node.utilization.items())
        ws.scores.append(f"{when}: {node.name} capacity:{values}")
