"""The objects of the language: a light element tree without generated ids, and the statement that made it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from hashell.grammar.lines import Word
from hashell.model.diagnostics import Place

#: Stands in a container for a child that is defined by a statement of its own.
CHILD_REF = "child-ref"


@dataclass(eq=True)
class Elem:
    """An element to be: attributes in the order they were set, children in the order typed."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list[Elem] = field(default_factory=list)

    def to_xml(self) -> etree._Element:
        element = etree.Element(self.tag, {name: xml_safe(value) for name, value in self.attrs.items()})
        for child in self.children:
            child._below(element)
        return element

    def _below(self, parent: etree._Element) -> None:
        element = etree.SubElement(parent, self.tag, {name: xml_safe(value) for name, value in self.attrs.items()})
        for child in self.children:
            child._below(element)


def xml_safe(value: str) -> str:
    """The value without characters that XML cannot carry (control characters other than tab and newlines)."""
    return _UNFIT.sub("", value)


_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass
class Statement:
    """One parsed statement.

    keyword: the canonical statement word (`primitive`, `location`, …); id: object id, node uname or '' for the
    sets whose id is chosen on application; element: the XML without generated ids, containers naming their
    children by CHILD_REF elements; comments: the `#` lines before it.
    """

    keyword: str
    id: str
    element: etree._Element
    comments: list[str] = field(default_factory=list)
    place: Place | None = None
    words: list[Word] = field(default_factory=list)
    source: str = ""

    @property
    def is_node(self) -> bool:
        return self.keyword == "node"


#: Statement keyword -> (element tag, section below `configuration`), language specification section 3.1.
SECTIONS: dict[str, tuple[str, str]] = {
    "node": ("node", "nodes"),
    "rsc_template": ("template", "resources"),
    "primitive": ("primitive", "resources"),
    "bundle": ("bundle", "resources"),
    "group": ("group", "resources"),
    "ms": ("master", "resources"),
    "clone": ("clone", "resources"),
    "tag": ("tag", "tags"),
    "location": ("rsc_location", "constraints"),
    "colocation": ("rsc_colocation", "constraints"),
    "order": ("rsc_order", "constraints"),
    "rsc_ticket": ("rsc_ticket", "constraints"),
    "fencing_topology": ("fencing-topology", "configuration"),
    "property": ("cluster_property_set", "crm_config"),
    "rsc_defaults": ("meta_attributes", "rsc_defaults"),
    "op_defaults": ("meta_attributes", "op_defaults"),
    "role": ("acl_role", "acls"),
    "user": ("acl_user", "acls"),
    "acl_target": ("acl_target", "acls"),
    "acl_group": ("acl_group", "acls"),
    "alert": ("alert", "alerts"),
}

#: Every spelling of a statement word -> the canonical one (text mode).
KEYWORDS: dict[str, str] = {
    **{name: name for name in SECTIONS},
    "master": "ms",
    "collocation": "colocation",
    "fencing-topology": "fencing_topology",

}

_BY_TAG = {tag: keyword for keyword, (tag, _) in SECTIONS.items() if tag != "meta_attributes"}
PROPERTY_LIKE = ("property", "rsc_defaults", "op_defaults")
CONTAINERS = ("group", "clone", "master", "bundle")
DEFAULT_SET_IDS = {"property": "cib-bootstrap-options", "rsc_defaults": "rsc-options", "op_defaults": "op-options"}


def attributes(element: etree._Element) -> list[tuple[str, str]]:
    """The attributes of an element in document order."""
    return [(str(name), str(value)) for name, value in element.items()]


def detach(element: etree._Element) -> None:
    """Take an element out of its parent, if it has one."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def substitute(old: etree._Element, new: etree._Element) -> None:
    """Put `new` where `old` is."""
    parent = old.getparent()
    if parent is None:
        raise ValueError(f"<{old.tag}> has no parent")
    parent.replace(old, new)


def keyword_of(element: etree._Element) -> str:
    """The statement word an element is shown as, or '' if the language has none."""
    if element.tag != "meta_attributes":
        return _BY_TAG.get(element.tag, "")
    parent = element.getparent()
    section = parent.tag if parent is not None else ""
    return section if section in ("rsc_defaults", "op_defaults") else ""


def keyword_of_xml(element: etree._Element, keyword: str) -> str:
    """The statement word that an `xml` statement without its section is read as; `keyword` is that of its tag."""
    if element.tag != "meta_attributes":
        return keyword
    return "op_defaults" if element.xpath(".//op_expression") else "rsc_defaults"
