"""Carrying out actions with the devices of this node, for clients and for the owners of operations. Pure.

Rules (daemons specification, sections 5.1 to 5.3): a named device does it alone; without a name the capable devices
are tried one after the other, highest priority first, until one succeeds. The answer goes out when that has ended.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.model.values import integer_of
from hashell.ra.agent import FenceResult
from hashell.stack.effects import Effect, LogLine
from hashell.stack.stonithd import protocol
from hashell.stack.stonithd.device import Device
from hashell.stack.stonithd.operation import NO_DEVICE, SUCCESS, Moment, Outcome
from hashell.stack.stonithd.protocol import CallOption, find_data
from hashell.stack.stonithd.table import DeviceTable

DEFAULT_TIMEOUT = 60

Send = Callable[[etree._Element], list[Effect]]


class Execution:
    """Works on the devices of `table`. `nodeids` has node ids by node name in lower case."""

    def __init__(self, table: DeviceTable) -> None:
        self.nodeids: dict[str, str] = {}
        self._table = table

    def query(self, command: etree._Element, at: Moment, send: Send) -> list[Effect]:
        """The owner asks which devices we have for its operation."""
        action, target = command.get("st_device_action") or "", command.get("st_target") or ""

        def found(devices: list[Device], now: float) -> list[Effect]:
            listed = protocol.device_list(devices, action, target, parameters=False)
            return send(protocol.reply(command, SUCCESS, listed))

        allow_self = bool(integer_of(command, "st_callopt") & CallOption.ALLOW_SELF)
        return self._table.search(action, target, allow_self=allow_self, now=at.now, done=found)

    def execute(self, command: etree._Element, at: Moment, send: Send) -> list[Effect]:
        """A client wants monitor, list, status … of one device."""
        data = find_data(command, "st_device_id")
        ident = (data.get("st_device_id") or "") if data is not None else ""
        action = (data.get("st_device_action") or "monitor") if data is not None else "monitor"
        target = (data.get("st_target") or "") if data is not None else ""
        device = self._table.devices.get(ident)
        if device is None:
            outcome = Outcome(ExecStatus.NO_FENCE_DEVICE, 1, f"'{ident}' not found")
            return send(protocol.execution_reply(command, ident, outcome))

        def done(result: FenceResult, now: float) -> list[Effect]:
            return send(protocol.execution_reply(command, ident, _outcome(result), result.stdout))

        timeout = device.timeout(action) or integer_of(command, "st_timeout") or DEFAULT_TIMEOUT
        return self._table.runs.submit(
            device, action, target, nodeid=self._nodeid(target), timeout=timeout, delay=0, now=at.now, done=done
        )

    def fence(self, command: etree._Element, at: Moment, send: Send) -> list[Effect]:
        """An owner wants its operation carried out."""
        action, target = command.get("st_device_action") or "", command.get("st_target") or ""
        if named := command.get("st_device_id"):
            device = self._table.devices.get(named)
            return self._try(command, [device] if device else [], at, send)
        allow_self = bool(integer_of(command, "st_callopt") & CallOption.ALLOW_SELF)

        def found(devices: list[Device], now: float) -> list[Effect]:
            return self._try(command, devices, at, send)

        return self._table.search(action, target, allow_self=allow_self, now=at.now, done=found)

    def _try(self, command: etree._Element, devices: list[Device], at: Moment, send: Send) -> list[Effect]:
        if not devices:
            return send(protocol.execution_reply(command, "", NO_DEVICE))
        device, rest = devices[0], devices[1:]
        action, target = command.get("st_device_action") or "", command.get("st_target") or ""

        def done(result: FenceResult, now: float) -> list[Effect]:
            log: list[Effect] = []
            if result.stderr.strip():
                log.append(LogLine("warning", f"{device.id} says: {result.stderr.strip()[-500:]}"))
            if not result.ok and rest:
                log.append(LogLine("warning", f"{action} of {target} with {device.id} failed, trying {rest[0].id}"))
                return log + self._try(command, rest, Moment(now, at.wall, at.fresh, at.chance), send)
            return log + send(protocol.execution_reply(command, device.id, _outcome(result), result.stdout))

        timeout = device.timeout(action) or integer_of(command, "st_timeout") or DEFAULT_TIMEOUT
        delay = device.start_delay(action, target, integer_of(command, "st_delay"), at.chance)
        return self._table.runs.submit(
            device, action, target, nodeid=self._nodeid(target), timeout=timeout, delay=delay, now=at.now, done=done
        )

    def _nodeid(self, target: str) -> str:
        return self.nodeids.get(target.lower(), "")


def _outcome(result: FenceResult) -> Outcome:
    """An agent's end as the result of the operation."""
    if result.ok:
        return SUCCESS
    status = ExecStatus.ERROR if result.status == ExecStatus.DONE else result.status
    return Outcome(status, result.rc if 0 < result.rc < 256 else 1, result.reason)
