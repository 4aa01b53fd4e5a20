"""Whether a CIB is well built: known schema, known sections, required and unique ids.

There is no RELAX NG grammar here; these are the checks without which the stack could not work on the document
or two nodes would read it differently. Messages H301 to H309 and H316.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from lxml import etree

from hashell.model.diagnostics import Diagnostic, Place, Severity
from hashell.model.document import CONFIGURATION_SECTIONS, HIGHEST_SCHEMA
from hashell.model.exitcodes import ExitCode
from hashell.model.ids import is_id
from hashell.model.messageclass import message
from hashell.model.schemavalues import bad_values, empty_rules

_MINORS = (("1", (0, 2, 3)), ("2", range(11)), ("3", range(11)), ("4", (0,)))


def schema_names() -> list[str]:
    """All schemas that exist, oldest first: `pacemaker-1.0` … `pacemaker-4.0`."""
    return [f"pacemaker-{major}.{minor}" for major, minors in _MINORS for minor in minors]


def schema_rank(name: str | None) -> int:
    """Position of a schema in their order, -1 for an unknown one."""
    names = schema_names()
    return names.index(name) if name in names else -1


def upgrade_target(current: str | None, limit: str | None) -> str | None:
    """The schema `cib_upgrade` goes to from `current`, at most `limit`, or None when it is there already.

    Raises ValueError for a schema nobody knows, and for one before 3.0: those need a rewrite of the document.
    """
    rank = schema_rank(current)
    top = schema_rank(limit or HIGHEST_SCHEMA)
    if rank < 0 or top < 0:
        raise ValueError(f"unknown schema {current if rank < 0 else limit!r}")
    if top <= rank:
        return None
    if rank < schema_rank("pacemaker-3.0"):
        raise ValueError(f"documents of schema {current} must be upgraded with an older release first")
    return schema_names()[top]


@message
class CibProblem(Diagnostic):
    """Base of what can be wrong with the structure of a CIB; `path` addresses the element."""

    exit_code: ClassVar[ExitCode] = ExitCode.CONFIG
    path: str = ""


@message
class NotACib(CibProblem):
    code: ClassVar[str] = "H301"
    tag: str = ""

    def text(self) -> str:
        return f"the document is a <{self.tag}>, not a <cib>"

    def remedy(self) -> str:
        return "give the whole output of a CIB query"


@message
class UnknownSchema(CibProblem):
    code: ClassVar[str] = "H302"
    schema: str = ""

    def text(self) -> str:
        return f"validate-with names no known schema: {self.schema!r}"

    def remedy(self) -> str:
        return f"use one of pacemaker-1.0 to {HIGHEST_SCHEMA}"


@message
class MissingSection(CibProblem):
    code: ClassVar[str] = "H303"
    section: str = ""

    def text(self) -> str:
        return f"{self.path} has no <{self.section}>"

    def remedy(self) -> str:
        return f"add an empty <{self.section}/>"


@message
class UnknownElement(CibProblem):
    code: ClassVar[str] = "H304"
    tag: str = ""

    def text(self) -> str:
        return f"<{self.tag}> is not known in {self.path}"

    def remedy(self) -> str:
        return "remove it or put it where it belongs"


@message
class MissingAttribute(CibProblem):
    code: ClassVar[str] = "H305"
    attribute: str = ""

    def text(self) -> str:
        return f"{self.path} lacks the attribute {self.attribute!r}"

    def remedy(self) -> str:
        return f"give it {self.attribute}=\"…\""


@message
class DuplicateId(CibProblem):
    code: ClassVar[str] = "H306"
    ident: str = ""

    def text(self) -> str:
        return f"the id {self.ident!r} of {self.path} is used twice"

    def remedy(self) -> str:
        return "give one of the two elements another id"


@message
class NoValidation(CibProblem):
    code: ClassVar[str] = "H307"
    severity: ClassVar[Severity] = Severity.WARNING

    def text(self) -> str:
        return "validation is switched off for this CIB (validate-with is \"none\")"

    def remedy(self) -> str:
        return f"set validate-with to {HIGHEST_SCHEMA}"


@message
class UnknownReference(CibProblem):
    code: ClassVar[str] = "H308"
    attribute: str = ""
    ident: str = ""

    def text(self) -> str:
        return f"{self.attribute} of {self.path} names {self.ident!r}, which does not exist"

    def remedy(self) -> str:
        return "create what it names, or remove the reference first"


@message
class BadId(CibProblem):
    code: ClassVar[str] = "H309"
    ident: str = ""

    def text(self) -> str:
        return f"{self.path} has an id that cannot be one: {self.ident!r}"

    def remedy(self) -> str:
        return "ids start with a letter or _ and go on with letters, digits, '.', '-' and '_'"


@message
class BadValue(CibProblem):
    """An attribute has a value that the schema does not allow there."""

    code: ClassVar[str] = "H316"

    attribute: str
    value: str
    wanted: str

    def text(self) -> str:
        return f"{self.attribute} of {self.path} is {self.value!r}"

    def remedy(self) -> str:
        return f"it has to be {self.wanted}"


#: What may stand in a section, and the attributes each element must have (`|` parts alternatives).
_SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("crm_config", ("cluster_property_set",)),
    ("nodes", ("node",)),
    ("resources", ("primitive", "group", "clone", "master", "bundle", "template")),
    (
        "constraints",
        ("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket"),
    ),
    ("op_defaults", ("meta_attributes", "instance_attributes")),
    ("rsc_defaults", ("meta_attributes", "instance_attributes")),
    ("acls", ("acl_target", "acl_user", "acl_role", "acl_group")),
    ("fencing-topology", ("fencing-level",)),
    ("tags", ("tag",)),
    ("alerts", ("alert",)),
)

_SETS = ("instance_attributes", "meta_attributes", "utilization")
_RULES = ("rule", "nvpair")
_LEAF: tuple[str, ...] = ()

#: What may stand in an element; elements not listed are not looked into.
_CHILDREN: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("cluster_property_set", *_SETS), _RULES),
    (("nvpair", "op_expression", "rsc_expression", "expression", "resource_ref", "obj_ref", "role"), _LEAF),
    (("date_expression",), ("date_spec", "duration")),
    (("rule",), ("rule", "expression", "date_expression", "rsc_expression", "op_expression")),
    (("node",), _SETS),
    (("primitive", "template"), ("operations", *_SETS)),
    (("operations",), ("op",)),
    (("op",), ("instance_attributes", "meta_attributes")),
    (("group",), ("primitive", *_SETS[:2])),
    (("clone", "master"), ("primitive", "group", *_SETS[:2])),
    (("bundle",), ("docker", "podman", "rkt", "network", "storage", "primitive", *_SETS)),
    (("rsc_location", "rsc_colocation"), ("rule", "resource_set", "lifetime")),
    (("rsc_order", "rsc_ticket"), ("resource_set", "lifetime")),
    (("resource_set",), ("resource_ref",)),
    (("tag",), ("obj_ref",)),
    (("acl_role",), ("acl_permission",)),
    (("acl_target", "acl_group"), ("role",)),
    (("alert",), ("select", "recipient", *_SETS[:2])),
    (("recipient",), _SETS[:2]),
    (("fencing-level",), _LEAF),
)

_REQUIRED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("cluster_property_set", ("id|id-ref",)),
    ("instance_attributes", ("id|id-ref",)),
    ("meta_attributes", ("id|id-ref",)),
    ("utilization", ("id|id-ref",)),
    ("nvpair", ("id|id-ref",)),
    ("node", ("id", "uname")),
    ("primitive", ("id",)),
    ("template", ("id", "type")),
    ("group", ("id",)),
    ("clone", ("id",)),
    ("bundle", ("id",)),
    ("op", ("id|id-ref",)),
    ("rsc_location", ("id",)),
    ("rsc_colocation", ("id",)),
    ("rsc_order", ("id",)),
    ("rsc_ticket", ("id", "ticket")),
    ("resource_set", ("id|id-ref",)),
    ("resource_ref", ("id",)),
    ("rule", ("id|id-ref",)),
    ("acl_target", ("id",)),
    ("acl_role", ("id",)),
    ("acl_group", ("id",)),
    ("acl_permission", ("id", "kind")),
    ("fencing-level", ("id", "index", "devices")),
    ("tag", ("id",)),
    ("obj_ref", ("id",)),
    ("alert", ("id", "path")),
    ("recipient", ("id", "value")),
)

#: Elements whose id refers to another element or is free text.
_FREE_IDS = ("resource_ref", "obj_ref", "role", "role_ref", "node", "acl_target", "acl_group", "acl_user")

#: Attributes that must name an id of the configuration.
_REFERENCES = ("id-ref", "template", "rsc", "with-rsc", "first", "then")


def problems(cib: etree._Element) -> list[CibProblem]:
    """Everything wrong with the structure of a CIB, in document order; warnings included."""
    return list(_problems(cib))


def is_valid(cib: etree._Element) -> bool:
    """True when there is no error; a CIB with validate-with="none" needs only its root."""
    return next((p for p in _problems(cib) if p.severity is Severity.ERROR), None) is None


def _problems(cib: etree._Element) -> Iterator[CibProblem]:
    if cib.tag != "cib":
        yield NotACib(tag=str(cib.tag), place=place_of(cib))
        return
    schema = cib.get("validate-with")
    if schema == "none":
        yield NoValidation(path="/cib", place=place_of(cib))
        return
    if schema_rank(schema) < 0:
        yield UnknownSchema(path="/cib", schema=schema or "", place=place_of(cib))
    configuration = cib.find("configuration")
    if configuration is None:
        yield MissingSection(path="/cib", section="configuration", place=place_of(cib))
        return
    for child in cib.iterchildren(etree.Element):
        if child.tag not in ("configuration", "status"):
            yield UnknownElement(path="/cib", tag=child.tag, place=place_of(child))
    yield from _sections(configuration)
    yield from _contents(configuration)
    yield from _attributes(configuration)
    yield from _unique(configuration)
    yield from _resources(configuration)
    for element, attribute, value, wanted in bad_values(configuration):
        yield BadValue(path=describe(element), attribute=attribute, value=value, wanted=wanted, place=place_of(element))
    for rule in empty_rules(configuration):
        yield MissingSection(path=describe(rule), section="expression", place=place_of(rule))


def _sections(configuration: etree._Element) -> Iterator[CibProblem]:
    for name in CONFIGURATION_SECTIONS[:4]:
        if configuration.find(name) is None:
            yield MissingSection(path="/cib/configuration", section=name, place=place_of(configuration))
    known = dict(_SECTIONS)
    for section in configuration.iterchildren(etree.Element):
        if section.tag not in known:
            yield UnknownElement(path="/cib/configuration", tag=section.tag, place=place_of(section))
            continue
        for child in section.iterchildren(etree.Element):
            if child.tag not in known[section.tag]:
                yield UnknownElement(
                    path=f"/cib/configuration/{section.tag}", tag=child.tag, place=place_of(child)
                )


def _contents(configuration: etree._Element) -> Iterator[CibProblem]:
    known = {tag: children for tags, children in _CHILDREN for tag in tags}
    for element in configuration.iter(etree.Element):
        allowed = known.get(element.tag)
        for child in element.iterchildren(etree.Element) if allowed is not None else ():
            if child.tag not in (allowed or ()) and child.tag != "description":
                yield UnknownElement(path=describe(element), tag=child.tag, place=place_of(child))


def _resources(configuration: etree._Element) -> Iterator[CibProblem]:
    """A primitive has a class and type or a template, a group members, a clone something to clone."""
    for element in configuration.iterfind("resources//*"):
        if element.tag == "primitive" and element.get("template") is None:
            for name in ("class", "type"):
                if element.get(name) is None:
                    yield MissingAttribute(path=describe(element), attribute=name, place=place_of(element))
        if element.tag == "group" and element.find("primitive") is None:
            yield MissingSection(path=describe(element), section="primitive", place=place_of(element))
        if element.tag == "clone" and element.find("primitive") is None and element.find("group") is None:
            yield MissingSection(path=describe(element), section="primitive", place=place_of(element))


def _attributes(configuration: etree._Element) -> Iterator[CibProblem]:
    required = dict(_REQUIRED)
    for element in configuration.iter(etree.Element):
        for entry in required.get(element.tag, ()):
            if not any(element.get(name) for name in entry.split("|")):
                yield MissingAttribute(path=describe(element), attribute=entry.split("|")[0], place=place_of(element))


def _unique(configuration: etree._Element) -> Iterator[CibProblem]:
    seen: set[str] = set()
    for element in configuration.iter(etree.Element):
        ident = element.get("id")
        if ident is None or element.tag in _FREE_IDS:
            continue
        if ident in seen:
            yield DuplicateId(path=describe(element), ident=ident, place=place_of(element))
        elif not is_id(ident):
            yield BadId(path=describe(element), ident=ident, place=place_of(element))
        seen.add(ident)
    for element in configuration.iter(etree.Element):
        names = ("id",) if element.tag in ("resource_ref", "role") else _REFERENCES
        for name in names:
            value = element.get(name)
            if value is not None and value not in seen and not _free_text(element, name):
                yield UnknownReference(path=describe(element), attribute=name, ident=value, place=place_of(element))


def _free_text(element: etree._Element, name: str) -> bool:
    """True where an attribute of that name is no reference: outside constraints, or `id-ref` and `template`."""
    return name not in ("id", "id-ref", "template") and not element.tag.startswith("rsc_")


def describe(element: etree._Element) -> str:
    ident = element.get("id")
    where = f"<{element.tag}>" if ident is None else f"<{element.tag} id=\"{ident}\">"
    parent = element.getparent()
    if ident is not None or parent is None:
        return where
    above = parent.get("id")
    return f"{where} in <{parent.tag}>" if above is None else f"{where} in <{parent.tag} id=\"{above}\">"


def place_of(element: etree._Element) -> Place | None:
    line = element.sourceline
    return Place(line=line) if isinstance(line, int) and line else None
