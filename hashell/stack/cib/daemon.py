"""The CIB manager's process: three IPC endpoints, the group `cib` and the files, around `CibCore`."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import logging
import os
import pwd
import time
from collections.abc import Iterable

from lxml import etree

from hashell.model.diagnostics import Diagnostic, Severity
from hashell.model.document import copy_tree
from hashell.model.exitcodes import ExitCode
from hashell.model.version import CibVersion
from hashell.model.xmltext import compact
from hashell.stack.cib.core import (
    AckClient,
    CibCore,
    Exit,
    NotifyClients,
    ReplyClient,
    SendPeer,
    WriteDisk,
)
from hashell.stack.cib.storage import CibNotWritten, CibStorage, Folder
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.runtime import TimerTable, log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.cluster import ClusterLink
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request, cluster_ids
from hashell.stack.wire.peers import Peer

CLUSTER_USER = "hacluster"
#: Seconds until a write that failed is tried again.
RETRY_SECONDS = 5.0
SERVICES = ("cib_rw", "cib_ro", "cib_shm")
_SEVERITY = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}

log = logging.getLogger("cib")


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Serve until `stop` is set and the peers know it; returns the exit code.

    Raises HashellError when the node list or an endpoint cannot be used.
    """
    return await CibDaemon(settings, stop).run()


class DiskWriter:
    """Writes the newest document handed to it, one write at a time, away from the event loop.

    What could not be written, on a full disk for instance, is tried again every `retry` seconds until it is: a change
    that was acknowledged must not wait for the next one.
    """

    def __init__(self, storage: CibStorage, retry: float = RETRY_SECONDS) -> None:
        self._storage = storage
        self._retry = retry
        self._waiting: etree._Element | None = None
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._finishing = self._failing = False

    def write(self, document: etree._Element) -> None:
        self._waiting = document
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._waiting is not None:
            document, self._waiting = copy_tree(self._waiting), None
            self._wake.clear()
            notes = await asyncio.to_thread(self._storage.save, document, time.ctime())
            if self._written(notes, CibVersion.of(document)) or self._finishing:
                continue
            if self._waiting is None:
                self._waiting = document
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._retry):
                    await self._wake.wait()

    def _written(self, notes: list[Diagnostic], version: CibVersion) -> bool:
        """Say what there is to say, of a failure that lasts only once; True when the document is on disk."""
        failed = any(isinstance(note, CibNotWritten) for note in notes)
        if not (failed and self._failing):
            _report(notes)
        if self._failing and not failed:
            log.log(log_level("notice"), "version %s of the CIB is written: the disk takes it again", version)
        self._failing = failed
        return not failed

    async def finish(self) -> None:
        """Wait until everything handed over is written, or was tried once more."""
        self._finishing = True
        self._wake.set()
        if self._task is not None:
            await self._task


class CibDaemon:
    def __init__(self, settings: NodeSettings, stop: asyncio.Event) -> None:
        self._settings = settings
        self._stop = stop
        self._done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._timers = TimerTable(self._timer)
        self._core: CibCore | None = None
        self._clients: dict[str, tuple[Client, dict[int, Request]]] = {}
        storage = CibStorage(Folder(settings.cib_dir, _owner(settings)), str(settings.cib_dir))
        self._loaded = storage.load()
        self._writer = DiskWriter(storage)
        self._servers = [
            PacemakerServer(
                settings, name, on_request=self._request, on_connect=self._opened, on_close=self._closed
            )
            for name in SERVICES
        ]
        self._link = ClusterLink(
            settings, "cib", on_message=self._message, on_peers=self._peers, on_lost=self._lost
        )

    async def run(self) -> int:
        _report(self._loaded.notes)
        if not await self._link.connect(self._stop):
            return ExitCode.OK
        for server in self._servers:
            await server.start()
        log.log(log_level("notice"), "serving version %s of the CIB", CibVersion.of(self._loaded.document))
        stopping: asyncio.Future[object] = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([stopping, self._done], return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
            if not self._done.done():
                for server in self._servers:
                    server.accepting = False
                self._run(self._made().shutdown(time.time()))
            return await self._done
        finally:
            stopping.cancel()
            self._timers.cancel_all()
            for server in self._servers:
                await server.close()
            await self._writer.finish()
            await self._link.close()

    def _made(self) -> CibCore:
        """The core, made when our name is known: a message or client may come before `connect` returns."""
        if self._core is None:
            self._core = CibCore(
                self._link.name,
                self._loaded.document,
                status=self._loaded.status,
                clock_text=time.ctime,
                groups=unix_groups,
            )
        return self._core

    # -- input -----------------------------------------------------------------------------------------------

    def _opened(self, client: Client) -> None:
        self._clients[client.id] = (client, {})
        read_only = client.service == "cib_ro"
        # An embedded node's daemons are those of the user who started it: to the CIB they are the cluster's own.
        user = CLUSTER_USER if client.privileged and client.uid else client.user
        self._run(
            self._made().client_opened(client.id, user=user, privileged=client.privileged, read_only=read_only)
        )

    def _closed(self, client: Client) -> None:
        self._clients.pop(client.id, None)
        self._run(self._made().client_closed(client.id))

    def _request(self, client: Client, request: Request) -> None:
        entry = self._clients.get(client.id)
        if entry is None:
            return
        if request.wants_response:
            entry[1][request.id] = request
        if request.element.get("cib_op") == "register":
            client.name = request.element.get("cib_clientname") or client.name
        self._run(self._made().client_request(client.id, request.id, request.element, time.time()))

    def _message(self, sender: Peer, element: etree._Element) -> None:
        self._run(self._made().peer_message(sender.name, element, time.time()))

    def _peers(self, members: list[Peer], _joined: list[Peer], _left: list[Peer]) -> None:
        self._run(self._made().peers([peer.name for peer in members], time.time()))

    def _timer(self, name: str) -> None:
        self._run(self._made().timer(name, time.time()))

    def _lost(self) -> None:
        if not self._done.done():
            code = ExitCode.OK if self._stop.is_set() else ExitCode.DISCONNECT
            if code:
                log.error("lost the connection to the membership daemon: ending")
            self._done.set_result(code)

    # -- output ----------------------------------------------------------------------------------------------

    def _run(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendPeer():
                    self._link.send(effect.element, to=effect.to)
                case ReplyClient():
                    self._reply(effect)
                case AckClient():
                    entry = self._clients.get(effect.client_id)
                    request = entry[1].pop(effect.request_id, None) if entry else None
                    if entry and request:
                        entry[0].ack(request, effect.status)
                case NotifyClients():
                    self._notify(effect)
                case WriteDisk():
                    self._writer.write(effect.document)
                case SetTimer():
                    self._timers.set(effect.name, effect.seconds)
                case CancelTimer():
                    self._timers.cancel(effect.name)
                case LogLine():
                    log.log(log_level(effect.level), effect.text)
                case Exit():
                    if not self._done.done():
                        self._done.set_result(effect.code)

    def _reply(self, effect: ReplyClient) -> None:
        entry = self._clients.get(effect.client_id)
        if entry is None:
            return
        client, open_requests = entry
        request = open_requests.pop(effect.request_id, None)
        if effect.sync and request is not None:
            client.respond(request, effect.element)
        else:
            client.event(effect.element)

    def _notify(self, effect: NotifyClients) -> None:
        text = compact(effect.element)
        for client_id in effect.client_ids:
            entry = self._clients.get(client_id)
            if entry is not None:
                entry[0].event(text, notification=True)


def unix_groups(user: str) -> tuple[str, ...]:
    """Names of the UNIX groups of a user; empty for a user this machine does not know."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return ()
    names = []
    for gid in os.getgrouplist(user, entry.pw_gid):
        try:
            names.append(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue
    return tuple(names)


def _owner(settings: NodeSettings) -> tuple[int, int] | None:
    user, group = cluster_ids(settings)
    return (user, group) if os.geteuid() == 0 and user is not None and group is not None else None


def _report(notes: Iterable[Diagnostic]) -> None:
    for note in notes:
        remedy = note.remedy()
        log.log(log_level(_SEVERITY[note.severity]), note.text() + (f"; {remedy}" if remedy else ""))

