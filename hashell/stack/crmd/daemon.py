"""The controller daemon: the core of `core.py` joined to sockets, timers and the other daemons of the node.

Serves the IPC name `crmd`; a member of the CPG group `crmd` that follows the quorum. Exit codes: 0 after an orderly
stop, 100 to stay down, 101 to have the node reset, anything else to be started anew (daemons specification, 3.11).
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from lxml import etree

from hashell.model.exitcodes import ExitCode
from hashell.stack.background import BackgroundTasks
from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.core import Controller
from hashell.stack.crmd.ports import AttributesPort, CibPort, ExecutorPort, FencerPort, SchedulerPort
from hashell.stack.crmd.throttle import load_mode
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.runtime import TimerTable, log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.alerter import Alerter
from hashell.stack.wire.cluster import ClusterLink
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.lrmdclient import LrmdError
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request
from hashell.stack.wire.peers import Peer

log = logging.getLogger("crmd")

_CONNECT_WAIT = 60.0
_LOAD_PERIOD = 30.0
#: Seconds between two signs of life of this process to itself, and how late one may be.
_BEAT = 0.5
_LATE = 0.5
_DC_VERSION = "3.0.0-hashell"


class Daemon:
    """One run of the daemon, from connecting to the exit code."""

    def __init__(self, settings: NodeSettings, stop: asyncio.Event) -> None:
        self.settings = settings
        self.core: Controller | None = None
        self.exit_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._stop = stop
        self._beat = time.monotonic()
        self._early: list[Callable[[Controller], list[Effect]]] = []
        self._timers = TimerTable(self._fire)
        self._tasks = BackgroundTasks(lambda: self._exit(ExitCode.SOFTWARE))
        self.server = PacemakerServer(settings, "crmd", on_request=self._request)
        self.link = ClusterLink(
            settings,
            "crmd",
            on_message=self._message,
            on_peers=self._peers,
            on_quorum=self._quorum,
            on_lost=lambda: self.turn(lambda core: core.lost("the cluster", time.monotonic())),
            auto_reap=False,
        )
        self.cib = CibPort(
            settings,
            lambda call, rc, output: self.turn(lambda core: core.cib_reply(call, rc, output, time.monotonic())),
            lambda change: self.turn(lambda core: core.cib_changed(change, time.monotonic())),
            lambda: self.turn(lambda core: core.lost("the CIB manager", time.monotonic())),
        )
        self.executor = ExecutorPort(
            settings,
            lambda op: self.turn(lambda core: core.operation_result(op, time.monotonic())),
            lambda token, rc, why: self.turn(lambda core: core.operation_refused(token, rc, why, time.monotonic())),
            lambda token, rc: self.turn(lambda core: core.operation_cancelled(token, rc, time.monotonic())),
            lambda asked, text: self.turn(
                lambda core: core.metadata(asked.standard, asked.provider, asked.agent, text, time.monotonic())
            ),
            lambda: self.turn(lambda core: core.lost("the executor", time.monotonic())),
        )
        self.alerter = Alerter(settings, "crmd")
        self.fencer = FencerPort(
            settings,
            lambda token, ok, device: self.turn(lambda core: core.fencing_result(token, ok, device, time.monotonic())),
            lambda target, action, origin, ok: self.turn(
                lambda core: core.fencing_notice(target, action, origin, ok, time.monotonic())
            ),
            self.alerter.tell,
        )
        self.scheduler = SchedulerPort(
            settings,
            lambda reference, graph, source: self.turn(
                lambda core: core.scheduler_reply(reference, graph, source, time.monotonic())
            ),
        )
        self.attributes = AttributesPort(settings)

    async def run(self) -> int:
        """Connect, serve until the core exits; returns the exit code."""
        watcher = asyncio.get_running_loop().create_task(self._watch_stop())
        connecting = asyncio.get_running_loop().create_task(self._connect())
        waiting: list[asyncio.Future[Any]] = [connecting, self.exit_code]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done() and connecting.exception() is not None:
            log.error("cannot start: %s", connecting.exception())
            self._exit(ExitCode.DISCONNECT)
        self._tasks.start(self._measure_load())
        self._tasks.start(self._keep_beat())
        code = await self.exit_code
        for task in (watcher, connecting):
            task.cancel()
        await self._tasks.cancel()
        await self._close()
        return code

    async def _connect(self) -> None:
        await self.cib.connect(_CONNECT_WAIT)
        await self.executor.connect(_CONNECT_WAIT)
        await self.link.connect()
        log.info("node %s (%d)", self.link.name, self.link.nodeid)
        properties = {"have-watchdog": "false", "dc-version": _DC_VERSION, "cluster-infrastructure": "corosync"}
        if self.link.cluster_name:
            properties["cluster-name"] = self.link.cluster_name
        self.core = Controller(
            self.link.nodeid,
            self.link.name,
            _cpu_time,
            lambda: str(uuid.uuid4()),
            epoch=time.time,
            properties=properties,
            job_limit=2 * (os.cpu_count() or 1),
            node_list=list(self.link.names.values()),
        )
        early, self._early = self._early, []
        for call in early:
            self.turn(call)
        self.turn(lambda core: core.start(time.monotonic()))
        if self._stop.is_set():
            self.turn(lambda core: core.shutdown(time.monotonic()))

    async def _watch_stop(self) -> None:
        await self._stop.wait()
        if self.core is None:
            self._exit(ExitCode.OK)
        else:
            self.turn(lambda core: core.shutdown(time.monotonic()))

    async def _keep_beat(self) -> None:
        while True:
            self._notice_stall()
            self._beat = time.monotonic()
            await asyncio.sleep(_BEAT)

    def _notice_stall(self) -> None:
        """Before anything else is done after a pause of this process, whatever wakes it first."""
        now = time.monotonic()
        missed = now - self._beat - _BEAT
        if missed > _LATE:
            self._beat = now
            self.turn(lambda core: core.stalled(missed, now))

    async def _measure_load(self) -> None:
        cores = os.cpu_count() or 1
        while True:
            await asyncio.sleep(_LOAD_PERIOD)
            if self.core is not None:
                options = self.core.ctx.options
                mode = int(load_mode(os.getloadavg()[0], 0.0, cores, options.load_threshold))
                limit = options.node_action_limit or 2 * cores
                self.turn(partial(_report_load, mode, limit))

    def _exit(self, code: int) -> None:
        """End with this code, unless another was decided before."""
        if not self.exit_code.done():
            self.exit_code.set_result(int(code))

    async def _close(self) -> None:
        self._timers.cancel_all()
        await self.link.close()
        await self.alerter.close()
        for port in (self.attributes, self.executor, self.fencer, self.scheduler, self.cib):
            await port.close()
        await self.server.close()

    # Turns

    def turn(self, call: Callable[[Controller], list[Effect]]) -> None:
        """One input of the core, its effects carried out in order; kept for later while there is no core yet."""
        if self.core is None:
            self._early.append(call)
            return
        if self.exit_code.done():
            return
        self._notice_stall()
        try:
            effects = call(self.core)
        except Exception:
            log.exception("internal error in the controller; starting anew")
            self._exit(ExitCode.SOFTWARE)
            return
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, LogLine):
            log.log(log_level(effect.level), "%s", effect.text)
        elif isinstance(effect, SetTimer):
            self._timers.set(effect.name, effect.seconds)
        elif isinstance(effect, CancelTimer):
            self._timers.cancel(effect.name)
        elif isinstance(effect, fx.SendPeer):
            self.link.send(effect.element, to=effect.to, to_daemon=effect.to_daemon)
        elif isinstance(effect, fx.CibRequest):
            self.cib.request(effect)
        elif isinstance(effect, fx.ReplyClient):
            client = self.server.clients.get(effect.client_id)
            if client is not None:
                client.event(effect.element)
        elif isinstance(effect, fx.ExitDaemon):
            self._exit(effect.code)
        elif isinstance(effect, fx.OpenIpc):
            self._tasks.start(self.server.start())
        else:
            self._ask(effect)

    def _ask(self, effect: Effect) -> None:
        if isinstance(effect, fx.InvokeScheduler):
            assert self.core is not None
            self.scheduler.invoke(effect.reference, effect.cib, self.core.ctx.feature_set)
        elif isinstance(effect, fx.GetMetadata):
            self.executor.metadata(effect)
        elif isinstance(
            effect, fx.RegisterResource | fx.UnregisterResource | fx.ExecuteOperation | fx.CancelOperation
        ):
            self.executor.do(effect)
        elif isinstance(effect, fx.RequestFencing):
            self.fencer.fence(effect)
        elif isinstance(effect, fx.TellAlerts):
            self.alerter.tell(effect.event)
        elif isinstance(effect, fx.AttrdUpdate | fx.AttrdClearFailures | fx.AttrdPurge):
            self.attributes.do(effect)
        else:
            log.error("effect %s is not known", type(effect).__name__)

    # What comes in

    def _fire(self, name: str) -> None:
        self.turn(lambda core: core.timer(name, time.monotonic()))

    def _message(self, sender: Peer, element: etree._Element) -> None:
        self.turn(lambda core: core.peer_message(sender.name, element, time.monotonic()))

    def _peers(self, members: list[Peer], joined: list[Peer], left: list[Peer]) -> None:
        present = [(peer.nodeid, peer.name or f"node{peer.nodeid}") for peer in members]
        self.turn(lambda core: core.cpg_members(present, time.monotonic()))

    def _quorum(self, quorate: bool, ring_id: int, members: list[int]) -> None:
        names = [(node_id, self.link.peers.name_of(node_id) or f"node{node_id}") for node_id in members]
        self.turn(lambda core: core.quorum(quorate, str(ring_id), names, time.monotonic()))

    def _request(self, client: Client, request: Request) -> None:
        element = request.element
        if element.get("crm_task") == "hello" and not self._introduce(client, element):
            client.close()
            return
        client.ack(request, ExitCode.INDETERMINATE, function="dispatch_controller_ipc")
        # An embedded node's daemons are those of the user who started it: to the CIB they are the cluster's own.
        element.set("crm_user", "hacluster" if client.privileged and client.uid else client.user)
        self.turn(lambda core: core.client_request(client.id, element, time.monotonic()))

    @staticmethod
    def _introduce(client: Client, hello: etree._Element) -> bool:
        options = hello.find("crm_xml/options")
        if options is None or not options.get("client_name") or not options.get("major_version", "").isdigit():
            return False
        client.name = options.get("client_name") or client.name
        return True


def _report_load(mode: int, limit: int, core: Controller) -> list[Effect]:
    return core.load(mode, limit, time.monotonic())


def _cpu_time() -> tuple[int, int]:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    return int(used), int((used % 1) * 1_000_000)


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Run the controller of this node until it ends; returns its exit code."""
    try:
        return await Daemon(settings, stop).run()
    except (IpcError, LrmdError, TimeoutError) as error:
        log.error("cannot go on: %s", error)
        return int(ExitCode.DISCONNECT)
