"""Client of the executor (`lrmd`, ipc.md section 3.6), as the controller uses it."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from hashell.model.values import integer_of
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient

DROP_RECURRING, NOTIFY_ORIG_ONLY, NOTIFY_CHANGES_ONLY = 1, 2, 4


@dataclass(frozen=True)
class LrmdEvent:
    """One event of the executor. `kind` is its lrmd_op: `lrmd_rsc_exec` for a result, `lrmd_rsc_register` … .

    Times ending in _ms are milliseconds, `run_time` and `rcchange_time` seconds since the epoch.
    """

    kind: str
    rc: int = 0  #: of generic events: 0 or a negative errno
    call_id: int = 0
    resource: str = ""
    action: str = ""
    userdata: str = ""
    interval_ms: int = 0
    timeout_ms: int = 0
    start_delay_ms: int = 0
    exec_rc: int = 0
    exec_status: int = 0
    deleted: bool = False
    run_time: int = 0
    rcchange_time: int = 0
    exec_ms: int = 0
    queue_ms: int = 0
    exit_reason: str = ""
    output: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ResourceInfo:
    id: str
    klass: str
    provider: str
    type: str


@dataclass(frozen=True)
class RecurringInfo:
    resource: str
    action: str
    interval_ms: int
    timeout_ms: int


class LrmdError(Exception):
    """The executor refused: `rc` is its negative errno."""

    def __init__(self, what: str, rc: int, detail: str = "") -> None:
        super().__init__(f"{what}: {detail or errno.errorcode.get(-rc, rc)}")
        self.rc = rc
        self.detail = detail


def _params(element: etree._Element) -> dict[str, str]:
    attributes = element.find("attributes")
    if attributes is None:
        return {}
    found = {str(k): str(v) for k, v in attributes.items()}
    found.update({p.get("name") or "": p.get("value") or "" for p in attributes.iterfind("param")})
    return found


def read_event(element: etree._Element) -> LrmdEvent:
    return LrmdEvent(
        kind=element.get("lrmd_op") or "",
        rc=integer_of(element, "lrmd_rc"),
        call_id=integer_of(element, "lrmd_callid"),
        resource=element.get("lrmd_rsc_id") or "",
        action=element.get("lrmd_rsc_action") or "",
        userdata=element.get("lrmd_rsc_userdata_str") or "",
        interval_ms=integer_of(element, "lrmd_rsc_interval"),
        timeout_ms=integer_of(element, "lrmd_timeout"),
        start_delay_ms=integer_of(element, "lrmd_rsc_start_delay"),
        exec_rc=integer_of(element, "lrmd_exec_rc"),
        exec_status=integer_of(element, "lrmd_exec_op_status"),
        deleted=element.get("lrmd_rsc_deleted") == "1",
        run_time=integer_of(element, "lrmd_run_time"),
        rcchange_time=integer_of(element, "lrmd_rcchange_time"),
        exec_ms=integer_of(element, "lrmd_exec_time"),
        queue_ms=integer_of(element, "lrmd_queue_time"),
        exit_reason=element.get("lrmd_rsc_exit_reason") or "",
        output=element.get("lrmd_rsc_output") or "",
        params=_params(element),
    )


class LrmdClient:
    """A registered connection to the executor of this node.

    `on_event(LrmdEvent)` gets results and the executor's other events, `on_lost()` the loss of the connection.
    Calls raise LrmdError when the executor refuses, IpcError or TimeoutError when it cannot be reached.
    """

    def __init__(
        self,
        settings: NodeSettings,
        *,
        on_event: Callable[[LrmdEvent], None],
        on_lost: Callable[[], None],
        name: str = "crmd",
    ) -> None:
        self._name = name
        self._on_event = on_event
        self._ipc = PacemakerClient(settings, "lrmd", on_event=self._event, on_lost=on_lost)
        self._metadata = PacemakerClient(settings, "lrmd")
        self._metadata_connecting = asyncio.Lock()
        self.node_start_state = ""  #: what the executor says about standby or online at start

    @property
    def connected(self) -> bool:
        return self._ipc.connected

    async def connect(self, wait: float = 0.0) -> None:
        """Connect and register, trying for `wait` seconds."""
        await self._ipc.connect(wait)
        answer = await self._ipc.request(self._registration(self._name))
        if integer_of(answer, "lrmd_rc"):
            raise LrmdError("registration with the executor", integer_of(answer, "lrmd_rc"))
        self.node_start_state = answer.get("node_start_state") or ""

    async def close(self) -> None:
        await self._ipc.close()
        await self._metadata.close()

    @staticmethod
    def _registration(name: str) -> etree._Element:
        element = etree.Element("lrmd_command", t="lrmd", lrmd_op="register")
        element.set("lrmd_clientname", name)
        element.set("lrmd_protocol_version", "1.2")
        return element

    def _event(self, element: etree._Element) -> None:
        if element.tag == "lrmd_notify":
            self._on_event(read_event(element))

    @staticmethod
    def _command(op: str, options: int, tag: str, **attributes: str) -> tuple[etree._Element, etree._Element]:
        command = etree.Element("lrmd_command", t="lrmd", lrmd_op=op)
        command.set("lrmd_timeout", "0")
        command.set("lrmd_callopt", str(options))
        data = etree.SubElement(etree.SubElement(command, "lrmd_calldata"), tag)
        data.set("lrmd_origin", "hashell")
        for name, value in attributes.items():
            data.set(name, value)
        return command, data

    async def _ask(self, command: etree._Element, what: str) -> etree._Element:
        answer = await self._ipc.request(command)
        if integer_of(answer, "lrmd_rc") < 0:
            raise LrmdError(what, integer_of(answer, "lrmd_rc"))
        return answer

    async def info(self, resource: str) -> ResourceInfo | None:
        """What is registered under that id; None when nothing is."""
        command, _ = self._command("lrmd_rsc_info", 0, "lrmd_rsc", lrmd_rsc_id=resource)
        try:
            answer = await self._ask(command, f"info of {resource}")
        except LrmdError as error:
            if error.rc == -errno.ENODEV:
                return None
            raise
        get = answer.get
        klass, provider, kind = get("lrmd_class") or "", get("lrmd_provider") or "", get("lrmd_type") or ""
        return ResourceInfo(resource, klass, provider, kind)

    async def register(
        self, resource: str, klass: str, provider: str, kind: str, *, options: int = DROP_RECURRING
    ) -> None:
        """Register a resource; the same again is not an error. `provider` is '' for classes without."""
        attributes = {"lrmd_rsc_id": resource, "lrmd_class": klass}
        if provider:
            attributes["lrmd_provider"] = provider
        attributes["lrmd_type"] = kind
        command, _ = self._command("lrmd_rsc_register", options, "lrmd_rsc", **attributes)
        await self._ask(command, f"registration of {resource}")

    async def unregister(self, resource: str) -> bool:
        """Forget the resource. True when done at once, False when an operation still runs (an event follows)."""
        command, _ = self._command("lrmd_rsc_unregister", 0, "lrmd_rsc", lrmd_rsc_id=resource)
        try:
            await self._ask(command, f"removal of {resource}")
        except LrmdError as error:
            if error.rc == -errno.EINPROGRESS:
                return False
            if error.rc != -errno.ENODEV:
                raise
        return True

    async def exec(
        self,
        resource: str,
        action: str,
        params: Mapping[str, str],
        *,
        userdata: str = "",
        interval_ms: int = 0,
        timeout_ms: int = 20000,
        start_delay_ms: int = 0,
        options: int = NOTIFY_CHANGES_ONLY,
    ) -> int:
        """Queue an operation; returns its call id. Its result comes as an event with that call id."""
        command, data = self._command(
            "lrmd_rsc_exec", options, "lrmd_rsc", lrmd_rsc_id=resource, lrmd_rsc_action=action,
            lrmd_rsc_userdata_str=userdata, lrmd_rsc_interval=str(interval_ms), lrmd_timeout=str(timeout_ms),
            lrmd_rsc_start_delay=str(start_delay_ms),
        )  # fmt: skip
        attributes = etree.SubElement(data, "attributes")
        for name, value in params.items():
            try:
                attributes.set(name, value)
            except ValueError:
                etree.SubElement(attributes, "param", {"name": name, "value": value})
        return integer_of(await self._ask(command, f"{action} of {resource}"), "lrmd_rc")

    async def cancel(self, resource: str, action: str, interval_ms: int) -> bool:
        """Cancel an operation. False when there is none; its cancelled result comes as an event."""
        command, _ = self._command(
            "lrmd_rsc_cancel", 0, "lrmd_rsc", lrmd_rsc_id=resource, lrmd_rsc_action=action,
            lrmd_rsc_interval=str(interval_ms),
        )  # fmt: skip
        try:
            await self._ask(command, f"cancelling {action} of {resource}")
        except LrmdError as error:
            if error.rc in (-errno.EOPNOTSUPP, -errno.ENODEV):
                return False
            if error.rc != -errno.EINPROGRESS:
                raise
        return True

    async def get_recurring(self, resource: str | None = None) -> list[RecurringInfo]:
        """Recurring operations of one resource, or of all."""
        command, data = self._command("lrmd_get_recurring", 0, "lrmd_rsc")
        if resource is None:
            command.remove(command[0])
        else:
            data.set("lrmd_rsc_id", resource)
        answer = await self._ask(command, "recurring operations")
        return [
            RecurringInfo(
                rsc.get("lrmd_rsc_id") or "", op.get("lrmd_rsc_action") or "", integer_of(op, "lrmd_rsc_interval"),
                integer_of(op, "lrmd_timeout"),
            )
            for rsc in answer.iterfind("lrmd_rsc")
            for op in rsc.iterfind("lrmd_rsc_op")
        ]  # fmt: skip

    async def alert(self, ident: str, path: str, env: Mapping[str, str], *, timeout_ms: int = 30000) -> None:
        """Have the executor run an alert agent; what comes of it is in the executor's log."""
        command, data = self._command(
            "lrmd_alert_exec", NOTIFY_ORIG_ONLY, "lrmd_alert", lrmd_alert_id=ident, lrmd_alert_path=path,
            lrmd_timeout=str(timeout_ms),
        )  # fmt: skip
        attributes = etree.SubElement(data, "attributes")
        for name, value in env.items():
            attributes.set(name, value)
        await self._ask(command, f"alert {ident}")

    async def metadata(self, klass: str, provider: str, kind: str, *, timeout: float = 35.0) -> str:
        """Metadata text of an agent, which must not hold up other requests: it has a connection of its own.

        Raises LrmdError with the reason when the agent has none.
        """
        # Several are asked for at once when a node begins: one connects, the others wait for that.
        async with self._metadata_connecting:
            if not self._metadata.connected:
                await self._metadata.connect()
        attributes = {"lrmd_class": klass, "lrmd_type": kind, **({"lrmd_provider": provider} if provider else {})}
        command, _ = self._command("lrmd_rsc_metadata", 0, "lrmd_rsc", **attributes)
        answer = await self._metadata.request(command, timeout)
        agent = ":".join(part for part in (klass, provider, kind) if part)
        rc = integer_of(answer, "lrmd_rc")
        text = answer.findtext("lrmd_calldata")
        if rc < 0 or text is None:
            raise LrmdError(f"metadata of {agent}", rc or -errno.ENODATA, answer.get("lrmd_rsc_exit_reason") or "")
        return text


__all__ = ["IpcError", "LrmdClient", "LrmdError", "LrmdEvent", "RecurringInfo", "ResourceInfo"]
