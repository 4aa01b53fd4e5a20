"""The monitor's tables: rows are updated in place by key, so the cursor stays where the administrator put it."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from textual.widgets import DataTable

from hashell.client.board import Board, FailureView, FencingView, NodeView, ResourceView

Row = tuple[Text, ...]
_NODE_STYLE = {
    "online": "green",
    "standby": "yellow",
    "maintenance": "blue",
    "pending": "yellow",
    "UNCLEAN": "bold red",
}
_ROLE_STYLE = {"Started": "green", "Promoted": "bold green", "Unpromoted": "green", "Stopped": "dim"}
_FENCING_STYLE = {"success": "green", "failed": "bold red", "pending": "yellow"}


class KeyedTable(DataTable[Text]):
    """A table that is given all rows each time and changes only what differs."""

    def __init__(self, columns: tuple[str, ...], table_id: str) -> None:
        super().__init__(id=table_id, cursor_type="row", zebra_stripes=True)
        self._columns = columns
        self._shown: dict[str, Row] = {}
        self._column_keys: list = []

    def on_mount(self) -> None:
        self._column_keys = self.add_columns(*self._columns)

    @property
    def selected(self) -> str:
        """The key of the row under the cursor, or ''."""
        if not self.row_count:
            return ""
        return str(self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value or "")

    def show(self, rows: dict[str, Row]) -> None:
        """Make the table show `rows`, in this order."""
        if list(rows) != list(self._shown):
            self._rebuild(rows)
            return
        for key, row in rows.items():
            old = self._shown[key]
            if row != old:
                for column, value, before in zip(self._column_keys, row, old):
                    if value != before:
                        self.update_cell(key, column, value, update_width=True)
        self._shown = dict(rows)

    def _rebuild(self, rows: dict[str, Row]) -> None:
        selected = self.selected
        self.clear()
        for key, row in rows.items():
            self.add_row(*row, key=key)
        self._shown = dict(rows)
        if selected in rows:
            self.move_cursor(row=list(rows).index(selected))


def node_rows(board: Board) -> dict[str, Row]:
    return {node.name: _node_row(node) for node in board.nodes}


def _node_row(node: NodeView) -> Row:
    marks = [word for word, on in (("DC", node.dc), (node.kind, node.kind != "member")) if on]
    return (
        Text(node.name, style="bold" if node.dc else ""),
        Text(node.state, style=_NODE_STYLE.get(node.state, "bold red")),
        Text(" ".join(marks)),
        Text(str(node.running), justify="right"),
    )


def resource_rows(board: Board) -> dict[str, Row]:
    return {resource.key: _resource_row(resource) for resource in board.resources}


def _resource_row(resource: ResourceView) -> Row:
    style = "bold red" if resource.problem else _ROLE_STYLE.get(resource.role, "yellow")
    name = resource.id if resource.kind == "primitive" else f"{resource.id} ({resource.kind})"
    return (
        Text("  " * resource.depth + name, style="" if resource.kind == "primitive" else "bold"),
        Text(resource.role, style=style),
        Text(" ".join(resource.nodes)),
        Text(", ".join(resource.flags()), style="bold red" if resource.problem else "yellow"),
        Text(resource.agent, style="dim"),
    )


def failure_rows(board: Board) -> dict[str, Row]:
    return {f"{f.resource}/{f.node}/{f.operation}/{f.interval_ms}": _failure_row(f) for f in board.failures}


def _failure_row(failure: FailureView) -> Row:
    operation = failure.operation if not failure.interval_ms else f"{failure.operation} every {failure.interval_ms} ms"
    return (
        Text(failure.resource, style="bold red"),
        Text(failure.node),
        Text(operation),
        Text(f"{failure.rc_text} ({failure.rc})"),
        Text(failure.reason or failure.status),
        Text(_when(failure.when)),
    )


def fencing_rows(board: Board) -> dict[str, Row]:
    return {f"{f.when}/{f.target}/{f.action}/{i}": _fencing_row(f) for i, f in enumerate(board.fencing)}


def _fencing_row(fencing: FencingView) -> Row:
    return (
        Text(_when(fencing.when)),
        Text(fencing.target, style="bold"),
        Text(fencing.action),
        Text(fencing.state, style=_FENCING_STYLE.get(fencing.state, "")),
        Text(fencing.delegate or "-"),
        Text(f"{fencing.client}@{fencing.origin}" if fencing.client else fencing.origin),
        Text(fencing.reason),
    )


def _when(epoch: int) -> str:
    return datetime.fromtimestamp(epoch).strftime("%Y-%m-%d %H:%M:%S") if epoch else "-"
