"""Constraint statements: location, colocation, order, rsc_ticket and the resource sets in them (section 2)."""

from __future__ import annotations

from typing import Any

import pyparsing as pp

from hashell.grammar.rules import rule
from hashell.grammar.terminals import (
    SEP,
    Mark,
    Parser,
    Token,
    fail,
    identifier,
    mark,
    resource_id,
    score_attribute,
    score_word,
    split_marks,
    whole,
    word,
)
from hashell.grammar.tree import Elem

ROLES = ("Stopped", "Started", "Promoted", "Unpromoted", "Master", "Slave")
ACTIONS = ("start", "promote", "demote", "stop")
_OPEN, _CLOSE = {"(": ")", "[": "]"}, {")": "(", "]": "["}
_BOOLEANS = {"yes": "true", "true": "true", "on": "true", "no": "false", "false": "false", "off": "false"}


def boolean(text: str, loc: int, value: str) -> str:
    """`true` or `false` for any accepted spelling; refuses others."""
    if value.lower() not in _BOOLEANS:
        raise fail(text, loc, f"true or false instead of '{value}'")
    return _BOOLEANS[value.lower()]


def set_tokens() -> Parser:
    """The words of resource sets, brackets separated from the names that stick to them."""
    pattern = rf"[()\[\]]|[^{SEP}()\[\]{{}}]+"
    token = pp.Regex(pattern).set_whitespace_chars(SEP).set_name("a resource, ( ) or [ ]")
    return token.set_parse_action(lambda s, loc, t: Token(t[0], loc))


class _SetBuilder:
    """Collects the members of a resource set statement into <resource_set> elements."""

    def __init__(self, text: str, attribute: str) -> None:
        self.text = text
        self.attribute = attribute  # 'role' or 'action'
        self.sets: list[Elem] = []
        self.current: Elem | None = None
        self.bracket = ""
        self.bracket_loc = 0

    def close(self) -> None:
        if self.current is not None and self.current.children:
            self.sets.append(self.current)
        self.current = None

    def open_bracket(self, token: Token) -> None:
        if self.bracket:
            raise fail(self.text, token.loc, f"the set '{self.bracket}' to end first: sets cannot be nested")
        self.close()
        self.bracket, self.bracket_loc = token.text, token.loc
        flags = {"sequential": "false"} if token.text == "(" else {"require-all": "false", "sequential": "false"}
        self.current = Elem("resource_set", flags)

    def close_bracket(self, token: Token) -> None:
        if not self.bracket:
            raise fail(self.text, token.loc, f"an opening '{_CLOSE[token.text]}' before this closing bracket")
        if _OPEN[self.bracket] != token.text:
            raise fail(self.text, token.loc, f"'{_OPEN[self.bracket]}' to close the set begun by '{self.bracket}'")
        if self.current is None or not self.current.children:
            raise fail(self.text, token.loc, "at least one resource: the set is empty")
        self.close()
        self.bracket = ""

    def set_attribute(self, token: Token) -> None:
        name, value = token.text.split("=", 1)
        if name not in ("sequential", "require-all") or self.current is None:
            raise fail(self.text, token.loc, "sequential= or require-all= (unknown attribute)")
        value = boolean(self.text, token.loc, value)
        if value == "true":
            self.current.attrs.pop(name, None)
        else:
            self.current.attrs[name] = value

    def member(self, token: Token) -> None:
        name, qualifier = split_member(self.text, token, self.attribute)
        current = self.current
        if current is not None and current.children and current.attrs.get(self.attribute, "") != qualifier:
            flags = {k: v for k, v in current.attrs.items() if k != self.attribute}
            self.close()
            self.current = Elem("resource_set", flags if self.bracket else {})
        if self.current is None:
            self.current = Elem("resource_set")
        if qualifier:
            self.current.attrs[self.attribute] = qualifier
        self.current.children.append(Elem("resource_ref", {"id": name}))

    def build(self, tokens: list[Token]) -> list[Elem]:
        for token in tokens:
            if token.text in _OPEN:
                self.open_bracket(token)
            elif token.text in _CLOSE:
                self.close_bracket(token)
            elif token.text == "_rsc_set_":
                continue
            elif "=" in token.text:
                self.set_attribute(token)
            else:
                self.member(token)
        if self.bracket:
            raise fail(self.text, self.bracket_loc, f"a closing '{_OPEN[self.bracket]}' for this set")
        self.close()
        return self.sets


def split_member(text: str, token: Token, attribute: str) -> tuple[str, str]:
    """`RSC[:QUALIFIER]` as name and canonical qualifier ('' if none); refuses unknown roles and actions."""
    name, colon, qualifier = token.text.partition(":")
    if not colon or not qualifier:
        return name, ""
    known = ROLES if attribute == "role" else ACTIONS
    if qualifier.isdigit():
        return name, qualifier
    for choice in known:
        if choice.lower() == qualifier.lower():
            return name, choice
    raise fail(text, token.loc, f"for {attribute} of '{name}' one of {', '.join(known[:4])} instead of '{qualifier}'")


def _simple_attrs(text: str, tokens: list[Token], names: tuple[str, str], suffix: str) -> dict[str, str]:
    attrs: dict[str, str] = {}
    for prefix, token in zip(names, tokens):
        name, qualifier = split_member(text, token, suffix)
        attrs[prefix] = name
        if qualifier.isdigit():
            attrs[f"{prefix}-instance"] = qualifier
        elif qualifier:
            attrs[f"{prefix}-{suffix}"] = qualifier
    return attrs


def _is_simple(tokens: list[Token], count: int) -> bool:
    return len(tokens) == count and not any(t.text in "()[]" or t.text == "_rsc_set_" for t in tokens)


def _tail(tokens: list[Token], name: str) -> tuple[list[Token], Token | None]:
    if tokens and tokens[-1].text.lower().startswith(name + "="):
        return tokens[:-1], tokens[-1]
    return tokens, None


def _members(tokens: Any) -> list[Token]:
    return [t for t in tokens if isinstance(t, Token)]


def _colocation(text: str, loc: int, tokens: Any) -> Elem:
    marks, _ = split_marks(tokens)
    words, tail = _tail(_members(tokens), "node-attribute")
    name, score = score_attribute(marks["score"])
    element = Elem("rsc_colocation", {"id": marks["name"], name: score})
    if tail is not None:
        element.attrs["node-attribute"] = tail.text.split("=", 1)[1].lower()
    if _is_simple(words, 2):
        element.attrs.update(_simple_attrs(text, words, ("rsc", "with-rsc"), "role"))
    else:
        element.children = _SetBuilder(text, "role").build(words)
    return element


def _order(text: str, loc: int, tokens: Any) -> Elem:
    marks, _ = split_marks(tokens)
    words, tail = _tail(_members(tokens), "symmetrical")
    element = Elem("rsc_order", {"id": marks["name"]})
    if "kind" in marks:
        kind, _, where = marks["kind"].rpartition("@")
        element.attrs["kind"] = _order_kind(text, int(where), kind)
    if tail is not None:
        element.attrs["symmetrical"] = boolean(text, tail.loc, tail.text.split("=", 1)[1])
    if _is_simple(words, 2):
        attrs = _simple_attrs(text, words, ("first", "then"), "action")
        element.attrs.update(attrs)
    else:
        element.children = _SetBuilder(text, "action").build(words)
    return element


def _order_kind(text: str, loc: int, word_: str) -> str:
    for kind in ("Mandatory", "Optional", "Serialize"):
        if word_.lower() == kind.lower():
            return kind
    name, score = score_attribute(word_)
    if name != "score" or word_.lower() == "advisory":
        raise fail(text, loc, f"Mandatory, Optional, Serialize or a score instead of '{word_}'")
    return "Optional" if score == "0" else "Mandatory"


def _ticket(text: str, loc: int, tokens: Any) -> Elem:
    marks, _ = split_marks(tokens)
    words, tail = _tail(_members(tokens), "loss-policy")
    element = Elem("rsc_ticket", {"id": marks["name"], "ticket": marks["ticket"]})
    if tail is not None:
        policy = tail.text.split("=", 1)[1]
        if policy not in ("stop", "demote", "fence", "freeze"):
            raise fail(text, tail.loc, f"loss-policy stop, demote, fence or freeze instead of '{policy}'")
        element.attrs["loss-policy"] = policy
    if _is_simple(words, 1):
        element.attrs.update(_simple_attrs(text, words, ("rsc", ""), "role"))
    else:
        element.children = _SetBuilder(text, "role").build(words)
    return element


def _constraint_id(what: str) -> Parser:
    return mark("name", identifier(f"the id of the {what}"))


def colocation() -> Parser:
    body = _constraint_id("colocation") - (mark("score", score_word()) - pp.OneOrMore(set_tokens()))
    return whole(body.set_parse_action(_colocation), "a resource")


def order() -> Parser:
    kind = score_word().add_parse_action(lambda s, loc, t: Mark("kind", f"{t[0]}@{loc}"))
    body = _constraint_id("order") - (pp.Opt(kind) - pp.OneOrMore(set_tokens()))
    return whole(body.set_parse_action(_order), "a resource")


def rsc_ticket() -> Parser:
    ticket = word(rf"[^{SEP}:]+:", "<ticket>:").set_parse_action(lambda t: Mark("ticket", t[0][:-1]))
    body = _constraint_id("ticket constraint") - (ticket - pp.OneOrMore(set_tokens()))
    return whole(body.set_parse_action(_ticket), "a resource")


def _brace_set(text: str, loc: int, tokens: Any) -> Mark:
    if not tokens:
        raise fail(text, loc, "at least one resource between { and }")
    return _SetMark("sets", "", tuple(_SetBuilder(text, "role").build(list(tokens))))


class _SetMark(Mark):
    """The resource sets of a location constraint."""

    def __init__(self, kind: str, value: str, sets: tuple[Elem, ...]) -> None:
        super().__init__(kind, value)
        object.__setattr__(self, "sets", sets)


def _location(tokens: Any) -> Elem:
    marks, elements = split_marks(tokens)
    element = Elem("rsc_location", {"id": marks["name"]})
    if "rsc" in marks:
        element.attrs["rsc"] = marks["rsc"]
    if "pattern" in marks:
        element.attrs["rsc-pattern"] = marks["pattern"]
    for token in tokens:
        if isinstance(token, _SetMark):
            element.children += list(getattr(token, "sets"))  # noqa: B009
        elif isinstance(token, Mark) and token.kind == "attr":
            name, _, value = token.value.partition("=")
            element.attrs[name] = value
    if "node" in marks:
        name, score = score_attribute(marks["score"])
        element.attrs[name] = score
        element.attrs["node"] = marks["node"]
    late = [t for t in tokens if isinstance(t, Mark) and t.kind == "late"]
    for token in late:
        name, _, value = token.value.partition("=")
        element.attrs[name] = value
    element.children += elements
    return element


def location() -> Parser:
    attr_word = word(rf"\$?[A-Za-z][A-Za-z-]*=[^{SEP}]*", "an attribute such as role=Promoted")
    attribute = attr_word.copy().set_parse_action(lambda t: Mark("attr", t[0].lstrip("$")))
    late = attr_word.copy().set_parse_action(lambda t: Mark("late", t[0].lstrip("$")))
    pattern = word(rf"/[^{SEP}]+/", "/pattern/").set_parse_action(lambda t: Mark("pattern", t[0][1:-1]))
    opening = word(r"\{", "'{'").suppress()
    closing = word(r"\}", "'}'").suppress()
    braces = (opening - pp.ZeroOrMore(set_tokens()) - closing).set_parse_action(_brace_set)
    target = braces | pattern | mark("rsc", resource_id("a resource, /pattern/ or { set }"))
    node = mark("score", score_word()) - mark("node", word(rf"[^{SEP}={{}}]+", "a node name"))
    preference = (node + pp.ZeroOrMore(late) | pp.OneOrMore(rule())).set_name("<score>: <node>, or rule …")
    body = _constraint_id("location constraint") - target - pp.ZeroOrMore(attribute) - preference
    return whole(body.set_parse_action(_location), "rule, role= or the end of the statement")

