"""The transition graph: which actions go in, in which order, and the synapses as XML (scheduler actions §16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from hashell.stack.pengine.actions.create import pseudo_singleton
from hashell.stack.pengine.actions.notify import create_notifications
from hashell.stack.pengine.graph.inputs import belongs_in_graph, deduplicate_inputs, input_listed
from hashell.stack.pengine.graph.xml import action_element
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Variant
from hashell.stack.pengine.order.flagsof import action_flags

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Replica, Resource, Step, WorkingSet


def collect_steps(ws: WorkingSet) -> None:
    """Choose the actions of the graph and what each waits for; every action is in it at most once."""
    ws.graph_recheck_by = ws.recheck_by
    steps = ws.steps
    for rsc in ws.resources:
        _add_resource(ws, steps, rsc)
    if any(node.is_pacemaker_remote() and node.maintenance != node.remote_maint for node in ws.nodes):
        step = pseudo_singleton(ws, "maintenance_nodes")
        step.flags |= Act.ALWAYS_IN_GRAPH
    for action in reversed(ws.actions):
        _add_action(steps, action)


def graph_element(ws: WorkingSet, transition_id: int) -> _Element:
    """The graph of the collected steps."""
    root = _root(ws, transition_id)
    for number, step in enumerate(ws.steps):
        root.append(_synapse(ws, number, step))
    return root


def _root(ws: WorkingSet, transition_id: int) -> _Element:
    root = etree.Element("transition_graph")
    root.set("cluster-delay", ws.options.get("cluster-delay", "60s"))
    root.set("stonith-timeout", ws.options.get("stonith-timeout", "60s"))
    root.set("failed-stop-offset", "INFINITY")
    root.set("failed-start-offset", "INFINITY" if ws.start_failure_fatal else "1")
    root.set("batch-limit", ws.options.get("batch-limit", "0"))
    root.set("transition_id", str(transition_id))
    limit = ws.options.get("migration-limit", "-1")
    if limit.strip().lstrip("+").isdigit() and int(limit) > 0:
        root.set("migration-limit", limit)
    if ws.graph_recheck_by > 0:
        root.set("recheck-by", str(ws.graph_recheck_by))
    return root


def _add_resource(ws: WorkingSet, steps: list[Step], rsc: Resource) -> None:
    if rsc.variant == Variant.CLONE:
        for action in reversed(list(rsc.actions)):
            action_flags(action, None)
        create_notifications(ws, rsc)
        for instance in rsc.children:
            _add_resource(ws, steps, instance)
    elif rsc.variant == Variant.BUNDLE:
        _add_bundle(ws, steps, rsc)
        return
    for action in reversed(list(rsc.actions)):
        _add_action(steps, action)
    for child in rsc.children:
        _add_resource(ws, steps, child)


def _add_bundle(ws: WorkingSet, steps: list[Step], bundle: Resource) -> None:
    if bundle.bundle.child is not None:
        _add_resource(ws, steps, bundle.bundle.child)
    for replica in bundle.bundle.replicas:
        _fix_address(replica)
        for part in (replica.ip, replica.container, replica.remote):
            if part is not None:
                _add_resource(ws, steps, part)


def _fix_address(replica: Replica) -> None:
    """The connection's address is only known now that the container has a node."""
    remote = replica.remote
    if remote is None:
        return
    from hashell.stack.pengine.unpack.digests import bundle_address, needs_address

    if not needs_address(remote):
        return
    address = bundle_address(remote)
    if address is None:
        return
    for nvpair in remote.xml.iter("nvpair"):
        if nvpair.get("name") == "addr" and nvpair.get("value") == "#uname":
            nvpair.set("value", address)
    table = remote.parameter_cache.get("")
    if table is not None:
        table["addr"] = address


def _add_action(steps: list[Step], action: Action) -> None:
    deduplicate_inputs(action)
    if action.flags & Act.ADDED_TO_GRAPH or not belongs_in_graph(action):
        return
    action.flags |= Act.ADDED_TO_GRAPH
    inputs: list[Action] = []
    for relation in action.before:
        if input_listed(action, relation):
            relation.graphed = True
            inputs.append(relation.action)
    steps.append((action, inputs))


def _synapse(ws: WorkingSet, number: int, step: Step) -> _Element:
    action, inputs = step
    synapse = etree.Element("synapse", id=str(number))
    priority = max(action.rsc.priority if action.rsc is not None else 0, action.priority)
    if priority > 0:
        synapse.set("priority", str(priority))
    actions = etree.SubElement(synapse, "action_set")
    actions.append(action_element(ws, action, short=False))
    triggers = etree.SubElement(synapse, "inputs")
    for first in inputs:
        trigger = etree.SubElement(triggers, "trigger")
        trigger.append(action_element(ws, first, short=True))
    return synapse
