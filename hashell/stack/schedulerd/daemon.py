"""The scheduler daemon: the policy engine behind the IPC name `pengine`, in a process of its own.

A request carries the whole CIB, the answer the transition graph and where the input was saved (ipc.md, section 3.7).
Computing happens in a thread, one input at a time, so that new clients are answered meanwhile. A client that asks
again has a newer CIB: what it asked before is not computed any more, or its answer not sent.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from lxml import etree

from hashell.model.dates import local_now
from hashell.model.diagnostics import Severity
from hashell.model.document import copy_tree
from hashell.model.exitcodes import ExitCode
from hashell.model.values import integer
from hashell.stack.schedulerd.inputs import DEFAULTS, InputStore
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import envelope
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request

if TYPE_CHECKING:
    from hashell.stack.pengine import Schedule

log = logging.getLogger("schedulerd")

_LEVELS = {Severity.ERROR: logging.ERROR, Severity.WARNING: logging.WARNING, Severity.NOTE: logging.INFO}


class Daemon:
    """Serves `pe_calc` requests."""

    def __init__(self, settings: NodeSettings) -> None:
        self.server = PacemakerServer(settings, "pengine", on_request=self._request)
        self._store = InputStore(settings.pengine_dir)
        self._busy = asyncio.Lock()
        self._newest: dict[Client, etree._Element] = {}  #: the last request of each client that wants an answer
        self._runs = 0

    async def _request(self, client: Client, request: Request) -> None:
        message = request.element
        task = message.get("crm_task", "")
        if message.tag != "message" or not task:
            return
        known = task == "pe_calc"
        client.ack(request, ExitCode.INDETERMINATE if known else ExitCode.INVALID_PARAM, function="pe_ipc_dispatch")
        if not known or message.get("crm_sys_to") != "pengine" or message.get("subt") == "response":
            return
        cib = envelope.payload(message)
        if cib is None or cib.tag != "cib":
            log.error("request of %r has no CIB in it", client)
            return
        self._newest[client] = message
        async with self._busy:
            if self._newest.get(client) is not message:
                log.debug("request of %r has been replaced by a newer one", client)
                return
            answer = await self._compute(message, cib)
        if self._newest.get(client) is not message:
            log.debug("a newer request of %r makes an answer useless", client)
            return
        del self._newest[client]
        if client.connected:
            client.event(answer)

    async def _compute(self, message: etree._Element, cib: etree._Element) -> etree._Element:
        """The reply to a request; one without a graph when the policy engine fails, for the controller to try again."""
        self._runs += 1
        now = time.time()
        graph: etree._Element | None = None
        series = "pe-error"
        try:
            result, graph = await asyncio.to_thread(_schedule, cib, now, self._runs)
            series = _series(result)
            for note in result.messages:
                log.log(_LEVELS[note.severity], "%s", note)
        except Exception:
            log.exception("the policy engine failed on an input, which is saved")
        path = await asyncio.to_thread(self._store.save, cib, series, _limit(cib, series), int(now))
        answer = envelope.reply(message, graph, origin="handle_pecalc_request")
        if path:
            answer.set("crm-tgraph-in", path)
        log.info("transition %d: %s", self._runs, path or "input not saved")
        return answer


def _schedule(cib: etree._Element, now: float, number: int) -> tuple[Schedule, etree._Element | None]:
    """Run the policy engine, which is loaded with the first input, on a copy of it; with the graph."""
    from hashell.stack.pengine import schedule
    from hashell.stack.pengine.collector import collector_paused
    from hashell.stack.pengine.unpack.upgrade import upgrade

    moment = local_now(int(now), time.localtime(now).tm_gmtoff)
    newest = copy_tree(cib)
    upgrade(newest)
    with collector_paused():
        result = schedule(newest, now=moment, transition_id=number)
        return result, result.graph


def _series(result: Schedule) -> str:
    """The series of saved inputs that a result belongs to."""
    worst = {message.severity for message in result.messages}
    if Severity.ERROR in worst:
        return "pe-error"
    return "pe-warn" if Severity.WARNING in worst else "pe-input"


def _limit(cib: etree._Element, series: str) -> int:
    """How many inputs of a series the cluster keeps (`pe-input-series-max` and so on)."""
    for pair in cib.iterfind("configuration/crm_config//nvpair"):
        if pair.get("name") == f"{series}-series-max":
            return integer(pair.get("value"), DEFAULTS[series])
    return DEFAULTS[series]


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Serve until told to stop; returns 0."""
    daemon = Daemon(settings)
    await daemon.server.start()
    await stop.wait()
    await daemon.server.close()
    return int(ExitCode.OK)
