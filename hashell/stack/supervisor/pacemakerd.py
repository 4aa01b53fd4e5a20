"""The `pacemakerd` service: tells clients the state of the node, stops it for them, and checks the daemons' health.

It is a process of its own beside the supervisor, which tells it the state over a socket pair (ipc.md section 3.1,
daemons.md section 3.11).
"""

from __future__ import annotations

import asyncio
import errno
import grp
import json
import logging
import os
import socket
import time

from lxml import etree

from hashell.model.exitcodes import ExitCode
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import envelope
from hashell.stack.wire.corosync.clients import CmapClient, CorosyncError
from hashell.stack.wire.corosync.cmap import ValueType
from hashell.stack.wire.corosync.layout import CodecError
from hashell.stack.wire.ipcclient import IpcClient, IpcError
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request

#: The IPC name that shows whether a daemon is alive.
ENDPOINTS = {
    "cib": "cib_ro",
    "stonithd": "stonith-ng",
    "lrmd": "lrmd",
    "attrd": "attrd",
    "schedulerd": "pengine",
    "crmd": "crmd",
}

_CHECK_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
_FAILURES = 5
_READY_POLL_SECONDS = 0.1

log = logging.getLogger(__name__)


class PacemakerdService:
    """`tell(note)` carries a note to the supervisor: ready, quit or unresponsive."""

    def __init__(self, settings: NodeSettings, control: socket.socket | None) -> None:
        self.state = "starting_daemons"
        self.pids: dict[str, int] = {}
        self.checked = int(time.time())
        self._settings = settings
        self._control = control
        self._seen: dict[str, int] = {}  #: pid under which a daemon last answered
        self._failures: dict[str, int] = {}
        self.server = PacemakerServer(settings, "pacemakerd", on_request=self.request)

    def tell(self, note: dict[str, object]) -> None:
        if self._control is not None:
            try:
                self._control.send(json.dumps(note).encode())
            except OSError as error:
                log.error("the supervisor does not listen: %s", error)

    def heard(self) -> None:
        """Take what the supervisor says."""
        assert self._control is not None
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        if not data:
            asyncio.get_running_loop().remove_reader(self._control)
            return
        note = json.loads(data)
        self.state = note["state"]
        self.pids = note["pids"]

    # -- requests -----------------------------------------------------------------------------------------

    def request(self, client: Client, request: Request) -> None:
        """Answer one client, section 3.1 of ipc.md."""
        message = request.element
        match message.get("crm_task"):
            case None:
                return
            case "ping":
                client.ack(request, ExitCode.INDETERMINATE, function="handle_ping_request")
                client.event(envelope.reply(message, self._ping(), origin="handle_ping_request"))
            case "quit":
                client.ack(request, ExitCode.INDETERMINATE, function="handle_shutdown_request")
                status = ExitCode.OK if client.privileged else ExitCode.INSUFFICIENT_PRIV
                answer = etree.Element("shutdown", op_status=str(int(status)))
                client.event(envelope.reply(message, answer, origin="handle_shutdown_request"))
                if client.privileged:
                    self.tell({"quit": True})
                else:
                    log.warning("%r may not stop the node", client)
            case "rm_node_cache":
                client.ack(request, ExitCode.OK, function="handle_node_cache_request")
            case _:
                client.ack(request, ExitCode.INVALID_PARAM, function="handle_unknown_request")

    def _ping(self) -> etree._Element:
        response = etree.Element("ping_response", crm_subsystem="pacemakerd", pacemakerd_state=self.state)
        response.set("crm-timestamp", str(self.checked))
        response.set("result", "ok")
        return response

    # -- health -------------------------------------------------------------------------------------------

    async def check_forever(self) -> None:
        """Look at one daemon after the other; one that answered once and then fails 5 times is reported."""
        while True:
            for name in ENDPOINTS:
                await asyncio.sleep(_CHECK_SECONDS)
                if self.state == "running" and self.pids.get(name):
                    await self._check(name)

    async def _check(self, name: str) -> None:
        pid = self.pids[name]
        if await self._answers(name):
            self._failures[name] = 0
            self._seen[name] = pid
            self.checked = int(time.time())
        elif self._seen.get(name) == pid == self.pids.get(name):
            self._failures[name] = self._failures.get(name, 0) + 1
            if self._failures[name] >= _FAILURES:
                self._failures[name] = 0
                self.tell({"unresponsive": name})

    async def _answers(self, name: str) -> bool:
        client = IpcClient(self._settings.ipc_name(ENDPOINTS[name]))
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await client.connect()
        except TimeoutError:
            return False
        except IpcError as error:
            return error.errno not in (errno.ECONNREFUSED, errno.ENOTCONN)
        await client.close()
        return True

    async def await_ring(self) -> None:
        """Report readiness once membership answers, and let the cluster's own user talk to it, each time anew: a ring
        that was started again has forgotten that."""
        lost = asyncio.Event()
        while True:
            lost.clear()
            cmap = CmapClient(self._settings, on_lost=lost.set)
            try:
                await cmap.connect()
                await self._admit_cluster_user(cmap)
            except (IpcError, CorosyncError, CodecError, TimeoutError):
                await cmap.close()
                await asyncio.sleep(_READY_POLL_SECONDS)
                continue
            self.tell({"ready": True})
            try:
                await lost.wait()
            finally:
                await cmap.close()

    async def _admit_cluster_user(self, cmap: CmapClient) -> None:
        if not self._settings.user or os.getuid() != 0:
            return
        try:
            gid = grp.getgrnam(self._settings.group).gr_gid
        except KeyError:
            return
        await cmap.set(f"uidgid.gid.{gid}", ValueType.UINT8, 1)


async def main(settings: NodeSettings, stop: asyncio.Event, control: socket.socket | None = None) -> int:
    """Serve until told to stop; exit code."""
    service = PacemakerdService(settings, control)
    if control is not None:
        control.setblocking(False)
        asyncio.get_running_loop().add_reader(control, service.heard)
    await service.server.start()
    tasks = [asyncio.create_task(service.check_forever()), asyncio.create_task(service.await_ring())]
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await service.server.close()
    return ExitCode.OK
