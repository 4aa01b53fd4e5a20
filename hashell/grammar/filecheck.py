"""Checking a file of statements on its own, without a cluster: syntax, structure, schema and meaning, all with places.

What a file leaves to the cluster it is loaded into (nodes, resources of other files) is a warning here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lxml import etree

from hashell.grammar.agents import AgentDirectory
from hashell.grammar.apply import Applier, Mode
from hashell.grammar.check import check
from hashell.grammar.configuration import Configuration
from hashell.grammar.diagnostics import CheckError, SourceDiagnostic, StatementFault
from hashell.grammar.lines import Word
from hashell.grammar.parser import CrmParser
from hashell.grammar.schema_rules import schema_faults
from hashell.grammar.tree import CHILD_REF, Statement
from hashell.model.diagnostics import Diagnostic, HashellError, Severity

_REFERENCES = ("rsc", "with-rsc", "first", "then")
_CONSTRAINTS = ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket")
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_ELSEWHERE = re.compile(r"(referenced node|target) \S+ (does not exist|not a node)|resource \S+ does not exist|"
                        r"[\w-]+ names \S+, which does not exist|\S+: no such resource template")
_EMPTY = ('<cib validate-with="{}" crm_feature_set="3.20.0" epoch="0" num_updates="0" admin_epoch="0"><configuration>'
          "<crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>")


@dataclass(frozen=True, kw_only=True)
class FileFinding(SourceDiagnostic):
    """A fault of meaning at one place of a file."""

    code: ClassVar[str] = "H222"
    message: str = ""
    hint: str = ""

    def text(self) -> str:
        return self.message

    def remedy(self) -> str:
        return self.hint


@dataclass(frozen=True, kw_only=True)
class FileWarning(FileFinding):
    """The same, for what may be intended."""

    code: ClassVar[str] = "H223"
    severity: ClassVar[Severity] = Severity.WARNING


def check_text(text: str, file: str, agents: AgentDirectory | None = None,
               schema: str = "pacemaker-4.0", parser: CrmParser | None = None) -> list[Diagnostic]:
    """Every finding about the text, in the order of the places. Never raises for bad text."""
    parser = parser or CrmParser()
    outcome = parser.parse_text(text, file)
    found: list[Diagnostic] = list(outcome.diagnostics)
    config = Configuration(etree.fromstring(_EMPTY.format(schema)), agents, parser)
    statements = _distinct(outcome.statements)
    found += _unknown_names(statements)
    statements = _apply(config, statements, found)
    places = {(s.is_node, s.id or s.keyword): s for s in statements}
    for finding in [*schema_faults(config), *check(config, config.objects())]:
        located = _located(finding, places, config)
        if located is not None and located not in found:
            found.append(located)
    return sorted(found, key=_order)


def _order(finding: Diagnostic) -> tuple[int, int]:
    place = finding.place
    return (place.line, place.column) if place is not None and place.line else (1 << 30, 0)


def _distinct(statements: Sequence[Statement]) -> list[Statement]:
    """Without second definitions, which are already reported."""
    seen: dict[tuple[bool, str], Statement] = {}
    return [s for s in statements if not s.id or seen.setdefault((s.is_node, s.id), s) is s]


def _apply(config: Configuration, statements: list[Statement], found: list[Diagnostic]) -> list[Statement]:
    """Apply as many as possible; each that cannot be is reported and left out. What was applied."""
    left = list(statements)
    while left:
        try:
            Applier(config, Mode.UPDATE).apply(left)
            return left
        except HashellError as error:
            found += [d for d in error.diagnostics if d not in found and "which doesn't exist" not in d.text()]
            place = error.diagnostics[0].place
            culprit = next((s for s in left if _covers(s, place)), None)
            if culprit is None:
                return []
            left.remove(culprit)
    return left


def _covers(statement: Statement, place: object) -> bool:
    return statement.place == place or any(w.place == place for w in statement.words)


# -- names -------------------------------------------------------------------------------------------------------


def _unknown_names(statements: list[Statement]) -> list[Diagnostic]:
    """Members and constraint targets that no statement of the file defines; members that are missing are made up."""
    known = [s.id for s in statements if s.id and not s.is_node]
    nodes = [s.id for s in statements if s.is_node]
    found: list[Diagnostic] = []
    for statement in list(statements):
        for name in _names(statement.element):
            if name not in known:
                found.append(_unknown(statement, name, known, "resource"))
                if statement.element.tag in ("group", "clone", "master", "bundle"):
                    _drop_member(statement, name, statements)
        node = statement.element.get("node")
        if nodes and node and statement.element.tag == "rsc_location" and node not in nodes:
            found.append(_unknown(statement, node, nodes, "node"))
    return found


def _names(element: etree._Element) -> list[str]:
    names = [element.get(a, "") for a in _REFERENCES] if element.tag in _CONSTRAINTS else []
    refs = [r.get("id", "") for tag in ("resource_ref", "obj_ref", "role", CHILD_REF) for r in element.iter(tag)]
    refs += [r.get("reference", "") for r in element.iter("acl_permission")]
    template = element.get("template", "") if element.tag == "primitive" else ""
    return list(dict.fromkeys(n for n in [*names, *refs, template] if n))


def _drop_member(statement: Statement, name: str, statements: list[Statement]) -> None:
    for ref in list(statement.element.iter(CHILD_REF)):
        if ref.get("id") == name and (parent := ref.getparent()) is not None:
            parent.remove(ref)
    if statement.element.find(CHILD_REF) is None and statement in statements and statement.keyword != "bundle":
        statements.remove(statement)


def _unknown(statement: Statement, name: str, known: list[str], kind: str) -> FileWarning:
    near = difflib.get_close_matches(name, known, 1, 0.6)
    word = _word_of(statement, name)
    return FileWarning(
        place=word.place if word else statement.place, source=word.source if word else statement.source,
        width=word.width if word else 1,
        message=f"{statement.id or statement.keyword}: {kind} {name} is not defined in this file",
        hint=f"did you mean '{near[0]}'?" if near else "the cluster must have it already when the file is loaded",
    )


def _word_of(statement: Statement, text: str) -> Word | None:
    """The word of the statement that is, or begins with, the text."""
    for test in (lambda w: w == text, lambda w: re.split(r"[=:]", w, maxsplit=1)[0] == text,
                 lambda w: w.lstrip("@(").rstrip(")") == text, lambda w: w.endswith(f"={text}"),
                 lambda w: text in w.split(",")):
        for word in statement.words[1:]:
            if test(word.text):
                return word
    return None


# -- places of findings ------------------------------------------------------------------------------------------


def _located(
    finding: Diagnostic, places: dict[tuple[bool, str], Statement], config: Configuration
) -> Diagnostic | None:
    """The finding with the place of what it is about; None for one that only a whole cluster can have."""
    if not isinstance(finding, CheckError):
        return _structural(finding, places)
    if not finding.owner:
        return finding if finding.severity is Severity.WARNING else None
    if _ELSEWHERE.match(finding.message):
        return None  # nodes are the cluster's, and the rest was looked at before
    statement = _statement_of(finding.owner, places, config)
    if statement is None:
        return finding
    word = next((w for text in (*_QUOTED.findall(finding.message), *re.findall(r"for (\w+) is", finding.message))
                 if (w := _word_of(statement, text)) is not None), None)
    if word is None and "resource agent" in finding.message and len(statement.words) > 2:
        word = statement.words[2]
    kind = FileWarning if finding.severity is Severity.WARNING else FileFinding
    return kind(place=word.place if word else statement.place, source=word.source if word else statement.source,
                width=word.width if word else 1, message=finding.text(), hint=finding.remedy())


def _statement_of(owner: str, places: dict[tuple[bool, str], Statement], config: Configuration) -> Statement | None:
    for key in ((False, owner), (True, owner)):
        if key in places:
            return places[key]
    element = config.find(owner)
    keyword = {"cluster_property_set": "property", "fencing-topology": "fencing_topology"}.get(
        element.tag if element is not None else "", owner)
    if element is not None and element.tag == "meta_attributes" and (parent := element.getparent()) is not None:
        keyword = parent.tag
    return places.get((False, keyword))


def _structural(finding: Diagnostic, places: dict[tuple[bool, str], Statement]) -> Diagnostic | None:
    """A finding about ids and references of the document: only those of this file count."""
    name = getattr(finding, "value", "") or getattr(finding, "name", "")
    if type(finding).__name__ == "UnknownReference" and name not in ("",):
        attribute = getattr(finding, "attribute", "")
        if attribute != "id-ref":
            return None
    for statement in places.values():
        if name and any(name in w.text for w in statement.words):
            return StatementFault(place=statement.place, source=statement.source, statement=statement.keyword,
                                  message=finding.text(), hint=finding.remedy())
    return finding


