"""A libqb IPC server on asyncio, for unmodified libqb clients and for ours (ipc.md sections 1.3 to 1.5, 1.7)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import mmap
import os
import socket
from collections.abc import Callable
from dataclasses import replace

from hashell.model.diagnostics import HashellError
from hashell.stack.wire import qbframe
from hashell.stack.wire.ipcplaces import IpcNameInUse, make_folder
from hashell.stack.wire.qbframe import Credentials, Handshake
from hashell.stack.wire.ringserver import usable as rings_usable
from hashell.stack.wire.serverends import DatagramEnd, RingEnd

_BURST = 50
_HANDSHAKE_SECONDS = 10.0
_ACCEPT_PAUSE_SECONDS = 1.0

log = logging.getLogger(__name__)


class Connection:
    """One accepted client. `data` is free for the owner of the server."""

    def __init__(self, server: IpcServer, setup: socket.socket, who: Credentials, max_message: int) -> None:
        self.pid, self.uid, self.gid = who.pid, who.uid, who.gid
        self.credentials = who
        self.max_message = max_message
        self.queue_limit = 500  #: messages waiting before a client that does not read is disconnected
        self.data: object = None
        self.closed = False
        self._server = server
        self._setup = setup
        self._folder = ""
        self._end: DatagramEnd | RingEnd | None = None
        self._rest: asyncio.Handle | None = None
        self._warned = False

    def __repr__(self) -> str:
        return f"client pid {self.pid} uid {self.uid} of {self._server.name}"

    # -- for the owner ------------------------------------------------------------------------------------

    def respond(self, message: bytes) -> None:
        """Send on the response channel, in order; waits in a queue when the client is slow."""
        if self._end and not self.closed:
            self._end.responses.send(message, self.queue_limit)

    def event(self, message: bytes) -> None:
        """Send on the event channel, in order; waits in a queue when the client is slow."""
        if self._end and not self.closed:
            self._end.events.send(message, self.queue_limit)

    @property
    def backlog(self) -> int:
        """Events not yet taken by the client's end."""
        return self._end.events.backlog if self._end else 0

    def set_flow_control(self, value: int) -> None:
        """Ask the client to hold its requests: 0 off, 1 or 2 as in section 1.4."""
        if self._end and not self.closed:
            self._end.set_flow_control(value)

    @property
    def announced_on_setup(self) -> bool:
        """The client writes a byte to the setup socket for each request."""
        return self._end is not None and self._end.announced_on_setup

    def close(self) -> None:
        """End the connection; the client sees a hang-up. `on_close` is called once."""
        self._server._drop(self, "closed by the server")

    # -- transport ----------------------------------------------------------------------------------------

    def _open(self, name: str, kind: int) -> Handshake:
        self._folder = make_folder(self._setup.fileno(), self.pid)
        with contextlib.suppress(OSError):
            os.chmod(self._folder, 0o770)
            os.chown(self._folder, *self._owner())
        place = name, self._folder, self.max_message, self._give, self._evict
        if kind == qbframe.SHM:
            try:
                self._end = RingEnd(*place, self._setup)
            except OSError as error:
                log.info("%r: served without shared memory: %s", self, error)
        if self._end is None:
            self._end = DatagramEnd(*place, self._readable)
        return replace(self._end.handshake, handle=self._setup.fileno())

    def _owner(self) -> tuple[int, int]:
        if self.uid and self._server.share_gid >= 0:
            return -1, self._server.share_gid
        return self.uid, self.gid

    def _give(self, fd: int) -> None:
        """Make a new file of this connection the client's, or that of the group whose members may be clients."""
        with contextlib.suppress(OSError):
            os.fchown(fd, *self._owner())
        if self._owner()[0] < 0:
            os.fchmod(fd, 0o660)

    def _readable(self) -> None:
        end = self._end
        for _ in range(_BURST):
            if self.closed or end is None:
                return
            try:
                message = end.take(self._server.buffer(self.max_message), self.uid, self.warn)
            except OSError as error:
                self._server._drop(self, f"its requests cannot be read: {error.strerror}")
                return
            if message is None:
                return
            fault = qbframe.check_size(message)
            if fault:
                self.warn(f"dropped a request: {fault}")
                continue
            if qbframe.message_id(message) == qbframe.DISCONNECT:
                self._server._drop(self, "")
                return
            self._server._deliver(self, message)
        if end is not None and end.announced_on_setup and self._rest is None:
            # What announced the rest has been read already.
            self._rest = asyncio.get_running_loop().call_soon(self._read_rest)

    def _read_rest(self) -> None:
        self._rest = None
        self._readable()

    def warn(self, text: str) -> None:
        """Log the first fault of this client; the rest only at debug level, so that garbage cannot fill the log."""
        log.log(logging.DEBUG if self._warned else logging.WARNING, "%r: %s", self, text)
        self._warned = True

    def _evict(self, reason: str) -> None:
        self._server._drop(self, reason)

    def _shut(self) -> None:
        self.closed = True
        if self._end:
            self._end.close()
        asyncio.get_running_loop().remove_reader(self._setup)
        self._setup.close()
        if self._folder:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)


class IpcServer:
    """Listens on the abstract name `name`.

    `authorise(credentials)` answers 0 or an errno to refuse with; `on_connect(connection)`,
    `on_message(connection, bytes)` (a whole message with its header) and `on_close(connection)` are plain
    functions called on the loop. `max_message` is the smallest buffer granted, in bytes. `kind` is what clients
    without a wish get: SHM where it can be served, or SOCKET. Members of the group `share_gid` can open the files
    of their connections whoever we run as; -1 leaves them to the client's own uid and gid.
    """

    def __init__(
        self,
        name: str,
        *,
        on_connect: Callable[[Connection], None],
        on_message: Callable[[Connection, bytes], None],
        on_close: Callable[[Connection], None],
        authorise: Callable[[Credentials], int],
        max_message: int = 131072,
        kind: int = qbframe.SHM,
        share_gid: int = -1,
    ) -> None:
        self.name = name
        self.share_gid = share_gid
        self._kind = kind if rings_usable() else qbframe.SOCKET
        self.connections: list[Connection] = []
        self._on_connect = on_connect
        self._on_message = on_message
        self._on_close = on_close
        self._authorise = authorise
        self._max_message = max_message
        self._listener: socket.socket | None = None
        self._greeting: dict[int, tuple[socket.socket, asyncio.TimerHandle]] = {}
        self._buffer = memoryview(b"")

    async def start(self) -> None:
        """Listen. Raises HashellError when the name is taken."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            listener.bind(qbframe.abstract_address(self.name))
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno == errno.EADDRINUSE:
                raise HashellError(IpcNameInUse(name=self.name)) from None
            raise
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept)

    async def close(self) -> None:
        """Stop listening and disconnect every client; clients see a hang-up."""
        if self._listener is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        self._listener.close()
        self._listener = None
        for setup, _timer in list(self._greeting.values()):
            self._forget_greeting(setup)
            setup.close()
        for connection in list(self.connections):
            self._drop(connection, "")

    def buffer(self, size: int) -> memoryview:
        """The receive buffer shared by all connections, at least `size` bytes."""
        if len(self._buffer) < size:
            # Mapped, because a bytearray would write zeros to every page.
            self._buffer = memoryview(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        return self._buffer

    # -- connecting ---------------------------------------------------------------------------------------

    def _accept(self) -> None:
        assert self._listener is not None
        loop = asyncio.get_running_loop()
        try:
            setup, _address = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            log.error("%s: cannot accept clients: %s", self.name, error)
            loop.remove_reader(self._listener)
            loop.call_later(_ACCEPT_PAUSE_SECONDS, self._resume)
            return
        setup.setblocking(False)
        setup.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        timer = loop.call_later(_HANDSHAKE_SECONDS, self._abandon, setup)
        self._greeting[setup.fileno()] = (setup, timer)
        loop.add_reader(setup, self._greet, setup, bytearray())

    def _resume(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept)

    def _forget_greeting(self, setup: socket.socket) -> None:
        _setup, timer = self._greeting.pop(setup.fileno())
        timer.cancel()
        asyncio.get_running_loop().remove_reader(setup)

    def _abandon(self, setup: socket.socket) -> None:
        self._forget_greeting(setup)
        setup.close()

    def _greet(self, setup: socket.socket, received: bytearray) -> None:
        wanted = qbframe.CONNECT_REQUEST.size
        try:
            data = setup.recv(wanted - len(received))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        received += data
        if data and len(received) < wanted:
            return
        self._forget_greeting(setup)
        try:
            asked, kind = qbframe.decode_connect_request(bytes(received))
            raw = setup.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, qbframe.UCRED.size)
            who = Credentials(*qbframe.UCRED.unpack(raw))
        except (ValueError, OSError) as error:
            if received:
                log.warning("%s: refused a client: %s", self.name, error)
            setup.close()
            return
        size = min(max(asked, self._max_message), qbframe.BUFFER_LIMIT)
        self._admit(setup, Connection(self, setup, who, size), self._kind if kind is None else kind)

    def _admit(self, setup: socket.socket, connection: Connection, kind: int) -> None:
        refused = self._authorise(connection.credentials)
        answer = Handshake(-abs(refused))
        if not refused:
            try:
                answer = connection._open(self.name, kind)
            except (OSError, ValueError) as error:
                log.error("%s: cannot serve %r: %s", self.name, connection, error)
                answer = Handshake(-(getattr(error, "errno", None) or errno.ENAMETOOLONG))
        try:
            sent = setup.send(qbframe.encode_handshake(answer))
        except OSError:
            sent = 0
        if answer.error or sent != qbframe.CONNECT_RESPONSE.size:
            if answer.error == -errno.EACCES:
                log.warning("%r: refused, not allowed", connection)
            connection._shut()
            return
        setup.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        asyncio.get_running_loop().add_reader(setup, self._alive, connection)
        self.connections.append(connection)
        self._on_connect(connection)

    # -- connected ----------------------------------------------------------------------------------------

    def _alive(self, connection: Connection) -> None:
        try:
            data = connection._setup.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data and not connection.announced_on_setup:
            connection.warn("bytes on the setup socket, ignored")
            return
        connection._readable()
        if not data:
            self._drop(connection, "")

    def _deliver(self, connection: Connection, message: bytes) -> None:
        try:
            self._on_message(connection, message)
        except Exception:
            log.exception("%r: a request could not be handled; the client is disconnected", connection)
            self._drop(connection, "")

    def _drop(self, connection: Connection, reason: str) -> None:
        if connection.closed:
            return
        if reason:
            log.info("%r: disconnected: %s", connection, reason)
        connection._shut()
        if connection in self.connections:
            self.connections.remove(connection)
            self._on_close(connection)
