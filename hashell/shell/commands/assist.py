"""Handlers of the assist level: what several primitives have in common, and bonds that let them fail apart."""

from __future__ import annotations

from lxml import etree

from hashell.grammar.apply import Mode
from hashell.grammar.lines import words_as_line
from hashell.grammar.tree import attributes
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed
from hashell.shell.session import Session

Element = etree._Element
_SETS = ("instance_attributes", "meta_attributes", "utilization")


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


def _primitives(session: Session, names: list[str]) -> list[Element]:
    found = []
    for name in dict.fromkeys(names):
        element = session.workspace.config.get(name)
        if element.tag != "primitive":
            raise failed(f"{name} is not a primitive", "assist works on primitives")
        found.append(element)
    if len(found) < 2:
        raise failed("two or more primitives are needed", "`configure show type:primitive` lists them")
    return found


def _free(session: Session, prefix: str) -> str:
    config = session.workspace.config
    used = config.ids()
    number = 1
    while f"{prefix}{number}" in used or config.find(f"{prefix}{number}") is not None:
        number += 1
    return f"{prefix}{number}"


def weak_bond(session: Session, words: list[str]) -> None:
    """A dummy that runs where it likes, with which all of them are colocated: none depends on another."""
    _primitives(session, words)
    space = session.workspace
    dummy, bond = _free(session, "place-dummy-"), _free(session, "place-constraint-")
    lines = [["primitive", dummy, "ocf:heartbeat:Dummy"],
             ["colocation", bond, "inf:", "(", *dict.fromkeys(words), ")", dummy]]
    space.apply([space.parser.parse_line(words_as_line(line)) for line in lines], Mode.UPDATE)
    session.note(f"created {dummy} and {bond}: the resources run together, and one that fails takes no other along")


def template(session: Session, words: list[str]) -> None:
    """A new rsc_template with what the primitives share; they refer to it afterwards."""
    chosen = _primitives(session, words)
    agents = {(e.get("class"), e.get("provider"), e.get("type")) for e in chosen}
    if len(agents) != 1 or any(e.get("template") for e in chosen):
        raise failed("the primitives are not all of one agent",
                     "a template can be made of primitives with the same class, provider and type")
    space = session.workspace
    name = _free(session, f"template-{chosen[0].get('type', 'rsc').lower()}-")
    before = space.config.snapshot()
    try:
        made = etree.Element("template", {"id": name, **{k: chosen[0].get(k, "") for k in (
            "class", "provider", "type") if chosen[0].get(k)}})
        for tag in _SETS:
            _share_values(made, chosen, tag)
        _share_operations(made, chosen)
        space.config.section("resources").insert(0, made)
        for element in chosen:
            for attribute in ("class", "provider", "type"):
                if attribute in element.attrib:
                    del element.attrib[attribute]
            element.set("template", name)
    except HashellError:
        space.config.restore(before)
        raise
    space.remember(before)
    session.note(f"created the template {name}; {', '.join(e.get('id', '') for e in chosen)} use it")


def _plain(element: Element, tag: str) -> Element | None:
    """The one set of that kind without rules and references, None if it is not that simple."""
    blocks = element.findall(tag)
    if len(blocks) != 1 or blocks[0].get("id-ref") or blocks[0].find("rule") is not None:
        return None
    return blocks[0]


def _share_values(made: Element, chosen: list[Element], tag: str) -> None:
    blocks = [_plain(e, tag) for e in chosen]
    if any(b is None for b in blocks):
        return
    values = [{p.get("name"): p.get("value") for p in b.findall("nvpair") if p.get("name")}
              for b in blocks if b is not None]
    common = [n for n, v in values[0].items() if all(n in one and one[n] == v for one in values[1:])]
    if not common:
        return
    target = etree.SubElement(made, tag, id=f"{made.get('id')}-{tag}")
    for name in common:
        etree.SubElement(target, "nvpair", {"name": name or "", "value": values[0][name] or "",
                                            "id": f"{target.get('id')}-{name}"})
    for block in blocks:
        if block is None:
            continue
        for pair in block.findall("nvpair"):
            if pair.get("name") in common:
                block.remove(pair)
        if not len(block) and (owner := block.getparent()) is not None:
            owner.remove(block)


def _share_operations(made: Element, chosen: list[Element]) -> None:
    def key(op: Element) -> tuple[tuple[str, str], ...] | None:
        return None if len(op) else tuple(sorted((k, v) for k, v in attributes(op) if k != "id"))

    keys = [[key(op) for op in e.findall("operations/op")] for e in chosen]
    common = [k for k in keys[0] if k is not None and all(k in one for one in keys[1:])]
    if not common or any(e.find("operations") is None for e in chosen):
        return
    target = etree.SubElement(made, "operations")
    for one in common:
        values = dict(one)
        ident = "-".join(filter(None, (made.get("id"), values.get("name"), values.get("interval"))))
        etree.SubElement(target, "op", {**values, "id": ident})
    for element in chosen:
        for op in element.findall("operations/op"):
            if key(op) in common and (holder := op.getparent()) is not None:
                holder.remove(op)
                if not len(holder):
                    element.remove(holder)
