"""A libqb IPC client on asyncio for servers of both kinds, SOCKET and SHM (ipc.md sections 1.3 to 1.6, 1.8)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from collections import deque
from collections.abc import Callable

from hashell.stack.wire import qbframe
from hashell.stack.wire.datagrams import largest_datagram, widen_buffers
from hashell.stack.wire.qbframe import Credentials, Handshake
from hashell.stack.wire.shmring import Ring
from hashell.stack.wire.wakebytes import WakeBytes

_RETRY_SECONDS = 0.01
_FIRST_POLL_SECONDS = 0.0005
_LAST_POLL_SECONDS = 0.01
_CONNECT_RETRY_SECONDS = 0.1
_BURST = 100
_NOT_YET = (errno.ECONNREFUSED, errno.EAGAIN, errno.ENOENT, errno.ENOTCONN, errno.ECONNRESET, errno.EPIPE)

log = logging.getLogger(__name__)


class IpcError(OSError):
    """The service cannot be reached, refused us or went away; `errno` says which."""


class _SocketTransport:
    def __init__(self, handshake: Handshake) -> None:
        base = handshake.response
        self._control = handshake.request
        self.messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.events = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            for sock, own, peer in (
                (self.messages, f"{base}-response", f"{base}-request"),
                (self.events, f"{base}-event", f"{base}-event-tx"),
            ):
                widen_buffers(sock, handshake.max_message)
                sock.bind(qbframe.abstract_address(own))
                sock.connect(qbframe.abstract_address(peer))
            self._control_fd = os.open(self._control, os.O_RDWR | os.O_CLOEXEC)
        except (OSError, ValueError):
            self.messages.close()
            self.events.close()
            raise
        self.largest = min(handshake.max_message, largest_datagram(self.messages))

    def flow_control(self) -> int:
        try:
            return int.from_bytes(os.pread(self._control_fd, 4, qbframe.FLOW_CONTROL_OFFSET), "little")
        except OSError:
            return 0

    def close(self) -> None:
        self.messages.close()
        self.events.close()
        os.close(self._control_fd)
        for action, path in ((os.unlink, self._control), (os.rmdir, os.path.dirname(self._control))):
            with contextlib.suppress(OSError):
                action(path)


class _ShmTransport:
    def __init__(self, handshake: Handshake, setup: socket.socket) -> None:
        self._rings: list[Ring] = []
        self.wake = WakeBytes(setup)
        try:
            for base, user in ((handshake.request, True), (handshake.response, False), (handshake.event, False)):
                path = base if base.startswith("/") else f"/dev/shm/qb-{base}"
                self._rings.append(Ring(path, with_user_data=user))
        except OSError:
            self.close()
            raise
        self.requests, self.responses, self.events = self._rings
        self.largest = handshake.max_message

    def close(self) -> None:
        self.wake.close()
        for ring in self._rings:
            ring.close()


class IpcClient:
    """One connection to the service of the abstract name `name`.

    `on_event(bytes)` gets every event, `on_lost()` is called once when the server goes away. `max_message` is the
    buffer asked for, in bytes. `flow_control_max` is the highest flow control value that holds our requests
    (section 1.4). Messages that the server cannot take now wait here in order. `wish` is the kind of connection that
    one of our servers is asked for: responses of a SOCKET connection wake the loop, those of rings must be polled.
    """

    def __init__(
        self,
        name: str,
        *,
        on_event: Callable[[bytes], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        max_message: int = 12328,
        flow_control_max: int = 1,
        wish: int | None = qbframe.SOCKET,
    ) -> None:
        self.name = name
        self.connected = False
        self.max_message = max_message
        self.server = Credentials(0, 0, 0)
        self._on_event = on_event or (lambda _message: None)
        self._on_lost = on_lost
        self._fc_max = flow_control_max
        self._wish = wish
        self._setup: socket.socket | None = None
        self._transport: _SocketTransport | _ShmTransport | None = None
        self._queue: deque[bytes] = deque()
        self._waiting: asyncio.TimerHandle | None = None
        self._writing = False
        self._lock = asyncio.Lock()
        self._waiter: asyncio.Future[bytes] | None = None
        self._accept: Callable[[bytes], bool] = lambda _message: True
        self._stale = 0

    @property
    def largest(self) -> int:
        """Bytes of the largest message that can be sent on this connection."""
        return self._transport.largest if self._transport else 0

    @property
    def backlog(self) -> int:
        return len(self._queue)

    # -- connecting ---------------------------------------------------------------------------------------

    async def connect(self, wait: float = 0.0, patience: float | None = None) -> None:
        """Connect, trying again for `wait` seconds while there is nobody or it is not ready. Raises IpcError.

        `patience` is how many seconds a server may take to accept us before it counts as frozen: TimeoutError. The
        kernel takes connections in a frozen server's place, so that without it we wait for as long as it is frozen.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            try:
                async with asyncio.timeout(patience):
                    return await self._connect_once()
            except TimeoutError:
                raise
            except OSError as error:
                if error.errno not in _NOT_YET or loop.time() >= deadline:
                    raise IpcError(error.errno, f"{self.name}: {error.strerror}") from None
            except ValueError as error:
                raise IpcError(errno.EPROTO, f"{self.name}: {error}") from None
            await asyncio.sleep(_CONNECT_RETRY_SECONDS)

    async def _connect_once(self) -> None:
        loop = asyncio.get_running_loop()
        setup = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            setup.connect(qbframe.abstract_address(self.name))
            await loop.sock_sendall(setup, qbframe.encode_connect_request(self.max_message, self._wish))
            received = b""
            while len(received) < qbframe.CONNECT_RESPONSE.size:
                data = await loop.sock_recv(setup, qbframe.CONNECT_RESPONSE.size - len(received))
                if not data:
                    raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
                received += data
            handshake = qbframe.decode_handshake(received)
            if handshake.error:
                raise OSError(-handshake.error, os.strerror(abs(handshake.error)))
            if handshake.kind not in (qbframe.SOCKET, qbframe.SHM):
                raise OSError(errno.ENOTSUP, f"unknown connection type {handshake.kind}")
            raw = setup.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, qbframe.UCRED.size)
            self.server = Credentials(*qbframe.UCRED.unpack(raw))
            rings = handshake.kind == qbframe.SHM
            self._transport = _ShmTransport(handshake, setup) if rings else _SocketTransport(handshake)
        except BaseException:
            setup.close()
            raise
        self._setup = setup
        self.max_message = handshake.max_message
        self.connected = True
        self._stale = 0
        loop.add_reader(setup, self._setup_readable)
        if isinstance(self._transport, _SocketTransport):
            loop.add_reader(self._transport.messages, self._response_readable)
            loop.add_reader(self._transport.events, self._event_readable)

    async def close(self) -> None:
        """Disconnect; `on_lost` is not called."""
        self._tear_down()

    def _tear_down(self) -> None:
        if not self.connected or self._setup is None:
            return
        self.connected = False
        loop = asyncio.get_running_loop()
        self._stop_waiting()
        loop.remove_reader(self._setup)
        if isinstance(self._transport, _ShmTransport):
            self._transport.wake.close()
        with contextlib.suppress(OSError):
            self._setup.shutdown(socket.SHUT_RDWR)
        self._setup.close()
        if isinstance(self._transport, _SocketTransport):
            loop.remove_reader(self._transport.messages)
            loop.remove_reader(self._transport.events)
        if self._transport:
            self._transport.close()
        self._transport = None
        self._queue.clear()
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(IpcError(errno.ENOTCONN, f"{self.name}: the server went away"))

    def _lose(self) -> None:
        if self.connected:
            self._tear_down()
            if self._on_lost:
                self._on_lost()

    # -- sending ------------------------------------------------------------------------------------------

    def send(self, message: bytes) -> None:
        """Queue a whole message with its header. Raises IpcError (ENOTCONN, EMSGSIZE)."""
        if not self.connected:
            raise IpcError(errno.ENOTCONN, f"{self.name}: not connected")
        if len(message) > self.largest:
            raise IpcError(errno.EMSGSIZE, f"{self.name}: a message of {len(message)} bytes is too long")
        self._queue.append(message)
        if len(self._queue) == 1:
            self._flush()

    async def request(
        self, message: bytes, timeout: float, accept: Callable[[bytes], bool] | None = None
    ) -> bytes:
        """Send and wait for the message on the response channel; requests of one client are served in turn.

        `accept` tells the answer from a late one; without it answers are counted. Raises IpcError, TimeoutError.
        """
        async with self._lock:
            self._waiter = asyncio.get_running_loop().create_future()
            self._accept = accept or self._count
            self._drain_responses()
            try:
                self.send(message)
                # Not wait_for: before Python 3.12 it loses a cancellation that meets the answer.
                async with asyncio.timeout(timeout):
                    if isinstance(self._transport, _ShmTransport):
                        return await self._poll(self._waiter)
                    return await self._waiter
            except (TimeoutError, asyncio.CancelledError):
                self._stale += 1
                raise
            finally:
                self._waiter = None

    def _count(self, _message: bytes) -> bool:
        if self._stale:
            self._stale -= 1
            return False
        return True

    def _flush(self) -> None:
        self._stop_waiting()
        transport = self._transport
        while self._queue and transport:
            try:
                sent = self._write(transport, self._queue[0])
            except OSError as error:
                log.debug("%s: sending failed: %s", self.name, error)
                self._lose()
                return
            if not sent:
                return
            if self._queue:
                self._queue.popleft()

    def _write(self, transport: _SocketTransport | _ShmTransport, message: bytes) -> bool:
        """Hand one message over; False when it has to wait (and a retry is set up)."""
        loop = asyncio.get_running_loop()
        if isinstance(transport, _ShmTransport):
            self._drain_responses()
            if not transport.requests.connected:
                raise OSError(errno.ENOTCONN, "the server closed the ring")
            if 0 < transport.requests.flow_control <= self._fc_max or not transport.requests.write(message):
                self._waiting = loop.call_later(_RETRY_SECONDS, self._flush)
                return False
            transport.wake.announce()
            return True
        if 0 < transport.flow_control() <= self._fc_max:
            self._waiting = loop.call_later(_RETRY_SECONDS, self._flush)
            return False
        try:
            transport.messages.send(message)
        except BlockingIOError:
            loop.add_writer(transport.messages, self._flush)
            self._writing = True
            return False
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.ENOMEM):
                raise
            self._waiting = loop.call_later(_RETRY_SECONDS, self._flush)
            return False
        return True

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        if self._writing and isinstance(self._transport, _SocketTransport):
            asyncio.get_running_loop().remove_writer(self._transport.messages)
        self._writing = False

    # -- receiving ----------------------------------------------------------------------------------------

    async def _poll(self, waiter: asyncio.Future[bytes]) -> bytes:
        # The response ring has a semaphore and no file descriptor, so there is nothing to wait on but time.
        pause = _FIRST_POLL_SECONDS
        while not waiter.done():
            self._drain_responses()
            if waiter.done():
                break
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LAST_POLL_SECONDS)
        return waiter.result()

    def _drain_responses(self) -> None:
        if not isinstance(self._transport, _ShmTransport):
            return
        try:
            while (message := self._transport.responses.read()) is not None:
                self._response(message)
        except OSError as error:
            log.error("%s: %s", self.name, error)
            self._lose()

    def _response(self, message: bytes) -> None:
        waiter = self._waiter
        if waiter is None:
            self._stale = max(0, self._stale - 1)
        elif not waiter.done() and self._accept(message):
            waiter.set_result(message)

    def _receive(self, sock: socket.socket) -> bytes | None:
        try:
            message = sock.recv(self.max_message)
        except BlockingIOError:
            return None
        except OSError:
            self._lose()
            return None
        fault = qbframe.check_size(message)
        if fault:
            log.warning("%s: dropped what the server sent: %s", self.name, fault)
            return b""
        return message

    def _response_readable(self) -> None:
        for _ in range(_BURST):
            if not isinstance(self._transport, _SocketTransport):
                return
            message = self._receive(self._transport.messages)
            if message is None:
                return
            if message:
                self._response(message)

    def _event_readable(self) -> None:
        for _ in range(_BURST):
            if not isinstance(self._transport, _SocketTransport):
                return
            message = self._receive(self._transport.events)
            if message is None:
                return
            if message:
                self._on_event(message)

    def _setup_readable(self) -> None:
        assert self._setup is not None
        if isinstance(self._transport, _ShmTransport):
            try:
                message = self._transport.events.read()
            except OSError as error:
                log.error("%s: %s", self.name, error)
                self._lose()
                return
            if message is not None:
                self._take_wakeup()
                self._on_event(message)
                return
        if not self._take_wakeup():
            self._event_readable()
            self._lose()

    def _take_wakeup(self) -> bool:
        """Read the one byte that belongs to an event; False when the server has hung up."""
        if self._setup is None:
            return False
        try:
            return bool(self._setup.recv(1))
        except BlockingIOError:
            return True
        except OSError:
            return False
