"""Resource statements: primitive, rsc_template, group, clone, ms, bundle (section 2)."""

from __future__ import annotations

from typing import Any

import pyparsing as pp

from hashell.grammar.plain import OP_ATTRIBUTES, agent_attributes
from hashell.grammar.rules import keyword_set, rule, set_body
from hashell.grammar.terminals import (
    SEP,
    Mark,
    Parser,
    attribute_pair,
    description,
    fail,
    id_words,
    identifier,
    idref_words,
    keyword,
    mark,
    nvpair,
    resource_id,
    split_marks,
    whole,
    word,
)
from hashell.grammar.tree import CHILD_REF, Elem

_AGENT = "an agent ([class:[provider:]]type) or @template"
_BODY = "params, meta, utilization, operations, op or the end of the statement"


def _op(text: str, loc: int, tokens: Any) -> Elem:
    element = Elem("op", {"name": tokens[0].value})
    implicit = Elem("instance_attributes")
    for token in tokens[1:]:
        if token.tag != "nvpair":
            element.children.append(token)
        elif token.attrs.get("name") in OP_ATTRIBUTES and "id-ref" not in token.attrs and "id" not in token.attrs:
            if implicit.children:
                name = token.attrs["name"]
                raise fail(text, loc, f"{name}= to stand before the operation's own parameters")
            element.attrs[token.attrs["name"]] = token.attrs.get("value", "")
        else:
            implicit.children.append(token)
    if "interval" not in element.attrs and element.attrs["name"] != "monitor":
        element.attrs["interval"] = "0s"
    if implicit.children:
        element.children.insert(0, implicit)
    return element


def _operation(one_rule: Parser) -> Parser:
    name = mark("name", identifier("the operation's name"))
    parts = keyword_set("op_params", "instance_attributes", one_rule) | keyword_set(
        "op_meta", "meta_attributes", one_rule
    )
    return (keyword("op") - (name + pp.ZeroOrMore(nvpair()) + pp.ZeroOrMore(parts))).set_parse_action(_op)


def _operations(tokens: Any) -> Elem:
    marks, elements = split_marks(tokens)
    return Elem("operations", marks, elements)


def _gather(text: str, loc: int, elements: list[Elem]) -> list[Elem]:
    """Loose <op> elements collected in one <operations> where the first of them stood."""
    out: list[Elem] = []
    operations: Elem | None = None
    for element in elements:
        if element.tag == "operations":
            if operations is None:
                operations = element
                out.append(element)
            elif operations.attrs and element.attrs:
                raise fail(text, loc, "`operations` only once: all operations of a resource are one list")
            else:
                operations.attrs.update(element.attrs)
                operations.children += element.children
        elif element.tag == "op":
            if operations is None:
                operations = Elem("operations")
                out.append(operations)
            operations.children.append(element)
        else:
            out.append(element)
    return out


def _resource_body(one_rule: Parser) -> Parser:
    op = _operation(one_rule)
    operations = (keyword("operations") - ((idref_words() | id_words()) + pp.ZeroOrMore(op))).set_parse_action(
        _operations
    )
    return pp.Opt(description()) + pp.Opt(set_body("instance_attributes", one_rule, first=True)) + pp.ZeroOrMore(
        keyword_set("params", "instance_attributes", one_rule)
        | keyword_set("meta", "meta_attributes", one_rule)
        | keyword_set("utilization", "utilization", one_rule)
        | operations
        | op
    )


def _resource(tag: str) -> Any:
    def action(text: str, loc: int, tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        attrs = {"id": marks["name"]}
        if "template" in marks:
            attrs["template"] = marks["template"]
        else:
            attrs.update(agent_attributes(marks["agent"]))
        if "description" in marks:
            attrs["description"] = marks["description"]
        return Elem(tag, attrs, _gather(text, loc, elements))

    return action


def _agent() -> Parser:
    return mark(
        "agent", word(rf"[^{SEP}@$=:]+(?::[^{SEP}=:]+){{0,2}}", "an agent ([class:[provider:]]type) or @template")
    )


def primitive() -> Parser:
    name = mark("name", identifier("the id of the primitive"))
    template = word(rf"@[^{SEP}=:]+", _AGENT).set_parse_action(lambda t: Mark("template", t[0][1:]))
    agent = template | _agent()
    body = name - agent + _resource_body(rule())
    return whole(body.set_parse_action(_resource("primitive")), _BODY)


def rsc_template() -> Parser:
    body = mark("name", identifier("the id of the template")) - _agent() + _resource_body(rule())
    return whole(body.set_parse_action(_resource("template")), _BODY)


def _container(tag: str) -> Any:
    def action(text: str, loc: int, tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        attrs = {"id": marks["name"]}
        if "description" in marks:
            attrs["description"] = marks["description"]
        children: list[str] = []
        for token in tokens:
            if isinstance(token, Mark) and token.kind == "child":
                if token.value in children:
                    raise fail(text, loc, f"child {token.value} only once in {tag} {marks['name']}")
                children.append(token.value)
        refs = [Elem(CHILD_REF, {"id": child}) for child in children]
        return Elem(tag, attrs, elements + refs)

    return action


def container(tag: str) -> Parser:
    """group (several children), clone and master (one)."""
    one_rule = rule()
    stop = rf"(?!(?:params|meta)(?:{SEP}|\Z))"
    child = mark("child", word(rf"{stop}[A-Za-z_#$][^{SEP}=:]*", "the id of a resource"))
    children = pp.OneOrMore(child) if tag == "group" else child
    sets = keyword_set("params", "instance_attributes", one_rule) | keyword_set("meta", "meta_attributes", one_rule)
    body = mark("name", identifier(f"the id of the {tag}")) - (
        children + pp.Opt(description()) + pp.Opt(set_body("instance_attributes", one_rule, first=True))
        + pp.ZeroOrMore(sets)
    )
    return whole(body.set_parse_action(_container(tag)), "description=, params or meta")


def _attributes(tag: str) -> Any:
    def action(tokens: Any) -> Elem:
        element = Elem(tag)
        for token in tokens:
            if token.tag == "nvpair":
                element.attrs[token.attrs["name"]] = token.attrs.get("value", "")
            else:
                element.children.append(token)
        return element

    return action


def _bundle(tokens: Any) -> Elem:
    marks, elements = split_marks(tokens)
    attrs = {"id": marks["name"]}
    if "description" in marks:
        attrs["description"] = marks["description"]
    return Elem("bundle", attrs, elements)


def bundle() -> Parser:
    pairs: Parser = pp.ZeroOrMore(attribute_pair())

    def part(name: str, *inner: str) -> Parser:
        body: Parser = pairs
        for tag in inner:
            body = body + pp.ZeroOrMore((keyword(tag) - pairs).set_parse_action(_attributes(tag)))
        return (keyword(name) - body).set_parse_action(_attributes(name))

    child = (keyword("primitive") - resource_id()).set_parse_action(lambda t: Elem(CHILD_REF, {"id": t[0]}))
    parts = (
        part("docker") | part("podman") | part("network", "port-mapping") | part("storage", "storage-mapping") | child
    )
    clauses = pp.ZeroOrMore(parts | keyword_set("meta", "meta_attributes", rule()))
    body = mark("name", identifier("the id of the bundle")) - (pp.Opt(description()) + clauses)
    return whole(body.set_parse_action(_bundle), "docker, podman, network, storage, meta or primitive")
