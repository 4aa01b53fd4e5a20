"""The order of assignment when placement depends on capacity (scheduler actions §6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.nodes import sort_entries
from hashell.stack.pengine.assign.propagate import THIS_WITH, Table, propagate
from hashell.stack.pengine.assign.queries import current_node
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.mergesort import merge_sort

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Resource, WorkingSet


def sort_for_placement(ws: WorkingSet) -> None:
    """Sort the top-level resources: by priority, then by the scores that their colocations lead to."""
    nodes = [entry.node for entry in sort_entries(ws, [node.copy() for node in ws.nodes])]
    tables: dict[str, Table] = {}

    def table_of(rsc: Resource) -> Table:
        table = tables.get(rsc.id)
        if table is None:
            table = tables[rsc.id] = propagate(ws, rsc, None, None, None, 1.0, THIS_WITH) or {}
        return table

    def score(table: Table, id: str) -> int:
        entry = table.get(id)
        return entry.score if entry is not None else -INF

    def compare(one: Resource, two: Resource) -> int:
        if one.priority != two.priority:
            return -1 if one.priority > two.priority else 1
        first, second = table_of(one), table_of(two)
        current_one, current_two = current_node(one), current_node(two)
        a = score(first, current_one.id) if current_one is not None else -INF
        b = score(second, current_two.id) if current_two is not None else -INF
        if a != b:
            return -1 if a > b else 1
        for node in nodes:
            a, b = score(first, node.id), score(second, node.id)
            if a != b:
                return -1 if a > b else 1
        return 0

    ws.resources[:] = merge_sort(ws.resources, compare)
