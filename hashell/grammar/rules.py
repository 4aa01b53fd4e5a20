"""Rules and attribute sets: `rule …` expressions and the sets that may begin with them (sections 2 and 3.3)."""

from __future__ import annotations

from typing import Any

import pyparsing as pp

from hashell.grammar.terminals import (
    SEP,
    Mark,
    Parser,
    fail,
    id_words,
    idref_words,
    keyword,
    mark,
    nvpair,
    score_attribute,
    score_word,
    split_marks,
    word,
)
from hashell.grammar.tree import Elem

#: Others (`days`, `moon`, …) have no words in the language: objects with them are shown and loaded as XML.
DATE_PARTS = ("hours", "monthdays", "weekdays", "yearsdays", "months", "weeks", "years", "weekyears")
_BINARY = "lt|gt|lte|gte|eq|ne"


def _binary(tokens: Any) -> Elem:
    attribute, operator, value = tokens
    kind, colon, operation = operator.rpartition(":")
    attrs = {"operation": operation, "attribute": attribute}
    if colon:
        attrs["type"] = kind
    source, brace, rest = value.partition("{")
    if brace and rest.endswith("}") and source.isalpha():
        return Elem("expression", {**attrs, "value": rest[:-1], "value-source": source})
    return Elem("expression", {**attrs, "value": value})


def _unary(tokens: Any) -> Elem:
    return Elem("expression", {"operation": tokens[0], "attribute": tokens[1]})


def _date_range(text: str, loc: int, tokens: Any) -> Elem:
    pairs = [t.split("=", 1) for t in tokens]
    if len(pairs) < 2:
        raise fail(text, loc, "at least 2 of start=, end= and duration parts such as months=2")
    element = Elem("date_expression", {"operation": "in_range"})
    rest: dict[str, str] = {}
    for name, value in pairs:
        (element.attrs if name in ("start", "end") else rest)[name] = value
    if rest:
        element.children.append(Elem("duration", rest))
    return element


def _date_spec(tokens: Any) -> Elem:
    spec = Elem("date_spec", dict(t.split("=", 1) for t in tokens))
    return Elem("date_expression", {"operation": "date_spec"}, [spec])


def _date_compare(tokens: Any) -> Elem:
    operation, when = tokens[0], tokens[1]
    return Elem("date_expression", {"operation": operation, "end" if operation.lower() == "lt" else "start": when})


def _expression() -> Parser:
    part = rf"(?:{'|'.join(DATE_PARTS)})=[^{SEP}]*"
    date_part = word(part, "a date part such as hours=9-16")
    period = word(rf"(?:start|end)=[^{SEP}]*|{part}", "start=, end= or a duration part")
    compare = (word("lt|gt", "lt or gt") - word(rf"[^{SEP}]+", "a date")).set_parse_action(_date_compare)
    in_range = (keyword("in_range", "in") - pp.OneOrMore(period)).set_parse_action(_date_range)
    spec = (keyword("date_spec", "spec") - pp.OneOrMore(date_part)).set_parse_action(_date_spec)
    date_operation = (compare | in_range | spec).set_name("lt, gt, in_range (in) or date_spec (spec)")
    attribute = word(rf"[A-Za-z0-9_#$-][^={SEP}:]*", "a node attribute")
    operator = word(
        rf"(?:(?:string|integer|number|version):)?(?:{_BINARY})", "a comparison: [TYPE:]lt, gt, lte, gte, eq or ne"
    )
    value = word(rf"[^{SEP}]+", "a value")
    date = keyword("date") - date_operation
    unary = (word("defined|not_defined", "defined") - attribute).set_parse_action(_unary)
    binary = (attribute - operator - value).set_parse_action(_binary)
    return (date | unary | binary).set_name("an expression such as #uname eq node1")


def _rule(text: str, loc: int, tokens: Any) -> Elem:
    marks, _ = split_marks(tokens)
    if "id-ref" in marks:
        return Elem("rule", {"id-ref": marks["id-ref"]})
    element = Elem("rule")
    boolean = ""
    for token in tokens:
        if isinstance(token, Elem):
            element.children.append(token)
        elif token.kind == "bool":
            operator, _, where = token.value.partition("@")
            if boolean and operator.lower() != boolean.lower():
                raise fail(text, int(where), f"'{boolean}' again: one rule cannot mix `and` and `or`; use two rules")
            boolean = operator
    if "id" in marks:
        element.attrs["id"] = marks["id"]
    if "role" in marks:
        element.attrs["role"] = marks["role"]
    name, score = score_attribute(marks.get("score", "INFINITY"))
    element.attrs[name] = score
    if boolean.lower() not in ("", "and"):
        element.attrs["boolean-op"] = boolean
    return element


def rule() -> Parser:
    """`rule [$id=] [$role=] [SCORE:] EXPR`, an Elem."""
    role = word(rf"\$?role=[^{SEP}]+", "role=ROLE").set_parse_action(lambda t: Mark("role", t[0].split("=", 1)[1]))
    boolean = word("and|or", "and, or").set_parse_action(lambda s, loc, t: Mark("bool", f"{t[0]}@{loc}"))
    expression = _expression()
    head = pp.Opt(id_words()) + pp.Opt(role) + pp.Opt(mark("score", score_word()))
    body = head + (expression + pp.ZeroOrMore(boolean - expression))
    return (keyword("rule") - (idref_words() | body)).set_parse_action(_rule)


def _set(tag: str) -> Any:
    def action(tokens: Any) -> Elem:
        marks, elements = split_marks(tokens)
        if "id-ref" in marks:
            return Elem(tag, {"id-ref": marks["id-ref"]})
        attrs = {"id": marks["id"]} if "id" in marks else {}
        if "score" in marks:
            name, score = score_attribute(marks["score"])
            attrs[name] = score
        return Elem(tag, attrs, elements)

    return action


def set_body(tag: str, one_rule: Parser, first: bool = False) -> Parser:
    """The words of one attribute set as an Elem `tag`; `first`: the implicit set, which cannot be empty."""
    pair = nvpair()
    prefix = pp.Opt(id_words()) + pp.Opt(mark("score", score_word()))
    body = prefix + pp.ZeroOrMore(one_rule) + pp.ZeroOrMore(pair)
    if first:
        content = pp.OneOrMore(one_rule) + pp.ZeroOrMore(pair) | pp.OneOrMore(pair)
        body = id_words() + pp.Opt(mark("score", score_word())) + pp.ZeroOrMore(one_rule) + pp.ZeroOrMore(pair) | (
            pp.Opt(mark("score", score_word())) + content
        )
    return (idref_words() | body).set_parse_action(_set(tag))


def keyword_set(name: str, tag: str, one_rule: Parser) -> Parser:
    """`NAME …` with its set."""
    return keyword(name) - set_body(tag, one_rule)
