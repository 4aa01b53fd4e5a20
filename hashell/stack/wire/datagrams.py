"""Unix datagram sockets as libqb uses them: wide buffers, an ordered sending queue, the sender's uid."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable

from hashell.stack.wire import qbframe

_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_RETRY_SECONDS = 0.02
_STALLED_SECONDS = 5.0
_BYTES_LIMIT = 128 * 1024 * 1024
_FLUSH_BURST = 200
_FULL = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)

log = logging.getLogger(__name__)


def widen_buffers(sock: socket.socket, size: int) -> None:
    """Raise both socket buffers to hold one message of `size` bytes, as far as the kernel allows."""
    for option, force in ((socket.SO_SNDBUF, _SO_SNDBUFFORCE), (socket.SO_RCVBUF, _SO_RCVBUFFORCE)):
        if sock.getsockopt(socket.SOL_SOCKET, option) > 2 * size:
            continue
        try:
            sock.setsockopt(socket.SOL_SOCKET, force, size)
        except OSError:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, option, size)


def largest_datagram(sock: socket.socket) -> int:
    """Bytes of the largest datagram the kernel takes on this socket (its buffer less 32 bytes of overhead)."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) - 32


def receive_datagram(sock: socket.socket, buffer: memoryview) -> tuple[bytes, int | None]:
    """One datagram and the uid of its sender (None unless SO_PASSCRED is on). Raises OSError."""
    size, ancillary, _flags, _address = sock.recvmsg_into([buffer], socket.CMSG_SPACE(qbframe.UCRED.size))
    uid = None
    for level, kind, raw in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(raw) >= qbframe.UCRED.size:
            uid = qbframe.UCRED.unpack_from(raw)[1]
    return bytes(buffer[:size]), uid


class Outbox:
    """Sends datagrams in order to one abstract address, which may not be bound yet.

    `give_up(reason)` is called when the receiver has taken nothing for 5 seconds while more messages wait than
    it is allowed, or when 128 MiB wait.
    """

    def __init__(self, sock: socket.socket, peer: str, give_up: Callable[[str], None]) -> None:
        self._sock = sock
        self._peer = qbframe.abstract_address(peer)
        self._give_up = give_up
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._connected = False
        self._closed = False
        self._waiting: asyncio.TimerHandle | None = None
        self._writing = False
        self._progress = 0.0

    @property
    def backlog(self) -> int:
        return len(self._queue)

    def send(self, message: bytes, limit: int) -> None:
        """Send now or queue; `limit` is the number of messages that may wait."""
        now = asyncio.get_running_loop().time()
        if not self._queue:
            self._progress = now
        self._queue.append(message)
        self._bytes += len(message)
        if len(self._queue) == 1:
            self._flush()
        stalled = len(self._queue) > limit and now - self._progress > _STALLED_SECONDS
        if stalled or self._bytes > _BYTES_LIMIT:
            self._give_up(f"{len(self._queue)} messages wait and it does not read them")

    def close(self) -> None:
        """Stop sending and close the socket; what waits is lost."""
        if self._closed:
            return
        self._closed = True
        self._stop_waiting()
        self._queue.clear()
        self._sock.close()

    def _flush(self) -> None:
        self._stop_waiting()
        for _ in range(_FLUSH_BURST):
            if not self._queue or self._closed:
                return
            if not self._connect():
                self._retry_later()
                return
            message = self._queue[0]
            try:
                self._sock.send(message)
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    log.error(
                        "a message of %d bytes is longer than the socket takes and is lost (raise net.core.wmem_max)",
                        len(message),
                    )
                elif error.errno == errno.EAGAIN:
                    self._write_later()
                    return
                elif error.errno in _FULL:
                    self._retry_later()
                    return
                else:
                    self._queue.clear()
                    self._bytes = 0
                    return
            self._queue.popleft()
            self._bytes -= len(message)
            self._progress = asyncio.get_running_loop().time()
        self._retry_later(0.0)

    def _connect(self) -> bool:
        if not self._connected:
            try:
                self._sock.connect(self._peer)
            except OSError:
                return False
            self._connected = True
        return True

    def _write_later(self) -> None:
        asyncio.get_running_loop().add_writer(self._sock, self._flush)
        self._writing = True

    def _retry_later(self, seconds: float = _RETRY_SECONDS) -> None:
        self._waiting = asyncio.get_running_loop().call_later(seconds, self._flush)

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
        if self._writing:
            asyncio.get_running_loop().remove_writer(self._sock)
            self._writing = False
