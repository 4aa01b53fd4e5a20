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

from hashell.model.alerts import FENCING, AlertEvent
from hashell.model.document import CallOption
from hashell.model.outcomes import ExecStatus, attempt_words, exit_words
from hashell.model.values import integer_of
from hashell.model.xmltext import parse
from hashell.stack.background import BackgroundTasks
from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.history import Operation
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.attrdclient import AttrdClient
from hashell.stack.wire.cibclient import command
from hashell.stack.wire.fencerclient import FencerClient
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.lrmdclient import LrmdClient, LrmdError, LrmdEvent
from hashell.stack.wire.pacemaker import PacemakerClient

log = logging.getLogger(__name__)

CLIENT_NAME = "crmd"
ExecutorEffect = fx.RegisterResource | fx.UnregisterResource | fx.ExecuteOperation | fx.CancelOperation
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
        register = command("register", options=CallOption.SYNC_CALL)
        register.set("cib_clientname", CLIENT_NAME)
        await self._ipc.request(register)
        subscribe = etree.Element("cib-callback", cib_op="cib_notify", cib_notify_type="cib_diff_notify")
        subscribe.set("cib_notify_activate", "1")
        await self._ipc.request(subscribe)

    def request(self, asked: fx.CibRequest) -> None:
        element = command(
            asked.op, section=asked.section, data=asked.element, options=asked.options, call_id=asked.call_id,
            host=asked.host, user=asked.user,
        )  # fmt: skip
        try:
            self._ipc.send(element)
        except IpcError as error:
            log.warning("CIB request %d not sent: %s", asked.call_id, error)

    def _event(self, element: etree._Element) -> None:
        if element.get("cib_notify_type") or element.get("t") == "cib_notify":
            self._on_change(element)
            return
        if element.tag == "cib-reply" or element.get("cib_callid"):
            data = element.find("cib_calldata")
            output = data[0] if data is not None and len(data) else None
            self._on_reply(integer_of(element, "cib_callid"), integer_of(element, "cib_rc"), output)

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
        self._fetches = BackgroundTasks()

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
        self._fetches.start(self._fetch(effect))

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
        await self._fetches.cancel()
        await self._client.close()


class AttributesPort:
    """The attribute manager; connected when first needed and again after it was lost."""

    def __init__(self, settings: NodeSettings) -> None:
        self._client = AttrdClient(settings, CLIENT_NAME, timeout=10.0)
        self._worker = Worker()

    def do(self, effect: fx.AttrdUpdate | fx.AttrdClearFailures | fx.AttrdPurge) -> None:
        self._worker.put(lambda: self._send(effect))

    async def _send(self, effect: fx.AttrdUpdate | fx.AttrdClearFailures | fx.AttrdPurge) -> None:
        for attempt in (1, 2, 3):
            try:
                await self._client.connect(10.0)
                await self._ask(effect)
                return
            except _FAILURES as error:
                log.warning("attribute manager (attempt %d): %s", attempt, error)
                await self._client.close()
                await asyncio.sleep(_RECONNECT)

    async def _ask(self, effect: fx.AttrdUpdate | fx.AttrdClearFailures | fx.AttrdPurge) -> None:
        if isinstance(effect, fx.AttrdClearFailures):
            interval = f"{effect.interval_ms}ms" if effect.operation else None
            await self._client.clear_failures(effect.resource, effect.operation or None, interval, effect.host)
        elif isinstance(effect, fx.AttrdPurge):
            await self._client.remove_node(effect.host)
        elif len(effect.values) == 1:
            await self._client.update(*effect.values[0], effect.host)
        else:
            await self._client.update_together(effect.values, effect.host)

    async def close(self) -> None:
        await self._worker.drain(1.0)
        await self._client.close()


class FencerPort:
    """The fencer, kept connected in the background. `on_result(token, ok, has_device)`, `on_notice(…)`."""

    def __init__(
        self,
        settings: NodeSettings,
        on_result: Callable[[int, bool, bool], None],
        on_notice: Callable[[str, str, str, bool], None],
        tell: Callable[[AlertEvent], None],
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._on_result = on_result
        self._on_notice = on_notice
        self._client: FencerClient | None = None
        self._ready = asyncio.Event()
        self._tasks = BackgroundTasks()
        self._tasks.start(self._keep())

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
        self._tasks.start(self._fence(asked))

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
        self._tell(_fencing_event(element))
        if self._client is not None and element.get("st_clientid") == self._client.client_id:
            return
        ok = element.get("op-status", "0") == "0" and element.get("rc-code", "0") == "0"
        target, action = element.get("st_target", ""), element.get("st_device_action", "")
        self._on_notice(target, action, element.get("st_origin", ""), ok)

    async def close(self) -> None:
        await self._tasks.cancel()
        if self._client is not None:
            await self._client.close()


def _fencing_event(element: etree._Element) -> AlertEvent:
    """A finished fencing in the words of the original's history, for alert agents."""
    rc, status = integer_of(element, "rc-code"), integer_of(element, "op-status")
    target, action = element.get("st_target", ""), element.get("st_device_action", "")
    outcome = exit_words(rc) if status == ExecStatus.DONE else attempt_words(status)
    reason = element.get("exit-reason") if rc or status else None
    client = element.get("st_clientname") or "<unknown>"
    desc = (
        f"Operation {action} of {target} by {element.get('st_delegate') or '<no-one>'} for "
        f"{client}@{element.get('st_origin', '')}: {outcome}{f' ({reason})' if reason else ''} "
        f"(ref={element.get('st_remote_op', '')})"
    )
    return AlertEvent(FENCING, {"node": target, "task": "st_notify_fence", "desc": desc, "rc": str(rc)})


class SchedulerPort:
    """The scheduler. `on_reply(reference, graph, input file)`; one that goes away, or that cannot be reached in
    `patience` seconds, answers with no graph."""

    def __init__(
        self,
        settings: NodeSettings,
        on_reply: Callable[[str, etree._Element | None, str], None],
        patience: float = 10.0,
    ) -> None:
        self._settings = settings
        self._patience = patience
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
        # Before the first step that can fail: a question without an answer would keep the DC waiting for ever.
        self._awaited.append(reference)
        try:
            if self._ipc is None or not self._ipc.connected:
                self._ipc = PacemakerClient(self._settings, "pengine", on_event=self._event, on_lost=self._lost)
                await self._ipc.connect(self._patience)
            self._ipc.send(message)
        except _FAILURES as error:
            log.warning("scheduler: %s", error)
            ipc = self._ipc
            self._lost()
            if ipc is not None:
                await ipc.close()

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
