"""The working copy of a CIB: its objects, looking them up, showing them as text or XML (sections 3.1 and 4)."""

from __future__ import annotations

import copy

from lxml import etree

from hashell.grammar.agents import AgentDirectory, NoAgents, resolve_provider
from hashell.grammar.diagnostics import NoSuchObject
from hashell.grammar.ids import IdStore, assign
from hashell.grammar.lines import logical_lines
from hashell.grammar.parser import CrmParser
from hashell.grammar.plain import says_all
from hashell.grammar.render import Rendered, Style, render, xml_text
from hashell.grammar.tree import CHILD_REF, SECTIONS, attributes, detach, keyword_of, keyword_of_xml
from hashell.model.diagnostics import HashellError

Element = etree._Element

MANDATORY_SECTIONS = ("crm_config", "nodes", "resources", "constraints")
#: Order classes of `show`; keywords of one class are sorted together by id.
_SHOW_ORDER: dict[str, int] = {
    name: rank
    for rank, names in enumerate((
        ("node",), ("rsc_template",), ("primitive",), ("bundle",), ("group",), ("ms",), ("clone",), ("tag",),
        ("location", "colocation", "order"), ("rsc_ticket", "fencing_topology"), ("property",), ("rsc_defaults",),
        ("op_defaults",), ("role",), ("acl_target", "acl_group", "user"), ("alert",),
    ))
    for name in names
}
_DEFAULTS = {
    "node": {"type": "member"},
    "resource_set": {"sequential": "true", "require-all": "true"},
    "rule": {"boolean-op": "and"},
    "expression": {"type": "string"},
}


def object_id(element: Element) -> str:
    """The name an object is addressed by: uname of a node, `fencing_topology`, otherwise its id."""
    if element.tag == "node":
        return element.get("uname") or element.get("id") or ""
    if element.tag == "fencing-topology":
        return "fencing_topology"
    return element.get("id", "")


class Configuration:
    """A CIB being looked at or changed. `root` is the whole <cib> element, status included, and is a copy."""

    def __init__(self, cib: Element, agents: AgentDirectory | None = None, parser: CrmParser | None = None) -> None:
        self.root = copy.deepcopy(cib)
        self.agents: AgentDirectory = agents or NoAgents()
        self.parser = parser or CrmParser()
        self.obscure: tuple[str, ...] = ("passw*",)
        self.sort = True
        self._seen: dict[str, Element] = {}  # found before; checked on use, because objects come and go
        for name in MANDATORY_SECTIONS:
            self.section(name)

    # -- the tree ------------------------------------------------------------------------------------------

    @property
    def configuration(self) -> Element:
        found = self.root.find("configuration")
        return found if found is not None else etree.SubElement(self.root, "configuration")

    def section(self, name: str) -> Element:
        """The section element, made at the end of `configuration` if missing."""
        if name == "configuration":
            return self.configuration
        found = self.configuration.find(name)
        return found if found is not None else etree.SubElement(self.configuration, name)

    def snapshot(self) -> Element:
        return copy.deepcopy(self.root)

    def restore(self, snapshot: Element) -> None:
        self.root = snapshot

    @property
    def schema(self) -> str:
        return self.root.get("validate-with", "")

    def ids(self) -> IdStore:
        """Every id in use outside the node list and the status."""
        store = IdStore()
        for section in self.configuration:
            for element in section.iter(etree.Element):
                if element.tag not in ("node", "resource_ref", "obj_ref", "role") and element.get("id"):
                    store.add(element.get("id", ""))
        return store

    # -- objects -------------------------------------------------------------------------------------------

    def objects(self) -> list[Element]:
        """Every object in document order, members of containers after their container."""
        out: list[Element] = []
        for section in self.configuration:
            if not isinstance(section.tag, str):
                continue
            if section.tag == "fencing-topology":
                out.append(section)
                continue
            for element in section:
                if isinstance(element.tag, str) and keyword_of(element):
                    out += self._with_children(element)
        return out

    def _with_children(self, element: Element) -> list[Element]:
        out = [element]
        if element.tag in ("group", "clone", "master", "bundle"):
            for child in element:
                if child.tag in ("primitive", "group"):
                    out += self._with_children(child)
        return out

    def find(self, name: str) -> Element | None:
        """The object of that id; objects other than nodes come first."""
        if name == "fencing_topology":
            return self.configuration.find("fencing-topology")
        known = self._seen.get(name)
        if known is not None and known.get("id") == name and self._holds(known):
            return known
        for element in self.objects():
            if element.tag != "node" and object_id(element) == name:
                self._seen[name] = element
                return element
        return next((n for n in self.section("nodes") if n.tag == "node" and object_id(n) == name), None)

    def _holds(self, element: Element) -> bool:
        """Whether the element is still in the tree."""
        above: Element | None = element
        while above is not None and above is not self.root:
            above = above.getparent()
        return above is not None

    def remember(self, element: Element) -> None:
        """Let `find` know a new object, so that it does not have to look for it."""
        self._seen[object_id(element)] = element

    def get(self, name: str) -> Element:
        """The object of that id. Raises HashellError(NoSuchObject)."""
        element = self.find(name)
        if element is None:
            import difflib

            near = difflib.get_close_matches(name, [object_id(e) for e in self.objects()], 1)
            raise HashellError(NoSuchObject(name=name, near="".join(near)))
        return element

    def find_node(self, uname: str, ident: str = "") -> Element | None:
        for element in self.section("nodes"):
            if element.tag == "node" and (
                (uname and element.get("uname") == uname) or (ident and element.get("id") == ident)
            ):
                return element
        return None

    def node_names(self) -> list[str]:
        return [n.get("uname", "") for n in self.section("nodes") if n.tag == "node"]

    def resources(self) -> list[Element]:
        """Resource elements, templates excluded."""
        return [e for e in self.objects() if SECTIONS[keyword_of(e)][1] == "resources" and e.tag != "template"]

    def container_of(self, element: Element) -> Element | None:
        parent = element.getparent()
        return parent if parent is not None and parent.tag in ("group", "clone", "master", "bundle") else None

    def top_of(self, element: Element) -> Element:
        """The outermost container of a resource, or the resource itself."""
        parent = self.container_of(element)
        while parent is not None:
            element, parent = parent, self.container_of(parent)
        return element

    # -- text ----------------------------------------------------------------------------------------------

    def style(self, reveal: bool = False) -> Style:
        """How to render now; `reveal` shows values that are hidden otherwise."""
        referenced = frozenset(
            e.get("id-ref", "") for e in self.configuration.iter(etree.Element) if e.get("id-ref") is not None
        )
        return Style(obscure=() if reveal else self.obscure, referenced=referenced, complete=reveal)

    def text_of(self, element: Element, style: Style | None = None, one_line: bool = False) -> str:
        """One object as statement text, or as `xml …` if the language cannot say all of it."""
        style = style or self.style()
        bare = self.normalised(element)
        keyword = keyword_of(element)
        rendered = render_in_place(bare, element, style, keyword)
        self._name_agent(rendered, element)
        if not self._faithful(element, bare, keyword, style):
            whole = self.normalised(element, members=True)
            for comment in [c for c in whole if not one_line and isinstance(c, etree._Comment)]:
                whole.remove(comment)  # they stand above, as the text form has them
            if keyword != keyword_of_xml(whole, keyword):
                section = etree.Element(keyword)  # nothing in the set says where it stands
                section.append(whole)
                whole = section
            lines = xml_text(whole)
            return " ".join(lines.split(" \\\n")) if one_line else "\n".join([*rendered.comments, lines])
        return rendered.one_line() if one_line else rendered.pretty()

    def _name_agent(self, rendered: Rendered, element: Element) -> None:
        """Write the provider out where the bare name would be read back as another agent."""
        kind = element.get("type", "")
        if element.get("provider") != "heartbeat" or element.get("class") != "ocf" or element.get("template"):
            return
        if resolve_provider(self.agents, kind) != "heartbeat":
            rendered.head = rendered.head.removesuffix(kind) + f"ocf:heartbeat:{kind}"

    def normalised(self, element: Element, members: bool = False) -> Element:
        """A copy without default attributes, members of containers last and (unless `members`) as references."""
        bare = copy.deepcopy(element)
        bare.tail = None
        for inner in bare.iter(etree.Element):
            for name, value in _DEFAULTS.get(inner.tag, {}).items():
                if inner.get(name) == value:
                    del inner.attrib[name]
        for child in list(bare):
            if bare.tag in ("group", "clone", "master", "bundle") and child.tag in ("primitive", "group"):
                bare.remove(child)
                bare.append(child if members else etree.Element(CHILD_REF, id=child.get("id", "")))
        return bare

    def _faithful(self, element: Element, bare: Element, keyword: str, style: Style) -> bool:
        """Whether the text form, read again against the same object, gives the object."""
        if not style.referenced and says_all(bare):
            return True
        plain = Style(referenced=style.referenced)
        try:
            text = render_in_place(bare, element, plain, keyword).one_line()
            statement = self.parser.parse_line(logical_lines(text)[0])
        except (HashellError, KeyError, IndexError):
            return False
        again = statement.element
        if again.get("provider") == "":
            again.set("provider", "heartbeat")
        if keyword == "fencing_topology" and again.find("fencing-level[@index='']") is not None:
            return True
        assign(again, IdStore(), bare)
        if keyword in ("colocation", "order") and bare.find("resource_set") is not None and (
                len(bare.findall("resource_set/resource_ref")) < 2):
            return False
        if keyword == "alert" and bare.find("recipient[@description]") is not None:
            return False
        if bare.find(".//expression[@value-source='literal']") is not None:
            return False
        return _same(bare, again, keyword in ("fencing_topology",))

    # -- show ----------------------------------------------------------------------------------------------

    def sorted(self, elements: list[Element]) -> list[Element]:
        """Elements in the order of `show`."""
        def key(element: Element) -> tuple[int, str]:
            rank = _SHOW_ORDER.get(keyword_of(element), 99)
            name = element.get("id", "") if element.tag == "node" else object_id(element)
            return (rank, name if self.sort else "")

        return sorted(elements, key=key)

    def show(self, elements: list[Element] | None = None, *, reveal: bool = False, one_line: bool = False) -> str:
        """Text of the elements (all by default), one statement after the other, without trailing newline."""
        chosen = self.objects() if elements is None else elements
        style = self.style(reveal)
        return "\n".join(self.text_of(e, style, one_line) for e in self.sorted(chosen))

    def show_xml(self, elements: list[Element] | None = None) -> Element:
        """A <cib> without status that holds only the elements, every mandatory section present."""
        out = copy.deepcopy(self.root)
        status = out.find("status")
        if status is not None:
            out.remove(status)
        if elements is None:
            return out
        wanted = {(e.tag, e.get("id", "")) for e in self._closure(elements)}
        configuration = out.find("configuration")
        for section in list(configuration if configuration is not None else []):
            if section.tag == "fencing-topology":
                keep = any(e.tag == "fencing-topology" for e in elements)
                if not keep:
                    detach(section)
                continue
            for child in list(section):
                if (child.tag, child.get("id", "")) not in wanted:
                    section.remove(child)
            if not len(section) and section.tag not in MANDATORY_SECTIONS:
                detach(section)
        return out

    def _closure(self, elements: list[Element]) -> list[Element]:
        return [self.top_of(e) for e in elements]


def render_in_place(bare: Element, element: Element, style: Style, keyword: str) -> Rendered:
    """Render a detached copy; fencing levels need the node list, so they are rendered where they are."""
    return render(element if keyword == "fencing_topology" else bare, style, keyword)


def _attributes(element: Element, ignore_id: bool) -> dict[str, str]:
    attrs = dict(attributes(element))
    if ignore_id:
        attrs.pop("id", None)
    return attrs


def _same(one: Element, other: Element, ignore_id: bool = False) -> bool:
    """Equal trees: attributes exact, children in any order except in resource sets."""
    if one.tag != other.tag or _attributes(one, ignore_id) != _attributes(other, ignore_id):
        return False
    left = [c for c in one if isinstance(c.tag, str)]
    right = [c for c in other if isinstance(c.tag, str)]
    if len(left) != len(right):
        return False
    if one.tag == "resource_set":
        return all(_same(a, b) for a, b in zip(left, right))
    for child in left:
        match = next((c for c in right if _same(child, c, ignore_id)), None)
        if match is None:
            return False
        right.remove(match)
    return True
