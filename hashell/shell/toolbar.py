"""The line below the prompt: cluster, DC, quorum, nodes, pending changes; or what is wrong with what is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from hashell.shell.knowledge import Knowledge, Snapshot

_GOOD, _BAD, _NOTE, _PLAIN = (f"class:bottom-toolbar{kind}" for kind in (".good", ".bad", ".note", ""))


def toolbar(knowledge: Knowledge, fault: str, columns: int, *, searching: bool = False) -> StyleAndTextTuples:
    """At most `columns` wide; what matters least is left out first."""
    if searching:
        return [(_NOTE, _cut(" history: type letters of the line, Enter takes it, Esc leaves", columns))]
    if fault:
        return [(_BAD, _cut(f" ✗ {fault}", columns))]
    parts = _parts(knowledge.snapshot, knowledge.pending)
    while len(parts) > 1 and sum(len(text) + 3 for _, text, _ in parts) > columns:
        parts.remove(max(parts, key=lambda part: part[2]))
    out: StyleAndTextTuples = []
    for style, text, _ in parts:
        out += [(_PLAIN, " │ " if out else " "), (style, text)]
    return [(style, text) for style, text, *_ in out]


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else text[: max(1, columns - 1)] + "…"


def _parts(seen: Snapshot, pending: int) -> list[tuple[str, str, int]]:
    """(style, text, how soon it may go: the higher the sooner)."""
    parts: list[tuple[str, str, int]] = []
    if seen.problem:
        parts.append((_BAD, seen.problem, 0))
    elif seen.config is None:
        parts.append((_PLAIN, "looking at the cluster …", 1))
    elif seen.live:
        quorum = (_GOOD, "quorum", 3) if seen.quorum else (_BAD, "NO quorum", 0)
        parts += [(_PLAIN, seen.cluster or "cluster", 5),
                  (_PLAIN, f"DC {seen.dc}", 4) if seen.dc else (_BAD, "no DC", 1), quorum]
    else:
        parts.append((_PLAIN, "CIB file", 3))
    if seen.nodes:
        good = seen.online == seen.nodes
        if seen.live:
            parts.append((_GOOD if good else _BAD, f"{seen.online}/{seen.nodes} nodes online", 2))
        else:
            parts.append((_PLAIN, f"{seen.nodes} nodes", 4))
    if seen.live and seen.problems:
        parts.append((_NOTE, f"{seen.problems} problem{'s' * (seen.problems != 1)}: status", 6))
    if pending:
        parts.append((_NOTE, f"{pending} pending: commit, diff", 1))
    return parts
