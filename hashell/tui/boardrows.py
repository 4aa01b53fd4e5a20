"""The board as rows: nodes across, resources down; groups, clones and bundles folded to one row each."""

from __future__ import annotations

from dataclasses import dataclass, field

from hashell.client.board import Board, NodeView, ResourceView
from hashell.tui.grid import Cell, Row

#: A board with more rows than this starts folded.
FOLD_FROM = 60
_STATE = {"online": "ok", "standby": "warn", "maintenance": "mark", "pending": "warn", "offline": "bad",
          "UNCLEAN": "loud"}  # fmt: skip
_SHORT = {"Started": "run", "Promoted": "PROMOTED", "Unpromoted": "unprom", "Starting": "starting",
          "Stopping": "stopping", "Promoting": "promoting", "Demoting": "demoting", "Migrating": "migrating",
          "Stopped": "stopped"}  # fmt: skip


@dataclass
class Folds:
    """What is folded: everything or nothing, and what was changed by hand since. None: by the size of the board."""

    everything: bool | None = None
    changed: set[str] = field(default_factory=set)

    def folded(self, key: str, size: int) -> bool:
        basis = size > FOLD_FROM if self.everything is None else self.everything
        return basis != (key in self.changed)

    def toggle(self, key: str) -> None:
        self.changed ^= {key}

    def all(self, folded: bool) -> None:
        self.everything, self.changed = folded, set()


class RowCache:
    """Rows of looks before: views that did not change keep theirs."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[tuple[int, ...], bool, tuple[str, ...], Row, object]] = {}

    def row(self, board: Board, names: tuple[str, ...], view: ResourceView, parts: tuple[ResourceView, ...],
            folded: bool) -> Row:
        mark = (id(view), *map(id, parts))
        known = self._rows.get(view.key)
        if known is not None and known[:3] == (mark, folded, names):
            return known[3]
        row = _row(board, view, parts, folded)
        self._rows[view.key] = (mark, folded, names, row, (view, parts))  # the views are kept, or ids could return
        return row


def board_columns(board: Board) -> tuple[str, ...]:
    return ("Resource", *(node.name for node in board.nodes), "State", "Marks", "Agent")


def board_rows(board: Board, folds: Folds, *, only_problems: bool = False, text: str = "",
               cache: RowCache | None = None) -> list[Row]:
    """The row of node states, then the resources that are wanted."""
    kept = RowCache() if cache is None else cache
    names = tuple(node.name for node in board.nodes)
    rows = [_node_row(board)]
    size = len(board.resources)
    index = 0
    wanted = text.lower()
    while index < size:
        view = board.resources[index]
        end = index + 1
        while end < size and board.resources[end].depth > view.depth:
            end += 1
        parts = board.resources[index + 1 : end]
        folded = bool(parts) and not wanted and not only_problems and folds.folded(view.key, size)
        if _wanted(view, parts, only_problems, wanted):
            rows.append(kept.row(board, names, view, parts, folded))
        index = end if folded else index + 1
    return rows


def _wanted(view: ResourceView, parts: tuple[ResourceView, ...], only_problems: bool, text: str) -> bool:
    if only_problems and not (view.problem or any(part.problem for part in parts)):
        return False
    if not text:
        return True
    words = (view.id, view.role, view.agent, *view.nodes, *view.flags())
    return any(text in word.lower() for word in words) or any(text in part.id.lower() for part in parts)


def _node_row(board: Board) -> Row:
    cells: list[Cell] = [("(nodes)", "head")]
    cells += [(_node_text(node), _STATE.get(node.state, "bad")) for node in board.nodes]
    up = sum(node.state == "online" for node in board.nodes)
    cells += [(f"{up}/{len(board.nodes)} online", "ok" if up == len(board.nodes) else "warn"), ("", ""), ("", "")]
    return Row("(nodes)", tuple(cells), "node")


def _node_text(node: NodeView) -> str:
    return node.state + (" DC" if node.dc else "")


def _row(board: Board, view: ResourceView, parts: tuple[ResourceView, ...], folded: bool) -> Row:
    fold = ("▸ " if folded else "▾ ") if parts else "  "
    name = "  " * view.depth + fold + view.id
    cells: list[Cell] = [(name, "head" if parts else "")]
    leaves = [part for part in parts if part.kind == "primitive"]
    for node in board.nodes:
        cells.append(_summary(leaves, node.name) if parts else _place(view, node.name))
    flags = view.flags()
    state_word = "bad" if view.problem else "ok" if view.nodes else "dim" if "disabled" in flags else "warn"
    cells.append((view.role, state_word))
    cells.append((", ".join(flags), "bad" if view.problem else "warn"))
    cells.append((view.agent or view.kind, "dim"))
    return Row(view.key, tuple(cells), "resource", view.id, view.nodes[0] if len(view.nodes) == 1 else "")


def _place(view: ResourceView, node: str) -> Cell:
    if node not in view.nodes:
        return ("·", "dim")
    if view.blocked:
        return ("BLOCKED", "bad")
    if view.failed:
        return ("FAILED", "bad")
    word = _SHORT.get(view.role, view.role)
    if not view.managed:
        return (word, "mark")
    return (word, "ok" if view.role in ("Started", "Promoted", "Unpromoted") else "warn")


def _summary(leaves: list[ResourceView], node: str) -> Cell:
    here = [leaf for leaf in leaves if node in leaf.nodes]
    if not here:
        return ("·", "dim")
    bad = [leaf for leaf in here if leaf.problem]
    if bad:
        return ("BLOCKED" if any(leaf.blocked for leaf in bad) else "FAILED", "bad")
    if len(here) == 1:
        return _place(here[0], node)
    moving = any(leaf.role not in ("Started", "Promoted", "Unpromoted") for leaf in here)
    promoted = any(leaf.role == "Promoted" for leaf in here)
    return (f"{'PROM' if promoted else 'run'} {len(here)}", "warn" if moving else "ok")
