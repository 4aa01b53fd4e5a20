"""The table of what a cluster survives, as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashell.client.simulation.survive import Outcome, Survival

_SHOWN = 6  #: names in a cell before the rest is counted


def table_lines(survival: Survival, ranked: list[Outcome]) -> list[str]:
    """Ranked outcomes as aligned columns, cases without harm in one line, and the worst case in words."""
    harmful = [outcome for outcome in ranked if outcome.harmful()]
    harmless = len(ranked) - len(harmful)
    lines = [_summary(survival, ranked)]
    already = [unit for unit, nodes in survival.places.items() if not nodes and not unit.endswith(" (promoted)")]
    if already:
        lines.append(f"Not running even without a loss: {_names(already)}")
    if harmful:
        rows = [("", "case", "down", "moved", "restarted", "fewer instances"), *(_row(outcome) for outcome in harmful)]
        lines += ["", *_aligned(rows)]
    if harmless:
        does = "case does" if harmless == 1 else "cases do"
        lines += ["", f"{harmless} {does} no harm: at most what failed is restarted where it is."]
    if harmful:
        lines += ["", f"Worst: {_words(ranked[-1])}"]
    return lines


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows in columns, without those that have nothing below their heading."""
    columns = [column for column in range(len(rows[0])) if column < 2 or any(row[column] != "-" for row in rows[1:])]
    widths = {column: max(len(row[column]) for row in rows) for column in columns}
    return ["  ".join(row[column].ljust(widths[column]) for column in columns).rstrip() for row in rows]


def _summary(survival: Survival, ranked: list[Outcome]) -> str:
    lost = sum(1 for outcome in ranked if outcome.loss.nodes)
    most = max((len(outcome.loss.nodes) for outcome in ranked), default=0)
    down = sum(1 for outcome in ranked if outcome.down)
    nodes = f"losses of up to {most} nodes" if most > 1 else "losses of one node"
    verdict = f"in {down} of them something is down" if down else "nothing is down in any of them"
    failures = len(ranked) - lost
    resources = "failure of a resource" if failures == 1 else "failures of one resource each"
    return f"{lost} {nodes} and {failures} {resources}: {verdict}."


def _row(outcome: Outcome) -> tuple[str, ...]:
    moved = [f"{unit} {old} -> {new}" for unit, old, new in outcome.moved]
    fewer = [f"{unit} {now}/{before}" for unit, now, before in outcome.fewer]
    case = outcome.loss.text() + ("" if outcome.quorum else " (no quorum)")
    mark = ">" if outcome.worst else ""
    return (mark, case, _names(outcome.down), _names(moved), _names(outcome.restarted), _names(fewer))


def _names(names: list[str]) -> str:
    if not names:
        return "-"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _words(outcome: Outcome) -> str:
    parts = []
    if outcome.down:
        parts.append(f"{_names(outcome.down)} would be down")
    if outcome.moved:
        parts.append(f"{len(outcome.moved)} would move")
    if outcome.restarted:
        parts.append(f"{len(outcome.restarted)} would be restarted")
    if outcome.fewer:
        parts.append(f"{_names([unit for unit, _, _ in outcome.fewer])} would have fewer instances")
    why = "" if outcome.quorum else ", because quorum is lost"
    return f"{outcome.loss.text()}: {'; '.join(parts)}{why}."


def table_data(survival: Survival, ranked: list[Outcome]) -> dict[str, Any]:
    """What the JSON and XML forms hold: where each resource usually runs, and every case."""
    usual = {unit: list(nodes) for unit, nodes in survival.places.items()}
    return {"places": usual, "cases": [outcome.as_json() for outcome in ranked]}
