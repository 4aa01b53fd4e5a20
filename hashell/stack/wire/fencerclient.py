"""Client of the fencer (`stonith-ng`, ipc.md section 3.5), as the controller, the executor and the shell use it."""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from hashell.model.values import integer_of
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient

ALLOW_SELF, MANUAL_ACK, SCOPE_LOCAL, CLEANUP = 2, 8, 256, 524288
NOTIFICATIONS = ("st_notify_fence", "st_notify_history", "st_notify_history_synced")
_SLACK = 60.0


@dataclass(frozen=True)
class FenceOutcome:
    """Result of a request: `status` is an exec status, `rc` an exit code, both 0 on success."""

    rc: int
    status: int
    reason: str = ""
    delegate: str = ""  #: node that carried it out, or `a human`
    operation: str = ""  #: id of the fencing operation
    output: str = ""

    @property
    def ok(self) -> bool:
        return self.rc == 0 and self.status == 0

    @property
    def no_device(self) -> bool:
        return self.status == 10


@dataclass(frozen=True)
class FenceDevice:
    id: str
    agent: str
    flags: int
    verified: bool
    params: Mapping[str, str]


@dataclass(frozen=True)
class FenceRecord:
    """One entry of the history. `date` is seconds since the epoch; state 2 is done, 4 failed, 0 and 1 pending."""

    target: str
    action: str
    origin: str
    delegate: str
    client: str
    date: float
    state: int
    status: int
    rc: int
    reason: str


def _outcome(element: etree._Element) -> FenceOutcome:
    notify = next(element.iter("st_notify_fence"), None)
    legacy = integer_of(element, "st_rc")
    status = integer_of(element, "op-status", 0 if legacy == 0 else 4)
    return FenceOutcome(
        rc=integer_of(element, "rc-code", 0 if legacy == 0 else 1),
        status=status,
        reason=element.get("exit-reason") or "",
        delegate=element.get("st_delegate") or "",
        operation=(notify.get("st_remote_op") or "") if notify is not None else "",
        output=element.get("st_output") or "",
    )


class FencerClient:
    """A registered connection to the fencer of this node.

    `on_notify(kind, element)` gets notifications: kind such as `st_notify_fence`, element the inner one of that
    name (attributes state, st_target, st_device_action, st_delegate, st_origin, op-status …) or an empty one.
    Calls raise IpcError when the fencer cannot be reached, TimeoutError when it does not answer in time.
    """

    def __init__(
        self,
        settings: NodeSettings,
        *,
        name: str = "crmd",
        on_notify: Callable[[str, etree._Element], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._on_notify = on_notify
        self._on_lost = on_lost
        self._calls = itertools.count(1)
        self._waiting: dict[str, tuple[asyncio.Future[etree._Element], asyncio.Timeout]] = {}
        self._ipc = PacemakerClient(settings, "stonith-ng", on_event=self._event, on_lost=self._lost)
        self.client_id = ""

    @property
    def connected(self) -> bool:
        return self._ipc.connected

    async def connect(
        self, wait: float = 0.0, notifications: Sequence[str] | None = None, patience: float | None = None
    ) -> None:
        """Connect, register and ask for notifications (by default those NOTIFICATIONS names, if wanted at all).

        TimeoutError when the fencer does not accept us in `patience` seconds.
        """
        await self._ipc.connect(wait, patience)
        command = etree.Element("stonith_command", t="stonith-ng", st_op="register", st_clientname=self._name)
        answer = await self._ipc.request(command)
        self.client_id = answer.get("st_clientid") or ""
        wanted = notifications if notifications is not None else (NOTIFICATIONS if self._on_notify else ())
        for kind in wanted:
            element = etree.Element("stonith_set_notification", st_op="st_notify", st_notify_activate=kind)
            await self._ipc.request(element)

    async def close(self) -> None:
        await self._ipc.close()

    def _lost(self) -> None:
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(IpcError(errno.ENOTCONN, "the fencer has gone away"))
        if self._on_lost:
            self._on_lost()

    def _event(self, element: etree._Element) -> None:
        waiting = self._waiting.get(element.get("st_callid") or "")
        if element.tag == "st-async-timeout-value":
            if waiting and not waiting[1].expired():
                waiting[1].reschedule(asyncio.get_running_loop().time() + integer_of(element, "st_timeout") + _SLACK)
        elif element.tag == "st-reply":
            if waiting and not waiting[0].done():
                waiting[0].set_result(element)
        elif element.tag == "notify" and self._on_notify:
            kind = element.get("subt") or element.get("st_op") or ""
            inner = next(element.iter(kind), None) if kind else None
            self._on_notify(kind, inner if inner is not None else element)

    async def _call(
        self, op: str, data: etree._Element | None, *, options: int = 0, timeout: float = 0, delay: int | None = None
    ) -> etree._Element:
        call = str(next(self._calls))
        command = etree.Element("stonith_command", t="stonith-ng", st_op=op, st_callid=call)
        command.set("st_callopt", str(options))
        command.set("st_timeout", str(round(timeout)))
        if delay is not None:
            command.set("st_delay", str(delay))
        if data is not None:
            etree.SubElement(command, "st_calldata").append(data)
        future: asyncio.Future[etree._Element] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout + _SLACK) as deadline:
                self._waiting[call] = (future, deadline)
                self._ipc.send(command)
                return await future
        finally:
            self._waiting.pop(call, None)

    @staticmethod
    def _device(ident: str, **attributes: str) -> etree._Element:
        return etree.Element("st_device_id", {"st_origin": "hashell", "st_device_id": ident, **attributes})

    async def fence(
        self, node: str, action: str, timeout: float, *, delay: int = 0, tolerance: int = 0, options: int = ALLOW_SELF
    ) -> FenceOutcome:
        """Fence `node` (action off, reboot, on); timeout, delay and tolerance in seconds; delay -1 means none."""
        data = etree.Element("stonith_api_fence_with_delay", st_target=node, st_device_action=action)
        data.set("st_timeout", str(round(timeout)))
        data.set("st_tolerance", str(tolerance))
        data.set("st_delay", str(delay))
        return _outcome(await self._call("st_fence", data, options=options, timeout=timeout, delay=delay))

    async def confirm(self, node: str) -> FenceOutcome:
        """Say that a human has made sure that `node` is off."""
        return await self.fence(node, "off", 0, options=ALLOW_SELF | MANUAL_ACK)

    async def execute(self, device: str, action: str, timeout: float, *, target: str = "") -> FenceOutcome:
        """Run `monitor`, `list` or `status` of a device that is registered here."""
        data = self._device(device, st_device_action=action)
        if target:
            data.set("st_target", target)
        return _outcome(await self._call("st_execute", data, timeout=timeout))

    async def register_device(self, ident: str, agent: str, params: Mapping[str, str]) -> FenceOutcome:
        data = etree.Element("st_device_id", {"id": ident, "st_origin": "hashell", "agent": agent})
        data.set("namespace", "stonith-ng")
        attributes = etree.SubElement(data, "attributes")
        for name, value in params.items():
            attributes.set(name, value)
        return _outcome(await self._call("st_device_register", data))

    async def remove_device(self, ident: str) -> FenceOutcome:
        data = etree.Element("st_device_id", {"st_origin": "hashell", "id": ident})
        return _outcome(await self._call("st_device_remove", data))

    async def devices(self, target: str = "", action: str = "off", timeout: float = 120) -> list[FenceDevice]:
        """Devices registered on this node, or those of the whole answer that can fence `target`."""
        data = etree.Element("st_device_id", st_origin="hashell")
        if target:
            data.set("st_target", target)
        data.set("st_device_action", action)
        answer = await self._call("st_query", data, timeout=timeout)
        return [
            FenceDevice(
                id=found.get("id") or "",
                agent=found.get("agent") or "",
                flags=integer_of(found, "st_device_support_flags"),
                verified=found.get("st_monitor_verified") == "1",
                params={str(k): str(v) for a in found.iterfind("attributes") for k, v in a.items()},
            )
            for found in answer.iter("st_device_id")
        ]

    async def history(self, target: str = "", *, options: int = 0) -> list[FenceRecord]:
        """Known fencing operations, newest first."""
        answer = await self._call("st_fence_history", self._history_data(target), options=options)
        return [
            FenceRecord(
                target=found.get("st_target") or "",
                action=found.get("st_device_action") or "",
                origin=found.get("st_origin") or "",
                delegate=found.get("st_delegate") or "",
                client=found.get("st_clientname") or "",
                date=integer_of(found, "st_date") + integer_of(found, "st_date_nsec") / 1e9,
                state=integer_of(found, "st_state"),
                status=integer_of(found, "op-status"),
                rc=integer_of(found, "rc-code"),
                reason=found.get("exit-reason") or "",
            )
            for found in answer.iter("st_execute")
        ]

    async def cleanup_history(self, target: str = "") -> FenceOutcome:
        return _outcome(await self._call("st_fence_history", self._history_data(target), options=CLEANUP))

    async def sync_history(self) -> None:
        """Have all fencers exchange their histories, as the DC's controller does when a peer joins."""
        await self._call("st_fence_history", None, options=1048576)

    @staticmethod
    def _history_data(target: str) -> etree._Element | None:
        return etree.Element("stonith_api_history", st_target=target) if target else None
