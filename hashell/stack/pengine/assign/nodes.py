"""Nodes in comparison: availability, score arithmetic, sort order and capacity (scheduler actions §0.3, §0.4, §6.3)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hashell.model.scores import add_scores, score_text
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.mergesort import merge_sort

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, NodeCopy, WorkingSet

__all__ = [
    "add_scores", "amount", "any_usable", "compare_capacity", "copy_table", "name_key", "node_ok", "score_text",
    "single", "sort_entries", "sorted_by_name", "usable",
]  # fmt: skip

_DIGITS = re.compile(r"(\d+)")
_FLOAT = struct.Struct("f")
_INTEGER = re.compile(r"\s*[+-]?\d+")
_INT_MAX = 2147483647
_INT_MIN = -_INT_MAX - 1


def single(value: float) -> float:
    """The value as a single-precision float, which the original computes colocation factors in."""
    return float(_FLOAT.unpack(_FLOAT.pack(value))[0])


def node_ok(node: Node, guest: bool = False) -> bool:
    """Whether the node may run resources at all; with `guest` a guest also needs a launcher that has a place."""
    if not node.online or node.shutdown or node.unclean or node.standby or node.maintenance:
        return False
    if guest and node.is_guest():
        assert node.remote is not None and node.remote.launcher is not None
        return node.remote.launcher.assigned_node is not None
    return True


def usable(entry: NodeCopy | None, guest: bool = False) -> bool:
    """As node_ok, and the entry's score is not negative."""
    return entry is not None and entry.score >= 0 and node_ok(entry.node, guest)


def any_usable(table: dict[str, NodeCopy]) -> bool:
    return any(usable(entry) for entry in table.values())


def copy_table(table: dict[str, NodeCopy]) -> dict[str, NodeCopy]:
    return {key: entry.copy() for key, entry in table.items()}


def name_key(name: str) -> list[tuple[int, int, int]]:
    """Sort key of the numeric, case-insensitive name order: node2 before node10, shorter digit runs first."""
    key: list[tuple[int, int, int]] = []
    for index, part in enumerate(_DIGITS.split(name)):
        if index % 2:
            key.append((48, int(part), len(part)))
        else:
            key.extend((ord(char), 0, 0) for char in part.lower())
    return key


def sorted_by_name(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: name_key(node.name))


def amount(table: dict[str, str], name: str) -> int:
    """A utilization value: nothing counts as 0, text without a number as less than any number."""
    text = table.get(name)
    if text is None:
        return 0
    match = _INTEGER.match(text)
    return max(_INT_MIN, min(_INT_MAX, int(match.group()))) if match else _INT_MIN


def compare_capacity(one: Node, two: Node) -> int:
    """Negative when `one` has more of the attributes to offer."""
    result = 0
    for name in one.utilization:
        a, b = amount(one.utilization, name), amount(two.utilization, name)
        result += (a < b) - (a > b)
    for name in two.utilization:
        if name not in one.utilization:
            b = amount(two.utilization, name)
            result += (b > 0) - (b < 0)
    return result


def compare_nodes(ws: WorkingSet, one: NodeCopy, two: NodeCopy, active: Node | None) -> int:
    """Negative when `one` is the better place (§6.3)."""
    a = one.score if node_ok(one.node) else -INF
    b = two.score if node_ok(two.node) else -INF
    if a != b:
        return -1 if a > b else 1
    strategy = ws.placement_strategy
    if strategy != "minimal":
        if strategy == "balanced":
            capacity = compare_capacity(one.node, two.node)
            if capacity:
                return capacity
        if one.node.num_resources != two.node.num_resources:
            return -1 if one.node.num_resources < two.node.num_resources else 1
    if active is not None and one.node is not two.node:
        if active is one.node:
            return -1
        if active is two.node:
            return 1
    x, y = one.node.name.encode(), two.node.name.encode()
    return (x > y) - (x < y)


def sort_entries(ws: WorkingSet, entries: Iterable[NodeCopy], active: Node | None = None) -> list[NodeCopy]:
    """Best place first. A key serves but for the balanced strategy, whose comparison is not a simple order."""
    if ws.placement_strategy == "balanced":
        def compare(one: NodeCopy, two: NodeCopy) -> int:
            return compare_nodes(ws, one, two, active)

        return merge_sort(list(entries), compare)
    minimal = ws.placement_strategy == "minimal"

    def key(entry: NodeCopy) -> tuple[int, int, bool, bytes]:
        node = entry.node
        load = 0 if minimal else node.num_resources
        other = not minimal and node is not active
        return (-(entry.score if node_ok(node) else -INF), load, other, node.name.encode())

    return sorted(entries, key=key)
