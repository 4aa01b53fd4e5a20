"""Pacemaker's IPC on asyncio: servers with clients and requests, and the client end (ipc.md section 2)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import inspect
import itertools
import logging
import os
import pwd
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lxml import etree

from hashell.model.exitcodes import ExitCode
from hashell.model.xmltext import compact, parse
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import pcmkframe
from hashell.stack.wire.ipcclient import IpcClient, IpcError
from hashell.stack.wire.ipcplaces import offered_kind
from hashell.stack.wire.ipcserver import Connection, IpcServer
from hashell.stack.wire.qbframe import Credentials

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One message of a client."""

    id: int
    flags: int
    element: etree._Element

    @property
    def wants_response(self) -> bool:
        """The client waits on the response channel for exactly one message."""
        return bool(self.flags & pcmkframe.CLIENT_RESPONSE)


class Client:
    """One client of a PacemakerServer. `data` is free for the daemon."""

    def __init__(self, server: PacemakerServer, connection: Connection) -> None:
        self.id = str(uuid.uuid4())
        self.name = str(connection.pid)  #: what it calls itself; its pid as text until the daemon learns better
        self.pid, self.uid, self.gid = connection.pid, connection.uid, connection.gid
        self.user = user_name(connection.uid)
        self.privileged = server.is_privileged(connection.uid)
        self.service = server.service
        self.data: object = None
        self._server = server
        self._connection = connection
        self._proxied = False
        self._answered: int | None = None

    def __repr__(self) -> str:
        return f"{self.service} client {self.name}[{self.pid}]"

    @property
    def connected(self) -> bool:
        return not self._connection.closed

    def respond(self, request: Request, element: etree._Element | str) -> None:
        """Answer on the response channel; nothing when the client does not wait or has been answered."""
        if not request.wants_response or self._answered == request.id:
            return
        self._answered = request.id
        flags = pcmkframe.SERVER_FREE | (request.flags & (pcmkframe.PROXIED | pcmkframe.CLIENT_RESPONSE))
        if self._proxied:
            self._event(element, flags | pcmkframe.SERVER_EVENT | pcmkframe.PROXIED_RELAY_RESPONSE)
        else:
            self._connection.respond(pcmkframe.encode(request.id, flags, _text(element)))

    def event(self, element: etree._Element | str, *, notification: bool = False) -> None:
        """Send on the event channel; `notification` marks a broadcast of the CIB manager (section 2.2)."""
        self._event(element, pcmkframe.SERVER_EVENT | (0 if notification else pcmkframe.SERVER_FREE))

    def ack(
        self, request: Request, status: int, *, tag: str = "ack", function: str = "hashell", **attributes: str
    ) -> None:
        """The `<ack>` of section 2.4; `status` is an exit code. Extra attributes use `_` for `-`."""
        element = etree.Element(tag, function=function, line="0", status=str(int(status)))
        for name, value in attributes.items():
            element.set(name.replace("_", "-"), str(value))
        self.respond(request, element)

    def set_queue_limit(self, messages: int) -> None:
        """How many events may wait for a client that does not read before it is disconnected; at least 500."""
        self._connection.queue_limit = max(500, messages)

    def close(self) -> None:
        self._connection.close()

    def _event(self, element: etree._Element | str, flags: int) -> None:
        self._connection.event(pcmkframe.encode(self._server.next_event_id(), flags, _text(element)))


class PacemakerServer:
    """Serves one Pacemaker endpoint, `service` being the original's name such as `cib_rw`.

    `on_request(client, request)` may be a plain function or a coroutine function; `on_connect(client)` and
    `on_close(client)` are plain ones.
    """

    def __init__(
        self,
        settings: NodeSettings,
        service: str,
        *,
        on_request: Callable[[Client, Request], Awaitable[None] | None],
        on_close: Callable[[Client], None] | None = None,
        on_connect: Callable[[Client], None] | None = None,
    ) -> None:
        self.service = service
        self.clients: dict[str, Client] = {}
        self.accepting = True  #: False refuses new clients with ECONNREFUSED, as while shutting down
        self._settings = settings
        self._on_request = on_request
        self._on_close = on_close
        self._on_connect = on_connect
        self._events = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        group = cluster_ids(settings)[1]
        self._ipc = IpcServer(
            settings.ipc_name(service),
            on_connect=self._connected,
            on_message=self._message,
            on_close=self._closed,
            authorise=self._authorise,
            max_message=pcmkframe.DEFAULT_BUFFER,
            kind=offered_kind(settings),
            share_gid=-1 if group is None else group,
        )

    async def start(self) -> None:
        """Listen. Raises HashellError when the name is taken."""
        await self._ipc.start()

    async def close(self) -> None:
        await self._ipc.close()

    def next_event_id(self) -> int:
        return next(self._events)

    def is_privileged(self, uid: int) -> bool:
        """Root, the cluster user, or the one we run as (section 2.6)."""
        return uid in (0, os.getuid()) or uid == cluster_ids(self._settings)[0]

    def _authorise(self, who: Credentials) -> int:
        if not self.accepting:
            return errno.ECONNREFUSED
        if self.is_privileged(who.uid):
            return 0
        gid = cluster_ids(self._settings)[1]
        return 0 if gid is not None and gid in groups_of(who) else errno.EACCES

    def _connected(self, connection: Connection) -> None:
        client = Client(self, connection)
        connection.data = client
        self.clients[client.id] = client
        if self._on_connect:
            self._on_connect(client)

    def _closed(self, connection: Connection) -> None:
        client = connection.data
        if not isinstance(client, Client):
            return
        self.clients.pop(client.id, None)
        if self._on_close:
            self._on_close(client)

    def _message(self, connection: Connection, message: bytes) -> None:
        client = connection.data
        assert isinstance(client, Client)
        try:
            frame = pcmkframe.decode(message)
            if frame.flags & pcmkframe.PROXIED:
                client._proxied = True
            request = Request(frame.ident, frame.flags, parse(frame.text))
        except (pcmkframe.FrameError, etree.XMLSyntaxError) as error:
            self._refuse(client, connection, message, error)
            return
        client._answered = None
        result = self._on_request(client, request)
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(_finish(result, client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _refuse(self, client: Client, connection: Connection, message: bytes, error: Exception) -> None:
        connection.warn(f"unreadable request: {error}")
        if isinstance(error, pcmkframe.FrameError):
            ident, flags = error.ident, error.flags
        else:
            ident, _size, _error, _plain, _packed, flags, _version = pcmkframe.HEADER.unpack_from(message)
        client._answered = None
        tag = "nack" if self.service.startswith("cib_") or self.service == "stonith-ng" else "ack"
        client.ack(Request(ident, flags, etree.Element("unreadable")), ExitCode.PROTOCOL, tag=tag)


async def _finish(work: Awaitable[None], client: Client) -> None:
    try:
        await work
    except Exception:
        log.exception("%r: a request could not be handled; the client is disconnected", client)
        client.close()


class PacemakerClient:
    """The client end of one Pacemaker endpoint: ours or the original's.

    `on_event(element)` gets every event, `on_lost()` is called once when the server goes away.
    """

    def __init__(
        self,
        settings: NodeSettings,
        service: str,
        *,
        on_event: Callable[[etree._Element], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self.service = service
        self._settings = settings
        self._on_event = on_event
        self._ids = itertools.count(1)
        self._ipc = IpcClient(
            settings.ipc_name(service),
            on_event=self._event,
            on_lost=on_lost,
            max_message=pcmkframe.CLIENT_BUFFERS.get(service, pcmkframe.DEFAULT_BUFFER),
        )

    @property
    def connected(self) -> bool:
        return self._ipc.connected

    async def connect(self, wait: float = 0.0, patience: float | None = None) -> None:
        """Connect, trying again for `wait` seconds while nobody serves the name. Raises IpcError.

        TimeoutError when a server does not accept us in `patience` seconds.
        """
        await self._ipc.connect(wait, patience)
        user, group = cluster_ids(self._settings)
        server = self._ipc.server
        if server.uid not in (0, os.getuid(), user) and (group is None or server.gid != group):
            await self._ipc.close()
            raise IpcError(errno.EPERM, f"{self.service} is served by user id {server.uid}, not by the cluster")

    async def request(self, element: etree._Element | str, timeout: float = 30.0) -> etree._Element:
        """Send and return what comes on the response channel. Raises IpcError, TimeoutError (seconds)."""
        ident = next(self._ids)
        message = self._encode(ident, pcmkframe.CLIENT_RESPONSE, element)
        answer = await self._ipc.request(message, timeout, lambda data: _ident(data) == ident)
        try:
            return parse(pcmkframe.decode(answer).text)
        except (pcmkframe.FrameError, etree.XMLSyntaxError) as error:
            raise IpcError(errno.EPROTO, f"{self.service} answered something unreadable: {error}") from None

    def send(self, element: etree._Element | str) -> None:
        """Send without waiting for an answer; whatever comes is an event. Raises IpcError."""
        self._ipc.send(self._encode(next(self._ids), 0, element))

    async def close(self) -> None:
        await self._ipc.close()

    def _encode(self, ident: int, flags: int, element: etree._Element | str) -> bytes:
        return pcmkframe.encode(ident, flags, _text(element), self._ipc.largest)

    def _event(self, message: bytes) -> None:
        try:
            element = parse(pcmkframe.decode(message).text)
        except (pcmkframe.FrameError, etree.XMLSyntaxError) as error:
            log.warning("%s sent an unreadable event: %s", self.service, error)
            return
        if self._on_event:
            self._on_event(element)


def _ident(message: bytes) -> int:
    return int.from_bytes(message[:4], "little", signed=True)


def _text(element: etree._Element | str) -> bytes:
    return (element if isinstance(element, str) else compact(element)).encode()


def user_name(uid: int) -> str:
    """The user's name, or the number as text when nobody has it."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def cluster_ids(settings: NodeSettings) -> tuple[int | None, int | None]:
    """User and group id of the cluster's own user; None for what this machine does not know."""
    user = group = None
    if settings.user:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(settings.user).pw_uid
        with contextlib.suppress(KeyError):
            group = grp.getgrnam(settings.group).gr_gid
    return user, group


def groups_of(who: Credentials) -> list[int]:
    """All groups of a client: its primary one and those its user belongs to."""
    try:
        return os.getgrouplist(pwd.getpwuid(who.uid).pw_name, who.gid)
    except KeyError:
        return [who.gid]
