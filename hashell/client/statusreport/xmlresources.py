"""The resources of a status report as XML elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from hashell.client.view.primitives import agent_name, pending_word, shown_role
from hashell.client.view.resourcelist import configured_role_text, is_wanted
from hashell.stack.pengine.assign.queries import is_active
from hashell.stack.pengine.kinds import Role, Variant
from hashell.stack.pengine.unpack.resources import is_disabled

if TYPE_CHECKING:
    from hashell.client.statusreport.facts import Facts
    from hashell.stack.pengine.state import Resource


def word(flag: bool) -> str:
    return "true" if flag else "false"


def add_resources(facts: Facts, root: etree._Element) -> None:
    """All resources; with `by_node` those that do not run in all their parts."""
    resources = etree.Element("resources")
    for rsc in facts.ws.resources:
        if is_wanted(rsc, facts.display, brief=False):
            add_resource(facts, resources, rsc)
    if len(resources):
        root.append(resources)


def add_resource(facts: Facts, parent: etree._Element, rsc: Resource) -> None:
    if rsc.variant == Variant.GROUP:
        _add_group(facts, parent, rsc)
    elif rsc.variant == Variant.CLONE:
        _add_clone(facts, parent, rsc)
    elif rsc.variant == Variant.BUNDLE:
        _add_bundle(facts, parent, rsc)
    else:
        add_primitive(facts, parent, rsc)


def _describe(facts: Facts, element: etree._Element, rsc: Resource, always: bool = False) -> None:
    description = rsc.xml.get("description")
    if description and (always or facts.display.detail or facts.display.description):
        element.set("description", description)


def _add_group(facts: Facts, parent: etree._Element, rsc: Resource) -> None:
    element = etree.SubElement(parent, "group", {
        "id": rsc.id, "number_resources": str(len(rsc.children)), "maintenance": word(rsc.maintenance),
        "managed": word(rsc.managed), "disabled": word(is_disabled(rsc)),
    })  # fmt: skip
    _describe(facts, element, rsc)
    for child in rsc.children:
        add_resource(facts, element, child)


def _add_clone(facts: Facts, parent: etree._Element, rsc: Resource) -> None:
    element = etree.SubElement(parent, "clone", {
        "id": rsc.id, "multi_state": word(rsc.promotable), "unique": word(rsc.unique),
        "maintenance": word(rsc.maintenance), "managed": word(rsc.managed), "disabled": word(is_disabled(rsc)),
        "failed": word(rsc.failed), "failure_ignored": word(rsc.ignore_failure),
    })  # fmt: skip
    target = configured_role_text(rsc)
    if target:
        element.set("target_role", target)
    _describe(facts, element, rsc)
    for child in rsc.children:
        add_resource(facts, element, child)


def _add_bundle(facts: Facts, parent: etree._Element, rsc: Resource) -> None:
    data = rsc.bundle
    kind = next((str(child.tag) for child in rsc.xml if child.tag in ("docker", "podman", "rkt")), "unknown")
    element = etree.SubElement(parent, "bundle", {
        "id": rsc.id, "type": kind, "image": data.image or "", "unique": word(rsc.unique),
        "maintenance": word(rsc.maintenance), "managed": word(rsc.managed), "failed": word(rsc.failed),
    })  # fmt: skip
    _describe(facts, element, rsc)
    for replica in data.replicas:
        inner = etree.SubElement(element, "replica", id=str(replica.offset))
        for part in (replica.ip, replica.child, replica.container, replica.remote):
            if part is not None:
                add_resource(facts, inner, part)


def add_primitive(facts: Facts, parent: etree._Element, rsc: Resource, described: bool = False) -> None:
    role = pending_word(rsc) or Role.TEXT[shown_role(rsc)]
    attributes = {"id": rsc.display_id(), "resource_agent": agent_name(rsc), "role": role}
    target = rsc.meta.get("target-role")
    if target:
        attributes["target_role"] = target
    attributes |= {
        "active": word(is_active(rsc)), "orphaned": word(rsc.removed), "blocked": word(rsc.blocked),
        "maintenance": word(rsc.maintenance), "managed": word(rsc.managed), "failed": word(rsc.failed),
        "failure_ignored": word(rsc.ignore_failure), "nodes_running_on": str(len(rsc.active_nodes)),
    }  # fmt: skip
    if rsc.pending_action == "monitor":
        attributes["pending"] = "Monitoring"
    element = etree.SubElement(parent, "resource", attributes)
    if rsc.lock_node is not None:
        element.set("locked_to", rsc.lock_node.name)
    _describe(facts, element, rsc, described)
    for node in rsc.active_nodes:
        etree.SubElement(element, "node", name=node.name, id=node.id, cached=word(node.online))
