"""Node attributes of a status display, and whether ping resources see less than they should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.view.nodelist import node_title
from hashell.model.scores import INFINITY
from hashell.model.values import integer

if TYPE_CHECKING:
    from hashell.client.view.display import Display
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_HIDDEN = frozenset({"shutdown", "terminate", "standby"})
_HIDDEN_PREFIXES = ("#", "fail-count", "last-failure")


def shown_attributes(node: Node) -> dict[str, str]:
    """The attributes of a node by name, sorted, without those that only daemons use."""
    return {
        name: value
        for name, value in sorted(node.attrs.items())
        if name not in _HIDDEN and not name.startswith(_HIDDEN_PREFIXES)
    }


def expected_value(ws: WorkingSet, node: Node, name: str) -> int | None:
    """What a ping resource that is running on the node writes into the attribute when it reaches everything."""
    return next((found for rsc in node.running_rsc if (found := _expected(rsc, name)) is not None), None)


def _expected(rsc: Resource, name: str) -> int | None:
    if rsc.xml.get("type") not in ("ping", "pingd"):
        return None
    pairs = rsc.xml.iterfind("instance_attributes/nvpair")
    params = {pair.get("name") or "": pair.get("value") or "" for pair in pairs}
    if params.get("name", "pingd") != name:
        return None
    hosts = params.get("host_list", "").split()
    return len(hosts) * integer(params.get("multiplier"), 1)


def write_attributes(ws: WorkingSet, out: Outline, display: Display) -> None:
    """The attributes of every node that is online."""
    start = out.begin_some("Node Attributes", blank=True)
    for node in ws.nodes:
        shown = shown_attributes(node)
        if not node.online or not shown:
            continue
        title = node_title(node, display)
        out.begin(f"Node: {title}", html=f"{title}:")
        for name, value in shown.items():
            _write_one(out, name, value, expected_value(ws, node, name))
        out.end()
    out.end_some(start)


def _write_one(out: Outline, name: str, value: str, expected: int | None) -> None:
    text = f"{name:<32}\t: {value:<10}"
    if expected is None:
        out.item(text if not out.is_page else f"{name}: {value}")
        return
    number = min(integer(value), INFINITY)
    spans = [("", f"{name}: {value}")]
    if number <= 0:
        text += "\t: Connectivity is lost"
        spans.append(("bold", "(connectivity is lost)"))
    elif number < expected:
        text += f"\t: Connectivity is degraded (Expected={expected})"
        spans.append(("bold", f"(connectivity is degraded -- expected {expected})"))
    out.item(text, spans=spans)
