"""The controller's connections to CIB manager, executor, attribute manager, fencer and scheduler of its node.

A port turns effects into requests (ipc.md, section 3) and answers into calls of the core. Requests to one daemon go out
in the order of the effects. What cannot be reached is tried again, or answered as failed; only the CIB manager and the
executor are indispensable, their loss is the daemon's to act on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable

from lxml import etree

from hashell.model.xmltext import parse
from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.history import Operation
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.fencerclient import FencerClient
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.lrmdclient import LrmdClient, LrmdError, LrmdEvent
from hashell.stack.wire.pacemaker import PacemakerClient

log = logging.getLogger(__name__)

CLIENT_NAME = "crmd"
ExecutorEffect = fx.RegisterResource | fx.UnregisterResource | fx.ExecuteOperation | fx.CancelOperation
_SYNC_CALL = 4096
_RECONNECT = 1.0
_FAILURES = (IpcError, LrmdError, TimeoutError, OSError)


class Worker:
    """Runs jobs one after the other; a job's failure is its own business."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def put(self, job: Callable[[], Awaitable[None]]) -> None:
        self._queue.put_nowait(job)

    async def _run(self) -> None:
        while True:
            job = await self._queue.get()
            try:
                await job()
            except _FAILURES as error:
                log.warning("request failed: %s", error)
            except Exception:
                log.exception("request failed")

    async def drain(self, seconds: float) -> None:
        """Let what is queued go out, for at most `seconds`, then stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._queue.empty():
                    await asyncio.sleep(0.01)
        self._task.cancel()


class CibPort:
    """The CIB manager. `on_reply(call_id, rc, output)`, `on_change(notification)`."""

    def __init__(
        self,
        settings: NodeSettings,
        on_reply: Callable[[int, int, etree._Element | None], None],
        on_change: Callable[[etree._Element], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._on_reply = on_reply
        self._on_change = on_change
        self._ipc = PacemakerClient(settings, "cib_rw", on_event=self._event, on_lost=on_lost)

    async def connect(self, wait: float) -> None:
        """Register and subscribe to changes. Raises IpcError, TimeoutError."""
        await self._ipc.connect(wait)
        register = etree.Element("cib_command", t="cib", cib_op="register", cib_clientname=CLIENT_NAME)
        register.set("cib_callid", "0")
        register.set("cib_callopt", str(_SYNC_CALL))
        await self._ipc.request(register)
        subscribe = etree.Element("cib-callback", cib_op="cib_notify", cib_notify_type="cib_diff_notify")
        subscribe.set("cib_notify_activate", "1")
        await self._ipc.request(subscribe)

    def request(self, asked: fx.CibRequest) -> None:
        command = etree.Element("cib_command", t="cib", cib_op=asked.op)
        if asked.host:
            command.set("cib_host", asked.host)
        if asked.section:
            command.set("cib_section", asked.section)
        command.set("cib_user", "hacluster")
        command.set("cib_callid", str(asked.call_id))
        command.set("cib_callopt", str(asked.options))
        if asked.element is not None:
            etree.SubElement(command, "cib_calldata").append(asked.element)
        try:
            self._ipc.send(command)
        except IpcError as error:
            log.warning("CIB request %d not sent: %s", asked.call_id, error)

    def _event(self, element: etree._Element) -> None:
        if element.get("cib_notify_type") or element.get("t") == "cib_notify":
            self._on_change(element)
            return
        number = element.get("cib_callid", "")
        if element.tag == "cib-reply" or number.isdigit():
            data = element.find("cib_calldata")
            output = data[0] if data is not None and len(data) else None
            rc = element.get("cib_rc", "0")
            self._on_reply(int(number or 0), int(rc) if rc.lstrip("-").isdigit() else -201, output)

    async def close(self) -> None:
        await self._ipc.close()


class ExecutorPort:
    """The executor. Results go to `on_result`, refusals and cancellations to the callables given with them."""

    def __init__(
        self,
        settings: NodeSettings,
        on_result: Callable[[Operation], None],
        on_refused: Callable[[int, int, str], None],
        on_cancelled: Callable[[int, int], None],
        on_metadata: Callable[[fx.GetMetadata, etree._Element | None], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._on_result = on_result
        self._on_refused = on_refused
        self._on_cancelled = on_cancelled
        self._on_metadata = on_metadata
        self._client = LrmdClient(settings, on_event=self._event, on_lost=on_lost, name=CLIENT_NAME)
        self._worker = Worker()
        self._metadata_tasks: set[asyncio.Task[None]] = set()

    async def connect(self, wait: float) -> None:
        await self._client.connect(wait)

    def do(self, effect: ExecutorEffect) -> None:
        self._worker.put(lambda: self._do(effect))

    async def _do(self, effect: object) -> None:
        if isinstance(effect, fx.RegisterResource):
            await self._client.register(effect.resource, effect.standard, effect.provider, effect.agent)
        elif isinstance(effect, fx.UnregisterResource):
            await self._client.unregister(effect.resource)
        elif isinstance(effect, fx.ExecuteOperation):
            await self._execute(effect)
        elif isinstance(effect, fx.CancelOperation):
            rc = 0
            try:
                await self._client.cancel(effect.resource, effect.action, effect.interval_ms)
            except LrmdError as error:
                rc = error.rc
            self._on_cancelled(effect.token, rc)

    async def _execute(self, asked: fx.ExecuteOperation) -> None:
        try:
            await self._client.exec(
                asked.resource,
                asked.action,
                asked.parameters,
                userdata=asked.userdata,
                interval_ms=asked.interval_ms,
                timeout_ms=asked.timeout_ms,
                start_delay_ms=asked.start_delay_ms,
            )
        except _FAILURES as error:
            self._on_refused(asked.token, getattr(error, "rc", -1) or -1, str(error))

    def metadata(self, effect: fx.GetMetadata) -> None:
        task = asyncio.get_running_loop().create_task(self._fetch(effect))
        self._metadata_tasks.add(task)
        task.add_done_callback(self._metadata_tasks.discard)

    async def _fetch(self, effect: fx.GetMetadata) -> None:
        found: etree._Element | None = None
        try:
            found = parse(await self._client.metadata(effect.standard, effect.provider, effect.agent))
        except (*_FAILURES, etree.XMLSyntaxError) as error:
            log.info("no metadata of %s: %s", effect.agent, error)
        self._on_metadata(effect, found)

    def _event(self, event: LrmdEvent) -> None:
        if event.kind != "lrmd_rsc_exec":
            return
        self._on_result(
            Operation(
                event.resource,
                event.action,
                event.interval_ms,
                event.userdata,
                event.exec_rc,
                event.exec_status,
                event.call_id,
                dict(event.params),
                event.timeout_ms,
                event.start_delay_ms,
                event.run_time,
                event.rcchange_time,
                event.exec_ms,
                event.queue_ms,
                event.exit_reason,
                event.deleted,
            )
        )

    async def close(self) -> None:
        await self._worker.drain(1.0)
        await self._client.close()


class AttributesPort:
    """The attribute manager; connected when first needed and again after it was lost."""

    def __init__(self, settings: NodeSettings, local_node: str) -> None:
        self._settings = settings
        self._local = local_node
        self._ipc: PacemakerClient | None = None
        self._worker = Worker()

    def do(self, effect: fx.AttrdUpdate | fx.AttrdClearFailures | fx.AttrdPurge) -> None:
        self._worker.put(lambda: self._send(self._element(effect)))

    async def _send(self, element: etree._Element) -> None:
        for attempt in (1, 2, 3):
            try:
                if self._ipc is None or not self._ipc.connected:
                    self._ipc = PacemakerClient(self._settings, "attrd")
                    await self._ipc.connect(10.0)
                await self._ipc.request(element, 10.0)
                return
            except _FAILURES as error:
                log.warning("attribute manager (attempt %d): %s", attempt, error)
                if self._ipc is not None:
                    await self._ipc.close()
                self._ipc = None
                await asyncio.sleep(_RECONNECT)

    @staticmethod
    def _element(effect: fx.AttrdUpdate | fx.AttrdClearFailures | fx.AttrdPurge) -> etree._Element:
        element = etree.Element("create_attrd_op", t="attrd", src=CLIENT_NAME)
        if isinstance(effect, fx.AttrdClearFailures):
            element.set("task", "clear-failure")
            element.set("attr_host", effect.host)
            element.set("attr_resource", effect.resource)
            if effect.operation:
                element.set("attr_clear_operation", effect.operation)
                element.set("attr_clear_interval", f"{effect.interval_ms}ms")
            element.set("attr_is_remote", "0")
            return element
        if isinstance(effect, fx.AttrdPurge):
            element.set("task", "peer-remove")
            element.set("reap", "true")
            element.set("attr_host", effect.host)
            return element
        element.set("task", "update")
        many = len(effect.values) > 1
        for name, value in effect.values:
            part = etree.SubElement(element, "op") if many else element
            part.set("attr_name", name)
            if many:
                part.set("task", "update")
            if value is not None:
                part.set("attr_value", value)
            part.set("attr_host", effect.host)
            part.set("attr_set_type", "instance_attributes")
            part.set("attr_is_remote", "0")
            part.set("attr_is_private", "0")
        return element

    async def close(self) -> None:
        await self._worker.drain(1.0)
        if self._ipc is not None:
            await self._ipc.close()


class FencerPort:
    """The fencer, kept connected in the background. `on_result(token, ok, has_device)`, `on_notice(…)`."""

    def __init__(
        self,
        settings: NodeSettings,
        on_result: Callable[[int, bool, bool], None],
        on_notice: Callable[[str, str, str, bool], None],
    ) -> None:
        self._settings = settings
        self._on_result = on_result
        self._on_notice = on_notice
        self._client: FencerClient | None = None
        self._ready = asyncio.Event()
        self._keeper = asyncio.get_running_loop().create_task(self._keep())
        self._tasks: set[asyncio.Task[None]] = set()

    async def _keep(self) -> None:
        while True:
            gone = asyncio.Event()
            client = FencerClient(self._settings, name=CLIENT_NAME, on_notify=self._notified, on_lost=gone.set)
            try:
                await client.connect(30.0)
                self._client = client
                self._ready.set()
                await gone.wait()
            except _FAILURES as error:
                log.debug("fencer: %s", error)
            self._ready.clear()
            self._client = None
            with contextlib.suppress(*_FAILURES):
                await client.close()
            await asyncio.sleep(_RECONNECT)

    def fence(self, asked: fx.RequestFencing) -> None:
        task = asyncio.get_running_loop().create_task(self._fence(asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fence(self, asked: fx.RequestFencing) -> None:
        ok, has_device = False, True
        try:
            async with asyncio.timeout(10):
                await self._ready.wait()
            client = self._client
            if client is not None:
                outcome = await client.fence(asked.target, asked.action, asked.timeout, delay=asked.delay)
                ok, has_device = outcome.ok, not outcome.no_device
                if not ok:
                    log.warning("fencing of %s: %s", asked.target, outcome.reason or f"status {outcome.status}")
        except _FAILURES as error:
            log.warning("fencing of %s: %s", asked.target, error or "no answer from the fencer")
        self._on_result(asked.token, ok, has_device)

    def _notified(self, kind: str, element: etree._Element) -> None:
        if kind != "st_notify_fence":
            return
        if self._client is not None and element.get("st_clientid") == self._client.client_id:
            return
        ok = element.get("op-status", "0") == "0" and element.get("rc-code", "0") == "0"
        target, action = element.get("st_target", ""), element.get("st_device_action", "")
        self._on_notice(target, action, element.get("st_origin", ""), ok)

    async def close(self) -> None:
        self._keeper.cancel()
        for task in list(self._tasks):
            task.cancel()
        if self._client is not None:
            await self._client.close()


class SchedulerPort:
    """The scheduler. `on_reply(reference, graph, input file)`; an unreachable scheduler answers with no graph."""

    def __init__(self, settings: NodeSettings, on_reply: Callable[[str, etree._Element | None, str], None]) -> None:
        self._settings = settings
        self._on_reply = on_reply
        self._ipc: PacemakerClient | None = None
        self._awaited: list[str] = []
        self._worker = Worker()

    def invoke(self, reference: str, cib: etree._Element, feature_set: str) -> None:
        sender = f"{os.getpid()}_{CLIENT_NAME}"
        message = etree.Element("message", origin="do_schedulerd_api_call", t="pengine", subt="request")
        for name, value in (
            ("version", feature_set),
            ("reference", reference),
            ("crm_sys_from", sender),
            ("crm_sys_to", "pengine"),
            ("crm_task", "pe_calc"),
        ):
            message.set(name, value)
        etree.SubElement(message, "crm_xml").append(cib)
        self._worker.put(lambda: self._invoke(reference, message))

    async def _invoke(self, reference: str, message: etree._Element) -> None:
        try:
            if self._ipc is None or not self._ipc.connected:
                self._ipc = PacemakerClient(self._settings, "pengine", on_event=self._event, on_lost=self._lost)
                await self._ipc.connect(10.0)
            self._awaited.append(reference)
            self._ipc.send(message)
        except _FAILURES as error:
            log.warning("scheduler: %s", error)
            self._lost()

    def _event(self, element: etree._Element) -> None:
        reference = element.get("reference", "")
        if element.get("crm_task") != "pe_calc" or reference not in self._awaited:
            return
        self._awaited.remove(reference)
        graph = element.find("crm_xml/transition_graph")
        self._on_reply(reference, graph, element.get("crm-tgraph-in", ""))

    def _lost(self) -> None:
        self._ipc = None
        while self._awaited:
            self._on_reply(self._awaited.pop(0), None, "")

    async def close(self) -> None:
        await self._worker.drain(0.0)
        self._awaited.clear()
        if self._ipc is not None:
            await self._ipc.close()
