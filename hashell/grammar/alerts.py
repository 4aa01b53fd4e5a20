"""The alert statement: path, attributes, selected events and recipients (section 2)."""

from __future__ import annotations

from typing import Any

import pyparsing as pp

from hashell.grammar.rules import keyword_set, rule
from hashell.grammar.terminals import (
    SEP,
    Parser,
    anything,
    description,
    identifier,
    keyword,
    mark,
    split_marks,
    whole,
    word,
)
from hashell.grammar.tree import Elem


def _brace(char: str) -> Parser:
    return word(rf"\{char}", f"'{char}'").suppress()


def _select() -> Parser:
    plain = word("nodes|fencing|resources", "nodes, fencing, resources or attributes { … }")
    plain.set_parse_action(lambda t: Elem(f"select_{t[0].lower()}"))
    name = word(rf"[^{SEP}={{}}]+", "an attribute name").set_parse_action(lambda t: Elem("attribute", {"name": t[0]}))
    names = (keyword("attributes") + _brace("{") - pp.ZeroOrMore(name) - _brace("}")).set_parse_action(
        lambda t: Elem("select_attributes", {}, list(t))
    )
    return (keyword("select") - pp.OneOrMore(plain | names)).set_parse_action(lambda t: Elem("select", {}, list(t)))


def _recipient(tokens: Any) -> Elem:
    marks, elements = split_marks(tokens)
    attrs = {"value": marks["value"]}
    if "description" in marks:
        attrs["description"] = marks["description"]
    return Elem("recipient", attrs, elements)


def alert() -> Parser:
    one_rule = rule()
    sets = keyword_set("attributes", "instance_attributes", one_rule) | keyword_set("meta", "meta_attributes", one_rule)
    value = mark("value", word(rf"(?![{{}}](?:{SEP}|\Z))[^{SEP}]+", "a recipient"))
    inner = value + pp.Opt(description()) + pp.ZeroOrMore(sets)
    recipient = (keyword("to") - (_brace("{") - inner - _brace("}") | inner)).set_parse_action(_recipient)

    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        attrs = {"id": marks["name"], "path": marks["path"]}
        if "description" in marks:
            attrs["description"] = marks["description"]
        for number, element in enumerate((e for e in elements if e.tag == "recipient"), 1):
            element.attrs = {"id": f"{attrs['id']}-recipient-{number}", **element.attrs}
        return Elem("alert", attrs, elements)

    name = mark("name", identifier("the id of the alert"))
    body = name - mark("path", anything("the path of the agent")) + pp.Opt(description()) + pp.ZeroOrMore(
        _select() | sets | recipient
    )
    return whole(body.set_parse_action(action), "attributes, meta, select or to")
