"""The history of all resources on one node: which resource each entry belongs to, and its state (model spec 11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.durations import ms_to_s
from hashell.model.values import integer
from hashell.stack.pengine.actions.create import new_action
from hashell.stack.pengine.assign.queries import ACTIVE, PENDING, location_nodes
from hashell.stack.pengine.kinds import INF, Role, Variant
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.messages import config_error, config_warning
from hashell.stack.pengine.unpack.activity import process_state
from hashell.stack.pengine.unpack.clones import create_instance
from hashell.stack.pengine.unpack.entry import Entry, active_range, sorted_entries
from hashell.stack.pengine.unpack.failcounts import base_name
from hashell.stack.pengine.unpack.locations import resource_location
from hashell.stack.pengine.unpack.lookup import find_resource, register, set_history_id
from hashell.stack.pengine.unpack.nodes import create_node
from hashell.stack.pengine.unpack.operation import History, unpack_entry
from hashell.stack.pengine.unpack.resources import link_remote, target_role, unpack_resource

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def unpack_node_history(ws: WorkingSet, node: Node, state: _Element) -> None:
    """All `lrm_resource` entries of a node state."""
    lrm = state.find("lrm")
    resources = lrm.find("lrm_resources") if lrm is not None else None
    if resources is None:
        return
    found_removed_launched = False
    for element in resources.iterchildren("lrm_resource"):
        rsc = _unpack_lrm_resource(ws, node, element)
        if rsc is not None and rsc.removed_launched:
            found_removed_launched = True
    if found_removed_launched:
        _link_removed_launched(ws, resources)


def _link_removed_launched(ws: WorkingSet, resources: _Element) -> None:
    for element in resources.iterchildren("lrm_resource"):
        container, id = element.get("container"), element.get("id")
        if not container or not id:
            continue
        launcher, rsc = find_resource(ws, container), find_resource(ws, id)
        if launcher is None or rsc is None or rsc.launcher is not None or not rsc.removed_launched:
            continue
        rsc.launcher = launcher
        launcher.launched.append(rsc)


def _unpack_lrm_resource(ws: WorkingSet, node: Node, element: _Element) -> Resource | None:
    id = element.get("id")
    if not id:
        config_error(ws, "no-id", element, name="lrm_resource")
        return None
    entries = sorted_entries(element)
    if not entries and not ws.shutdown_lock:
        return None
    rsc = _find_history_resource(ws, node, id)
    if rsc is None:
        if not entries:
            return None
        rsc = _orphan(ws, node, id, element)
        if rsc is None:
            return None
    if ws.shutdown_lock:
        _unpack_lock(ws, rsc, node, element)
    saved = rsc.orig_role
    rsc.orig_role = Role.UNKNOWN
    history = History(ws, rsc, node)
    for entry in entries:
        unpack_entry(history, entry)
    _active_recurring(ws, rsc, node, entries)
    process_state(ws, rsc, node, history.on_fail)
    target = target_role(ws, rsc)
    if target != Role.UNKNOWN and (rsc.next_role == Role.UNKNOWN or target < rsc.next_role):
        rsc.next_role = target
    if saved > rsc.orig_role:
        rsc.orig_role = saved
    return rsc


def _unpack_lock(ws: WorkingSet, rsc: Resource, node: Node, element: _Element) -> None:
    lock_time = integer(element.get("shutdown-lock"))
    if lock_time == 0:
        return
    if ws.shutdown_lock_ms > 0 and ws.now_s() > lock_time + ms_to_s(ws.shutdown_lock_ms):
        new_action(ws, rsc, f"{rsc.id}_lrm_delete_0", "lrm_delete", node, False)
    else:
        rsc.lock_node = node
        rsc.lock_time = lock_time


def _active_recurring(ws: WorkingSet, rsc: Resource, node: Node, entries: list[Entry]) -> None:
    if not node.online or not any(entry.interval for entry in entries):
        return
    start, stop = active_range(entries)
    for index, entry in enumerate(entries):
        if (start < stop and index <= stop) or index < start:
            continue
        if entry.interval == 0 or entry.xml.get("op-status") == "-1":
            continue
        new_action(ws, rsc, f"{rsc.id}_{entry.task}_{entry.interval}", entry.task, node, True)


def _find_history_resource(ws: WorkingSet, node: Node, id: str) -> Resource | None:
    rsc = find_resource(ws, id)
    if rsc is None:
        zero = find_resource(ws, f"{base_name(id)}:0")
        if zero is not None and not zero.unique:
            rsc = zero
            parent: Resource | None = zero.top()
        else:
            parent = None
    elif rsc.variant != Variant.PRIMITIVE:
        return None
    else:
        parent = rsc.top()
    if rsc is not None and parent is not None and parent.is_anonymous_clone():
        if parent.is_bundled():
            rsc = _bundled_child(parent, node)
        else:
            base = base_name(id)
            rsc = _anonymous_instance(ws, node, parent, base)
    if rsc is not None and id != rsc.id and id != rsc.history_id:
        set_history_id(ws, rsc, id)
    return rsc


def _bundled_child(clone: Resource, node: Node) -> Resource | None:
    bundle = clone.parent
    assert bundle is not None
    for replica in bundle.bundle.replicas:
        if replica.node is not None and replica.node.node is node:
            return replica.child
    return None


def _member(instance: Resource, base: str) -> Resource | None:
    """The member of an instance that a history id without number means."""
    return next((r for r in instance.walk() if r.id == base or r.xml.get("id") == base), None)


def _anonymous_instance(ws: WorkingSet, node: Node, clone: Resource, base: str) -> Resource | None:
    found = inactive = None
    skip_inactive = False
    for instance in clone.children:
        places = location_nodes(instance, ACTIVE | PENDING)
        if places:
            if places[0] is node:
                found = _member(instance, base)
                if found is not None and found.active_nodes:
                    found = None
                    skip_inactive = True
                if found is not None:
                    break
        elif not skip_inactive and inactive is None and not instance.blocked:
            inactive = _member(instance, base)
            if inactive is not None and inactive.pending_node is not None and inactive.pending_node is not node:
                inactive = None
    if found is None and not skip_inactive:
        found = inactive
    if found is not None and not found.needs_fencing and (not node.online or node.unclean) \
            and not node.is_guest() and clone.clone.clone_max != len(ws.nodes):  # fmt: skip
        found = None
    if found is None:
        created = create_instance(ws, clone, unpack_resource)
        if created is None:
            return None
        register(ws, created)
        found = _member(created, base)
    return found


def _orphan(ws: WorkingSet, node: Node, id: str, element: _Element) -> Resource | None:
    """A resource that runs, or ran, but is configured no more."""
    xml = etree.Element("primitive")
    for name, value in element.items():
        xml.set(name, value)
    rsc = unpack_resource(ws, xml, None)
    if rsc is None:
        return None
    ws.resources.append(rsc)
    register(ws, rsc)
    config_warning(ws, "orphan", element, id=id, value=node.name)
    if rsc.is_remote_connection:
        if ws.find_node(id) is None:
            create_node(ws, id, id, "remote", 0)
        link_remote(ws, rsc)
        remote = ws.find_node(id)
        if remote is not None:
            remote.shutdown = True
    if element.get("container"):
        rsc.removed_launched = True
    rsc.removed = True
    if not ws.stop_removed_resources:
        rsc.managed = False
    else:
        resource_location(ws, rsc, None, -INF, cause=Kind.ORPHAN)
    return rsc


