"""Creation of actions and look-up of existing ones (scheduler actions §10.1, §10.3, §10.7, §13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.assign.queries import is_active
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import DigestResult, Needs, QuorumPolicy, Role
from hashell.stack.pengine.relations import Action

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet
    from hashell.stack.pengine.unpack.digests import DigestData


def op_key(rsc: Resource, task: str, interval_ms: int = 0) -> str:
    return f"{rsc.id}_{task}_{interval_ms}"


def find_actions(rsc: Resource, key: str, node: Node | None = None) -> list[Action]:
    """Actions with that key, oldest first. With a node, actions without one match as well and adopt the node."""
    found = rsc.actions_by_key.get(key.lower())
    if not found:
        return []
    if node is None:
        return list(found)
    result = []
    for action in found:
        if action.node is None:
            action.node = node
        if action.node is node:
            result.append(action)
    return result


def newest_action(
    rsc: Resource, key: str | None = None, task: str | None = None, node: Node | None = None
) -> Action | None:
    """The action created last with that key or task; with a node, only one that is on it."""
    candidates = rsc.actions_by_key.get(key.lower()) if key is not None else rsc.actions_by_task.get(task or "")
    if not candidates:
        return None
    if node is None:
        return candidates[-1]
    for action in reversed(candidates):
        if action.node is node:
            return action
    return None


def new_action(
    ws: WorkingSet, rsc: Resource | None, key: str, task: str, node: Node | None, optional: bool
) -> Action:
    """The action of that key on the node, made if it does not exist, and required unless `optional`."""
    action = _existing(ws, rsc, key, node)
    if action is None:
        action = _create(ws, rsc, key, task, node, optional)
    if rsc is not None and action.node is not None and not action.flags & Act.PSEUDO and not rsc.managed \
            and "interval" not in action.meta:  # fmt: skip
        action.flags |= Act.OPTIONAL
    elif not optional:
        action.flags &= ~Act.OPTIONAL
    if rsc is not None:
        if action.node is not None and action.op_xml is not None and not action.flags & Act.ATTRS_EVALUATED:
            from hashell.stack.pengine.unpack.operations import op_attributes

            action.flags |= Act.ATTRS_EVALUATED
            action.extra = op_attributes(ws, action.op_xml, action.node)
        update_runnable(ws, action)
    return action


def _existing(ws: WorkingSet, rsc: Resource | None, key: str, node: Node | None) -> Action | None:
    if rsc is None:
        return ws.singletons.get(key.lower())
    found = find_actions(rsc, key, node)
    return found[0] if found else None


def _create(
    ws: WorkingSet, rsc: Resource | None, key: str, task: str, node: Node | None, optional: bool
) -> Action:
    from hashell.stack.pengine.unpack.operations import action_config

    action = Action(ws.next_action_id, key, task, rsc, node)
    ws.next_action_id += 1
    if optional:
        action.flags |= Act.OPTIONAL
    if task == "lrm_delete":
        action.flags |= Act.ON_DC
    if rsc is None:
        ws.singletons[key.lower()] = action
    else:
        action.interval_ms = int(key.rpartition("_")[2])
        action_config(ws, rsc, action)
        rsc.actions.append(action)
        rsc.actions_by_key.setdefault(key.lower(), []).append(action)
        rsc.actions_by_task.setdefault(task, []).append(action)
    ws.actions.append(action)
    return action


def change_task(action: Action, task: str) -> None:
    """Turn the action into another one under the same key."""
    if action.rsc is not None and action.task != task:
        action.rsc.actions_by_task[action.task].remove(action)
        same = action.rsc.actions_by_task.setdefault(task, [])
        same.append(action)
        same.sort(key=lambda other: other.id)
    action.task = task


def update_runnable(ws: WorkingSet, action: Action) -> None:
    """Decide again whether the action can run on its node (§10.3)."""
    if action.flags & Act.PSEUDO:
        return
    node, rsc = action.node, action.rsc
    assert rsc is not None
    on_dc = action.flags & Act.ON_DC
    if node is None:
        action.flags &= ~Act.RUNNABLE
    elif not on_dc and not node.online and (not node.is_guest() or node.remote_reset):
        action.flags &= ~Act.RUNNABLE
        if rsc.managed and action.task == "stop" and not node.unclean:
            from hashell.stack.pengine.unpack.fencing import fence_node

            fence_node(ws, node, "stop is unrunnable", False)
    elif not on_dc and node.pending:
        action.flags &= ~Act.RUNNABLE
    elif action.needs == Needs.NOTHING:
        action.reason = None
        if node.is_guest() and not can_fence(ws, node):
            action.flags &= ~Act.RUNNABLE
        else:
            action.flags |= Act.RUNNABLE
    else:
        _apply_quorum_policy(ws, action, rsc)


def _apply_quorum_policy(ws: WorkingSet, action: Action, rsc: Resource) -> None:
    policy = effective_quorum_policy(ws, rsc)
    if policy == QuorumPolicy.STOP:
        action.flags &= ~Act.RUNNABLE
        action.reason = "no quorum"
    elif policy == QuorumPolicy.FREEZE:
        if not is_active(rsc, True) or rsc.next_role > rsc.orig_role:
            action.flags &= ~Act.RUNNABLE
            action.reason = "quorum freeze"
    else:
        action.flags |= Act.RUNNABLE


def effective_quorum_policy(ws: WorkingSet, rsc: Resource) -> str:
    if ws.quorate:
        return QuorumPolicy.IGNORE
    if ws.no_quorum_policy != QuorumPolicy.DEMOTE:
        return ws.no_quorum_policy
    if rsc.orig_role in (Role.PROMOTED, Role.UNPROMOTED):
        if rsc.next_role > Role.UNPROMOTED:
            rsc.next_role = Role.UNPROMOTED
        return QuorumPolicy.IGNORE
    return QuorumPolicy.STOP


def pseudo_singleton(ws: WorkingSet, name: str) -> Action:
    """The pseudo-action of that name without a resource."""
    action = ws.singletons.get(name.lower())
    if action is None:
        action = new_action(ws, None, name, name, None, True)
    action.flags |= Act.PSEUDO | Act.RUNNABLE
    return action


def rsc_op(
    ws: WorkingSet, rsc: Resource, task: str, node: Node | None, optional: bool, interval_ms: int = 0
) -> Action:
    """A plain operation of a resource."""
    return new_action(ws, rsc, f"{rsc.id}_{task}_{interval_ms}", task, node, optional)


def pseudo_op(ws: WorkingSet, rsc: Resource, task: str, optional: bool, runnable: bool) -> Action:
    """A step of a collective as a whole."""
    action = rsc_op(ws, rsc, task, None, optional)
    action.flags |= Act.PSEUDO
    if runnable:
        action.flags |= Act.RUNNABLE
    return action


def clear_failcount_op(ws: WorkingSet, rsc: Resource, node: Node, reason: str | None = None) -> Action:
    """Make the controller forget the failures of the resource on the node."""
    action = rsc_op(ws, rsc, "clear_failcount", node, False)
    action.meta["op_no_wait"] = "true"
    return action


def set_reason(action: Action, reason: str | None, overwrite: bool = False) -> None:
    if overwrite or action.reason is None:
        action.reason = reason


def can_fence(ws: WorkingSet, node: Node | None, within: tuple[Node, ...] = ()) -> bool:
    """Whether the node, or any with None, could be fenced (model §10.6).

    `within` holds the guests that are being asked about: a guest that is recorded as its own host cannot be fenced.
    """
    if node is not None and node.is_guest():
        if node in within:
            return False
        assert node.remote is not None and node.remote.launcher is not None
        hosts = node.remote.launcher.active_nodes
        return all(host.online or can_fence(ws, host, (*within, node)) for host in hosts)
    if not ws.fencing_enabled or not ws.have_fencing:
        return False
    return ws.quorate or ws.no_quorum_policy == QuorumPolicy.IGNORE or (node is not None and node.online)


def fencing_op(
    ws: WorkingSet,
    node: Node,
    action: str | None = None,
    optional: bool = True,
    reason: str | None = None,
    priority_delay: bool = False,
) -> Action:
    """The fencing of the node; it becomes required only if it is possible at all."""
    name = action or ws.fence_action
    key = f"stonith-{node.name}-{name}"
    op = ws.singletons.get(key.lower())
    if op is None:
        op = new_action(ws, None, key, "stonith", node, True)
        op.meta["on_node"] = node.name
        op.meta["on_node_uuid"] = node.id
        op.meta["stonith_action"] = name
        if ws.enable_unfencing and _add_device_digests(ws, op, node):
            optional = False
    if ws.priority_fencing_ms > 0 and (priority_delay or "priority-fencing-delay" in op.meta):
        op.meta["priority-fencing-delay"] = str(_priority_delay(ws, node))
    if not optional and can_fence(ws, node):
        op.flags &= ~Act.OPTIONAL
        set_reason(op, reason)
    elif reason:
        set_reason(op, reason)
    return op


def _add_device_digests(ws: WorkingSet, op: Action, node: Node) -> bool:
    """Record the digests of all unfencing devices; whether one of them has changed since the node's unfencing."""
    from hashell.stack.pengine.unpack.digests import fencing_digest

    changed = False
    digests_all = digests_secure = ""
    for device in reversed(unfencing_devices(ws)):
        agent = device.meta.get("type", "")
        data = fencing_digest(ws, device, agent, node)
        changed = _changed(ws, device, agent, node, data) or changed
        digests_all += f"{device.id}:{agent}:{data.digest_all},"
        digests_secure += f"{device.id}:{agent}:{data.digest_secure},"
    op.meta["digests-all"] = digests_all
    op.meta["digests-secure"] = digests_secure
    return changed


def _changed(ws: WorkingSet, device: Resource, agent: str, node: Node, data: DigestData) -> bool:
    """Whether the device is another one since it unfenced the node; says so on sanitized inputs."""
    if data.result == DigestResult.MISMATCH:
        if ws.sanitized:
            wanted = f"{device.id}:{agent}:{data.digest_secure}"
            ws.notes.append(f"Parameters to {device.id} for unfencing {node.name} changed, try '{wanted}'")
            ws.notes.append(f"notice: Unfencing node {node.name} because the definition of {device.id} changed")
        return True
    if data.secure_only and ws.sanitized:
        ws.notes.append(f"Only 'private' parameters to {device.id} for unfencing {node.name} changed")
    return False


def unfencing_devices(ws: WorkingSet) -> list[Resource]:
    """Fence devices that unfence nodes, depth first in configuration order."""
    found = []
    for top in ws.resources:
        for rsc in top.leaves():
            if rsc.fence_device and (
                rsc.needs_unfencing or rsc.meta.get("provides", "").lower() == "unfencing"
            ):
                found.append(rsc)
    return found


def _priority_delay(ws: WorkingSet, node: Node) -> int:
    """Seconds that fencing of a less important node waits, so that the other side of a split may win (model §10.7)."""
    if node.is_pacemaker_remote() or node.online:
        return 0
    members = [other for other in ws.nodes if not other.is_pacemaker_remote()]
    online = sum(1 for other in members if other.online)
    if online > len(members) // 2:
        return 0
    priorities = [other.priority for other in members]
    top = max(priorities, default=0)
    if all(value == top for value in priorities) or node.priority < top:
        return 0
    quotient, rest = divmod(ws.priority_fencing_ms, 1000)
    return quotient + (1 if rest >= 500 or not quotient else 0)
