"""A status report as JSON: the XML form with attributes as members and elements as lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lxml import etree

#: Elements that stand once: a member that is an object. All others are lists, so that one entry looks like many.
_SINGLE = frozenset({
    "summary", "stack", "current_dc", "last_update", "last_change", "nodes_configured", "resources_configured",
    "cluster_options", "status",
})  # fmt: skip
#: Elements that only hold a list.
_LISTS = frozenset({"nodes", "resources", "node_attributes", "node_history", "failures", "fence_history", "tickets",
                    "bans"})  # fmt: skip
_TEXTS = frozenset({"name", "id", "version", "value", "time", "exitreason", "origin", "resource"})


def report_json(root: etree._Element) -> str:
    """Indented by two; numbers and booleans are JSON's own but in names, ids and attribute values."""
    return json.dumps(_members(root), indent=2, ensure_ascii=False) + "\n"


def _members(element: etree._Element) -> dict[str, Any]:
    out: dict[str, Any] = {name: _value(name, value) for name, value in map(_plain, element.attrib.items())}
    for child in element:
        tag = str(child.tag)
        if tag in _LISTS and element.tag == "pacemaker-result":
            out[tag] = [{"kind": str(entry.tag), **_members(entry)} for entry in child]
        elif tag in _SINGLE:
            out[tag] = _members(child)
        elif element.tag in ("group", "clone", "bundle", "replica"):
            out.setdefault("members", []).append({"kind": tag, **_members(child)})
        else:
            out.setdefault(f"{tag}s", []).append(_members(child))
    return out


def _plain(pair: tuple[Any, Any]) -> tuple[str, str]:
    return str(pair[0]), str(pair[1])


def _value(name: str, value: str) -> str | int | bool:
    if name in _TEXTS:
        return value
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isascii() and value.lstrip("-").isdigit() and len(value) < 16 else value
