"""The terminals and small building blocks of the grammar: words, ids, scores, name=value pairs (section 1.3).

The input of every grammar is a statement's words joined by SEP, so that a quoted word with blanks is one token
and pyparsing's white space is SEP alone. Importing this module imports pyparsing: the parser does so on first use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyparsing as pp

from hashell.grammar.tree import Elem

SEP = "\x1f"
_END = rf"(?=[{SEP}]|\Z)"


@dataclass(frozen=True)
class Mark:
    """A parsed piece that is not an element: the kind of piece and its value."""

    kind: str
    value: str


@dataclass(frozen=True)
class Token:
    """A word of a resource set with its offset, for messages about brackets."""

    text: str
    loc: int


Parser = pp.ParserElement
Action = Callable[..., Any]


def word(pattern: str, name: str, flags: int = re.IGNORECASE) -> Parser:
    """A terminal that matches one whole word."""
    return pp.Regex(f"(?:{pattern}){_END}", flags).set_whitespace_chars(SEP).set_name(name)


def keyword(name: str, *aliases: str) -> Parser:
    """A keyword in any case; yields nothing."""
    return word("|".join(re.escape(n) for n in (name, *aliases)), name).suppress()


def mark(kind: str, parser: Parser, change: Callable[[str], str] = str) -> Parser:
    """`parser`'s word as a Mark."""
    return parser.add_parse_action(lambda t: Mark(kind, change(t[0])))


def fail(text: str, loc: int, message: str) -> Exception:
    """The exception for a parse action that refuses its input for good."""
    return pp.ParseFatalException(text, loc, message)


def identifier(name: str = "an identifier") -> Parser:
    return word(rf"[A-Za-z0-9_#$-][^={SEP}]*", name)


def resource_id(name: str = "a resource id") -> Parser:
    return word(rf"[A-Za-z_#$][^={SEP}:/{{}}()\[\]]*", name)


def anything(name: str) -> Parser:
    return word(rf"[^{SEP}]+", name)


def score_word() -> Parser:
    """`inf:`, `100:`, `ATTR:`; the text without the colon."""
    return word(rf"[^{SEP}:]+:", "<score>:").set_parse_action(lambda t: t[0][:-1])


def id_words() -> Parser:
    """`$id=X`, the leading form of a set's id."""
    return word(rf"\$id=[^{SEP}]+", "$id=ID").set_parse_action(lambda t: Mark("id", t[0][4:]))


def idref_words() -> Parser:
    return word(rf"\$id-ref=[^{SEP}]+", "$id-ref=ID").set_parse_action(lambda t: Mark("id-ref", t[0][8:]))


def description() -> Parser:
    return word(rf"description=[^{SEP}]*", "description=TEXT").set_parse_action(
        lambda t: Mark("description", t[0].split("=", 1)[1])
    )


_SCORE = re.compile(r"([+-]?)(inf|infinity|INF|INFINITY|\d+)\Z", re.ASCII)


def score_attribute(text: str) -> tuple[str, str]:
    """A score word as the attribute it becomes: ('score', normal form) or ('score-attribute', name)."""
    lowered = text.lower()
    if lowered == "advisory":
        return "score", "0"
    if lowered == "mandatory":
        return "score", "INFINITY"
    match = _SCORE.match(text)
    if not match:
        return "score-attribute", text
    number = match[2] if match[2].isdigit() else "INFINITY"
    return "score", match[1] + number


def _nvpair(tokens: Any) -> Elem:
    text = tokens[0]
    if text.startswith("@"):
        ref, _, name = text[1:].partition(":")
        attrs = {"id-ref": ref}
        if name:
            attrs["name"] = name
        return Elem("nvpair", attrs)
    if text.startswith("$"):
        head, _, value = text[1:].partition("=")
        ident, colon, name = head.partition(":")
        attrs = {"name": name} if colon else {}
        return Elem("nvpair", {**attrs, "value": value, "id": ident})
    name, _, value = text.partition("=")
    return Elem("nvpair", {"name": name, "value": value})


def nvpair() -> Parser:
    """One name=value word, a reference `@id`, or an explicit id `$id:name=value`.

    A name alone is not accepted: every schema since 3.0 refuses a value-less pair, and it mostly is a misspelt keyword.
    """
    forms = [
        rf"@[^{SEP}=:]+(?::[^{SEP}=]+)?",
        rf"\$(?!id=|id-ref=)[^{SEP}=:]+(?::[^{SEP}=]+)?=[^{SEP}]*",
        rf"[^{SEP}=@$][^{SEP}=]*=[^{SEP}]*",
    ]
    return word("|".join(forms), "name=value").set_parse_action(_nvpair)


def attribute_pair() -> Parser:
    """name=value that becomes an attribute of an element: the name has to be one in XML."""
    pattern = rf"[A-Za-z_][\w.\-]*=[^{SEP}]*"
    return word(pattern, "name=value", re.IGNORECASE | re.ASCII).set_parse_action(_nvpair)


def split_marks(tokens: Any) -> tuple[dict[str, str], list[Elem]]:
    """Marks as a dictionary (the first of a kind wins) and elements in order."""
    marks: dict[str, str] = {}
    elements: list[Elem] = []
    for token in tokens:
        if isinstance(token, Mark):
            marks.setdefault(token.kind, token.value)
        elif isinstance(token, Elem):
            elements.append(token)
    return marks, elements


def whole(parser: Parser, leftover: str) -> Parser:
    """`parser` up to the end of the statement; `leftover` names what else could have stood there."""
    end = pp.Regex(rf"[{SEP}]*\Z").set_whitespace_chars("").set_name(leftover)
    return parser + end.suppress()
