"""The two lines on top of the monitor: which cluster, how it is, how old that is."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text

from hashell.client.monitor.problems import Problem, clock
from hashell.tui.commands import COMMANDS
from hashell.tui.view import ClusterView


def header_text(view: ClusterView, age: float, now: float, styles: dict[str, Style], read_only: bool,
                busy: str = "") -> Text:
    """Cluster, DC, quorum and votes, nodes; below it the age of the data and the marks."""
    shot, board = view.shown, view.shown.board
    bad, good = styles.get("bad", Style()), styles.get("ok", Style())
    line = Text(overflow="ellipsis", no_wrap=True)
    line.append(board.cluster_name or view.watched.name, Style(bold=True))
    line.append("   DC ")
    line.append(board.dc or "NONE", good if board.dc else bad)
    line.append("   quorum ")
    line.append("yes" if board.have_quorum else "NO", good if board.have_quorum else bad)
    if shot.ring is not None:
        line.append(f" ({shot.ring.total_votes}/{shot.ring.expected_votes} votes)")
    online = sum(node.state == "online" for node in board.nodes)
    line.append(f"   nodes {online}/{len(board.nodes)}", good if online == len(board.nodes) else bad)
    leaves = [r for r in board.resources if r.kind == "primitive"]
    line.append(f"   resources {sum(bool(r.nodes) for r in leaves)}/{len(leaves)}")
    line.append("\n")
    _append_age(line, view, age, now, styles)
    marks = []
    if board.maintenance:
        marks.append(("MAINTENANCE", "mark"))
    if any(r.maintenance for r in leaves) and not board.maintenance:
        marks.append((f"{sum(r.maintenance for r in leaves)} in maintenance", "mark"))
    if not board.stonith_enabled:
        marks.append(("NO FENCING", "warn"))
    if busy:
        marks.append((f"{busy} …", "mark"))
    if read_only:
        marks.append(("read-only", "dim"))
    for text, word in marks:
        line.append("   ")
        line.append(text, styles.get(word, Style()))
    return line


def _append_age(line: Text, view: ClusterView, age: float, now: float, styles: dict[str, Style]) -> None:
    loud = styles.get("loud", Style(reverse=True))
    if view.other is not None:
        count = len(view.watched.past.inputs) if view.watched.past else 0
        place = f"INPUT {view.position + 1}/{count} " if view.position is not None else "WHAT IF "
        line.append(f" {place}{view.other.title} ", loud)
        line.append(f" {clock(view.other.when, now)}  l: back to now")
    elif view.trouble:
        line.append(f" STALE {age:.0f} s ", loud)
        line.append(f" {view.trouble}")
    else:
        fresh = "live" if view.is_followed else "as it is now"
        line.append(f"data {age:.0f} s old" if age >= 1.5 else fresh)
        line.append(f"   {view.watched.name}", styles.get("dim", Style()))


def problems_text(problems: list[Problem], now: float, most: int, styles: dict[str, Style]) -> Text:
    """The worst problems, one a line, and how many there are besides."""
    if not problems:
        return Text("no problems", style=styles.get("ok", Style()))
    text = Text(overflow="ellipsis", no_wrap=True)
    shown = problems[: most if len(problems) <= most else most - 1]
    for index, problem in enumerate(shown):
        text.append("\n" if index else "")
        text.append(f"! {problem.line(now)}", styles.get("bad" if problem.grave else "warn", Style()))
    if len(problems) > len(shown):
        text.append(f"\n… and {len(problems) - len(shown)} more: 2 lists them", styles.get("warn", Style()))
    return text


def footer_text(styles: dict[str, Style]) -> Text:
    """The keys one needs most, each a thing to click on."""
    text = Text(overflow="ellipsis", no_wrap=True)
    for command in COMMANDS:
        if command.footer:
            click = Style.from_meta({"@click": f"app.{command.action}"})
            text.append(command.label, Style(bold=True) + click)
            text.append(f" {command.title}", styles.get("dim", Style()) + click)
            text.append("  ")
    return text
