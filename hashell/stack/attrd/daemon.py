"""The attribute manager's process: the endpoint `attrd`, the group `attrd` and the CIB, around `AttrdCore`."""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections.abc import Iterable
from functools import partial

from lxml import etree

from hashell.model.document import CallOption, Rc
from hashell.model.exitcodes import ExitCode
from hashell.stack.attrd.core import AttrdCore
from hashell.stack.attrd.effects import AckClient, CibCommit, CibDelete, ReplyClient, SendPeer, TellAlerts
from hashell.stack.attrd.messages import PROTOCOL
from hashell.stack.background import BackgroundTasks
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.runtime import TimerTable, log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.alerter import Alerter
from hashell.stack.wire.cibclient import CibClient, CibReply, transaction
from hashell.stack.wire.cluster import ClusterLink
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request
from hashell.stack.wire.peers import Peer

CLUSTER_USER = "hacluster"  #: whom ACLs do not bind
_RECONNECT_SECONDS = 1.0

log = logging.getLogger("attrd")


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Serve until `stop` is set; returns the exit code. Raises HashellError when the node list cannot be used."""
    return await AttrdDaemon(settings, stop).run()


def cpu_time() -> tuple[int, int]:
    """The CPU time used so far: whole seconds and microseconds."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    return int(used), int(used % 1 * 1_000_000)


class AttrdDaemon:
    def __init__(self, settings: NodeSettings, stop: asyncio.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._lost = False
        self._timers = TimerTable(self._timer)
        self._core: AttrdCore | None = None
        self._requests: dict[str, tuple[Client, dict[int, Request]]] = {}
        self._cib: CibClient | None = None
        self._failed = False
        self._tasks = BackgroundTasks(self._task_failed)
        self._alerter = Alerter(settings, "attrd")
        self._server = PacemakerServer(
            settings, "attrd", on_request=self._request, on_connect=self._opened, on_close=self._closed
        )
        self._link = ClusterLink(
            settings, "attrd", on_message=self._message, on_peers=self._peers, on_lost=self._link_lost
        )

    async def run(self) -> int:
        if not await self._link.connect(self._stop):
            return ExitCode.OK
        self._tasks.start(self._keep_cib())
        try:
            await self._server.start()
            self._run(self._made().start(time.time()))
            await self._stop.wait()
            self._run(self._made().shutdown(time.time()))
            if self._failed:
                return ExitCode.SOFTWARE
            return ExitCode.DISCONNECT if self._lost else ExitCode.OK
        finally:
            await self._tasks.cancel()
            self._timers.cancel_all()
            await self._server.close()
            await self._alerter.close()
            if self._cib is not None:
                await self._cib.close()
            await self._link.close()

    def _made(self) -> AttrdCore:
        """The core, made when our name is known: a message may come before `connect` returns."""
        if self._core is None:
            known = {name: str(nodeid) for nodeid, name in self._link.names.items()}
            self._core = AttrdCore(self._link.name, str(self._link.nodeid), cpu_time, known)
        return self._core

    def _link_lost(self) -> None:
        log.error("lost the connection to the membership daemon: ending")
        self._lost = True
        self._stop.set()

    def _task_failed(self) -> None:
        self._failed = True
        self._stop.set()

    # -- the CIB ---------------------------------------------------------------------------------------------

    async def _keep_cib(self) -> None:
        """Stay connected to the CIB manager, which may be restarted under us."""
        while True:
            gone = asyncio.Event()
            client = CibClient(self._settings, "pacemaker-attrd", on_lost=gone.set)
            try:
                await client.connect(_RECONNECT_SECONDS)
            except (IpcError, TimeoutError) as error:
                log.debug("the CIB manager cannot be reached: %s", error)
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            self._cib = client
            self._run(self._made().cib_connected(time.time()))
            await gone.wait()
            self._cib = None
            self._run(self._made().cib_lost(time.time()))
            await client.close()

    def _commit(self, effect: CibCommit) -> None:
        done = partial(self._committed, effect.number)
        if self._cib is None:
            asyncio.get_running_loop().call_soon(done, CibReply(Rc.ENOTCONN))
            return
        try:
            self._cib.send(
                "cib_commit_transact",
                data=transaction(effect.commands),
                user=effect.user or None,
                on_reply=done,
            )
        except IpcError:
            asyncio.get_running_loop().call_soon(done, CibReply(Rc.ENOTCONN))

    def _committed(self, number: int, reply: CibReply) -> None:
        self._run(self._made().cib_result(number, reply.rc, time.time()))

    async def _delete(self, xpath: str) -> None:
        while self._cib is None:
            await asyncio.sleep(_RECONNECT_SECONDS / 10)
        try:
            self._cib.send("cib_delete", section=xpath, options=CallOption.XPATH)
        except IpcError as error:
            log.warning("our old transient attributes could not be deleted: %s", error)

    # -- input -----------------------------------------------------------------------------------------------

    def _opened(self, client: Client) -> None:
        self._requests[client.id] = (client, {})

    def _closed(self, client: Client) -> None:
        self._requests.pop(client.id, None)
        self._run(self._made().client_closed(client.id))

    def _request(self, client: Client, request: Request) -> None:
        entry = self._requests.get(client.id)
        if entry is None:
            return
        if request.wants_response:
            entry[1][request.id] = request
        element = request.element
        user = CLUSTER_USER if client.privileged and client.uid else client.user
        element.set("acl_target", user)
        if not (client.privileged and element.get("attr_user")):
            element.set("attr_user", user)
        self._run(self._made().client_request(client.id, request.id, element, time.time()))

    def _message(self, sender: Peer, element: etree._Element) -> None:
        self._run(self._made().peer_message(sender.name, element, time.time()))

    def _peers(self, members: list[Peer], _joined: list[Peer], _left: list[Peer]) -> None:
        self._made().know({name: str(nodeid) for nodeid, name in self._link.names.items()})
        # A node that came before the node list told of it is told again with its name.
        self._run(self._made().peers([(peer.name, peer.xml_id) for peer in members if peer.name], time.time()))

    def _timer(self, name: str) -> None:
        self._run(self._made().timer(name, time.time()))

    # -- output ----------------------------------------------------------------------------------------------

    def _run(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendPeer():
                    self._link.send(effect.element, to=effect.to)
                case ReplyClient():
                    entry = self._requests.get(effect.client_id)
                    request = entry[1].pop(effect.request_id, None) if entry else None
                    if entry and request:
                        entry[0].respond(request, effect.element)
                case TellAlerts(event):
                    self._alerter.tell(event)
                case AckClient():
                    entry = self._requests.get(effect.client_id)
                    request = entry[1].pop(effect.request_id, None) if entry else None
                    if entry and request:
                        entry[0].ack(request, effect.status, ipc_protocol_version=PROTOCOL)
                case CibCommit():
                    self._commit(effect)
                case CibDelete():
                    self._tasks.start(self._delete(effect.xpath))
                case SetTimer():
                    self._timers.set(effect.name, effect.seconds)
                case CancelTimer():
                    self._timers.cancel(effect.name)
                case LogLine():
                    log.log(log_level(effect.level), effect.text)

