"""Automatic ids: how an element without one gets it (section 3.2 of the language specification)."""

from __future__ import annotations

from collections.abc import Iterable

from lxml import etree

from hashell.grammar.tree import CHILD_REF

_NEVER = frozenset({
    "operations", "fencing-topology", "network", "docker", "podman", "rkt", "storage", "select", "select_nodes",
    "select_fencing", "select_resources", "select_attributes", "resource_ref", "obj_ref", "role", CHILD_REF,
})
_FIRST_PREFIX = {"node": "node", "primitive": "rsc", "template": "rsc", "group": "grp", "clone": "grp",
                 "master": "grp", "rsc_location": "location", "fencing-topology": "fencing"}
_WITH_TAG = frozenset({"instance_attributes", "meta_attributes", "utilization", "rule", "duration", "date_spec"})
_KEYS: dict[str, tuple[str, ...]] = {
    "nvpair": ("name",),
    "op": ("name", "interval"),
    "rule": ("score", "score-attribute", "role"),
    "expression": ("attribute", "operation", "value"),
    "fencing-level": ("target", "devices"),
    "recipient": ("value",),
    "alert": ("path",),
    "node": ("uname",),
}


class IdStore:
    """The ids in use. Node ids are a space of their own and are not kept here."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._used = dict.fromkeys(ids)
        self._reserved: dict[str, None] = {}

    @classmethod
    def of(cls, root: etree._Element) -> IdStore:
        """Every id below `root`."""
        return cls(e.get("id", "") for e in root.iter(etree.Element) if e.get("id"))

    def __contains__(self, ident: str) -> bool:
        return ident in self._used

    def add(self, ident: str) -> None:
        self._used[ident] = None

    def reserve(self, ident: str) -> None:
        """Keep generated ids off an id that is going to be given by hand."""
        self._reserved[ident] = None

    def _taken(self, ident: str) -> bool:
        return ident in self._used or ident in self._reserved

    def discard_tree(self, element: etree._Element) -> None:
        """Free the ids of an element that is being replaced or removed."""
        for inner in element.iter(etree.Element):
            self._used.pop(inner.get("id", ""), None)

    def new(self, wanted: str) -> str:
        """`wanted`, or the first of `wanted`-0 … `wanted`-98 that is free; recorded as used."""
        wanted = wanted.replace("#", ".")
        candidate = wanted
        if self._taken(candidate):
            free = (f"{wanted}-{n}" for n in range(99) if not self._taken(f"{wanted}-{n}"))
            candidate = next(free, wanted)
        self._used[candidate] = None
        return candidate


def assign(element: etree._Element, store: IdStore, previous: etree._Element | None = None) -> None:
    """Give every element below and including `element` its id, keeping those of the `previous` version."""
    for inner in element.iter(etree.Element):
        if inner.get("id") and inner.tag not in _NEVER:
            store.add(inner.get("id", ""))
    _walk(element, _FIRST_PREFIX.get(element.tag, ""), store, previous)


def _walk(element: etree._Element, prefix: str, store: IdStore, old: etree._Element | None) -> None:
    if not isinstance(element.tag, str) or element.tag == CHILD_REF:
        return
    if element.tag not in _NEVER and "id-ref" not in element.attrib and not element.get("id"):
        if old is not None and old.get("id"):
            ident = old.get("id", "")
            store.add(ident)
        elif element.get("uname"):
            ident = element.get("uname", "")
        else:
            ident = store.new(_generated(element, prefix))
        element.set("id", ident)
    if element.tag == "node" and element.get("uname"):
        prefix = element.get("uname", "")
    elif element.get("id"):
        prefix = element.get("id", "")
    candidates = list(old) if old is not None else []
    for child in element:
        if isinstance(child.tag, str):
            match = _match(child, candidates)
            if match is not None:
                candidates.remove(match)
            _walk(child, prefix, store, match)


def _match(element: etree._Element, candidates: list[etree._Element]) -> etree._Element | None:
    keys = _KEYS.get(element.tag, ())
    for candidate in candidates:
        if candidate.tag != element.tag or any(candidate.get(k) != element.get(k) for k in keys):
            continue
        if element.get("id") and candidate.get("id") != element.get("id"):
            continue
        return candidate
    return None


def _generated(element: etree._Element, prefix: str) -> str:
    if prefix.isdigit() and element.tag != "node":
        prefix = f"num-{prefix}"
    if element.tag == "nvpair":
        return f"{prefix}-{element.get('name', '')}"
    if element.tag == "op":
        interval = element.get("interval")
        name = f"{prefix}-{element.get('name', '')}"
        return f"{name}-{interval}" if interval else name
    if element.tag in _WITH_TAG:
        return f"{prefix}-{element.tag}"
    if element.tag in ("expression", "date_expression"):
        return f"{prefix}-expression"
    return prefix
