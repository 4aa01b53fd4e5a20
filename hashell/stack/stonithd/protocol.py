"""The fencer's messages as XML: replies, notifications, peer commands, history (daemons 5.3, ipc 3.5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.model.values import integer_of
from hashell.model.xmltext import representable
from hashell.stack.stonithd.device import FENCING_ACTIONS, Device
from hashell.stack.stonithd.operation import FenceOp, Outcome, State

TYPE = "stonith-ng"


class CallOption(IntFlag):
    """st_callopt."""

    VERBOSE = 1
    ALLOW_SELF = 2
    MANUAL_ACK = 8
    DISCARD_REPLY = 16
    TOPOLOGY = 64
    SCOPE_LOCAL = 256
    NODEID = 512
    SYNC = 4096
    TIMEOUT_UPDATES = 8192
    REPORT_ONLY_SUCCESS = 16384
    CLEANUP = 1 << 19
    BROADCAST = 1 << 20


def find_data(element: etree._Element, attribute: str) -> etree._Element | None:
    """The first element from the message itself inwards that has the attribute: clients wrap differently."""
    data = element.find("st_calldata")
    for found in (data.iter(etree.Element) if data is not None else ()):
        if found.get(attribute) is not None:
            return found
    return element if element.get(attribute) is not None else None


def copy_attributes(source: etree._Element, target: etree._Element, names: Sequence[str]) -> None:
    for name in names:
        value = source.get(name)
        if value is not None:
            target.set(name, value)


def set_outcome(element: etree._Element, outcome: Outcome) -> None:
    element.set("op-status", str(int(outcome.status)))
    element.set("rc-code", str(outcome.rc))
    if outcome.reason:
        element.set("exit-reason", representable(outcome.reason))


def read_outcome(element: etree._Element) -> Outcome:
    """op-status and rc-code, or what st_rc of an older peer stands for."""
    reason = element.get("exit-reason") or ""
    if element.get("op-status") is not None:
        try:
            status = ExecStatus(integer_of(element, "op-status"))
        except ValueError:
            status = ExecStatus.ERROR
        return Outcome(status, integer_of(element, "rc-code"), reason)
    legacy = integer_of(element, "st_rc", -201)
    if legacy == 0:
        return Outcome(ExecStatus.DONE, 0)
    status = {-62: ExecStatus.TIMEOUT, -19: ExecStatus.NO_FENCE_DEVICE}.get(legacy, ExecStatus.ERROR)
    return Outcome(status, 1, reason)


def reply(request: etree._Element, outcome: Outcome, data: etree._Element | None = None) -> etree._Element:
    """The reply to a command of a client or peer."""
    element = etree.Element("st-reply", st_origin="fenced_construct_reply", t=TYPE)
    set_outcome(element, outcome)
    element.set("st_rc", str(outcome.legacy))
    copy_attributes(
        request, element, ("st_op", "st_callid", "st_clientid", "st_clientname", "st_remote_op", "st_callopt")
    )
    if data is not None:
        etree.SubElement(element, "st_calldata").append(data)
    return element


def execution_reply(request: etree._Element, device: str, outcome: Outcome, output: str = "") -> etree._Element:
    """The reply to st_execute of a client or st_fence of a peer, sent when the agent has ended."""
    origin = request.get("st_origin") if request.get("st_remote_op") else None
    element = etree.Element("st-reply", st_origin=origin or "construct_async_reply", t=TYPE)
    element.set("st_op", request.get("st_op") or "")
    if device:
        element.set("st_device_id", device)
    copy_attributes(request, element, ("st_remote_op", "st_clientid", "st_clientname", "st_target"))
    element.set("st_device_action", request.get("st_op") or "")
    copy_attributes(request, element, ("st_callid", "st_callopt"))
    set_outcome(element, outcome)
    if output:
        element.set("st_output", representable(output))
    element.set("st_rc", str(outcome.legacy))
    return element


def relay(op: FenceOp, command: etree._Element, data: etree._Element, timeout: int) -> etree._Element:
    """The request to another fencer to own the fencing of this node, as a client has asked for it."""
    message = etree.Element("stonith_command", t=TYPE, st_op="st_relay")
    copy_attributes(command, message, ("st_callid", "st_callopt", "st_clientid", "st_clientname"))
    copy_attributes(data, message, ("st_device_action", "st_delay", "st_tolerance"))
    message.set("st_timeout", data.get("st_timeout") or command.get("st_timeout") or str(timeout))
    message.set("st_target", op.target)
    message.set("st_remote_op", op.id)
    message.set("st_origin", op.origin)
    return message


def describe_fence(op: FenceOp, *, result: bool) -> etree._Element:
    """The st_notify_fence element of an operation; with its result when it goes to peers."""
    element = etree.Element("st_notify_fence", state=str(int(op.state)), st_target=op.target)
    element.set("st_device_action", op.action)
    if op.delegate:
        element.set("st_delegate", op.delegate)
    element.set("st_remote_op", op.id)
    element.set("st_origin", op.origin)
    element.set("st_clientid", op.client_id)
    element.set("st_clientname", representable(op.client_name))
    if result and op.outcome is not None:
        set_outcome(element, op.outcome)
        element.set("st_rc", str(op.outcome.legacy))
    return element


def fence_broadcast(op: FenceOp) -> etree._Element:
    """What the owner tells all fencers when an operation has ended."""
    element = etree.Element("st-reply", t="st_notify", subt="broadcast", st_op="st_notify", count="1")
    etree.SubElement(element, "st_calldata").append(describe_fence(op, result=True))
    return element


def client_notification(kind: str, outcome: Outcome, data: etree._Element | None) -> etree._Element:
    element = etree.Element("notify", t="st_notify", subt=kind, st_op=kind)
    set_outcome(element, outcome)
    element.set("st_rc", str(outcome.legacy))
    if data is not None:
        etree.SubElement(element, "st_calldata").append(data)
    return element


def device_list(
    devices: Sequence[Device], action: str, target: str, *, parameters: bool
) -> etree._Element:
    """The data of a query reply; parameters are told only when no target was asked for."""
    element = etree.Element("stonith_query_capable_device_cb")
    if target:
        element.set("st_target", target)
    element.set("st-available-devices", str(len(devices)))
    for device in devices:
        item = etree.SubElement(element, "st_device_id", id=device.id, namespace=TYPE, agent=device.agent)
        item.set("st_monitor_verified", str(int(device.verified)))
        item.set("st_device_support_flags", str(int(device.support)))
        if action in FENCING_ACTIONS:
            _action_details(item, device, device.effective(action), target)
            if action == "reboot":
                for other in ("off", "on"):
                    child = etree.SubElement(item, "st_device_action", id=other)
                    _action_details(child, device, other, target)
        if parameters:
            attributes = etree.SubElement(item, "attributes")
            for name, value in device.params.items():
                attributes.set(name, representable(value))
    return element


def _action_details(element: etree._Element, device: Device, action: str, target: str) -> None:
    timeout = device.timeout(action)
    if timeout is not None:
        element.set("st_action_timeout", str(timeout))
    base, largest = device.delays(action, target)
    if largest > base:
        element.set("st_delay_max", str(largest))
    if base:
        element.set("st_delay_base", str(base))
    spec = device.meta.action("on") if device.meta else None
    if action == "on" and spec and spec.automatic:
        element.set("st_required", "1")


def history_entry(op: FenceOp, *, with_id: bool) -> etree._Element:
    element = etree.Element("st_execute")
    if with_id:
        element.set("st_remote_op", op.id)
    element.set("st_target", op.target)
    element.set("st_device_action", op.action)
    element.set("st_origin", op.origin)
    if op.delegate:
        element.set("st_delegate", op.delegate)
    element.set("st_clientname", representable(op.client_name))
    element.set("st_date", str(int(op.completed)))
    element.set("st_date_nsec", str(int((op.completed % 1) * 1_000_000_000)))
    element.set("st_state", str(int(op.state)))
    if op.outcome is not None:
        set_outcome(element, op.outcome)
        element.set("st_rc", str(op.outcome.legacy))
    return element


def read_history_entry(element: etree._Element) -> FenceOp | None:
    """The inverse of history_entry with an id; None when something essential is missing."""
    get = element.get
    ident, target, action, origin = get("st_remote_op"), get("st_target"), get("st_device_action"), get("st_origin")
    try:
        state = State(integer_of(element, "st_state"))
    except ValueError:
        return None
    if not ident or not target or not action or not origin:
        return None
    completed = integer_of(element, "st_date") + integer_of(element, "st_date_nsec") / 1e9
    outcome = read_outcome(element) if state in (State.DONE, State.FAILED) else None
    return FenceOp(
        ident, target, action, origin, client_name=get("st_clientname") or "", state=state,
        delegate=get("st_delegate") or "", completed=completed, outcome=outcome,
    )  # fmt: skip
