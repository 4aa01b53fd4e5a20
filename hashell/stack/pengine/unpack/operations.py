"""Operation configuration: the matching `<op>`, its meta attributes, on-fail and needs (model spec chapter 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.model.dates import parse_date
from hashell.model.durations import history_interval, interval_ms, milliseconds, ms_to_s
from hashell.model.nvpairs import apply_blocks
from hashell.model.rules import Context
from hashell.model.values import INT_MAX, boolean
from hashell.stack.pengine.kinds import Needs, OnFail, Role, parse_role
from hashell.stack.pengine.messages import config_error
from hashell.stack.pengine.unpack.config import note_change
from hashell.stack.pengine.unpack.lookup import agent_of, blocks_of, parameters

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.relations import Action
    from hashell.stack.pengine.state import Node, Resource, WorkingSet

DEFAULT_TIMEOUT_MS = 20000


def op_enabled(op: _Element) -> bool:
    return boolean(op.get("enabled")) is not False


def configured_ops(rsc: Resource) -> list[tuple[str | None, int, _Element]]:
    """(name, interval in ms, element) of every configured operation, in order."""
    ops = rsc.op_cache.get("ops")
    if ops is None:
        ops = []
        if rsc.ops_xml is not None:
            ops = [(op.get("name"), interval_ms(op.get("interval")), op) for op in rsc.ops_xml.iterchildren("op")]
        rsc.op_cache["ops"] = ops
    return ops


def find_op(rsc: Resource, name: str, interval: int, include_disabled: bool = True) -> _Element | None:
    """The first configured operation of that name and interval (ms); migrations fall back to `migrate`."""
    for op_name, op_interval, op in configured_ops(rsc):
        if op_name == name and op_interval == interval and (include_disabled or op_enabled(op)):
            return op
    if name in ("migrate_to", "migrate_from"):
        return find_op(rsc, "migrate", 0, include_disabled)
    return None


def find_op_by_key(rsc: Resource, key: str, name: str, interval: int, include_disabled: bool = True) -> _Element | None:
    """As find_op; notifications fall back to `notify`."""
    op = find_op(rsc, name, interval, include_disabled)
    if op is None and "_notify_" in key and name != "notify":
        op = find_op(rsc, "notify", 0, include_disabled)
    return op


def op_meta(
    ws: WorkingSet, rsc: Resource, node: Node | None, name: str, interval: int, op: _Element | None
) -> dict[str, str]:
    """The complete meta attribute table of an operation."""
    cache_key = (name, interval, op)
    cached = rsc.op_cache.get(cache_key)
    if cached is not None and not rsc.fence_device:
        return dict(cached)
    context = Context(ws.now, agent=agent_of(rsc.xml), operation=(name, interval))
    meta: dict[str, str] = {}
    if op is not None:
        apply_blocks(blocks_of(ws, op, "meta_attributes"), context, meta)
        for key, value in op.items():
            meta[str(key)] = str(value)
    probe = name == "monitor" and interval == 0
    if probe and "timeout" not in meta:
        timeout = _frequent_monitor_timeout(rsc)
        if timeout is not None:
            meta["timeout"] = timeout
    if ws.op_defaults is not None:
        apply_blocks(blocks_of(ws, ws.op_defaults, "meta_attributes"), context, meta)
    note_change(ws, context.next_change)
    meta.pop("id", None)
    meta.pop("interval", None)
    if interval > 0:
        meta["interval"] = str(interval)
    if rsc.fence_device and (name == "start" or probe):
        timeout = parameters(ws, rsc, node).get("pcmk_monitor_timeout")
        if timeout is not None:
            meta["timeout"] = timeout
    meta["timeout"] = str(min(milliseconds(meta.get("timeout")) or DEFAULT_TIMEOUT_MS, INT_MAX))
    _validate_on_fail(ws, rsc, name, op, meta)
    _start_delay(ws, meta, interval)
    if not rsc.fence_device:
        rsc.op_cache[cache_key] = dict(meta)
    return meta


def _frequent_monitor_timeout(rsc: Resource) -> str | None:
    best: tuple[int, _Element] | None = None
    for name, interval, op in configured_ops(rsc):
        if name == "monitor" and interval > 0 and op_enabled(op) and (best is None or interval < best[0]):
            best = interval, op
    return best[1].get("timeout") if best is not None else None


def _validate_on_fail(
    ws: WorkingSet, rsc: Resource, name: str, op: _Element | None, meta: dict[str, str]
) -> None:
    value = meta.get("on-fail")
    if name == "stop" and value is not None and value.lower() in ("standby", "demote", "stop"):
        config_error(ws, "operation", rsc.xml, id=f"{rsc.id}-{name}", name="on-fail", value=value)
        del meta["on-fail"]
        return
    if name == "demote" and value is None:
        for op_name, op_interval, op in configured_ops(rsc):
            on_fail = op.get("on-fail")
            if op_name == "monitor" and op_interval > 0 and on_fail is not None and on_fail.lower() != "demote" \
                    and parse_role(op.get("role")) == Role.PROMOTED and op_enabled(op):  # fmt: skip
                meta["on-fail"] = on_fail
        return
    if name == "lrm_delete":
        meta["on-fail"] = "ignore"
        return
    if value is not None and value.lower() == "demote" and not _may_demote(op):
        config_error(ws, "operation", rsc.xml, id=f"{rsc.id}-{name}", name="on-fail", value=value)
        del meta["on-fail"]


def _may_demote(op: _Element | None) -> bool:
    """Whether a failure may be answered by a demotion: only what is configured so, not the defaults of all others."""
    if op is None:
        return False
    recurring = op.get("name") == "monitor" and interval_ms(op.get("interval")) > 0
    return op.get("name") == "promote" or (recurring and parse_role(op.get("role")) == Role.PROMOTED)


def _start_delay(ws: WorkingSet, meta: dict[str, str], interval: int) -> None:
    text = meta.get("start-delay")
    if text is not None:
        meta["start-delay"] = str(min(milliseconds(text) or 0, INT_MAX))
        return
    origin_text = meta.get("interval-origin")
    interval_s = ms_to_s(interval)
    if origin_text is None or interval_s == 0:
        return
    origin = parse_date(origin_text, ws.now)
    if origin is None:
        return
    elapsed = ws.now_s() - origin.epoch()
    rest = abs(elapsed) % interval_s * (-1 if elapsed < 0 else 1)
    delay = (0 if rest <= 0 else interval_s) - rest
    meta["start-delay"] = str(delay * 1000)


_ON_FAIL = {
    "block": OnFail.BLOCK,
    "fence": OnFail.FENCE_NODE,
    "standby": OnFail.STANDBY_NODE,
    "ignore": OnFail.IGNORE,
    "nothing": OnFail.IGNORE,
    "migrate": OnFail.BAN,
    "stop": OnFail.STOP,
    "restart": OnFail.RESTART,
    "restart-container": OnFail.RESTART_CONTAINER,
    "demote": OnFail.DEMOTE,
}


def parse_on_fail(ws: WorkingSet, rsc: Resource, name: str, interval: int, text: str | None) -> int:
    """What a failure of the operation means, by its on-fail value or the default."""
    needs_reset = False
    if rsc.is_remote_connection and name != "start" and not (name == "monitor" and interval == 0):
        node = ws.find_node(rsc.id)
        if node is not None and node.is_remote():
            needs_reset = True
            if not rsc.managed:
                text = None
    if text is not None:
        value = _ON_FAIL.get(text.lower())
        if value is None:
            config_error(ws, "operation", rsc.xml, id=f"{rsc.id}-{name}", name="on-fail", value=text)
        elif value == OnFail.FENCE_NODE and not ws.fencing_enabled:
            config_error(ws, "operation", rsc.xml, id=f"{rsc.id}-{name}", name="on-fail", value=text)
            return OnFail.STOP
        elif value != OnFail.RESTART_CONTAINER or rsc.launcher is not None:
            return value
    if rsc.launcher is not None:
        return OnFail.RESTART_CONTAINER
    if needs_reset:
        return OnFail.RESET_REMOTE if rsc.managed else OnFail.STOP
    if name == "stop":
        return OnFail.FENCE_NODE if ws.fencing_enabled else OnFail.BLOCK
    return OnFail.RESTART


def role_after_failure(rsc: Resource, name: str, on_fail: int) -> int:
    if on_fail == OnFail.STOP or (on_fail == OnFail.RESET_REMOTE and rsc.remote_reconnect_ms != 0):
        return Role.STOPPED
    return Role.UNPROMOTED if name == "promote" else Role.STARTED


def action_needs(rsc: Resource, name: str) -> int:
    if name not in ("start", "promote"):
        return Needs.NOTHING
    if rsc.needs_fencing:
        return Needs.FENCING
    return Needs.QUORUM if rsc.needs_quorum else Needs.NOTHING


def action_config(ws: WorkingSet, rsc: Resource, action: Action) -> None:
    """Fill what an action of a resource takes from its configuration: meta attributes, needs, failure handling."""
    interval = history_interval(str(action.interval_ms))
    action.op_xml = find_op_by_key(rsc, action.key, action.task, interval)
    action.meta = op_meta(ws, rsc, action.node, action.task, interval, action.op_xml)
    action.needs = action_needs(rsc, action.task)
    action.on_fail = parse_on_fail(ws, rsc, action.task, interval, action.meta.get("on-fail"))
    action.fail_role = role_after_failure(rsc, action.task, action.on_fail)


def op_attributes(ws: WorkingSet, op: _Element, node: Node) -> dict[str, str]:
    """The instance attributes of an operation as evaluated for the node."""
    context = Context(ws.now, node_attrs=node.attrs)
    table: dict[str, str] = {}
    apply_blocks(blocks_of(ws, op, "instance_attributes"), context, table)
    note_change(ws, context.next_change)
    return table


