"""From CIB elements to text: one-line and many-line forms of every statement (section 4)."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml import etree

from hashell.grammar.quoting import always_quote, name_value, quote
from hashell.grammar.tree import CHILD_REF, attributes, keyword_of

Element = etree._Element

#: Separates the parts of one line that stand below each other, indented twice, in the many-line form.
INNER = "\x1e"


@dataclass
class Style:
    """How to render: which values to hide, which set ids are referred to, how the agent is written."""

    obscure: tuple[str, ...] = ()
    referenced: frozenset[str] = frozenset()
    complete: bool = False  #: write the ids of all sets and values that are referred to, not only those `show` has

    def pair(self, name: str, value: str) -> str:
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.obscure):
            return f'{name}="******"'
        return name_value(name, value)


@dataclass
class Rendered:
    """One statement as text: the head, then one entry per line of the many-line form."""

    head: str
    lines: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    def pretty(self) -> str:
        lines = [" \\\n\t\t".join(line.split(INNER)) for line in self.lines]
        return "\n".join([*self.comments, " \\\n\t".join([self.head, *lines])])

    def one_line(self) -> str:
        return " ".join([self.head, *(" ".join(line.split(INNER)) for line in self.lines)])


def children(element: Element) -> list[Element]:
    return [c for c in element if isinstance(c.tag, str)]


def comments_of(element: Element) -> list[str]:
    """The comments inside an object as `#` lines."""
    found = [(c.text or "").strip().replace("- -", "--") for c in element if isinstance(c, etree._Comment)]
    return [c if c.startswith("#") else f"# {c}" for text in found for c in text.splitlines()]


def score_text(score: str) -> str:
    return score.replace("INFINITY", "inf")


def _score_of(element: Element) -> str:
    if element.get("score") is not None:
        return f"{score_text(element.get('score', ''))}:"
    if element.get("score-attribute") is not None:
        return f"{element.get('score-attribute')}:"
    return ""


def _date_part(element: Element, tag: str) -> list[str]:
    return [f"{k}={v}" for part in children(element) if part.tag == tag for k, v in attributes(part) if k != "id"]


def _date(element: Element) -> str:
    operation = element.get("operation", "in_range")
    if operation == "lt":
        return f"date lt {quote(element.get('end', ''))}"
    if operation == "gt":
        return f"date gt {quote(element.get('start', ''))}"
    if operation == "date_spec":
        return " ".join(["date spec", *_date_part(element, "date_spec")])
    ends = [f"{k}={quote(element.get(k, ''))}" for k in ("start", "end") if element.get(k) is not None]
    return " ".join(["date in", *ends, *_date_part(element, "duration")])


def _expression(element: Element) -> str:
    if element.tag == "date_expression":
        return _date(element)
    operation = element.get("operation", "")
    if operation in ("defined", "not_defined"):
        return f"{operation} {element.get('attribute', '')}"
    value = element.get("value", "")
    source = element.get("value-source")
    if source:
        value = f"{source}{{{value}}}"
    kind = f"{element.get('type')}:" if element.get("type") else ""
    return f"{element.get('attribute', '')} {kind}{operation} {quote(value) if ' ' in value else value}"


def rule_text(element: Element, style: Style) -> str:
    """`rule …` of a <rule>."""
    if element.get("id-ref"):
        return f"rule $id-ref={element.get('id-ref')}"
    words = ["rule"]
    if element.get("id") in style.referenced:
        words.append(f"$id={element.get('id')}")
    if element.get("role"):
        words.append(f"$role={element.get('role')}")
    if element.get("score", "") != "INFINITY":
        words.append(_score_of(element))
    boolean = element.get("boolean-op", "and")
    expression = f" {boolean} ".join(_expression(e) for e in children(element))
    return " ".join(w for w in [*words, expression] if w)


def nvpair_text(element: Element, style: Style) -> str:
    ref = element.get("id-ref")
    name, value = element.get("name"), element.get("value")
    if ref:
        return f"@{ref}:{name}" if name else f"@{ref}"
    if name is None:
        return f"${element.get('id')}={quote(value or '')}"
    if value is None:
        return name
    if style.complete and element.get("id") in style.referenced:
        return f"${element.get('id')}:{style.pair(name, value)}"
    return style.pair(name, value)


def set_words(element: Element, style: Style, show_id: bool = True) -> list[str]:
    """The words of an attribute set after its keyword."""
    if element.get("id-ref"):
        return [f"$id-ref={element.get('id-ref')}"]
    words = []
    if show_id and element.get("id") in style.referenced and (element.tag == "utilization" or style.complete):
        words.append(f"$id={element.get('id')}")
    if _score_of(element):
        words.append(_score_of(element))
    for child in children(element):
        words.append(rule_text(child, style) if child.tag == "rule" else nvpair_text(child, style))
    return words


def set_line(keyword: str, element: Element, style: Style) -> str:
    return " ".join([keyword, *set_words(element, style)])


def _description(element: Element) -> list[str]:
    text = element.get("description")
    return [name_value("description", text)] if text is not None else []


def agent_text(element: Element) -> str:
    """`@template` or the agent, the provider heartbeat left out."""
    if element.get("template"):
        return f"@{element.get('template')}"
    parts = [element.get("class", ""), element.get("provider", ""), element.get("type", "")]
    if parts[0] == "ocf" and parts[1] == "heartbeat":
        return parts[2]
    return ":".join(p for p in parts if p)


def _op_lines(element: Element, style: Style) -> list[str]:
    words = ["op", element.get("name", "")]
    for name, value in attributes(element):
        if name not in ("id", "name"):
            words.append(name_value(name, value))
    lines = [" ".join(words), *_description(element)]
    for child in children(element):
        keyword = {"instance_attributes": "op_params", "meta_attributes": "op_meta"}.get(child.tag, child.tag)
        lines.append(set_line(keyword, child, style))
    return lines


_SET_KEYWORDS = {"instance_attributes": "params", "meta_attributes": "meta", "utilization": "utilization"}


def _resource_lines(element: Element, style: Style) -> list[str]:
    lines = _description(element)
    for child in children(element):
        if child.tag in _SET_KEYWORDS:
            lines.append(set_line(_SET_KEYWORDS[child.tag], child, style))
        elif child.tag == "operations":
            if child.get("id-ref"):
                lines.append(f"operations  $id-ref={child.get('id-ref')}")
            elif child.get("id"):
                lines.append(f"operations $id={child.get('id')}")
            for op in children(child):
                lines += _op_lines(op, style)
    return lines


def _primitive(keyword: str, element: Element, style: Style) -> Rendered:
    return Rendered(f"{keyword} {element.get('id')} {agent_text(element)}", _resource_lines(element, style))


_CHILD_TAGS = ("primitive", "group", CHILD_REF)


def _container(keyword: str, element: Element, style: Style) -> Rendered:
    names = [c.get("id", "") for c in children(element) if c.tag in _CHILD_TAGS]
    lines = _description(element)
    for child in children(element):
        if child.tag in _SET_KEYWORDS:
            lines.append(set_line(_SET_KEYWORDS[child.tag], child, style))
    return Rendered(" ".join([keyword, element.get("id", ""), *names]), lines)


def _bundle(keyword: str, element: Element, style: Style) -> Rendered:
    lines = _description(element)
    for child in children(element):
        if child.tag in ("docker", "podman", "rkt"):
            pairs = [name_value(k, v) for k, v in attributes(child)]
            pairs.sort(key=lambda p: not p.startswith("image="))
            lines.append(INNER.join([" ".join([child.tag, *pairs[:1]]), *pairs[1:]]))
        elif child.tag in ("network", "storage"):
            head = " ".join([child.tag, *(name_value(k, v) for k, v in attributes(child) if k != "id")])
            inner = [
                " ".join([m.tag, *(name_value(k, v) for k, v in attributes(m) if k != "id")]) for m in children(child)
            ]
            lines.append(INNER.join([head, *inner]))
        elif child.tag in ("primitive", CHILD_REF):
            lines.append(f"primitive {child.get('id')}")
        elif child.tag in _SET_KEYWORDS:
            lines.append(set_line(_SET_KEYWORDS[child.tag], child, style))
    return Rendered(f"{keyword} {element.get('id')}", lines)


def _node(keyword: str, element: Element, style: Style) -> Rendered:
    ident, uname = element.get("id", ""), element.get("uname", "")
    head = keyword
    if ident and ident != uname:
        head += f" {ident}:" if re.fullmatch(r"[\w.-]+", ident) else f' $id="{ident}"'
    kind = element.get("type", "member")
    head += f" {uname}" + (f":{kind}" if kind != "member" else "")
    lines = _description(element)
    for child in children(element):
        name = {"instance_attributes": "attributes", "utilization": "utilization"}.get(child.tag)
        if name:
            lines.append(set_line(name, child, style))
    return Rendered(head, lines)


def _property(keyword: str, element: Element, style: Style) -> Rendered:
    if element.get("id-ref"):
        return Rendered(f"{keyword} $id-ref={element.get('id-ref')}")
    lines = [
        rule_text(c, style) if c.tag == "rule" else nvpair_text(c, style) for c in children(element)
    ]
    return Rendered(f"{keyword} {element.get('id')}:", lines)


def _tag(keyword: str, element: Element, style: Style) -> Rendered:
    return Rendered(" ".join([keyword, element.get("id", ""), *(c.get("id", "") for c in children(element))]))


def _acl_members(keyword: str, element: Element, style: Style) -> Rendered:
    return Rendered(f"{keyword} {element.get('id')}", [c.get("id", "") for c in children(element)])


def _user(keyword: str, element: Element, style: Style) -> Rendered:
    lines = [f"role:{c.get('id')}" if c.tag == "role_ref" else _permission(c) for c in children(element)]
    return Rendered(f"{keyword} {element.get('id')}", lines)


def _permission(element: Element) -> str:
    words = [element.get("kind", ""), *_description(element)]
    xpath = element.get("xpath")
    if xpath is not None:
        # The module brings the parser library with it, which nothing else here needs.
        from hashell.grammar.acl import shortcut_of

        words.append(shortcut_of(xpath) or f"xpath:{quote(xpath)}")
    for attribute, word in (("reference", "ref"), ("attribute", "attr"), ("object-type", "type")):
        if element.get(attribute) is not None:
            words.append(f"{word}:{quote(element.get(attribute, ''))}")
    return " ".join(words)


def _role(keyword: str, element: Element, style: Style) -> Rendered:
    return Rendered(
        f"{keyword} {element.get('id')}", _description(element) + [_permission(c) for c in children(element)]
    )


def _recipient(element: Element, style: Style, braces: bool) -> str:
    words = [always_quote(element.get("value", "")), *_description(element)]
    for child in children(element):
        name = {"instance_attributes": "attributes", "meta_attributes": "meta"}.get(child.tag)
        if name:
            words.append(set_line(name, child, style))
    if braces:
        words = ["{", *words, "}"]
    return " ".join(["to", *words])


def _alert(keyword: str, element: Element, style: Style) -> Rendered:
    lines = _description(element)
    kinds = [c.tag for c in children(element)]
    late = "recipient" in kinds and any(
        k in ("instance_attributes", "meta_attributes") for k in kinds[kinds.index("recipient"):]
    )
    for child in children(element):
        if child.tag == "select":
            lines.append(" ".join(["select", *(_selected(c) for c in children(child))]))
        elif child.tag == "recipient":
            lines.append(_recipient(child, style, late))
        else:
            name = {"instance_attributes": "attributes", "meta_attributes": "meta"}.get(child.tag, child.tag)
            lines.append(set_line(name, child, style))
    return Rendered(f"{keyword} {element.get('id')} {quote(element.get('path', ''))}", lines)


def _selected(element: Element) -> str:
    name = element.tag.removeprefix("select_")
    if name != "attributes":
        return name
    return " ".join(["attributes", "{", *(c.get("name", "") for c in children(element)), "}"])


def renderers() -> dict[str, Callable[[str, Element, Style], Rendered]]:
    """Statement word -> renderer."""
    from hashell.grammar import render_constraints as constraints

    return {
        "node": _node, "primitive": _primitive, "rsc_template": _primitive, "group": _container,
        "clone": _container, "ms": _container, "bundle": _bundle, "tag": _tag, "property": _property,
        "rsc_defaults": _property, "op_defaults": _property, "role": _role, "user": _user,
        "acl_target": _acl_members, "acl_group": _acl_members, "alert": _alert,
        "location": constraints.location, "colocation": constraints.colocation, "order": constraints.order,
        "rsc_ticket": constraints.rsc_ticket, "fencing_topology": constraints.fencing_topology,
    }


def render(element: Element, style: Style, keyword: str = "") -> Rendered:
    """The text form of one object element; it may lose what the language cannot say (see `faithful`)."""
    keyword = keyword or keyword_of(element)
    rendered = renderers()[keyword](keyword, element, style)
    rendered.comments = comments_of(element)
    return rendered


def xml_text(element: Element) -> str:
    """`xml <…>` over several lines, as an object is shown that the language has no words for."""
    from hashell.model.xmltext import pretty

    return " \\\n".join(("xml " + pretty(element).rstrip("\n")).split("\n"))
