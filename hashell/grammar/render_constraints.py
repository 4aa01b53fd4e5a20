"""Constraints and fencing levels as text (section 4): resource sets with their brackets, scores, targets."""

from __future__ import annotations

from lxml import etree

from hashell.grammar.quoting import quote
from hashell.grammar.render import Rendered, Style, children, rule_text, score_text
from hashell.grammar.tree import attributes

Element = etree._Element


def _member(name: str, qualifier: str | None) -> str:
    return f"{name}:{qualifier}" if qualifier else name


def _set_words(element: Element) -> list[str]:
    qualifier = element.get("action") or element.get("role")
    words = [_member(ref.get("id", ""), qualifier) for ref in children(element)]
    sequential, require_all = element.get("sequential", "true"), element.get("require-all", "true")
    if require_all == "false":
        tail = ["sequential=true"] if sequential != "false" else []
        return ["[", *words, *tail, "]"]
    if sequential == "false":
        return ["(", *words, ")"]
    return words


def _sets(element: Element, minimum: int = 2) -> list[str]:
    sets = [c for c in children(element) if c.tag == "resource_set"]
    words = [w for s in sets for w in _set_words(s)]
    plain = all(s.get("sequential", "true") == "true" and s.get("require-all", "true") == "true" for s in sets)
    if sum(len(children(s)) for s in sets) == minimum and (plain or len(sets) == 2):
        return ["_rsc_set_", *words]
    return words


def location(keyword: str, element: Element, style: Style) -> Rendered:
    words = [keyword, element.get("id", "")]
    sets = [c for c in children(element) if c.tag == "resource_set"]
    if sets:
        words += ["{", *(w for s in sets for w in _set_words(s)), "}"]
    elif element.get("rsc-pattern") is not None:
        words.append(f"/{element.get('rsc-pattern')}/")
    else:
        words.append(element.get("rsc", ""))
    known = ("id", "rsc", "rsc-pattern", "score", "score-attribute", "node")
    for name in ("role", "resource-discovery"):
        if element.get(name) is not None:
            words.append(f"{name}={element.get(name)}")
    words += [f"{k}={quote(v)}" for k, v in attributes(element) if k not in (*known, "role", "resource-discovery")]
    if element.get("node") is not None:
        score = element.get("score", element.get("score-attribute", ""))
        words += [f"{score_text(score)}:", element.get("node", "")]
    return Rendered(" ".join(words), [rule_text(c, style) for c in children(element) if c.tag == "rule"])


def _pair(element: Element, first: str, second: str, suffix: str) -> list[str]:
    words = []
    for prefix in (first, second):
        qualifier = element.get(f"{prefix}-{suffix}") or element.get(f"{prefix}-instance")
        words.append(_member(element.get(prefix, ""), qualifier))
    return words


def colocation(keyword: str, element: Element, style: Style) -> Rendered:
    score = element.get("score", element.get("score-attribute", ""))
    words = [keyword, element.get("id", ""), f"{score_text(score)}:"]
    words += _pair(element, "rsc", "with-rsc", "role") if element.get("rsc") else _sets(element)
    if element.get("node-attribute"):
        words.append(f"node-attribute={element.get('node-attribute')}")
    return Rendered(" ".join(words))


def order(keyword: str, element: Element, style: Style) -> Rendered:
    words = [keyword, element.get("id", "")]
    if element.get("kind"):
        words.append(f"{element.get('kind')}:")
    elif element.get("score"):
        words.append(f"{score_text(element.get('score', ''))}:")
    words += _pair(element, "first", "then", "action") if element.get("first") else _sets(element)
    if element.get("symmetrical"):
        words.append(f"symmetrical={element.get('symmetrical')}")
    return Rendered(" ".join(words))


def rsc_ticket(keyword: str, element: Element, style: Style) -> Rendered:
    words = [keyword, element.get("id", ""), f"{element.get('ticket', '')}:"]
    if element.get("rsc"):
        words.append(_member(element.get("rsc", ""), element.get("rsc-role")))
    else:
        words += _sets(element, 1)
    if element.get("loss-policy"):
        words.append(f"loss-policy={element.get('loss-policy')}")
    return Rendered(" ".join(words))


def _target(level: Element) -> str:
    if level.get("target-attribute") is not None:
        return f"attr:{level.get('target-attribute')}={level.get('target-value', '')}"
    if level.get("target-pattern") is not None:
        return f"pattern:{level.get('target-pattern')}"
    return f"{level.get('target', '')}:"


def _index(level: Element) -> int:
    text = level.get("index", "0")
    return int(text) if text.isdigit() else 0


def fencing_topology(keyword: str, element: Element, style: Style) -> Rendered:
    """One line of devices if every known node has the same levels, else one line per target."""
    targets: dict[str, list[Element]] = {}
    for level in children(element):
        targets.setdefault(_target(level), []).append(level)
    lines = {t: " ".join(v.get("devices", "") for v in sorted(levels, key=_index)) for t, levels in targets.items()}
    root = element.getroottree().getroot()
    nodes = [n.get("uname", "") for n in root.findall("configuration/nodes/node")]
    if nodes and sorted(lines) == sorted(f"{n}:" for n in nodes) and len(set(lines.values())) == 1:
        return Rendered(f"{keyword} {next(iter(lines.values()))}")
    return Rendered(keyword, [f"{target} {devices}" for target, devices in lines.items()])
