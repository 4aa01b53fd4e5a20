"""The parser: text or words to statements, every error with its place, the rest of the input still checked.

The first word selects the grammar (built on first use); see section 2 of the language specification.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from hashell.grammar.diagnostics import DuplicateObject, StatementFault, SyntaxFault, UnknownStatement, XmlFault
from hashell.grammar.lines import LogicalLine, Word, logical_lines, split_words
from hashell.grammar.plain import read
from hashell.grammar.tree import (
    CHILD_REF,
    CONTAINERS,
    KEYWORDS,
    PROPERTY_LIKE,
    SECTIONS,
    Elem,
    Statement,
    keyword_of_xml,
    xml_safe,
)
from hashell.model.diagnostics import Diagnostic, HashellError

_MINIMUM = {"primitive": 2, "rsc_template": 2, "group": 2, "clone": 2, "ms": 2, "location": 2, "colocation": 2,
            "rsc_ticket": 2, "order": 2, "tag": 2, "alert": 2, "acl_target": 2, "acl_group": 2, "user": 2,
            "node": 1, "bundle": 2, "role": 2, "property": 1, "rsc_defaults": 1, "op_defaults": 1}
_OBJECT_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_CHILDREN_OF = {"group": ("primitive",), "clone": ("primitive", "group"), "master": ("primitive", "group"),
                "bundle": ("primitive",)}


@dataclass
class Outcome:
    """What a text amounted to: the statements that parsed and everything there is to say about it."""

    statements: list[Statement] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not any(d.severity == "error" for d in self.diagnostics)

    def check(self) -> list[Statement]:
        """The statements, or HashellError with every diagnostic if one is an error."""
        if not self.ok:
            raise HashellError(*self.diagnostics)
        return self.statements


class CrmParser:
    """Parses configure statements. Grammars are built when their statement is first met."""

    def __init__(self) -> None:
        self._grammars: dict[str, Any] = {}

    def parse_text(self, text: str, file: str = "") -> Outcome:
        """Text mode (load, edit, filter): every statement of `text`; nothing is applied here."""
        outcome = Outcome()
        seen: dict[tuple[bool, str], Statement] = {}
        for line in logical_lines(text, file):
            try:
                statement = self.parse_line(line)
            except HashellError as error:
                outcome.diagnostics += error.diagnostics
                continue
            key = (statement.is_node, statement.id)
            if statement.id and statement.keyword not in PROPERTY_LIKE:
                if key in seen:
                    outcome.diagnostics.append(DuplicateObject(
                        place=statement.place, source=statement.source, kind=statement.keyword, name=statement.id
                    ))
                seen[key] = statement
            outcome.statements.append(statement)
        return outcome

    def parse_line(self, line: LogicalLine) -> Statement:
        """One logical line. Raises HashellError with the diagnostics of the line."""
        if line.text[:3].lower() == "xml" and (len(line.text) == 3 or line.text[3].isspace()):
            raw = " ".join(line.text.split())[4:]
            return self._xml(raw, line)
        return self.parse_words(split_words(line), line.comments)

    def parse_words(self, words: list[Word], comments: list[str] | None = None) -> Statement:
        """One statement given as words (token mode, or a split line). Raises HashellError."""
        head = words[0]
        keyword = KEYWORDS.get(head.text.lower(), "")
        if head.text.lower() == "monitor":
            return _monitor(words, comments)
        if head.text.lower() == "xml":
            return self._xml(" ".join(w.text for w in words[1:]), None, words)
        if not keyword:
            import difflib

            near = difflib.get_close_matches(head.text.lower(), list(KEYWORDS), 1)
            raise HashellError(UnknownStatement(
                place=head.place, source=head.source, width=head.width, word=head.text, near="".join(near)
            ))
        if len(words) - 1 < _MINIMUM.get(keyword, 0):
            raise HashellError(SyntaxFault(
                place=head.place, source=head.source, width=head.width, statement=keyword,
                expected=f"at least {_MINIMUM[keyword]} arguments", hint=f"`help configure {keyword}` shows the form",
            ))
        element = self._run(keyword, words).to_xml()
        statement = Statement(keyword, "", element, list(comments or []), head.place, words, head.source)
        statement.id = element.get("uname") or element.get("id") or "" if keyword == "node" else element.get("id", "")
        self._check_id(statement)
        return statement

    def _run(self, keyword: str, words: list[Word]) -> Elem:
        rest = words[1:]
        plain = read(keyword, [w.text for w in rest])
        if plain is not None:
            return plain
        import pyparsing as pp

        from hashell.grammar.terminals import SEP

        texts = [w.text.replace(SEP, "") or '""' for w in rest]
        joined = SEP.join(texts)
        try:
            return self._grammar(keyword).parse_string(joined)[0]
        except pp.ParseBaseException as error:
            raise HashellError(_syntax_fault(keyword, words[0], rest, texts, error)) from None

    def _grammar(self, keyword: str) -> Any:
        if keyword not in self._grammars:
            self._grammars[keyword] = _builders()[keyword]().parse_with_tabs()
        return self._grammars[keyword]

    def _check_id(self, statement: Statement) -> None:
        name = statement.element.get("id")
        if statement.is_node or not name or _OBJECT_ID.match(name):
            return
        where = next((w for w in statement.words if w.text.rstrip(":") == name), None)
        raise HashellError(StatementFault(
            place=where.place if where else statement.place, source=statement.source,
            statement=statement.keyword, message=f"'{name}' is not a valid object id",
            hint="ids begin with a letter or _ and go on with letters, digits, _ . -",
        ))

    def _xml(self, raw: str, line: LogicalLine | None, words: list[Word] | None = None) -> Statement:
        place = line.place(0) if line else (words[0].place if words else None)
        source = line.source(0) if line else (words[0].source if words else "")
        try:
            element = etree.fromstring(raw, etree.XMLParser(remove_blank_text=True, resolve_entities=False))
        except (etree.XMLSyntaxError, ValueError) as error:
            raise HashellError(XmlFault(place=place, source=source, message=str(error).partition(" (<")[0])) from None
        element, keyword = _xml_object(element)
        if not keyword:
            raise HashellError(XmlFault(
                place=place, source=source, message=f"element {element.tag} is not a configuration object"
            ))
        name = element.get("uname" if keyword == "node" else "id", element.get("id", ""))
        comments = line.comments if line else []
        return Statement(keyword, name, element, list(comments), place, words or [], source)


def _monitor(words: list[Word], comments: list[str] | None) -> Statement:
    """`monitor RESOURCE[:ROLE] INTERVAL[:TIMEOUT]`: an operation to be added to a resource."""
    head = words[0]
    if len(words) != 3:
        where = words[3] if len(words) > 3 else head
        raise HashellError(SyntaxFault(
            place=where.place, source=where.source, width=where.width, statement="monitor", found=where.text,
            expected="RESOURCE[:ROLE] INTERVAL[:TIMEOUT]", hint="for example: monitor web 10s:20s",
        ))
    interval, _, timeout = words[2].text.partition(":")
    element = etree.Element("monitor", target=xml_safe(words[1].text), interval=xml_safe(interval),
                            timeout=xml_safe(timeout))
    return Statement("monitor", "", element, list(comments or []), head.place, words, head.source)


def _xml_object(element: etree._Element) -> tuple[etree._Element, str]:
    """The object in an `xml` statement and its statement word; defaults come inside their section."""
    if element.tag in ("op_defaults", "rsc_defaults") and len(element) == 1:
        return element[0], element.tag
    keyword = next((word for word, (tag, _) in SECTIONS.items() if element.tag == tag), "")
    if not keyword:
        return element, ""
    keyword = keyword_of_xml(element, keyword)
    if element.tag in CONTAINERS:
        for child in list(element):
            if child.tag in _CHILDREN_OF[element.tag]:
                ref = etree.Element(CHILD_REF, id=child.get("id", ""))
                element.replace(child, ref)
    return element, keyword


def _syntax_fault(keyword: str, head: Word, rest: list[Word], texts: list[str], error: Any) -> SyntaxFault:
    """The diagnostic for a pyparsing failure: the word at its offset, and what was expected there."""
    offset, index = error.loc, 0
    for index, text in enumerate(texts):  # noqa: B007
        if offset < len(text) + 1:
            break
        offset -= len(text) + 1
    else:
        index = len(texts)
    expected = str(error.msg)
    expected = expected.removeprefix("Expected ").strip()
    if offset and index < len(texts) and offset >= len(texts[index]):
        index += 1
    at_end = index >= len(rest)
    word = rest[index] if not at_end else (rest[-1] if rest else head)
    place = word.place
    if at_end:
        place = type(place)(file=place.file, line=place.line, column=place.column + word.width + 1)
    hint = "" if at_end else _meant(word.text, expected)
    return SyntaxFault(
        place=place, source=word.source, width=1 if at_end else word.width, statement=keyword, expected=expected,
        found="" if at_end else word.text, hint=hint or f"`help configure {keyword}` shows the form",
    )


def _meant(found: str, expected: str) -> str:
    """The remedy for a word that looks like one that could stand there."""
    if expected.startswith(("<score>:", "<ticket>:")) and re.fullmatch(r"[\w+-]+", found) and "rule" not in expected:
        return f"did you mean '{found}:'?"
    import difflib

    name, equals, _ = found.partition("=")
    known = _keywords_in(expected)
    if "date part" in expected or "duration part" in expected:
        from hashell.grammar.rules import DATE_PARTS

        known = [*DATE_PARTS, "start", "end"]
    near = difflib.get_close_matches(name.lower(), known, 1, 0.7)
    return f"did you mean '{near[0]}{equals}'?" if near and near[0] != found.lower() else ""


def _keywords_in(expected: str) -> list[str]:
    return re.findall(r"[a-z_]{2,}", re.sub(r"<[^>]*>|'[^']*'", "", expected).lower())


def _builders() -> dict[str, Callable[[], Any]]:
    from hashell.grammar import acl, alerts, constraints, options, resources

    return {
        "node": options.node,
        "primitive": resources.primitive,
        "rsc_template": resources.rsc_template,
        "group": lambda: resources.container("group"),
        "clone": lambda: resources.container("clone"),
        "ms": lambda: resources.container("master"),
        "bundle": resources.bundle,
        "location": constraints.location,
        "colocation": constraints.colocation,
        "order": constraints.order,
        "rsc_ticket": constraints.rsc_ticket,
        "property": lambda: options.property_set("cluster_property_set"),
        "rsc_defaults": lambda: options.property_set("meta_attributes"),
        "op_defaults": lambda: options.property_set("meta_attributes"),
        "fencing_topology": options.fencing_topology,
        "tag": options.tag,
        "acl_target": lambda: options.acl_members("acl_target"),
        "acl_group": lambda: options.acl_members("acl_group"),
        "role": acl.role,
        "user": acl.user,
        "alert": alerts.alert,
    }
