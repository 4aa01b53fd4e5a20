"""Loading statements or XML from a file, a URL or standard input: update, replace, push (section 5.1)."""

from __future__ import annotations

import sys
from pathlib import Path

from lxml import etree

from hashell.grammar.apply import Mode
from hashell.grammar.configuration import object_id
from hashell.grammar.tree import CHILD_REF, PROPERTY_LIKE, Statement, keyword_of
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import parse
from hashell.shell.diagnostics import CommandFailed, UnreadableFile, WrongArguments
from hashell.shell.session import Session

METHODS = ("update", "replace", "push")


def load(session: Session, words: list[str]) -> None:
    """`load [xml] METHOD FILE|URL|-`."""
    as_xml = words[:1] == ["xml"]
    rest = words[1:] if as_xml else words
    usage = "load [xml] update|replace|push FILE|URL|-"
    if len(rest) == 1 and rest[0] not in METHODS:
        rest = ["update", *rest]
    if len(rest) != 2:
        raise HashellError(WrongArguments(command="configure.load", usage=usage, given=len(words)))
    method, path = rest
    if method not in METHODS:
        raise HashellError(WrongArguments(command="configure.load", usage=usage, problem=f"unknown method {method}"))
    text = read_source(path)
    space = session.workspace
    if as_xml:
        statements = _xml_statements(text, path)
    else:
        outcome = space.parser.parse_text(text, "" if path == "-" else path)
        if not outcome.ok:
            raise HashellError(*outcome.diagnostics)
        session.tell(*outcome.diagnostics)
        statements = outcome.statements
    if method == "replace" and session.interactive and session.pending and not session.ask(
        "This operation will erase all changes. Do you want to proceed?"
    ):
        return
    apply_loaded(session, statements, method)


def apply_loaded(session: Session, statements: list[Statement], method: str) -> None:
    """Apply parsed statements by method; on any failure the working copy is as before."""
    space = session.workspace
    before = space.config.snapshot()
    try:
        if method == "replace":
            space.editor().erase()
        space.apply(statements, Mode.UPDATE, part=True, previous=before)
        if method == "push":
            _delete_unnamed(session, statements)
    except HashellError:
        space.config.restore(before)
        raise
    space.remember(before)


def _delete_unnamed(session: Session, statements: list[Statement]) -> None:
    space = session.workspace
    named = {(s.keyword == "node", s.id) for s in statements if s.id}
    kinds = {s.keyword for s in statements if not s.id}
    for name, is_node in [(object_id(e), e.tag == "node") for e in space.config.objects()
                          if keyword_of(e) not in kinds]:
        if (is_node, name) in named:
            continue
        element = space.config.find_node(name) if is_node else space.config.find(name)
        if element is None:
            continue
        if is_node:
            parent = element.getparent()
            if parent is not None:
                parent.remove(element)
        else:
            space.editor().delete([name])


def read_source(path: str) -> str:
    """The text of a file, a URL (http, https, file) or `-`. Raises HashellError (UnreadableFile)."""
    try:
        if path == "-":
            return sys.stdin.read()
        if path.startswith(("http://", "https://", "file://")):
            import urllib.request

            with urllib.request.urlopen(path, timeout=30) as answer:  # noqa: S310
                return str(answer.read().decode("utf-8", "replace"))
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        raise HashellError(UnreadableFile(path=path, reason=str(reason))) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        raise HashellError(UnreadableFile(path=path, reason=f"line {line} is not UTF-8 text")) from None


def _xml_statements(text: str, path: str) -> list[Statement]:
    """The objects of a CIB document as statements. Raises HashellError."""
    try:
        root = parse(text)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise HashellError(CommandFailed(message=f"{path}: not well-formed XML: {error}")) from None
    configuration = root.find("configuration")
    if configuration is None:
        raise HashellError(CommandFailed(message=f"{path}: the CIB has no configuration element",
                                         hint="the root is <cib>, with <configuration> inside"))
    out: list[Statement] = []
    for section in list(configuration):
        if not isinstance(section.tag, str):
            continue
        elements = [section] if section.tag == "fencing-topology" else list(section)
        for element in elements:
            _collect(element, out)
    return out


def _collect(element: etree._Element, out: list[Statement]) -> None:
    keyword = keyword_of(element) if isinstance(element.tag, str) else ""
    if not keyword:
        return
    if element.tag in ("group", "clone", "master", "bundle"):
        for child in [c for c in element if c.tag in ("primitive", "group")]:
            _collect(child, out)
            ref = etree.Element(CHILD_REF, id=child.get("id", ""))
            parent = child.getparent()
            if parent is not None:
                parent.replace(child, ref)
    name = "" if keyword in PROPERTY_LIKE and not element.get("id") else object_id(element)
    out.append(Statement(keyword, name, element))
