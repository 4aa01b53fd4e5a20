"""What one recorded operation says about the state of its resource (model spec chapter 12)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from hashell.model.durations import ms_to_s
from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.stack.pengine.actions.create import can_fence, clear_failcount_op, fencing_op, new_action
from hashell.stack.pengine.kinds import INF, DigestResult, OnFail, Order, Role, Variant
from hashell.stack.pengine.ledger.kinds import Kind
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.order.create import order_actions
from hashell.stack.pengine.unpack.activity import fail
from hashell.stack.pengine.unpack.config import note_change
from hashell.stack.pengine.unpack.digests import compare_digests, needs_address
from hashell.stack.pengine.unpack.failcounts import failcount
from hashell.stack.pengine.unpack.locations import ban_everywhere, resource_location
from hashell.stack.pengine.unpack.migrations import migrate_from_failure, migrate_to_failure, migrate_to_success
from hashell.stack.pengine.unpack.operations import find_op, op_meta, parse_on_fail, role_after_failure

if TYPE_CHECKING:
    from hashell.stack.pengine.state import Node, Resource, WorkingSet
    from hashell.stack.pengine.unpack.entry import Entry


class History:
    """The running state while the entries of one resource on one node are read in order."""

    __slots__ = ("ws", "rsc", "node", "on_fail", "last_failure")

    def __init__(self, ws: WorkingSet, rsc: Resource, node: Node) -> None:
        self.ws = ws
        self.rsc = rsc
        self.node = node
        self.on_fail = OnFail.IGNORE
        self.last_failure: Entry | None = None


_DEGRADED: dict[int, int] = {OcfCode.DEGRADED: OcfCode.OK, OcfCode.DEGRADED_PROMOTED: OcfCode.PROMOTED}
_NOT_EXPIRING = (OcfCode.OK, OcfCode.NOT_RUNNING, OcfCode.PROMOTED, OcfCode.DEGRADED, OcfCode.DEGRADED_PROMOTED)


def unpack_entry(history: History, entry: Entry) -> None:
    """Take one entry into account."""
    ws, rsc, node = history.ws, history.rsc, history.node
    if not entry.id or not entry.task:
        config_error(ws, "history", entry.xml, id=entry.id, value=node.name)
        return
    if not entry.relevant():
        return
    if not entry.usable():
        config_error(ws, "history", entry.xml, id=entry.id, value=node.name)
        return
    expired = _expired(history, entry)
    old_rc = entry.rc
    _remap(history, entry, expired)
    masked = not rsc.is_bundled() and entry.is_masked_probe()
    if expired:
        if masked and old_rc != entry.expected:
            if rsc.orig_role <= Role.STOPPED:
                rsc.orig_role = Role.UNKNOWN
            return
        if entry.rc != entry.expected:
            if entry.interval == 0:
                return
            if node.online and not node.unclean:
                entry.xml.set("op-restart-digest", "calculated-failure-timeout")
                return
    if masked:
        _update_state(history, entry, entry.expected)
        _record_failed(ws, rsc, node, entry)
        resource_location(
            ws, rsc if rsc.unique else rsc.top(), node, -INF, cause=Kind.FAILURE_BAN, id=entry.id
        )
        return
    _decide(history, entry)


def _decide(history: History, entry: Entry) -> None:
    ws, rsc, node = history.ws, history.rsc, history.node
    parent = rsc if rsc.unique else rsc.top()
    if entry.status == ExecStatus.PENDING:
        _unpack_pending(history, entry)
        return
    if entry.status == ExecStatus.DONE:
        _update_state(history, entry, entry.rc)
        return
    if entry.status == ExecStatus.NOT_INSTALLED:
        on_fail, fail_role = _failure_handling(history, entry)
        if on_fail == OnFail.IGNORE:
            on_fail = OnFail.BAN
        resource_location(ws, parent, node, -INF, cause=Kind.FAILURE_BAN, id=entry.id)
        _unpack_failure(history, entry, on_fail, fail_role)
        return
    if entry.status == ExecStatus.NOT_CONNECTED and node.remote is not None and node.remote.managed:
        fail(node.remote)
    on_fail, fail_role = _failure_handling(history, entry)
    if on_fail == OnFail.IGNORE or (on_fail == OnFail.RESTART_CONTAINER and entry.task == "stop"):
        _update_state(history, entry, entry.expected)
        rsc.ignore_failure = True
        _record_failed(ws, rsc, node, entry)
        if on_fail == OnFail.RESTART_CONTAINER and history.on_fail <= OnFail.RESTART:
            history.on_fail = on_fail
        return
    _unpack_failure(history, entry, on_fail, fail_role)
    if entry.status == ExecStatus.ERROR_HARD:
        resource_location(ws, parent, node, -INF, cause=Kind.FAILURE_BAN, id=entry.id)
    elif entry.status == ExecStatus.ERROR_FATAL:
        resource_location(ws, parent, None, -INF, cause=Kind.FATAL_FAILURE, id=entry.id)


def _failure_handling(history: History, entry: Entry) -> tuple[int, int]:
    ws, rsc = history.ws, history.rsc
    op = find_op(rsc, entry.task, entry.interval)
    meta = op_meta(ws, rsc, history.node, entry.task, entry.interval, op)
    on_fail = parse_on_fail(ws, rsc, entry.task, entry.interval, meta.get("on-fail"))
    return on_fail, role_after_failure(rsc, entry.task, on_fail)


def _expired(history: History, entry: Entry) -> bool:
    """Whether the failure is old enough to be forgotten; clears its fail count when it is (spec 12.2)."""
    ws, rsc, node = history.ws, history.rsc, history.node
    if entry.status == ExecStatus.NOT_INSTALLED:
        return False
    timeout = ms_to_s(rsc.failure_expiration_ms)
    last_failure = entry.id.endswith("_last_failure_0")
    if timeout == 0 and not last_failure:
        return False
    expired, unexpired = False, 0
    now = ws.now_s()
    if timeout > 0 and entry.last_change >= 0:
        expired = now >= entry.last_change + timeout and not _keep_for_fencing(ws, rsc, entry)
        unexpired, last = failcount(ws, node, rsc, entry=entry)
        if unexpired and now < last + timeout + 1:
            note_change(ws, last + timeout + 1)
    reason = None
    if expired:
        if failcount(ws, node, rsc, effective=False, entry=entry)[0] > 0:
            if unexpired == 0:
                reason = "it expired"
            else:
                expired = False
        elif last_failure and rsc.remote_reconnect_ms > 0:
            reason = "reconnect interval is set"
    if not expired and last_failure and entry.task in ("start", "monitor"):
        if needs_address(rsc) and rsc.is_bundled():
            ws.param_check.append(("last_failure", entry, rsc, node))
        elif compare_digests(ws, rsc, entry, node).result not in (DigestResult.UNKNOWN, DigestResult.MATCH):
            reason = "resource parameters have changed"
    if reason is not None:
        _clear(ws, rsc, node, reason)
    return expired and not (entry.is_probe() and entry.rc in _NOT_EXPIRING)


def _keep_for_fencing(ws: WorkingSet, rsc: Resource, entry: Entry) -> bool:
    """Failures of a remote connection stay until the node has been fenced."""
    if rsc.remote_reconnect_ms <= 0 or not ws.fencing_enabled or entry.interval == 0 or entry.task != "monitor":
        return False
    remote = ws.find_node(rsc.id)
    return remote is not None and not remote.remote_fenced


def _clear(ws: WorkingSet, rsc: Resource, node: Node, reason: str) -> None:
    action = clear_failcount_op(ws, rsc, node, reason)
    if ws.fencing_enabled and rsc.remote_reconnect_ms > 0:
        remote = ws.find_node(rsc.id)
        if remote is not None:
            fence = fencing_op(ws, remote, None, True, None, False)
            order_actions(ws, fence, action, Order.FIRST_IMPLIES_THEN)


def _remap(history: History, entry: Entry, expired: bool) -> None:
    """Interpret result and status (spec 12.3)."""
    ws, rsc, node = history.ws, history.rsc, history.node
    degraded = _DEGRADED.get(entry.rc)
    if degraded is not None:
        entry.rc = degraded
        if not expired and (not node.shutdown or node.online):
            _record_failed(ws, rsc, node, entry)
    if not rsc.is_bundled() and entry.is_masked_probe() and (
        entry.status != ExecStatus.DONE or entry.rc != OcfCode.NOT_RUNNING
    ):
        entry.status = ExecStatus.DONE
        entry.rc = OcfCode.NOT_RUNNING
    if entry.status in (ExecStatus.NO_FENCE_DEVICE, ExecStatus.NO_SECRETS):
        entry.status = ExecStatus.ERROR_HARD
        return
    if entry.status not in (ExecStatus.DONE, ExecStatus.ERROR):
        return
    if entry.expected < 0:
        entry.status = ExecStatus.ERROR
    else:
        entry.status = ExecStatus.DONE if entry.rc == entry.expected else ExecStatus.ERROR
    _remap_rc(history, entry, expired)


def _remap_rc(history: History, entry: Entry, expired: bool) -> None:
    rsc, rc, probe = history.rsc, entry.rc, entry.is_probe()
    if rc == OcfCode.OK:
        if probe and entry.expected == OcfCode.NOT_RUNNING:
            entry.status = ExecStatus.DONE
    elif rc == OcfCode.NOT_RUNNING:
        if probe or entry.expected == rc or not rsc.managed:
            entry.status = ExecStatus.DONE
            rsc.orig_role = Role.STOPPED
            history.on_fail = OnFail.IGNORE
            rsc.next_role = Role.UNKNOWN
    elif rc == OcfCode.PROMOTED:
        if probe and rc != entry.expected:
            entry.status = ExecStatus.DONE
        if not expired or rc == entry.expected:
            rsc.orig_role = Role.PROMOTED
    elif rc == OcfCode.FAILED_PROMOTED:
        if not expired:
            rsc.orig_role = Role.PROMOTED
        entry.status = ExecStatus.ERROR
    elif rc == OcfCode.NOT_CONFIGURED:
        entry.status = ExecStatus.ERROR_FATAL
    elif rc == OcfCode.UNIMPLEMENTED and entry.interval > 0:
        entry.status = ExecStatus.NOT_SUPPORTED
    elif rc in (
        OcfCode.UNIMPLEMENTED,
        OcfCode.NOT_INSTALLED,
        OcfCode.INVALID_PARAM,
        OcfCode.INSUFFICIENT_PRIV,
    ):
        if not expired and entry.task == "stop" and not can_fence(history.ws, history.node):
            if history.ws.ledger is not None:
                history.ws.ledger.add(Kind.ON_FAIL_BLOCK, rsc, history.node, None, entry.id)
            rsc.managed = False
            rsc.blocked = True
        entry.status = ExecStatus.ERROR_HARD
    elif entry.status == ExecStatus.DONE:
        entry.status = ExecStatus.ERROR


def set_active(rsc: Resource) -> None:
    """Give the resource the role of being active without more being known."""
    rsc.orig_role = Role.UNPROMOTED if rsc.top().promotable else Role.STARTED


def _update_state(history: History, entry: Entry, rc: int) -> None:
    """Set the role that the result of the operation leads to (spec 12.5)."""
    rsc = history.rsc
    clear = False
    if rc == OcfCode.NOT_INSTALLED or (not rsc.is_bundled() and entry.is_masked_probe()):
        rsc.orig_role = Role.STOPPED
    elif rc == OcfCode.NOT_RUNNING:
        clear = True
    elif entry.task == "monitor":
        clear = history.last_failure is not None and history.last_failure.key == entry.key
        if rsc.orig_role < Role.STARTED:
            set_active(rsc)
    elif entry.task in ("start", "migrate_from"):
        rsc.orig_role = Role.STARTED
        clear = True
    elif entry.task == "stop":
        rsc.orig_role = Role.STOPPED
        clear = True
    elif entry.task == "promote":
        rsc.orig_role = Role.PROMOTED
        clear = True
    elif entry.task == "demote":
        clear = history.on_fail == OnFail.DEMOTE
        rsc.orig_role = Role.UNPROMOTED
    elif entry.task == "migrate_to":
        migrate_to_success(history.ws, rsc, history.node, entry)
    elif rsc.orig_role < Role.STARTED:
        set_active(rsc)
    if clear:
        _clear_failure(history)


def _clear_failure(history: History) -> None:
    kept = (OnFail.STOP, OnFail.BAN, OnFail.STANDBY_NODE, OnFail.FENCE_NODE)
    if history.on_fail in kept or (history.on_fail == OnFail.RESET_REMOTE and history.rsc.remote_reconnect_ms != 0):
        return
    history.on_fail = OnFail.IGNORE
    history.rsc.next_role = Role.UNKNOWN


def _unpack_pending(history: History, entry: Entry) -> None:
    """An operation that is still under way (spec 12.6)."""
    ws, rsc, node = history.ws, history.rsc, history.node
    last = history.last_failure
    if last is not None and last.task == entry.task and last.interval == entry.interval \
            and last.last_change >= entry.last_change:  # fmt: skip
        return
    if entry.task == "start":
        rsc.start_pending = True
        set_active(rsc)
    elif entry.task == "promote":
        rsc.orig_role = Role.PROMOTED
    elif entry.task == "migrate_to" and node.unclean:
        target = ws.find_node(entry.xml.get("migrate_target"))
        if target is not None:
            new_action(ws, rsc, f"{rsc.id}_stop_0", "stop", target, False)
    if rsc.pending_action is None and not entry.is_probe():
        rsc.pending_action = entry.task
        rsc.pending_node = node


def _record_failed(ws: WorkingSet, rsc: Resource, node: Node, entry: Entry) -> None:
    if not node.online:
        return
    for other in ws.failed:
        key = other.get("operation_key") or other.get("id")
        if key == entry.key and (other.get("uname") or "").lower() == node.name.lower():
            return
    entry.xml.set("uname", node.name)
    entry.xml.set("rsc_id", rsc.id)
    copy = deepcopy(entry.xml)
    copy.tail = None
    ws.failed.append(copy)


def _unpack_failure(history: History, entry: Entry, on_fail: int, fail_role: int) -> None:
    """A failure that counts (spec 12.8)."""
    ws, rsc, node = history.ws, history.rsc, history.node
    history.last_failure = entry
    if ws.symmetric_cluster or entry.rc != OcfCode.NOT_INSTALLED:
        _record_failed(ws, rsc, node, entry)
    history.on_fail = max(history.on_fail, on_fail)
    if entry.task == "stop":
        resource_location(ws, rsc, node, -INF, cause=Kind.FAILED_STOP, id=entry.id)
    elif entry.task == "migrate_to":
        migrate_to_failure(ws, rsc, node, entry)
    elif entry.task == "migrate_from":
        migrate_from_failure(ws, rsc, node, entry)
    elif entry.task == "promote":
        rsc.orig_role = Role.PROMOTED
    elif entry.task == "demote":
        if on_fail == OnFail.BLOCK:
            rsc.orig_role = Role.PROMOTED
            rsc.next_role = Role.STOPPED
        else:
            rsc.orig_role = Role.STOPPED if entry.rc == OcfCode.NOT_RUNNING else Role.UNPROMOTED
    if entry.is_probe() and entry.rc == OcfCode.NOT_INSTALLED:
        rsc.orig_role = Role.STOPPED
    elif rsc.orig_role < Role.STARTED:
        set_active(rsc)
    if fail_role != Role.STARTED and rsc.next_role < fail_role:
        rsc.next_role = fail_role
    if fail_role == Role.STOPPED:
        target = rsc
        if rsc.parent is not None:
            top = rsc.top()
            if top.variant == Variant.CLONE and not top.unique:
                target = top
        if ws.ledger is not None:
            ws.ledger.add(Kind.ON_FAIL_STOP, target, None, -INF, entry.id)
        ban_everywhere(ws, target)
