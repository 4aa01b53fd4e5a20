"""What a resource's state on a node means: where it is active and what its failures require (model spec 11.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.actions.create import new_action
from hashell.stack.pengine.kinds import INF, ActionFlag, MultiplyActive, OnFail, Role, Variant
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.unpack.fencing import fence_node
from hashell.stack.pengine.unpack.locations import resource_location
from hashell.stack.pengine.unpack.lookup import set_history_id

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def stop_on(ws: WorkingSet, rsc: Resource, node: Node) -> None:
    """Require a stop of the resource on the node."""
    new_action(ws, rsc, f"{rsc.id}_stop_0", "stop", node, False)


def active_node(rsc: Resource) -> Node | None:
    """The node that counts as the current one."""
    nodes = rsc.active_nodes
    if not nodes:
        return None
    if rsc.partial_migration_source is not None:
        return rsc.partial_migration_source if rsc.partial_migration_source in nodes else nodes[0]
    if rsc.needs_fencing:
        return nodes[0]
    return next((node for node in nodes if node.online and not node.unclean), nodes[0])


def fail(rsc: Resource) -> None:
    rsc.failed = True
    rsc.stop_if_failed = True


def process_state(ws: WorkingSet, rsc: Resource, node: Node, on_fail: int) -> None:
    """Act on the state that the history of the resource on the node has led to."""
    if rsc.orig_role != Role.UNKNOWN:
        _remember_probed(rsc, node)
    active = rsc.orig_role > Role.STOPPED
    if active and not node.online and not node.maintenance and rsc.managed:
        _active_on_lost_node(ws, rsc, node)
    saved = on_fail
    if node.unclean:
        on_fail = OnFail.IGNORE
    _recover(ws, rsc, node, on_fail, active)
    if rsc.failed and rsc.is_remote_connection:
        remote = ws.find_node(rsc.id)
        if remote is not None and remote.unclean:
            remote.seen = True
    if active:
        add_running(ws, rsc, node, failed=saved != OnFail.IGNORE)
        if on_fail in (OnFail.DEMOTE, OnFail.BLOCK):
            rsc.failed = True
        elif on_fail != OnFail.IGNORE:
            fail(rsc)
    elif rsc.history_id is not None and ":" in rsc.history_id:
        set_history_id(ws, rsc, None)
    elif rsc.actions:
        for action in rsc.actions_by_key.get(f"{rsc.id}_stop_0".lower(), ()):
            if action.node is None or action.node is node:
                action.flags |= ActionFlag.OPTIONAL
    if rsc.orig_role == Role.STOPPED and rsc.active_nodes and rsc.partial_migration_target is not None \
            and rsc.partial_migration_source is node:  # fmt: skip
        rsc.orig_role = Role.STARTED


def _remember_probed(rsc: Resource, node: Node) -> None:
    each: Resource | None = rsc
    while each is not None:
        if node.id not in each.probed_nodes:
            each.probed_nodes[node.id] = node.copy()
        if each.unique:
            return
        each = each.parent


def _active_on_lost_node(ws: WorkingSet, rsc: Resource, node: Node) -> None:
    reason = f"{rsc.id} is thought to be active there"
    if node.is_guest():
        fail(rsc)
    elif not ws.fencing_enabled:
        return
    elif node.is_remote() and node.remote is not None and not node.remote.failed:
        node.seen = False
        reason = (
            f"{rsc.id} is active there (fencing will be revoked if remote connection can be re-established elsewhere)"
        )
    fence_node(ws, node, reason)


def _recover(ws: WorkingSet, rsc: Resource, node: Node, on_fail: int, active: bool) -> None:
    if on_fail == OnFail.DEMOTE:
        rsc.failed = True
        new_action(ws, rsc, f"{rsc.id}_demote_0", "demote", node, False)
    elif on_fail == OnFail.FENCE_NODE:
        fence_node(ws, node, f"{rsc.id} failed there")
    elif on_fail == OnFail.STANDBY_NODE:
        node.standby = True
        node.fail_standby = True
    elif on_fail == OnFail.BLOCK:
        if ws.ledger is not None:
            ws.ledger.add(Kind.ON_FAIL_BLOCK, rsc, node)
        rsc.managed = False
        rsc.blocked = True
    elif on_fail == OnFail.BAN:
        resource_location(ws, rsc, node, -INF, cause=Kind.FAILURE_BAN)
    elif on_fail == OnFail.STOP:
        if ws.ledger is not None:
            ws.ledger.add(Kind.ON_FAIL_STOP, rsc, node)
        rsc.next_role = Role.STOPPED
    elif on_fail == OnFail.RESTART:
        if active:
            fail(rsc)
            stop_on(ws, rsc, node)
    elif on_fail == OnFail.RESTART_CONTAINER:
        fail(rsc)
        if rsc.launcher is not None and rsc.is_bundled():
            ws.stop_needed.append(rsc.launcher)
        elif rsc.launcher is not None:
            stop_on(ws, rsc.launcher, node)
        elif active:
            stop_on(ws, rsc, node)
    elif on_fail == OnFail.RESET_REMOTE:
        _reset_remote(ws, rsc, node, active)


def _reset_remote(ws: WorkingSet, rsc: Resource, node: Node, active: bool) -> None:
    fail(rsc)
    if ws.fencing_enabled:
        remote = ws.find_node(rsc.id) if rsc.is_remote_connection else None
        if remote is not None and remote.is_remote() and not remote.remote_fenced:
            fence_node(ws, remote, "remote connection is unrecoverable")
    if active:
        stop_on(ws, rsc, node)
    if rsc.remote_reconnect_ms > 0:
        rsc.next_role = Role.STOPPED


def add_running(ws: WorkingSet, rsc: Resource, node: Node, *, failed: bool) -> None:
    """Note that the resource is active on the node; collectives are active where a member is."""
    if node in rsc.active_nodes:
        return
    rsc.active_nodes.append(node)
    if rsc.variant == Variant.PRIMITIVE:
        node.running_rsc.append(rsc)
        _add_priority(rsc, node, failed)
        if node.maintenance:
            if ws.ledger is not None:
                ws.ledger.add(Kind.NODE_MAINTENANCE, rsc, node)
            rsc.managed = False
            rsc.maintenance = True
    if not rsc.managed:
        resource_location(ws, rsc, node, INF, cause=Kind.UNMANAGED_HERE)
        if node.online:
            ancestor = rsc.parent
            while ancestor is not None:
                ancestor.active_nodes.append(node)
                ancestor = ancestor.parent
        return
    if rsc.variant == Variant.PRIMITIVE and _multiply_active(rsc):
        if ws.ledger is not None:
            ws.ledger.add(Kind.MULTIPLE, rsc)
        if rsc.multiply_active_policy == MultiplyActive.STOP:
            rsc.allowed_nodes = {each.id: each.copy() for each in ws.nodes}
            for entry in rsc.allowed_nodes.values():
                entry.score = -INF
        elif rsc.multiply_active_policy == MultiplyActive.BLOCK:
            _block(rsc)
    if rsc.parent is not None:
        add_running(ws, rsc.parent, node, failed=False)


def _multiply_active(rsc: Resource) -> bool:
    if rsc.needs_fencing:
        return len(rsc.active_nodes) > 1
    return sum(1 for node in rsc.active_nodes if node.online and not node.unclean) > 1


def _block(rsc: Resource) -> None:
    blocked = [rsc]
    parent = rsc.parent
    if parent is not None and parent.variant in (Variant.GROUP, Variant.BUNDLE) \
            and parent.multiply_active_policy == MultiplyActive.BLOCK:  # fmt: skip
        blocked += parent.children
    for each in blocked:
        each.managed = False
        each.blocked = True


def _add_priority(rsc: Resource, node: Node, failed: bool) -> None:
    if failed or rsc.priority == 0:
        return
    priority = rsc.priority + (1 if rsc.orig_role == Role.PROMOTED else 0)
    node.priority += priority
    if node.is_guest():
        assert node.remote is not None and node.remote.launcher is not None
        for host in node.remote.launcher.active_nodes:
            host.priority += priority
