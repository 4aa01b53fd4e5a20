"""Statements about nodes, cluster properties, defaults, tags and fencing levels (section 2)."""

from __future__ import annotations

from typing import Any

import pyparsing as pp

from hashell.grammar.rules import keyword_set, rule, set_body
from hashell.grammar.terminals import (
    SEP,
    Mark,
    Parser,
    description,
    id_words,
    identifier,
    idref_words,
    mark,
    nvpair,
    split_marks,
    whole,
    word,
)
from hashell.grammar.tree import Elem


def _node(tokens: Any) -> Elem:
    marks, elements = split_marks(tokens)
    attrs = {"id": marks["id"]} if "id" in marks else {}
    uname, _, kind = marks["uname"].partition(":")
    attrs["uname"] = uname
    if kind:
        attrs["type"] = kind
    if "description" in marks:
        attrs["description"] = marks["description"]
    return Elem("node", attrs, elements)


def node() -> Parser:
    one_rule = rule()
    number = word(rf"[^{SEP}:=$]+:", "ID:").set_parse_action(lambda t: Mark("id", t[0][:-1]))
    name = mark("uname", word(rf"[A-Za-z0-9_#$-][^{SEP}:=]*(?::(?:member|remote))?", "a node name[:member|:remote]"))
    sets = keyword_set("attributes", "instance_attributes", one_rule) | keyword_set(
        "utilization", "utilization", one_rule
    )
    first = pp.Opt(set_body("instance_attributes", one_rule, first=True))
    body = pp.Opt(id_words() | number) + (name - (pp.Opt(description()) + first + pp.ZeroOrMore(sets)))
    return whole(body.set_parse_action(_node), "attributes or utilization")


def _property(tag: str) -> Any:
    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        return Elem(tag, {k: v for k, v in marks.items() if k in ("id", "id-ref")}, elements)

    return action


def property_set(tag: str) -> Parser:
    """property, rsc_defaults, op_defaults: `[ID:|$id=ID] {rule} {name=value}`."""
    colon = word(r"[\w.-]+:", "ID:").set_parse_action(lambda t: Mark("id", t[0][:-1]))
    head = pp.Opt(id_words() | idref_words() | colon)
    body = head + pp.ZeroOrMore(rule()) + pp.ZeroOrMore(nvpair())
    return whole(body.set_parse_action(_property(tag)), "name=value")


def tag() -> Parser:
    name = word(r"[A-Za-z_][\w.-]*:?", "the name of the tag").set_parse_action(lambda t: Mark("name", t[0].rstrip(":")))
    reference = word(rf"[^{SEP}=]+", "the id of an object").set_parse_action(lambda t: Elem("obj_ref", {"id": t[0]}))

    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        return Elem("tag", {"id": marks["name"]}, elements)

    return whole((name - pp.OneOrMore(reference)).set_parse_action(action), "the id of an object")


def _target_attrs(target: str) -> tuple[str, dict[str, str]]:
    """Counter key and attributes of a fencing target word."""
    if target.startswith("attr:"):
        name, _, value = target[5:].partition("=")
        return f"attr:{name}", {"target-attribute": name, "target-value": value}
    if target.startswith("pattern:"):
        return target, {"target-pattern": target[8:]}
    return f"node:{target[:-1]}", {"target": target[:-1]}


def _topology(text: str, loc: int, tokens: Any) -> Elem:
    element = Elem("fencing-topology")
    target: str | None = None
    counts: dict[str, int] = {}
    for token in tokens:
        if token.kind == "target":
            target = token.value
            continue
        if target is None:
            element.children.append(Elem("fencing-level", {"index": "", "devices": token.value}))
            continue
        key, attrs = _target_attrs(target)
        counts[key] = counts.get(key, 0) + 1
        level = {"index": str(counts[key]), "devices": token.value}
        if "target" in attrs:
            level = {**attrs, **level}
        elif "target-pattern" in attrs:
            level = {**level, **attrs}
        else:
            level = {**attrs, **level}
        element.children.append(Elem("fencing-level", level))
    return element


def fencing_topology() -> Parser:
    """Levels; those without a target (index '') stand for every node and are expanded on application."""
    target = word(rf"attr:[^{SEP}=]+=[^{SEP}]+|pattern:[^{SEP}]+|[^{SEP}:]+:", "NODE:, attr:NAME=VALUE or pattern:RE")
    target.set_parse_action(lambda t: Mark("target", t[0]))
    devices = word(rf"[A-Za-z_][^{SEP}:=]*", "fencing devices").set_parse_action(lambda t: Mark("devices", t[0]))
    return whole(pp.ZeroOrMore(target | devices).set_parse_action(_topology), "a fencing device or a target")


def acl_members(tag_: str) -> Parser:
    """acl_target and acl_group: an id and role names."""
    role = identifier("the id of a role").set_parse_action(lambda t: Elem("role", {"id": t[0]}))
    name = mark("name", identifier("the id"))

    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        return Elem(tag_, {"id": marks["name"]}, elements)

    return whole((name - pp.OneOrMore(role)).set_parse_action(action), "the id of a role")
