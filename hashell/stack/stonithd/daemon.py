"""The fencer's process: IPC `stonith-ng`, the group of fencers, the CIB, fence agents as children, timers."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
import uuid

from lxml import etree

from hashell.model.agentmeta import AgentMetadata, parse_metadata
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import FenceResult
from hashell.ra.environment import daemon_environment
from hashell.ra.fence import FenceAgents
from hashell.ra.leftovers import AgentRecord
from hashell.ra.registry import agent_folder
from hashell.ra.secrets import SecretMissing, resolve, secrets_folder
from hashell.stack.background import BackgroundTasks
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.runtime import TimerTable, log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.stonithd.cibdevices import concerns_fencing, read_configuration
from hashell.stack.stonithd.core import Fencer
from hashell.stack.stonithd.effects import Acknowledge, Answer, ClientEvent, FetchAgent, RunAgent, SendPeers
from hashell.stack.stonithd.operation import Moment
from hashell.stack.wire.cibclient import CibClient, CibError
from hashell.stack.wire.cluster import ClusterLink
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request
from hashell.stack.wire.peers import Peer

_CIB_RETRY = 1.0

log = logging.getLogger(__name__)


def _moment() -> Moment:
    return Moment(time.monotonic(), time.time(), str(uuid.uuid4()), random.getrandbits(30))


class FencerDaemon:
    """Carries out the effects of one Fencer. `lost` is set when the cluster is gone, or work has failed inside."""

    def __init__(self, settings: NodeSettings) -> None:
        env = daemon_environment(settings, os.environ, sys.executable)
        env["PCMK_service"] = "pacemaker-fenced"
        self._settings = settings
        self._record = AgentRecord(settings.run_dir / "agents-stonithd")
        self._agents = FenceAgents(env, sys.executable, agent_folder(settings), self._record)
        self._core = Fencer(settings.name)
        self._timers = TimerTable(lambda name: self._apply(self._core.timer(name, _moment())))
        self._cib: CibClient | None = None
        self._rebuild: asyncio.Handle | None = None
        self.lost = asyncio.Event()
        self._tasks = BackgroundTasks()
        self._following = BackgroundTasks(self.lost.set)
        self._link = ClusterLink(
            settings, "stonith-ng", on_message=self._message, on_peers=self._peers, on_lost=self.lost.set
        )
        self._server = PacemakerServer(
            settings, "stonith-ng", on_request=self._request, on_close=self._closed, on_connect=self._connected
        )

    async def start(self) -> None:
        """Join the cluster and serve. Raises HashellError (name taken, unusable node list)."""
        self._core = Fencer(self._settings.name)
        await self._record.end_former()
        await self._link.connect()
        if self._link.name != self._core.local:
            # Nothing was asked of the nameless core before we knew who we are, but the group's first view.
            self._core = Fencer(self._link.name)
            self._peers(self._link.peers.active(), self._link.peers.active(), [])
        await self._server.start()
        self._following.start(self._follow_cib())

    async def close(self) -> None:
        await self._server.close()
        self._timers.cancel_all()
        if self._rebuild:
            self._rebuild.cancel()
        await self._following.cancel()
        await self._tasks.cancel()
        if self._cib:
            await self._cib.close()
        await self._link.close()

    # --- the CIB

    async def _follow_cib(self) -> None:
        """Stay subscribed to the CIB, whatever happens to its manager."""
        while True:
            gone = asyncio.Event()
            self._cib = CibClient(
                self._settings, "stonith-ng", on_diff=self._changed, on_lost=gone.set
            )
            try:
                await self._cib.connect(wait=10.0)
                self._configure()
                await gone.wait()
                log.warning("the CIB manager has gone away")
            except (IpcError, CibError, TimeoutError) as error:
                log.info("waiting for the CIB manager: %s", error)
            await self._cib.close()
            await asyncio.sleep(_CIB_RETRY)

    def _changed(self, notification: etree._Element | None) -> None:
        if notification is not None and not concerns_fencing(notification):
            return
        if self._rebuild is None:
            self._rebuild = asyncio.get_running_loop().call_soon(self._configure)

    def _configure(self) -> None:
        self._rebuild = None
        cib = self._cib.cib if self._cib else None
        if cib is None:
            return
        try:
            found = read_configuration(cib, self._core.local, time.time())
        except Exception:
            log.exception("fencing is configured in a way that cannot be read; what was known stays")
            return
        self._core.nodeids.update(found.nodeids)
        self._apply(self._core.configure(found.devices, found.levels, found.attributes, time.monotonic()))

    # --- inputs

    def _peers(self, members: list[Peer], joined: list[Peer], left: list[Peer]) -> None:
        for peer in members:
            self._core.nodeids.setdefault(peer.name.lower(), str(peer.nodeid))
        names = [[peer.name for peer in peers] for peers in (members, joined, left)]
        self._apply(self._core.members(names[0], names[1], names[2], _moment()))

    def _message(self, sender: Peer, element: etree._Element) -> None:
        self._apply(self._core.peer_message(sender.name, element, _moment()))

    def _connected(self, client: Client) -> None:
        self._apply(self._core.connected(client.id, client.pid, client.privileged))

    def _closed(self, client: Client) -> None:
        self._apply(self._core.closed(client.id))

    def _request(self, client: Client, request: Request) -> None:
        if request.element.get("crm_task") == "rm_node_cache" and client.privileged:
            self._link.peers.forget(0, request.element.get("uname") or "")
            return
        self._apply(self._core.client_request(client.id, (client, request), request.element, _moment()))

    # --- effects

    def _apply(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendPeers(element, to):
                    self._link.send(element, to=to or None)
                case RunAgent():
                    self._tasks.start(self._run(effect))
                case FetchAgent(agent):
                    self._tasks.start(self._fetch(agent))
                case Answer(_, (client, request), sync, element):
                    self._answer(client, request, sync, element)
                case ClientEvent(ident, element):
                    if (known := self._server.clients.get(ident)) is not None:
                        known.event(element)
                case Acknowledge(_, (client, request), status):
                    client.ack(request, status, function="handle_notify_request")
                case SetTimer(name, seconds):
                    self._timers.set(name, seconds)
                case CancelTimer(name):
                    self._timers.cancel(name)
                case LogLine(level, text):
                    log.log(log_level(level), text)

    @staticmethod
    def _answer(client: Client, request: Request, sync: bool, element: etree._Element) -> None:
        if not client.connected:
            return
        if sync and request.wants_response:
            client.respond(request, element)
        else:
            client.event(element)

    async def _run(self, effect: RunAgent) -> None:
        try:
            options = resolve(dict(effect.options), effect.device, secrets_folder(self._settings.state_dir))
            result = await self._agents.execute(effect.agent, list(options.items()), effect.timeout)
        except SecretMissing as error:
            result = FenceResult(1, ExecStatus.NO_SECRETS, str(error))
        except Exception as error:
            log.exception("agent %s could not be run", effect.agent)
            result = FenceResult(1, ExecStatus.ERROR, f"Internal error of the fencer: {error}")
        self._apply(self._core.agent_done(effect.run, result, _moment()))

    async def _fetch(self, agent: str) -> None:
        meta: AgentMetadata | None = None
        try:
            meta = parse_metadata(await self._agents.metadata(agent), f"stonith:{agent}")
        except HashellError as error:
            log.warning("%s", error)
        self._apply(self._core.agent_metadata(agent, meta, _moment()))


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Run the fencer until `stop` is set or the cluster is lost; returns the exit code of the process."""
    daemon = FencerDaemon(settings)
    ends = [asyncio.ensure_future(work) for work in (stop.wait(), daemon.lost.wait())]
    starting = asyncio.ensure_future(daemon.start())
    try:
        await asyncio.wait([starting, *ends], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    except HashellError as error:
        log.error("%s", error)
        return int(error.exit_code)
    finally:
        for task in [starting, *ends]:
            task.cancel()
        await asyncio.gather(starting, *ends, return_exceptions=True)
        await daemon.close()
    return int(ExitCode.DISCONNECT) if daemon.lost.is_set() and not stop.is_set() else 0
