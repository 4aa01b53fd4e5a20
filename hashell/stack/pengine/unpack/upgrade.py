"""A CIB of an older schema brought to the newest series before it is unpacked (model spec chapter 3).

Only what the engine can notice is rewritten; sections it does not read stay as they are.
"""

from __future__ import annotations

import re
from copy import deepcopy
from typing import TYPE_CHECKING

from lxml import etree

from hashell.stack.pengine.unpack.upgrade2 import upgrade_from_2

if TYPE_CHECKING:
    from lxml.etree import _Element

NEWEST = "pacemaker-4.0"

_VERSION = re.compile(r"pacemaker-(\d+)\.(\d+)")
_PREFIX = "pcmk__3_10_upgrade"
_RENAMED = {
    "crmd-finalization-timeout": "join-finalization-timeout",
    "crmd-integration-timeout": "join-integration-timeout",
    "crmd-transition-delay": "transition-delay",
}
_GONE_CLASSES = frozenset({"nagios", "upstart"})


def schema_version(cib: _Element) -> tuple[int, int] | None:
    """(major, minor) of validate-with; None when it is `none` or unknown."""
    match = _VERSION.fullmatch(cib.get("validate-with") or "")
    return (int(match[1]), int(match[2])) if match else None


def upgrade(cib: _Element) -> list[str]:
    """Rewrite the tree in place to the newest series, unless validation is switched off.

    Returns what had to be dropped, one line each, as the reference says it.
    """
    version = schema_version(cib)
    if version is None or version >= (4, 0):
        return []
    if version < (3, 0):
        upgrade_from_2(cib)
    notes: list[str] = []
    _nvpairs(cib)
    _options(cib, notes)
    _nodes(cib)
    _gone_classes(cib, notes)
    _resources(cib)
    _locations(cib, notes)
    cib.set("validate-with", NEWEST)
    return notes


def _nvpairs(cib: _Element) -> None:
    """A reference that renames what it refers to becomes a pair of its own."""
    for pair in list(cib.iter("nvpair")):
        ref, name = pair.get("id-ref"), pair.get("name")
        if ref is None or name is None:
            continue
        found = [e for e in cib.iter("nvpair") if e.get("id") == ref]
        if len(found) != 1:
            continue
        del pair.attrib["id-ref"]
        pair.set("id", f"{_PREFIX}-{ref}-{name}")
        value = found[0].get("value")
        if value is not None:
            pair.set("value", value)


def _options(cib: _Element, notes: list[str]) -> None:
    for block in cib.iter("cluster_property_set"):
        for pair in list(block.iter("nvpair")):
            name = pair.get("name") or ""
            if name == "remove-after-stop":
                notes.append(
                    f"WARNING: Dropping nvpair {pair.get('id')} because the remove-after-stop property is unsupported"
                )
                _drop(pair)
            elif name in _RENAMED:
                pair.set("name", _RENAMED[name])
            elif name == "stonith-action" and pair.get("value") == "poweroff":
                pair.set("value", "off")


def _nodes(cib: _Element) -> None:
    constraints = cib.find("configuration/constraints")
    for node in cib.iterfind("configuration/nodes/node"):
        if node.get("type") != "ping":
            continue
        node.set("type", "member")
        if constraints is not None:
            ban = etree.SubElement(constraints, "rsc_location", id=f"{_PREFIX}-ping-node-ban-{node.get('uname')}")
            ban.set("rsc-pattern", ".*")
            ban.set("node", node.get("uname") or "")
            ban.set("score", "-INFINITY")
            ban.set("resource-discovery", "never")


def _drop(element: _Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _gone_classes(cib: _Element, notes: list[str]) -> None:
    """Resources of classes that exist no more, with everything that refers to them."""
    resources = cib.find("configuration/resources")
    if resources is None:
        return
    gone: dict[str, str] = {}
    dropped: list[tuple[_Element | None, str]] = []
    for element in list(resources.iter("template", "primitive")):
        agents = (element.get("class") or "").lower()
        agents = agents if agents in _GONE_CLASSES else gone.get(element.get("template") or "", "")
        if agents:
            id = element.get("id") or ""
            gone[id] = agents
            kind = "template" if element.tag == "template" else "resource"
            text = f"WARNING: Dropping {kind} {id} because {agents} resources are no longer supported"
            dropped.append((element.getparent(), text))
            _drop(element)
    notes.extend(text for parent, text in dropped if parent is None or _has_members(parent))
    for element in list(resources.iter("bundle")):
        if element.find("rkt") is not None:
            id = element.get("id") or ""
            gone[id] = "rkt"
            notes.append(f"WARNING: Dropping bundle resource {id} because rkt containers are no longer supported")
            _drop(element)
    if not gone:
        return
    for tag in ("group", "clone", "master"):
        for element in list(resources.iter(tag)):
            if not _has_members(element):
                id = element.get("id") or ""
                gone[id] = tag
                notes.append(f"INFO: Dropping {tag} {id} because it would become empty")
                _drop(element)
    _drop_references(cib, gone)


def _has_members(element: _Element) -> bool:
    """Whether a group or clone has something left; other elements count as having it."""
    return element.tag not in ("group", "clone", "master") or any(
        child.tag in ("primitive", "group") for child in element
    )


def _drop_references(cib: _Element, gone: dict[str, str]) -> None:
    for constraint in list(cib.iterfind("configuration/constraints/*")):
        for resource_set in list(constraint.iterchildren("resource_set")):
            for ref in list(resource_set.iterchildren("resource_ref")):
                if ref.get("id") in gone:
                    _drop(ref)
            if resource_set.get("id-ref") is None and len(resource_set) == 0:
                _drop(resource_set)
                if constraint.find("resource_set") is None:
                    _drop(constraint)
        if any(constraint.get(name) in gone for name in ("rsc", "with-rsc", "first", "then")):
            _drop(constraint)
    for ref in list(cib.iterfind("configuration/tags/tag/obj_ref")):
        if ref.get("id") in gone:
            _drop(ref)


def _resources(cib: _Element) -> None:
    for master in list(cib.iter("master")):
        if master.getparent() is None:
            continue
        master.tag = "clone"
        id = f"{_PREFIX}-{master.get('id')}-promotable"
        meta = etree.Element("meta_attributes", id=f"{id}-meta_attributes", score="INFINITY")
        etree.SubElement(meta, "nvpair", id=id, name="promotable", value="true")
        master.insert(0, meta)
    for bundle in cib.iter("bundle"):
        for container in bundle.iterchildren("docker", "podman"):
            masters = str(container.attrib.pop("masters", ""))
            if masters and container.get("promoted-max") is None:
                container.set("promoted-max", masters)


def _locations(cib: _Element, notes: list[str]) -> None:
    for location in list(cib.iterfind("configuration/constraints/rsc_location")):
        _lifetime(location)
        _split_rules(location)
    for tag in ("rsc_colocation", "rsc_order"):
        for constraint in cib.iterfind(f"configuration/constraints/{tag}"):
            for lifetime in list(constraint.iterchildren("lifetime")):
                notes.append(
                    f"WARNING: Dropping lifetime element from constraint {constraint.get('id')} because lifetime "
                    "elements are no longer supported. Any rules contained there will no longer apply to the "
                    "constraint"
                )
                constraint.remove(lifetime)


def _lifetime(location: _Element) -> None:
    """Limits on the validity of a constraint become part of its rule."""
    lifetimes = list(location.iterchildren("lifetime"))
    if not lifetimes:
        return
    id = location.get("id")
    both = etree.Element("rule", id=f"{_PREFIX}-{id}-lifetime-and-rule")
    both.set("boolean-op", "and")
    rules = [rule for lifetime in lifetimes for rule in lifetime.iterchildren("rule")]
    for lifetime in lifetimes:
        location.remove(lifetime)
    own = location.find("rule")
    if own is None:
        own = etree.Element("rule", id=f"{_PREFIX}-{id}-node-score-rule", score=location.get("score") or "0")
        expression = etree.SubElement(own, "expression", id=f"{_PREFIX}-{id}-node-score-expr")
        expression.set("attribute", "#uname")
        expression.set("operation", "eq")
        expression.set("value", location.get("node") or "")
        for name in ("node", "score"):
            location.attrib.pop(name, "")
    else:
        location.remove(own)
    both.append(own)
    if len(rules) > 1:
        either = etree.SubElement(both, "rule", id=f"{_PREFIX}-{id}-lifetime-or-rule")
        either.set("boolean-op", "or")
        either.extend(rules)
    else:
        both.extend(rules)
    location.append(both)


def _split_rules(location: _Element) -> None:
    """One constraint a rule; the sets stay in the first, the others refer to them."""
    rules = list(location.iterchildren("rule"))
    if len(rules) < 2:
        return
    for position, _ in enumerate(rules, 1):
        copy = deepcopy(location)
        copy.set("id", f"{_PREFIX}-{location.get('id')}-{position}")
        for index, rule in enumerate(list(copy.iterchildren("rule")), 1):
            if index != position:
                copy.remove(rule)
        for members in copy.iterchildren("resource_set") if position > 1 else ():
            members.set("id-ref", str(members.attrib.pop("id", members.get("id-ref") or "")))
            for name in [name for name in members.attrib if name != "id-ref"]:
                del members.attrib[name]
            members[:] = []
            members.text = None
        location.addprevious(copy)
    _drop(location)
