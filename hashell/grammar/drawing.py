"""The configuration as a drawing in the language of Graphviz: resources, what holds them, and constraints."""

from __future__ import annotations

from lxml import etree

from hashell.grammar.configuration import Configuration

Element = etree._Element
_MEMBERS = ("primitive", "group", "clone", "master", "bundle")


def dot_of(config: Configuration) -> str:
    """The text of a dot file. Orders are solid arrows, colocations dashed, locations dotted, with their scores."""
    lines = ["digraph configuration {", "\tcompound=true; rankdir=LR;", '\tnode [shape=box, style=rounded];']
    for element in config.section("resources"):
        lines += _resource(element, 1)
    for name in config.node_names():
        lines.append(f"\t{_id('node:' + name)} [label={_id(name)}, shape=hexagon];")
    for constraint in config.section("constraints"):
        if isinstance(constraint.tag, str):
            lines += _constraint(config, constraint)
    return "\n".join([*lines, "}"]) + "\n"


def _id(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _resource(element: Element, depth: int) -> list[str]:
    pad = "\t" * depth
    name = element.get("id", "")
    if element.tag == "primitive":
        agent = ":".join(filter(None, (element.get("class"), element.get("provider"), element.get("type"))))
        label = f"{name}\n{agent or '@' + element.get('template', '')}"
        text = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return [f'{pad}{_id(name)} [label="{text}"];']
    if element.tag not in _MEMBERS:
        return []
    lines = [f"{pad}subgraph {_id('cluster_' + name)} {{", f"{pad}\tlabel={_id(f'{element.tag} {name}')};"]
    members = [c for c in element if c.tag in _MEMBERS]
    for child in members:
        lines += _resource(child, depth + 1)
    if element.tag == "group":
        names = [c.get("id", "") for c in members]
        lines += [f"{pad}\t{_id(a)} -> {_id(b)};" for a, b in zip(names, names[1:])]
    return [*lines, f"{pad}}}"]


def _anchor(config: Configuration, name: str) -> tuple[str, str]:
    """The node that stands for a resource in an edge, and the cluster to clip the edge at ('' for a primitive)."""
    element = config.find(name)
    if element is None or element.tag == "primitive":
        return name, ""
    first = next(iter(element.iter("primitive")), None)
    return (first.get("id", "") if first is not None else name), f"cluster_{name}"


def _edge(config: Configuration, source: str, target: str, label: str, style: str) -> str:
    (tail, ltail), (head, lhead) = _anchor(config, source), _anchor(config, target)
    options = [f"label={_id(label)}", f"style={style}"]
    options += [f"ltail={_id(ltail)}"] if ltail else []
    options += [f"lhead={_id(lhead)}"] if lhead else []
    return f"\t{_id(tail)} -> {_id(head)} [{', '.join(options)}];"


def _constraint(config: Configuration, element: Element) -> list[str]:
    name = element.get("id", "")
    weight = element.get("score") or element.get("kind") or ""
    label = f"{name} {weight}".strip()
    if element.tag == "rsc_order" and element.get("first"):
        return [_edge(config, element.get("first", ""), element.get("then", ""), label, "solid")]
    if element.tag == "rsc_colocation" and element.get("rsc"):
        return [_edge(config, element.get("rsc", ""), element.get("with-rsc", ""), label, "dashed")]
    if element.tag == "rsc_location" and element.get("rsc") and element.get("node"):
        return [_edge(config, element.get("rsc", ""), "node:" + element.get("node", ""), label, "dotted")]
    if element.tag not in ("rsc_order", "rsc_colocation"):
        return []
    sets = [[r.get("id", "") for r in s.findall("resource_ref")] for s in element.findall("resource_set")]
    style = "solid" if element.tag == "rsc_order" else "dashed"
    lines: list[str] = []
    for one, block in zip(sets, element.findall("resource_set")):
        if block.get("sequential") != "false":
            lines += [_edge(config, a, b, label, style) for a, b in zip(one, one[1:])]
    for one, other in zip(sets, sets[1:]):
        lines += [_edge(config, a, b, label, style) for a in one for b in other]
    return lines
