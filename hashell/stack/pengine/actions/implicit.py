"""Constraints that follow from what a resource is, not from the configuration (scheduler actions §9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import fencing_op, op_key, pseudo_singleton
from hashell.stack.pengine.assign.colocations import new_colocation
from hashell.stack.pengine.assign.location import ban
from hashell.stack.pengine.assign.nodes import name_key
from hashell.stack.pengine.kinds import INF, Role, Variant
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.order.create import new_ordering, order_tasks

if TYPE_CHECKING:
    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

_STARTED_BY = Rel.UNRUNNABLE_FIRST_BLOCKS | Rel.FIRST_IMPLIES_THEN | Rel.FIRST_IMPLIES_THEN_GRAPHED
_AFTER = Rel.FIRST_IMPLIES_THEN | Rel.UNRUNNABLE_FIRST_BLOCKS


def add_internal_constraints(ws: WorkingSet, rsc: Resource) -> None:
    """Orderings, colocations and bans of the resource and everything below it."""
    if rsc.variant == Variant.PRIMITIVE:
        _primitive(ws, rsc)
    elif rsc.variant == Variant.GROUP:
        _group(ws, rsc)
    elif rsc.variant == Variant.CLONE:
        _clone(ws, rsc)
    else:
        _bundle(ws, rsc)


def allowed_by_name(rsc: Resource) -> list[Node]:
    """The nodes in the resource's table, in name order."""
    nodes = [entry.node for entry in rsc.allowed_nodes.values()]
    return sorted(nodes, key=lambda node: name_key(node.name))


def _primitive(ws: WorkingSet, rsc: Resource) -> None:
    if not rsc.managed:
        return
    order_tasks(ws, rsc, "stop", rsc, "start", Rel.ORDERED | Rel.FIRST_IMPLIES_THEN | Rel.INTERMEDIATE_STOP)
    if rsc.top().promotable or rsc.orig_role > Role.UNPROMOTED:
        order_tasks(ws, rsc, "demote", rsc, "stop", Rel.PROMOTED_THEN_IMPLIES_FIRST)
        order_tasks(ws, rsc, "start", rsc, "promote", Rel.UNRUNNABLE_FIRST_BLOCKS)
    order_tasks(ws, rsc, "lrm_delete", rsc, "monitor", Rel.IF_ON_SAME_NODE | Rel.THEN_CANCELS_FIRST)
    if not rsc.fence_device and ws.enable_unfencing and rsc.needs_unfencing:
        for node in allowed_by_name(rsc):
            _around_unfencing(ws, rsc, fencing_op(ws, node, "on", True, None, False))
    if rsc.utilization and ws.placement_strategy != "default":
        _free_before_load(ws, rsc)
    if rsc.launcher is not None:
        _with_launcher(ws, rsc, rsc.launcher)
    if rsc.is_remote_connection or rsc.fence_device:
        for entry in rsc.allowed_nodes.values():
            if entry.node.remote is not None:
                entry.score = -INF


def _around_unfencing(ws: WorkingSet, rsc: Resource, unfence: Action) -> None:
    new_ordering(
        ws, rsc, op_key(rsc, "stop"), None, None, unfence.key, unfence, Rel.ORDERED | Rel.IF_ON_SAME_NODE
    )
    flags = Rel.FIRST_IMPLIES_SAME_NODE_THEN | Rel.IF_ON_SAME_NODE
    new_ordering(ws, None, unfence.key, unfence, rsc, op_key(rsc, "start"), None, flags)


def _free_before_load(ws: WorkingSet, rsc: Resource) -> None:
    """What leaves a node frees its capacity before anything else comes to it."""
    flags = Rel.IF_ON_SAME_NODE_OR_TARGET
    for node in rsc.active_nodes:
        step = _load_stopped(ws, node)
        new_ordering(ws, rsc, op_key(rsc, "stop"), None, None, step.key, step, flags)
    for node in allowed_by_name(rsc):
        step = _load_stopped(ws, node)
        new_ordering(ws, None, step.key, step, rsc, op_key(rsc, "start"), None, flags)
        new_ordering(ws, None, step.key, step, rsc, op_key(rsc, "migrate_to"), None, flags)


def _load_stopped(ws: WorkingSet, node: Node) -> Action:
    from hashell.stack.pengine.kinds import ActionFlag as Act

    step = pseudo_singleton(ws, f"load_stopped_{node.name}")
    if step.node is None:
        step.node = node
        step.flags &= ~Act.OPTIONAL
    return step


def _with_launcher(ws: WorkingSet, rsc: Resource, launcher: Resource) -> None:
    """A resource inside a guest or container, or the connection to it."""
    bind: Resource | None = None
    if rsc.is_remote_connection:
        if not rsc.remote_nesting_allowed:
            for entry in list(launcher.allowed_nodes.values()):
                if entry.node.is_pacemaker_remote():
                    ban(ws, launcher, entry.node, Kind.CONNECTION)
        order_tasks(ws, launcher, "monitor", rsc, "stop", Rel.ORDERED)
    elif launcher.is_remote_connection:
        bind = launcher
    else:
        bind = next((other for other in launcher.launched if other.is_remote_connection), None)
    if bind is not None:
        for entry in rsc.allowed_nodes.values():
            if entry.node.remote is not bind:
                entry.score = -INF
        return
    order_tasks(ws, launcher, "start", rsc, "start", _AFTER)
    order_tasks(ws, rsc, "stop", launcher, "stop", Rel.THEN_IMPLIES_FIRST)
    score = 10000 if rsc.remote_nesting_allowed else INF
    new_colocation(ws, "#resource-with-container", None, score, rsc, launcher, influence=True)


def _group(ws: WorkingSet, group: Resource) -> None:
    order_tasks(ws, group, "stop", group, "stopped", Rel.UNRUNNABLE_FIRST_BLOCKS)
    order_tasks(ws, group, "stopped", group, "start", Rel.ORDERED)
    order_tasks(ws, group, "start", group, "running", Rel.UNRUNNABLE_FIRST_BLOCKS)
    promotable = group.top().promotable
    previous: Resource | None = None
    last_active: Resource | None = None
    for member in group.children:
        add_internal_constraints(ws, member)
        down, post_down = Rel.THEN_IMPLIES_FIRST_GRAPHED, Rel.FIRST_IMPLIES_THEN_GRAPHED
        if previous is None:
            if group.group.ordered:
                down |= Rel.ORDERED
                post_down = Rel.FIRST_IMPLIES_THEN
        elif group.group.colocated:
            new_colocation(
                ws, "#group-members", None, INF, member, previous, influence=member.critical
            )
        if promotable:
            order_tasks(ws, group, "demote", member, "demote", down)
            order_tasks(ws, member, "demote", group, "demoted", post_down)
            order_tasks(ws, member, "promote", group, "promoted", _STARTED_BY)
            order_tasks(ws, group, "promote", member, "promote", Rel.THEN_IMPLIES_FIRST_GRAPHED)
        order_tasks(ws, group, "stop", member, "stop", down)
        order_tasks(ws, member, "stop", group, "stopped", post_down)
        order_tasks(ws, group, "start", member, "start", Rel.THEN_IMPLIES_FIRST_GRAPHED)
        order_tasks(ws, member, "start", group, "running", _STARTED_BY)
        _order_member(ws, group, member, previous, promotable)
        if member.active_nodes:
            if (
                group.group.ordered
                and previous is not None
                and not previous.active_nodes
                and last_active is not None
            ):
                order_tasks(ws, member, "stop", last_active, "stop", Rel.ORDERED)
            last_active = member
        previous = member


def _order_member(
    ws: WorkingSet, group: Resource, member: Resource, previous: Resource | None, promotable: bool
) -> None:
    if not group.group.ordered:
        flags = _AFTER | Rel.THEN_IMPLIES_FIRST_GRAPHED
        order_tasks(ws, group, "start", member, "start", flags)
        if promotable:
            order_tasks(ws, group, "promote", member, "promote", flags)
    elif previous is None:
        order_tasks(ws, group, "start", member, "start", Rel.NONE)
        if promotable:
            order_tasks(ws, group, "promote", member, "promote", Rel.NONE)
    else:
        order_tasks(ws, previous, "start", member, "start", _AFTER)
        order_tasks(ws, member, "stop", previous, "stop", Rel.ORDERED | Rel.INTERMEDIATE_STOP)
        if member.active_nodes and not previous.active_nodes:
            order_tasks(
                ws, member, "stop", previous, "start", Rel.THEN_IMPLIES_FIRST | Rel.UNRUNNABLE_FIRST_BLOCKS
            )
        if promotable:
            order_tasks(ws, previous, "promote", member, "promote", _AFTER)
            order_tasks(ws, member, "demote", previous, "demote", Rel.ORDERED)


def _clone(ws: WorkingSet, clone: Resource) -> None:
    order_tasks(ws, clone, "stopped", clone, "start", Rel.ORDERED)
    order_tasks(ws, clone, "start", clone, "running", Rel.UNRUNNABLE_FIRST_BLOCKS)
    order_tasks(ws, clone, "stop", clone, "stopped", Rel.UNRUNNABLE_FIRST_BLOCKS)
    if clone.promotable:
        order_tasks(ws, clone, "demoted", clone, "stop", Rel.ORDERED)
        order_tasks(ws, clone, "running", clone, "promote", Rel.UNRUNNABLE_FIRST_BLOCKS)
    ordered = clone.clone.ordered
    if ordered:
        clone.children.sort(key=instance_number)
    for index, instance in enumerate(clone.children):
        add_internal_constraints(ws, instance)
        order_tasks(
            ws, clone, "start", instance, "start", Rel.UNRUNNABLE_FIRST_BLOCKS | Rel.THEN_IMPLIES_FIRST_GRAPHED
        )
        order_tasks(ws, instance, "start", clone, "running", Rel.FIRST_IMPLIES_THEN_GRAPHED)
        order_tasks(ws, clone, "stop", instance, "stop", Rel.THEN_IMPLIES_FIRST_GRAPHED)
        order_tasks(ws, instance, "stop", clone, "stopped", Rel.FIRST_IMPLIES_THEN_GRAPHED)
        if ordered:
            for later in clone.children[index + 1 :]:
                order_tasks(ws, instance, "start", later, "start", Rel.ORDERED)
                order_tasks(ws, later, "stop", instance, "stop", Rel.ORDERED)
    if clone.promotable:
        _promotable(ws, clone, ordered)


def instance_number(rsc: Resource) -> int:
    """What follows the last colon of an instance's id, or else the last dash."""
    for separator in ":-":
        head, found, tail = rsc.id.rpartition(separator)
        if found:
            digits = tail if tail.isdigit() else "0"
            return int(digits)
    return 0


def _promotable(ws: WorkingSet, clone: Resource, ordered: bool) -> None:
    add_restart_orderings(ws, clone)
    previous: Resource | None = None
    for instance in clone.children:
        order_tasks(ws, instance, "demote", instance, "promote", Rel.ORDERED)
        order_tasks(ws, clone, "promote", instance, "promote", Rel.ORDERED)
        order_tasks(ws, instance, "promote", clone, "promoted", Rel.ORDERED)
        if previous is not None and ordered:
            order_tasks(ws, previous, "promote", instance, "promote", Rel.ORDERED)
        order_tasks(ws, clone, "demote", instance, "demote", Rel.THEN_IMPLIES_FIRST_GRAPHED)
        order_tasks(ws, instance, "demote", clone, "demoted", Rel.FIRST_IMPLIES_THEN_GRAPHED)
        if previous is not None and ordered:
            order_tasks(ws, instance, "demote", previous, "demote", Rel.ORDERED)
        previous = instance


def add_restart_orderings(ws: WorkingSet, rsc: Resource) -> None:
    """The course of a restart of a promotable collective."""
    for first, then in (
        ("stopped", "start"),
        ("stopped", "promote"),
        ("demoted", "stop"),
        ("demoted", "start"),
        ("demoted", "promote"),
        ("running", "promote"),
        ("demote", "demoted"),
    ):
        order_tasks(ws, rsc, first, rsc, then, Rel.ORDERED)


def _bundle(ws: WorkingSet, bundle: Resource) -> None:
    graphed = Rel.THEN_IMPLIES_FIRST_GRAPHED
    post = Rel.FIRST_IMPLIES_THEN_GRAPHED
    for replica in bundle.bundle.replicas:
        container = replica.container
        add_internal_constraints(ws, container)
        order_tasks(ws, bundle, "start", container, "start", Rel.UNRUNNABLE_FIRST_BLOCKS | graphed)
        if replica.child is not None:
            order_tasks(ws, bundle, "stop", replica.child, "stop", graphed)
        order_tasks(ws, bundle, "stop", container, "stop", graphed)
        order_tasks(ws, container, "start", bundle, "running", post)
        order_tasks(ws, container, "stop", bundle, "stopped", post)
        if replica.ip is not None:
            add_internal_constraints(ws, replica.ip)
            order_tasks(
                ws, replica.ip, "start", container, "start", Rel.UNRUNNABLE_FIRST_BLOCKS | Rel.GUEST_ALLOWED
            )
            order_tasks(ws, container, "stop", replica.ip, "stop", Rel.THEN_IMPLIES_FIRST | Rel.GUEST_ALLOWED)
            new_colocation(ws, "#ip-with-container", None, INF, replica.ip, container, influence=True)
        if replica.remote is not None:
            add_internal_constraints(ws, replica.remote)
    child = bundle.bundle.child
    if child is None:
        return
    order_tasks(ws, bundle, "start", child, "start", graphed)
    order_tasks(ws, child, "running", bundle, "running", post)
    order_tasks(ws, bundle, "stop", child, "stop", graphed)
    order_tasks(ws, child, "stopped", bundle, "stopped", post)
    add_internal_constraints(ws, child)
    if child.promotable:
        add_restart_orderings(ws, bundle)
        order_tasks(ws, bundle, "demote", child, "demote", graphed)
        order_tasks(ws, child, "demoted", bundle, "demoted", post)
        order_tasks(ws, bundle, "promote", child, "promote", graphed)
        order_tasks(ws, child, "promoted", bundle, "promoted", post)
