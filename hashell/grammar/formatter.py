"""Rewriting configure text in its usual form: one keyword a line, tabs, plain quoting; comments and blank lines stay.

The rewriting works on words, never on meaning: a statement whose rewritten form would be read differently, or that
cannot be read at all, is left exactly as it was.
"""

from __future__ import annotations

import re

from lxml import etree

from hashell.grammar.lines import LogicalLine, Word, logical_lines, split_words
from hashell.grammar.parser import CrmParser
from hashell.grammar.quoting import quote
from hashell.grammar.tree import KEYWORDS, Statement
from hashell.model.diagnostics import HashellError

_RESOURCE = ("params", "meta", "utilization", "operations", "op", "op_params", "op_meta")
#: Words that begin a line of their own, by statement.
_BREAKS: dict[str, tuple[str, ...]] = {
    "primitive": _RESOURCE, "rsc_template": _RESOURCE, "group": ("params", "meta"), "clone": ("params", "meta"),
    "ms": ("params", "meta"), "bundle": ("docker", "podman", "network", "storage", "meta", "primitive"),
    "node": ("attributes", "utilization"), "location": ("rule",), "role": ("read", "write", "deny"),
    "alert": ("attributes", "meta", "select", "to"), "property": ("rule",), "rsc_defaults": ("rule",),
    "op_defaults": ("rule",),
}
_DEEPER = {"bundle": ("port-mapping", "storage-mapping")}
_SETS = ("property", "rsc_defaults", "op_defaults")
_HEADS = {"primitive": 2, "rsc_template": 2, "bundle": 1, "node": 1, "role": 1, "alert": 2}
_PAIR = re.compile(r"([^\s=\"']+)=(.*)\Z", re.DOTALL)
_SAFE = re.compile(r"[^\s\"'\\]+\Z")


def format_text(text: str, parser: CrmParser | None = None) -> str:
    """The whole text in its usual form. Nothing is lost and nothing changes its meaning; formatting is idempotent."""
    parser = parser or CrmParser()
    raw = text.split("\n")
    out: list[str] = []
    number = 1
    for line in logical_lines(text):
        first, last = min(line.sources), max(line.sources)
        _between(raw, number, first, out)
        out += _statement(line, raw[first - 1:last], parser)
        number = last + 1
    _between(raw, number, len(raw) + 1, out)
    while out and not out[-1]:
        out.pop()
    return "\n".join(out) + "\n" if out else ""


def _between(raw: list[str], start: int, end: int, out: list[str]) -> None:
    """Comments and blank lines; several blank lines become one."""
    for line in raw[start - 1:end - 1]:
        stripped = line.strip()
        if stripped or (out and out[-1]):
            out.append(stripped)


def _statement(line: LogicalLine, raw: list[str], parser: CrmParser) -> list[str]:
    kept = [one.rstrip() for one in raw]
    if line.text[:3].lower() == "xml":
        return kept
    try:
        before = parser.parse_line(line)
        words = split_words(line)
        lines = layout(before.keyword, words)
        again = logical_lines("\n".join(lines))
        if len(again) == 1 and _same(before, parser.parse_line(again[0])):
            return lines
    except HashellError:
        pass
    return kept


def _same(one: Statement, other: Statement) -> bool:
    return one.keyword == other.keyword and etree.tostring(one.element) == etree.tostring(other.element)


def layout(keyword: str, words: list[Word]) -> list[str]:
    """The physical lines of a statement, continued with a backslash and indented with tabs."""
    breaks, deeper = _BREAKS.get(keyword, ()), _DEEPER.get(keyword, ())
    rows: list[list[str]] = [[KEYWORDS.get(words[0].text.lower(), words[0].text)]]
    if words[0].text.lower() == "master":
        rows[0][0] = "master"
    head = _HEADS.get(keyword, 1)
    in_braces = 0
    for index, word in enumerate(words[1:], 1):
        text = word.text
        in_braces += (text == "{") - (text == "}")
        lower = text.lower()
        own = index > head and not in_braces and (
            lower in breaks or (lower.startswith("description=") and keyword in _HEADS and len(rows) == 1)
            or (keyword in _SETS and "=" in text and not text.startswith("$") and not _in_rule(rows[-1])))
        if own:
            rows.append([])
        elif lower in deeper:
            rows.append(["\t"])
        written = _word(text)
        if rows[-1] == ["\t"]:
            rows[-1] = ["\t" + written]
        else:
            rows[-1].append(written)
    return _joined(rows, keyword)


def _joined(rows: list[list[str]], keyword: str) -> list[str]:
    if keyword in _SETS and len(rows) == 2 and len(rows[0]) == 1:
        return [" ".join([*rows[0], *rows[1]])]
    lines = [" ".join(row) for row in rows]
    return [("" if i == 0 else "\t") + line + (" \\" if i < len(lines) - 1 else "") for i, line in enumerate(lines)]


def _in_rule(row: list[str]) -> bool:
    """Whether a name=value word would belong to the date expression of a rule in this row."""
    return bool(row) and row[0] == "rule" and any(w in ("date", "in", "in_range", "spec", "date_spec") for w in row)


def _word(text: str) -> str:
    match = _PAIR.match(text)
    if match and not _SAFE.match(text):
        return f"{match[1]}={_quoted(match[2])}"
    if match:
        return f"{match[1]}={quote(match[2])}"
    return text if _SAFE.match(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
