"""Statements applied to a working copy: creation, update, containers and the redirection of constraints (3.1, 5.1).

Text mode updates existing objects; token mode creates, and adds what a user at the prompt expects (section 0, fact 1).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from enum import StrEnum

from lxml import etree

from hashell.grammar.agents import resolve_provider
from hashell.grammar.configuration import Configuration, object_id
from hashell.grammar.diagnostics import (
    BrokenReference,
    ChangeNote,
    CheckWarning,
    DuplicateObject,
    StatementFault,
    UnusableMember,
)
from hashell.grammar.edit import Editor
from hashell.grammar.ids import assign
from hashell.grammar.tree import (
    CHILD_REF,
    CONTAINERS,
    DEFAULT_SET_IDS,
    PROPERTY_LIKE,
    SECTIONS,
    Statement,
    detach,
    keyword_of,
    substitute,
    xml_safe,
)
from hashell.model.diagnostics import Diagnostic, HashellError

Element = etree._Element

_CREATION = ("node", "rsc_template", "primitive", "bundle", "group", "ms", "clone", "monitor", "tag", "location",
             "rsc_ticket", "property", "rsc_defaults", "op_defaults", "role", "acl_target", "alert")
_SAME_RANK = {"colocation": "location", "order": "location", "fencing_topology": "rsc_ticket",
              "acl_group": "acl_target", "user": "acl_target"}
_LEGACY_ROLES = {"Master": "Promoted", "Slave": "Unpromoted"}
_REFERENCES = ("rsc", "with-rsc", "first", "then")


class Mode(StrEnum):
    """How statements meet objects that exist."""

    CREATE = "create"  #: token mode: an error, except for nodes and property-like sets, which merge
    UPDATE = "update"  #: replaced whole; property-like sets merge
    EDIT = "edit"  #: replaced whole, property-like sets too


def creation_rank(statement: Statement) -> int:
    return _CREATION.index(_SAME_RANK.get(statement.keyword, statement.keyword))


class Applier:
    """Applies statements to one Configuration; notes of side effects are collected in `notes`."""

    def __init__(self, config: Configuration, mode: Mode, previous: Element | None = None) -> None:
        """previous: the document that is being replaced; references to its sets keep their meaning."""
        self.config = config
        self.previous = previous
        self.mode = mode
        self.store = config.ids()
        self.notes: list[Diagnostic] = []
        self.before = config.root  #: the document before the last `apply`

    def apply(self, statements: Iterable[Statement]) -> list[Element]:
        """Apply all or nothing; the elements made or changed. Raises HashellError."""
        before = self.before = self.config.snapshot()
        ordered = sorted(statements, key=creation_rank)
        for statement in ordered:
            if not statement.is_node:
                self.store.reserve(statement.id)
        try:
            if self.mode is not Mode.CREATE:
                self._release_members(ordered)
            made = [self._one(s) for s in ordered]
            self._resolve_references(made)
        except HashellError:
            self.config.restore(before)
            raise
        return made

    def _fault(self, statement: Statement, message: str, hint: str = "") -> HashellError:
        return HashellError(StatementFault(
            place=statement.place, source=statement.source, statement=statement.keyword, message=message, hint=hint
        ))

    def _unusable(self, statement: Statement, message: str, hint: str) -> HashellError:
        word = next((w for w in statement.words[2:] if w.text in message.split()), None)
        return HashellError(UnusableMember(
            place=word.place if word else statement.place, source=word.source if word else statement.source,
            width=word.width if word else 1, statement=statement.keyword, message=message, hint=hint
        ))

    def _one(self, statement: Statement) -> Element:
        if statement.keyword == "monitor":
            return self._monitor(statement)
        element = copy.deepcopy(statement.element)
        for number, comment in enumerate(statement.comments if self.mode is not Mode.CREATE else []):
            if statement.keyword not in PROPERTY_LIKE:
                element.insert(number, etree.Comment(comment_text(comment)))
        self._complete(statement, element)
        if statement.keyword == "node":
            return self._node(statement, element)
        if statement.keyword in PROPERTY_LIKE:
            return self._property(statement, element)
        if statement.keyword == "fencing_topology":
            return self._topology(statement, element)
        return self._object(statement, element)

    def _monitor(self, statement: Statement) -> Element:
        wanted = statement.element
        target = wanted.get("target", "")
        try:
            Editor(self.config).monitor(target, wanted.get("interval", ""), wanted.get("timeout", ""))
        except HashellError as error:
            raise self._fault(statement, error.diagnostics[0].text(), error.diagnostics[0].remedy()) from None
        return self.config.get(target.partition(":")[0])

    # -- nodes and sets ------------------------------------------------------------------------------------

    def _node(self, statement: Statement, element: Element) -> Element:
        old = self.config.find_node(element.get("uname", ""), element.get("id", ""))
        if old is not None and element.get("id") and old.get("id") != element.get("id"):
            raise self._fault(statement, f"node {element.get('uname')} has the id {old.get('id')}",
                              f"write node {old.get('id')}: {element.get('uname')}")
        if old is None:
            assign(element, self.store)
            self.config.section("nodes").append(element)
            return element
        if self.mode is Mode.CREATE:
            element.set("id", old.get("id", ""))
            assign(element, self.store)
            for child in list(element):
                self._merge_set(old, child)
            if element.get("description") is not None:
                old.set("description", element.get("description", ""))
            return old
        if not element.get("id"):
            element.set("id", old.get("id", ""))
        assign(element, self.store, old)
        substitute(old, element)
        return element

    def _merge_set(self, owner: Element, incoming: Element) -> None:
        target = owner.find(incoming.tag)
        if target is None or incoming.get("id-ref") or incoming.find("rule") is not None:
            owner.append(incoming)
        else:
            self._merge_pairs(target, incoming)

    def _merge_pairs(self, target: Element, incoming: Element) -> None:
        rules = incoming.findall("rule")
        if rules:
            for old in target.findall("rule"):
                self.store.discard_tree(old)
                target.remove(old)
            for number, rule in enumerate(rules):
                target.insert(number, rule)
        for pair in incoming.findall("nvpair"):
            found = next((p for p in target.findall("nvpair")
                          if p.get("name") == pair.get("name") and pair.get("name") is not None), None)
            if found is None:
                target.append(pair)
            elif pair.get("value") is not None:
                found.set("value", pair.get("value", ""))

    def _property(self, statement: Statement, element: Element) -> Element:
        section = self.config.section(SECTIONS[statement.keyword][1])
        existing = [e for e in section if e.tag == element.tag]
        ident = element.get("id")
        if ident is None and element.get("id-ref") is None:
            ident = DEFAULT_SET_IDS[statement.keyword]
            if existing and all(e.get("id") != ident for e in existing):
                ident = existing[-1].get("id", ident)
            element.set("id", ident)
        old = next((e for e in existing if ident is not None and e.get("id") == ident), None)
        if old is None:
            self._claim(statement, ident)
            assign(element, self.store)
            section.append(element)
            for number, comment in enumerate(statement.comments if self.mode is not Mode.CREATE else []):
                element.insert(number, etree.Comment(comment_text(comment)))
            return element
        if self.mode is Mode.EDIT:
            assign(element, self.store, old)
            section.replace(old, element)
            return element
        self._merge_pairs(old, element)
        assign(old, self.store)
        return old

    def _claim(self, statement: Statement, ident: str | None) -> None:
        if ident and ident in self.store:
            raise HashellError(DuplicateObject(
                place=statement.place, source=statement.source, kind=statement.keyword, name=ident, existing=True
            ))

    def _topology(self, statement: Statement, element: Element) -> Element:
        levels = element.findall("fencing-level")
        if any(level.get("index") == "" for level in levels):
            for level in levels:
                element.remove(level)
            for node in self.config.node_names():
                for index, level in enumerate(levels, 1):
                    etree.SubElement(element, "fencing-level", target=node, index=str(index),
                                     devices=level.get("devices", ""))
        old = self.config.configuration.find("fencing-topology")
        if old is not None and self.mode is Mode.CREATE and len(old):
            raise HashellError(DuplicateObject(place=statement.place, source=statement.source,
                                               kind="fencing_topology", name="fencing_topology", existing=True))
        if old is not None:
            assign(element, self.store, old)
            substitute(old, element)
        else:
            assign(element, self.store)
            self.config.configuration.append(element)
        return element

    # -- objects -------------------------------------------------------------------------------------------

    def _object(self, statement: Statement, element: Element) -> Element:
        ident = element.get("id", "")
        old = self.config.find(ident) if ident in self.store else None
        if old is not None and old.tag == "node":
            old = None
        if old is None or not self._may_become(old, statement.keyword):
            self._claim(statement, ident)
            old = None
        elif self.mode is Mode.CREATE:
            self._claim(statement, ident)
        self._check_targets(statement, element)
        assign(element, self.store, old)
        self._name_parameters(element)
        if statement.keyword in ("group", "clone", "ms", "bundle"):
            self._take_members(statement, element, old)
        if old is not None:
            substitute(old, element)
        else:
            self.config.section(SECTIONS[statement.keyword][1]).append(element)
            if element.tag in CONTAINERS:
                self._redirect(element)
        self.config.remember(element)
        if element.tag == "clone" and self.mode is Mode.CREATE:
            self._clone_defaults(element)
        return element

    def _may_become(self, old: Element, keyword: str) -> bool:
        """Whether a new definition replaces the object: of the same kind, or of another kind in the same section."""
        if keyword_of(old) == keyword:
            return True
        if self.config.container_of(old) is not None or old.tag in CONTAINERS and keyword not in (
                "group", "clone", "ms", "bundle"):
            return False
        return SECTIONS[keyword_of(old)][1] == SECTIONS[keyword][1]

    def _release_members(self, statements: list[Statement]) -> None:
        """Members of containers that are defined anew go back to the end of `resources`."""
        for statement in statements:
            if statement.keyword not in ("group", "clone", "ms", "bundle"):
                continue
            old = self.config.find(statement.id)
            if old is None or old.tag not in CONTAINERS:
                continue
            wanted = [r.get("id") for r in statement.element.iter(CHILD_REF)]
            held = [c for c in old if c.tag in ("primitive", "group")]
            if [c.get("id") for c in held] == wanted:
                continue
            for child in held:
                self.config.section("resources").append(child)

    def _take_members(self, statement: Statement, element: Element, old: Element | None) -> None:
        for ref in list(element.iter(CHILD_REF)):
            name = ref.get("id", "")
            child = self.config.find(name)
            if child is None or child.tag == "node":
                raise self._unusable(statement, f"{element.get('id')} refers to missing object {name}",
                                     "define the resource first, or in the same file")
            allowed = ("primitive",) if element.tag in ("group", "bundle") else ("primitive", "group")
            if child.tag not in allowed:
                raise self._unusable(statement, f"a {element.tag} may contain only {' and '.join(allowed)} resources; "
                                                f"{name} is a {keyword_of(child)}", "name its members instead")
            holder = self.config.container_of(child)
            if holder is not None and holder is not old:
                raise self._fault(statement, f"cannot create {element.tag}:{element.get('id')}: child "
                                             f"{child.tag}:{name} is already in {holder.tag}:{holder.get('id')}",
                                  f"`delete {holder.get('id')}` releases it, or use modgroup")
            substitute(ref, child)

    def _redirect(self, container: Element) -> None:
        """Constraints on a new container's members now mean the container; self-references are dropped."""
        name = container.get("id", "")
        members = [c.get("id", "") for c in container if c.tag in ("primitive", "group")]
        for constraint in list(self.config.section("constraints")):
            if not isinstance(constraint.tag, str):
                continue
            for member in members:
                if _replace_reference(constraint, member, name):
                    what = f"{keyword_of(constraint)}:{constraint.get('id')}"
                    self.notes.append(ChangeNote(message=f"modified {what} from {member} to {name}"))
            if _self_reference(constraint):
                self.store.discard_tree(constraint)
                detach(constraint)

    def _check_targets(self, statement: Statement, element: Element) -> None:
        if statement.keyword not in ("location", "colocation", "order", "rsc_ticket"):
            return
        names = [element.get(a, "") for a in _REFERENCES if element.get(a)]
        names += [r.get("id", "") for r in element.iter("resource_ref")]
        for name in names:
            target = self.config.find(name)
            if target is None or keyword_of(target) not in (
                "primitive", "group", "clone", "ms", "bundle", "rsc_template", "tag"
            ):
                if self.mode is Mode.CREATE:
                    self.notes.append(CheckWarning(owner=element.get("id", ""), message=f"{name} is no resource (yet)",
                                                   hint="define it before the commit"))
                    continue
                raise self._fault(statement, f"constraint {element.get('id')} references a resource {name} which "
                                             "doesn't exist", "define the resource first, or in the same file")

    # -- completion of new elements ------------------------------------------------------------------------

    def _complete(self, statement: Statement, element: Element) -> None:
        if element.get("provider") == "":
            element.set("provider", resolve_provider(self.config.agents, element.get("type", "")))
        if statement.words and (self.mode is Mode.CREATE or self._knows_only_legacy_roles()):
            self._convert_roles(element)
        if self.mode is not Mode.CREATE or not statement.words:
            return
        if statement.keyword in ("primitive", "rsc_template") and not element.get("template"):
            for op in element.iter("op"):
                for name in ("interval", "timeout"):
                    value = op.get(name)
                    if value is not None and value.isdigit():
                        op.set(name, f"{value}s")
        if statement.keyword in PROPERTY_LIKE:
            for pair in element.findall("nvpair"):
                if pair.get("value") == "":
                    raise self._fault(statement, f"an empty value for {pair.get('name')} is not allowed",
                                      "to remove a property use `edit`")

    def _knows_only_legacy_roles(self) -> bool:
        """Schemas before 3.7 have the roles Master and Slave only."""
        match = re.match(r"pacemaker-(\d+)\.(\d+)", self.config.schema)
        return match is not None and (int(match[1]), int(match[2])) < (3, 7)

    def _convert_roles(self, element: Element) -> None:
        legacy = self._knows_only_legacy_roles()
        table = {v: k for k, v in _LEGACY_ROLES.items()} if legacy else _LEGACY_ROLES
        for inner in element.iter(etree.Element):
            for name in ("role", "rsc-role", "with-rsc-role"):
                value = inner.get(name)
                if value in table:
                    inner.set(name, table[value])

    def _name_parameters(self, element: Element) -> None:
        """`foo-bar` becomes `foo_bar` where that is what the agent calls it."""
        if element.tag not in ("primitive", "template") or element.get("template"):
            return
        info = self.config.agents.info(
            element.get("class", ""), element.get("provider", ""), element.get("type", "")
        )
        if info is None:
            return
        for pair in element.findall("instance_attributes/nvpair"):
            name = pair.get("name", "")
            other = name.replace("-", "_")
            if name and name not in info.parameters and other in info.parameters:
                pair.set("name", other)

    def _clone_defaults(self, element: Element) -> None:
        """A clone of a primitive typed at the prompt is interleaved, and promotable if its agent is."""
        child = next((c for c in element if c.tag in ("primitive", "group")), None)
        if child is None or child.tag != "primitive":
            return
        info = self.config.agents.info(child.get("class", ""), child.get("provider", ""), child.get("type", ""))
        wanted = {"promotable": "true"} if info is not None and info.promotable else {}
        wanted["interleave"] = "true"
        present = {p.get("name") for p in element.findall("meta_attributes/nvpair")}
        missing = {k: v for k, v in wanted.items() if k not in present}
        if not missing:
            return
        target = element.find("meta_attributes")
        if target is None:
            target = etree.SubElement(element, "meta_attributes")
            target.set("id", self.store.new(f"{element.get('id')}-meta_attributes"))
        for name, value in missing.items():
            ident = self.store.new(f"{target.get('id')}-{name}")
            etree.SubElement(target, "nvpair", id=ident, name=name, value=value)

    # -- references ----------------------------------------------------------------------------------------

    def _resolve_references(self, made: list[Element]) -> None:
        """`$id-ref=OBJECT` becomes a reference to that object's set; references to nothing are errors."""
        for top in made:
            for element in top.iter(etree.Element):
                ref = element.get("id-ref")
                if ref is None:
                    continue
                tag = element.tag
                direct = self.config.configuration.xpath(f".//{tag}[@id=$ref]", ref=ref)
                if direct:
                    continue
                owner = self.config.find(ref)
                inner = [e for e in owner.iter(tag) if e.get("id")] if owner is not None else []
                if not inner and self._revived(tag, ref):
                    continue
                if not inner:
                    raise HashellError(BrokenReference(owner=object_id(top), name=ref))
                if len(inner) > 1:
                    self.notes.append(ChangeNote(message=f"{ref} contains more than one {tag}, using the first"))
                element.set("id-ref", inner[0].get("id", ""))


    def _revived(self, tag: str, ref: str) -> bool:
        """Give the set its id back that it had in the replaced document: `show` leaves out ids of parameter sets."""
        found = next((e for e in self.previous.iterfind(f"configuration//{tag}") if e.get("id") == ref),
                     None) if self.previous is not None else None
        above = found.getparent() if found is not None else None
        while above is not None and not keyword_of(above):
            above = above.getparent()
        heir = self.config.find(object_id(above)) if above is not None else None
        if above is None or heir is None or found is None:
            return False
        place = list(above.iter(tag)).index(found)
        alike = list(heir.iter(tag))
        if place >= len(alike) or alike[place].get("id-ref"):
            return False
        alike[place].set("id", ref)
        return True


def comment_text(text: str) -> str:
    """A `#` line as an XML comment can hold it: without `--`, which `show` puts back, and no `-` at the end."""
    text = xml_safe(text)
    while "--" in text:
        text = text.replace("--", "- -")
    return f"{text} " if text.endswith("-") else text


def _replace_reference(constraint: Element, old: str, new: str) -> bool:
    changed = False
    for name in _REFERENCES:
        if constraint.get(name) == old:
            constraint.set(name, new)
            changed = True
    for ref in constraint.iter("resource_ref"):
        if ref.get("id") == old:
            ref.set("id", new)
            changed = True
    return changed


def _self_reference(constraint: Element) -> bool:
    if constraint.get("rsc") and constraint.get("rsc") == constraint.get("with-rsc"):
        return True
    return bool(constraint.get("first")) and constraint.get("first") == constraint.get("then")


def apply_statements(config: Configuration, statements: Iterable[Statement], mode: Mode) -> Applier:
    """Apply and return the Applier with its notes. Raises HashellError with nothing changed."""
    applier = Applier(config, mode)
    applier.apply(statements)
    return applier
