"""Which objects `show`, `edit` and `save` mean: ids, globs, type:, tag:, related:, changed, and/or (section 5.2)."""

from __future__ import annotations

import fnmatch

from lxml import etree

from hashell.grammar.configuration import Configuration, object_id
from hashell.grammar.diagnostics import ObjectFault
from hashell.grammar.tree import KEYWORDS, keyword_of
from hashell.model.diagnostics import HashellError

Element = etree._Element
_REFERENCES = ("rsc", "with-rsc", "first", "then")


def select(config: Configuration, specs: list[str], original: Configuration | None = None) -> list[Element] | None:
    """The objects the specs mean, None if they name none (then all are meant). Raises HashellError."""
    groups: list[list[list[Element]]] = []
    joined = False
    for spec in specs:
        if spec in ("and", "or"):
            joined = spec == "and"
            continue
        found = _one(config, spec, original)
        if joined and groups:
            groups[-1].append(found)
        else:
            groups.append([found])
        joined = False
    if not groups:
        return None
    chosen: list[Element] = []
    for group in groups:
        for element in group[0]:
            if all(element in other for other in group[1:]) and element not in chosen:
                chosen.append(element)
    return chosen


def _one(config: Configuration, spec: str, original: Configuration | None) -> list[Element]:
    objects = config.objects()
    kind, colon, value = spec.partition(":")
    if colon and kind == "type":
        keyword = KEYWORDS.get(value, value)
        if keyword not in KEYWORDS.values():
            raise HashellError(ObjectFault(message=f"'{value}' is not a type of object",
                                           hint=f"types: {' '.join(sorted(set(KEYWORDS.values())))}"))
        return [e for e in objects if keyword_of(e) == keyword]
    if colon and kind == "tag":
        members = [r.get("id") for t in config.configuration.findall("tags/tag") if t.get("id") == value
                   for r in t.findall("obj_ref")]
        return [e for e in objects if object_id(e) in members]
    if colon and kind == "related":
        return related(config, value)
    if spec == "changed":
        return changed(config, original) if original is not None else []
    if any(c in spec for c in "*?"):
        found = [e for e in objects if fnmatch.fnmatchcase(object_id(e), spec)]
        if not found:
            raise HashellError(ObjectFault(message=f"no object matches {spec}", hint="`show` lists all objects"))
        return found
    return [config.get(spec)]


def related(config: Configuration, name: str) -> list[Element]:
    """The object, its containers, and the constraints and tags that name it; or resources by agent."""
    objects = config.objects()
    target = config.find(name)
    if target is None:
        return [e for e in objects if e.tag in ("primitive", "template") and
                name.lower() in ":".join(filter(None, (e.get("class"), e.get("provider"), e.get("type")))).lower()]
    chosen = [target]
    holder = config.container_of(target)
    while holder is not None:
        chosen.append(holder)
        holder = config.container_of(holder)
    for element in objects:
        names = [element.get(a) for a in _REFERENCES] + [
            r.get("id") for tag in ("resource_ref", "obj_ref") for r in element.iter(tag)
        ]
        if name in names and element not in chosen:
            chosen.append(element)
    return chosen


def changed(config: Configuration, original: Configuration) -> list[Element]:
    """Objects that are new or differ from the original."""
    out = []
    for element in config.objects():
        before = original.find(object_id(element))
        if before is None or etree.tostring(before, method="c14n") != etree.tostring(element, method="c14n"):
            out.append(element)
    return out
