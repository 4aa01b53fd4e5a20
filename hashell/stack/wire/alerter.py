"""Has the executor run the alert agents that the CIB names, for whichever daemon has something to tell of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from lxml import etree

from hashell.model.alerts import Alert, AlertEvent, read_alerts
from hashell.model.dates import from_epoch
from hashell.model.document import CallOption
from hashell.model.values import integer_of
from hashell.stack.background import BackgroundTasks
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.cibclient import command
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.lrmdclient import LrmdClient, LrmdError
from hashell.stack.wire.pacemaker import PacemakerClient

_RECONNECT_SECONDS = 1.0
_FAILURES = (IpcError, LrmdError, TimeoutError, OSError)
#: Events that happen before the alerts are known; older ones are dropped.
_KEPT_EVENTS = 100

log = logging.getLogger(__name__)


class Alerter:
    """Follows the alerts of the CIB by a connection of its own, so that no daemon waits for it.

    `name` is the daemon's, for the connections. What cannot be told is logged and dropped: an alert must never hold
    up the cluster.
    """

    def __init__(self, settings: NodeSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._alerts: list[Alert] | None = None  #: None until they were read
        self._early: list[tuple[AlertEvent, float]] = []
        self._executor: LrmdClient | None = None
        self._connecting = asyncio.Lock()
        self._stale = asyncio.Event()
        self._tasks = BackgroundTasks()
        self._tasks.start(self._follow())

    def tell(self, event: AlertEvent) -> None:
        """Run every agent that wants this event; returns at once."""
        self._dispatch(event, time.time())

    def _dispatch(self, event: AlertEvent, wall: float) -> None:
        if self._alerts is None:
            self._early = [*self._early[1 - _KEPT_EVENTS :], (event, wall)]
            return
        for alert in self._alerts:
            if alert.wants(event):
                self._tasks.start(self._run(alert, alert.environment(event, wall)))

    async def _run(self, alert: Alert, env: dict[str, str]) -> None:
        try:
            async with self._connecting:
                if self._executor is None or not self._executor.connected:
                    self._executor = LrmdClient(
                        self._settings, on_event=lambda _event: None, on_lost=lambda: None, name=f"{self._name}-alerts"
                    )
                    await self._executor.connect()
            await self._executor.alert(alert.ident, alert.path, env, timeout_ms=alert.timeout_ms)
        except _FAILURES as error:
            log.warning("alert %s could not be run: %s", alert.ident, error)

    # -- the CIB ---------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            gone = asyncio.Event()
            cib = PacemakerClient(self._settings, "cib_ro", on_event=self._changed, on_lost=gone.set)
            with contextlib.suppress(*_FAILURES):
                await cib.connect(_RECONNECT_SECONDS)
                await self._subscribe(cib)
                self._stale.set()
                while not gone.is_set():
                    await self._wait(gone)
                    if self._stale.is_set():
                        self._stale.clear()
                        await self._read(cib)
            await cib.close()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _wait(self, gone: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (gone, self._stale)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _subscribe(self, cib: PacemakerClient) -> None:
        register = command("register", options=CallOption.SYNC_CALL)
        register.set("cib_clientname", f"{self._name}-alerts")
        await cib.request(register)
        subscribe = etree.Element("cib-callback", cib_op="cib_notify", cib_notify_type="cib_diff_notify")
        subscribe.set("cib_notify_activate", "1")
        await cib.request(subscribe)

    async def _read(self, cib: PacemakerClient) -> None:
        answer = await cib.request(command("cib_query", section="alerts", options=CallOption.SYNC_CALL, call_id=2))
        data = answer.find("cib_calldata")
        section = data[0] if data is not None and len(data) and integer_of(answer, "cib_rc") == 0 else None
        self._alerts = read_alerts(section, from_epoch(int(time.time())))
        early, self._early = self._early, []
        for event, wall in early:
            self._dispatch(event, wall)

    def _changed(self, notification: etree._Element) -> None:
        diff = next(notification.iter("diff"), None)
        if diff is not None and concerns_alerts(diff):
            self._stale.set()

    async def close(self) -> None:
        await self._tasks.cancel()
        if self._executor is not None:
            await self._executor.close()


def concerns_alerts(diff: etree._Element) -> bool:
    """Whether a patchset may have changed the alerts: they, or what holds them, were touched."""
    for change in diff.iter("change"):
        path = change.get("path", "")
        if "/alerts" in path or (path in ("/cib", "/cib/configuration") and change.find(".//alerts") is not None):
            return True
    return False
