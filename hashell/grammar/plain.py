"""Reading the plainest statements without the parser library: what most lines of most configurations are.

A configuration of a thousand resources is a thousand statements of ids and name=value words. Those are read here, in a
hundredth of the time; whatever has a rule, a score, a reference, an id of its own or anything out of place is left to
the grammar (`read` returns None), which alone says what is wrong. A test holds that both give the same element.
"""

from __future__ import annotations

import re
from typing import Any

from hashell.grammar.tree import CHILD_REF, Elem

#: Words after `op NAME` that become attributes of <op>; all others are instance attributes of the operation.
OP_ATTRIBUTES = (
    "interval", "timeout", "start-delay", "interval-origin", "on-fail", "role", "enabled", "record-pending",
    "description",
)
_SETS = {"params": "instance_attributes", "meta": "meta_attributes", "utilization": "utilization"}
_KEYWORDS = ("params", "meta", "utilization", "operations", "op", "op_params", "op_meta", "rule", "attributes")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_NODE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_AGENT = re.compile(r"@[A-Za-z_][\w.-]*\Z|[A-Za-z_][\w.-]*(?::[\w.-]+){0,2}\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*:\Z")


def agent_attributes(spec: str) -> dict[str, str]:
    """`class:provider:type` as attributes; a provider that has to be looked up is ''."""
    parts = spec.split(":")
    if len(parts) == 3:
        return {"class": parts[0], "provider": parts[1], "type": parts[2]}
    if len(parts) == 2:
        if parts[0] == "ocf":
            return {"class": "ocf", "provider": "", "type": parts[1]}
        return {"class": parts[0], "type": parts[1]}
    if spec.startswith("fence_"):
        return {"class": "stonith", "type": spec}
    return {"class": "ocf", "provider": "", "type": spec}


def read(keyword: str, words: list[str]) -> Elem | None:
    """The element of a statement's words after the keyword; None if it is not one of the plainest."""
    if keyword == "primitive":
        return _primitive(words)
    if keyword in ("group", "clone"):
        return _container(keyword, words)
    if keyword == "property":
        return _options("cluster_property_set", words)
    if keyword in ("rsc_defaults", "op_defaults"):
        return _options("meta_attributes", words)
    return _node(words) if keyword == "node" else None


def _pairs(words: list[str], start: int) -> tuple[list[Elem], int] | None:
    """The name=value words from `start` and where they end; None for one that only the grammar can read."""
    found: list[Elem] = []
    while start < len(words):
        name, equals, value = words[start].partition("=")
        if not equals:
            break
        if not _NAME.match(name) or name == "description":
            return None
        found.append(Elem("nvpair", {"name": name, "value": value}))
        start += 1
    return found, start


def _sets(words: list[str], index: int, known: dict[str, str]) -> tuple[list[Elem], int] | None:
    """Sets with their keywords from `index` on, up to a word that is neither."""
    out: list[Elem] = []
    while index < len(words) and words[index] in known:
        pairs = _pairs(words, index + 1)
        if pairs is None or not pairs[0]:
            return None
        out.append(Elem(known[words[index]], {}, pairs[0]))
        index = pairs[1]
    return out, index


def _primitive(words: list[str]) -> Elem | None:
    if len(words) < 2 or not _ID.match(words[0]) or not _AGENT.match(words[1]):
        return None
    attrs = {"id": words[0]}
    attrs.update({"template": words[1][1:]} if words[1][0] == "@" else agent_attributes(words[1]))
    children: list[Elem] = []
    operations: Elem | None = None
    loose = _pairs(words, 2)
    if loose is None:
        return None
    pairs, index = loose
    if pairs:
        children.append(Elem("instance_attributes", {}, pairs))
    while index < len(words):
        if words[index] == "op":
            made = _operation(words, index + 1)
            if made is None:
                return None
            if operations is None:
                operations = Elem("operations")
                children.append(operations)
            operations.children.append(made[0])
            index = made[1]
            continue
        sets = _sets(words, index, _SETS)
        if sets is None or sets[1] == index:
            return None
        children += sets[0]
        index = sets[1]
    return Elem("primitive", attrs, children)


def _operation(words: list[str], index: int) -> tuple[Elem, int] | None:
    if index >= len(words) or not _NAME.match(words[index]) or words[index].lower() in _KEYWORDS:
        return None
    element = Elem("op", {"name": words[index]})
    found = _pairs(words, index + 1)
    if found is None or (found[1] < len(words) and words[found[1]] not in ("op", *_SETS)):
        return None
    own: list[Elem] = []
    for pair in found[0]:
        if pair.attrs["name"] not in OP_ATTRIBUTES:
            own.append(pair)
        elif own:
            return None
        else:
            element.attrs[pair.attrs["name"]] = pair.attrs["value"]
    if "interval" not in element.attrs and element.attrs["name"] != "monitor":
        element.attrs["interval"] = "0s"
    if own:
        element.children.append(Elem("instance_attributes", {}, own))
    return element, found[1]


def _container(keyword: str, words: list[str]) -> Elem | None:
    end = 1
    while end < len(words) and _ID.match(words[end]) and words[end].lower() not in _KEYWORDS:
        end += 1
    members = words[1:end]
    if not words or not _ID.match(words[0]) or not members or len(set(members)) < len(members) or (
            keyword == "clone" and len(members) > 1):
        return None
    sets = _sets(words, end, {"params": _SETS["params"], "meta": _SETS["meta"]})
    if sets is None or sets[1] < len(words):
        return None
    return Elem(keyword, {"id": words[0]}, [*sets[0], *(Elem(CHILD_REF, {"id": m}) for m in members)])


def _options(tag: str, words: list[str]) -> Elem | None:
    attrs = {"id": words[0][:-1]} if words and _LABEL.match(words[0]) else {}
    pairs = _pairs(words, len(attrs))
    if pairs is None or pairs[1] < len(words) or not pairs[0]:
        return None
    return Elem(tag, attrs, pairs[0])


def _node(words: list[str]) -> Elem | None:
    numbered = len(words) == 2 and words[0].endswith(":") and _NODE.match(words[0][:-1])
    if not words or not _NODE.match(words[-1]) or not (numbered or len(words) == 1):
        return None
    return Elem("node", {**({"id": words[0][:-1]} if numbered else {}), "uname": words[-1]})


# -- the other way -----------------------------------------------------------------------------------------------

_VALUE = re.compile(r"[ !#-&(-\[\]-~]*\Z")
_OWN = {"primitive": {"id", "class", "provider", "type", "template"}, "node": {"id", "uname"},
        "cluster_property_set": {"id"}}


def says_all(element: Any) -> bool:
    """Whether the text form of an object surely gives the object again, without trying it.

    True only for what `read` reads: plain sets of plain pairs. False says nothing.
    """
    own = _OWN.get(element.tag)
    if own is None or not own.issuperset(element.keys()) or not _ID.match(element.get("id", "") or "-"):
        return element.tag == "node" and _plain_node(element)
    if element.tag == "primitive":
        return _plain_agent(element) and _plain_children(element)
    return element.tag == "cluster_property_set" and _plain_set(element)


def _plain_node(element: Any) -> bool:
    return not len(element) and set(element.keys()) == {"id", "uname"} and all(
        _NODE.match(element.get(name)) for name in ("id", "uname"))


def _plain_agent(element: Any) -> bool:
    if element.get("template") is not None:
        return len(element.keys()) == 2 and bool(_ID.match(element.get("template")))
    standard, provider, kind = (element.get(name, "") for name in ("class", "provider", "type"))
    if not _ID.match(kind) or not _ID.match(standard) or kind.startswith("fence_") or element.keys()[0] != "id":
        return False
    return bool(_ID.match(provider)) if standard == "ocf" else not provider and standard != "stonith"


def _plain_children(element: Any) -> bool:
    tags = [child.tag for child in element]
    if len(set(tags)) < len(tags):
        return False
    return all(_plain_operations(child) if child.tag == "operations" else
               child.tag in _SETS.values() and child.keys() == ["id"] and _plain_set(child) for child in element)


def _plain_set(element: Any) -> bool:
    names = set()
    for pair in element:
        if pair.tag != "nvpair" or len(pair) or len(pair.keys()) != 3:
            return False
        name, value = pair.get("name", ""), pair.get("value")
        if not pair.get("id") or value is None or not _NAME.match(name) or name == "description" or (
                not _VALUE.match(value)):
            return False
        names.add(name)
    return len(names) == len(element) > 0


def _plain_operations(element: Any) -> bool:
    seen = set()
    for op in element:
        if op.tag != "op" or len(op) or not _NAME.match(op.get("name", "")) or op.get("name", "").lower() in _KEYWORDS:
            return False
        if not {"id", "name", *OP_ATTRIBUTES}.issuperset(op.keys()) or op.get("description") is not None or (
                op.get("interval") is None) or not all(_VALUE.match(value) for value in op.values()):
            return False
        seen.add((op.get("name"), op.get("interval")))
    return not element.keys() and len(seen) == len(element) > 0
