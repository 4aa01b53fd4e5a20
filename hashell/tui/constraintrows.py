"""The constraints as a drawn graph: one tree a resource, what it depends on below it."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hashell.tui.grid import Row


@dataclass(frozen=True)
class Edge:
    """`source` depends on `target`, or is drawn to or kept from it."""

    source: str
    target: str
    word: str
    style: str
    id: str


def edges_of(cib: etree._Element | None) -> list[Edge]:
    """Every constraint as edges; sets become chains."""
    found: list[Edge] = []
    section = cib.find("configuration/constraints") if cib is not None else None
    for element in section if section is not None else ():
        if isinstance(element.tag, str):
            found += {"rsc_location": _location, "rsc_colocation": _colocation, "rsc_order": _order,
                      "rsc_ticket": _ticket}.get(element.tag, lambda _: [])(element)  # fmt: skip
    return found


def _score(element: etree._Element) -> str:
    return element.get("score") or element.get("score-attribute") or element.get("score-attribute-mangle") or "INFINITY"


def _location(element: etree._Element) -> list[Edge]:
    id, rsc = element.get("id") or "", element.get("rsc") or f"/{element.get('rsc-pattern') or 'set'}/"
    node = element.get("node")
    if node:
        score = _score(element)
        away = score.startswith("-")
        return [Edge(rsc, node, f"{'avoids' if away else 'prefers'} ({score})", "bad" if away else "ok", id)]
    found = []
    for rule in element.iter("rule"):
        terms = [f"{e.get('attribute')} {e.get('operation')} {e.get('value') or ''}".strip()
                 for e in rule.iterchildren("expression")]
        joined = f" {rule.get('boolean-op') or 'and'} ".join(terms)
        found.append(Edge(rsc, f"nodes where {joined or 'a rule holds'}", f"rule ({_score(rule)})", "mark", id))
    return found


def _members(element: etree._Element) -> list[list[str]]:
    return [[ref.get("id") or "" for ref in group.iterchildren("resource_ref")]
            for group in element.iterchildren("resource_set")]


def _colocation(element: etree._Element) -> list[Edge]:
    id, score = element.get("id") or "", _score(element)
    word = f"{'apart from' if score.startswith('-') else 'with'} ({score})"
    style = "bad" if score.startswith("-") else "ok"
    rsc, other = element.get("rsc"), element.get("with-rsc")
    if rsc and other:
        role = f" {element.get('with-rsc-role')}" if element.get("with-rsc-role") else ""
        return [Edge(rsc, other + role, word, style, id)]
    return [Edge(b, a, word, style, id) for group in _members(element) for a, b in zip(group, group[1:])]


def _order(element: etree._Element) -> list[Edge]:
    id = element.get("id") or ""
    kind = element.get("kind") or ("Optional" if element.get("score") == "0" else "Mandatory")
    first, then = element.get("first"), element.get("then")
    if first and then:
        action = element.get("first-action") or "start"
        return [Edge(then, first, f"after {action} ({kind})", "mark", id)]
    flat = _members(element)
    chain = [name for group in flat for name in group]
    return [Edge(b, a, f"after ({kind})", "mark", id) for a, b in zip(chain, chain[1:])]


def _ticket(element: etree._Element) -> list[Edge]:
    names = [element.get("rsc")] if element.get("rsc") else [n for group in _members(element) for n in group]
    policy = element.get("loss-policy") or "stop"
    return [Edge(name or "", f"ticket {element.get('ticket')}", f"needs (on loss {policy})", "warn",
                 element.get("id") or "") for name in names]  # fmt: skip


def constraint_rows(cib: etree._Element | None) -> list[Row]:
    """Trees drawn with lines; a resource that was drawn before is only named."""
    edges = edges_of(cib)
    below: dict[str, list[Edge]] = {}
    for edge in edges:
        below.setdefault(edge.source, []).append(edge)
    targets = {edge.target.split(" ")[0] for edge in edges}
    roots = [name for name in below if name not in targets] or list(below)
    rows: list[Row] = []
    drawn: set[str] = set()
    for root in [*roots, *below]:
        if root not in drawn:
            rows.append(Row(f"{len(rows)}/{root}", ((root, "head"), ("", ""), ("", "")), "resource", root))
            _draw(root, below, "", rows, drawn)
    return rows


def _draw(name: str, below: dict[str, list[Edge]], indent: str, rows: list[Row], drawn: set[str]) -> None:
    drawn.add(name)
    edges = below.get(name, [])
    for index, edge in enumerate(edges):
        last = index == len(edges) - 1
        plain = edge.target.split(" ")[0]
        again = " …" if plain in drawn and plain in below else ""
        text = f"{indent}{'└─' if last else '├─'} {edge.word} ─▶ {edge.target}{again}"
        rows.append(Row(f"{len(rows)}/{edge.id}/{edge.target}", ((text, edge.style), (edge.id, "dim"), ("", "")),
                        "constraint", edge.id))
        if plain in below and plain not in drawn and len(indent) < 120:
            _draw(plain, below, indent + ("   " if last else "│  "), rows, drawn)
