"""One action as an element of the transition graph (scheduler actions §16.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.version import FEATURE_SET
from hashell.stack.pengine.actions.remote import router_of
from hashell.stack.pengine.assign.queries import current_node
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.unpack.digests import bundle_address
from hashell.stack.pengine.unpack.lookup import parameters

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


_ASSIGNED_HOST_TASKS = frozenset({"start", "started", "running", "promote", "promoted", "monitor"})
_CURRENT_HOST_TASKS = frozenset({"stop", "stopped", "demote", "demoted"})


def action_element(ws: WorkingSet, action: Action, short: bool) -> _Element:
    """The action, as it is named in a trigger (short) or with all that its execution needs."""
    element = _named_element(action)
    if not short:
        _add_details(ws, action, element)
    return element


def _named_element(action: Action) -> _Element:
    pseudo = bool(action.flags & Act.PSEUDO)
    needs_node = True
    if action.task == "stonith":
        element = etree.Element("pseudo_event" if pseudo else "crm_event")
    elif action.task in ("do_shutdown", "clear_failcount"):
        element = etree.Element("crm_event")
    elif action.task == "lrm_delete":
        element = etree.Element("crm_event", mode="cib")
    elif pseudo:
        element = etree.Element("pseudo_event")
        needs_node = False
    else:
        element = etree.Element("rsc_op")
    element.set("id", str(action.id))
    element.set("operation", action.task)
    rsc = action.rsc
    if rsc is not None and rsc.history_id is not None:
        element.set("operation_key", history_key(action, rsc.history_id))
        element.set("internal_operation_key", action.key)
    else:
        element.set("operation_key", action.key)
    if needs_node and action.node is not None:
        element.set("on_node", action.node.name)
        element.set("on_node_uuid", action.node.id)
        router = router_of(action)
        if router is not None:
            element.set("router_node", router.name)
        action.meta["on_node"] = action.node.name
        action.meta["on_node_uuid"] = action.node.id
    return element


def history_key(action: Action, history_id: str) -> str:
    """The operation key under the id that the resource's history has."""
    if action.task == "notify":
        kind, operation = action.meta.get("notify_type", ""), action.meta.get("notify_operation", "")
        return f"{history_id}_{kind}_notify_{operation}_0"
    return f"{history_id}_{action.cancel_task or action.task}_{action.meta.get('interval', '0')}"


def _add_details(ws: WorkingSet, action: Action, element: _Element) -> None:
    rsc, node = action.rsc, action.node
    pseudo = bool(action.flags & Act.PSEUDO)
    if rsc is not None and not pseudo:
        _add_resource(element, action, rsc, node)
    attributes: dict[str, str] = {}
    element.append(etree.Element("attributes"))
    target = element[-1]
    attributes["crm_feature_set"] = FEATURE_SET
    for name, value in action.extra.items():
        attributes.setdefault(name, value)
    if rsc is not None:
        _add_parameters(ws, action, rsc, attributes, target)
    for name, value in action.meta.items():
        if "#" not in name and ":" not in name:
            attributes[_meta_name(name)] = value
    ancestor = rsc
    while ancestor is not None:
        _add_resource_meta(ancestor, attributes)
        ancestor = ancestor.parent
    if rsc is not None:
        _add_guest_meta(action, rsc, attributes)
    for name in sorted(attributes, key=str.encode):
        target.set(name, attributes[name])
    _add_downed(ws, action, element)
    if action.key == "maintenance_nodes":
        _add_maintenance(ws, element)


def _meta_name(name: str) -> str:
    return "CRM_meta_" + name.replace("-", "_")


def _add_resource(element: _Element, action: Action, rsc: Resource, node: Node | None) -> None:
    """The resource as the executor must know it."""
    if node is not None and rsc.lock_node is node and not (node.shutdown and action.task != "stop"):
        element.set("shutdown-lock", str(rsc.lock_time))
    child = etree.SubElement(element, str(rsc.xml.tag))
    xml_id = rsc.xml_id()
    if rsc.removed and rsc.history_id is not None:
        child.set("id", rsc.history_id)
        child.set("long-id", rsc.id)
    elif not rsc.unique:
        child.set("id", xml_id)
        long_id = rsc.history_id if rsc.history_id is not None and rsc.history_id != xml_id else rsc.id
        child.set("long-id", long_id)
    else:
        child.set("id", rsc.id)
    for name in ("class", "provider", "type"):
        value = rsc.xml.get(name)
        if value is not None:
            child.set(name, value)


def _add_parameters(
    ws: WorkingSet, action: Action, rsc: Resource, attributes: dict[str, str], target: _Element
) -> None:
    if rsc.variant != Variant.PRIMITIVE:
        return
    table = parameters(ws, rsc, action.node)
    for name, value in table.items():
        if name in attributes:
            continue
        if name == "addr" and value == "#uname":
            value = bundle_address(rsc) or value
        if name[:1].isdigit():
            etree.SubElement(target, "param", name=name, value=value)
        else:
            attributes[name] = value


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _add_resource_meta(rsc: Resource, attributes: dict[str, str]) -> None:
    if rsc.variant == Variant.CLONE:
        clone = rsc.clone
        attributes["CRM_meta_globally_unique"] = _bool(rsc.unique)
        attributes["CRM_meta_notify"] = _bool(rsc.notify)
        attributes["CRM_meta_clone_max"] = str(clone.clone_max)
        attributes["CRM_meta_clone_node_max"] = str(clone.clone_node_max)
        if rsc.promotable:
            for prefix in ("promoted", "master"):
                attributes[f"CRM_meta_{prefix}_max"] = str(clone.promoted_max)
                attributes[f"CRM_meta_{prefix}_node_max"] = str(clone.promoted_node_max)
        return
    if rsc.variant != Variant.PRIMITIVE:
        return
    if "clone" in rsc.meta:
        attributes["CRM_meta_clone"] = rsc.meta["clone"]
    if "remote-node" in rsc.meta:
        attributes["CRM_meta_remote_node"] = rsc.meta["remote-node"]
    ancestor: Resource | None = rsc
    while ancestor is not None:
        if ancestor.launcher is not None:
            attributes["CRM_meta_container"] = ancestor.launcher.id
        ancestor = ancestor.parent
    if "external-ip" in rsc.meta:
        attributes["pcmk_external_ip"] = rsc.meta["external-ip"]


def _add_guest_meta(action: Action, rsc: Resource, attributes: dict[str, str]) -> None:
    """On guests, agents that keep their state on the host need to know it."""
    node = action.node
    if node is None or not node.is_guest() or node.remote is None or node.remote.launcher is None:
        return
    task = action.task
    if task == "notify":
        task = action.meta.get("notify_operation", task)
    launcher = node.remote.launcher
    host: Node | None = None
    if task in _CURRENT_HOST_TASKS:
        host = current_node(launcher)
    elif task in _ASSIGNED_HOST_TASKS:
        host = launcher.assigned_node.node if launcher.assigned_node is not None else None
    if host is not None:
        target = rsc.meta.get("container-attribute-target")
        if target is not None:
            attributes["CRM_meta_container_attribute_target"] = target
        attributes["CRM_meta_physical_host"] = host.name


def _add_downed(ws: WorkingSet, action: Action, element: _Element) -> None:
    """Which nodes are expected to go down because of the action."""
    node = action.node
    ids: list[str] = []
    if action.flags & Act.PSEUDO and action.task != "stonith":
        return
    if action.task == "do_shutdown" and node is not None:
        ids.append(node.id)
    elif action.task == "stonith" and node is not None and action.meta.get("stonith_action") in ("off", "reboot"):
        ids.append(node.id)
        for rsc in node.running_rsc:
            if rsc.is_remote_connection and rsc.launcher is not None:
                guest = ws.find_node(rsc.id)
                if guest is not None:
                    ids.append(guest.id)
    elif action.rsc is not None and action.rsc.is_remote_connection and action.task == "stop":
        migrating = any(
            relation.action.rsc is action.rsc and relation.action.task == "migrate_from" for relation in action.before
        )
        if not migrating:
            ids.append(action.rsc.id)
    else:
        return
    if ids:
        downed = etree.SubElement(element, "downed")
        for id_ in ids:
            etree.SubElement(downed, "node", id=id_)


def _add_maintenance(ws: WorkingSet, element: _Element) -> None:
    """The remote nodes whose maintenance mode has to be recorded."""
    maintenance = etree.SubElement(element, "maintenance")
    for node in ws.nodes:
        if node.is_pacemaker_remote() and node.maintenance != node.remote_maint:
            etree.SubElement(
                maintenance, "node", id=node.id, node_in_maintenance="1" if node.maintenance else "0"
            )
