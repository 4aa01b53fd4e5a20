"""Unix datagram sockets as libqb uses them: wide buffers, ordered sending, the sender's uid."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable

from hashell.stack.wire import qbframe
from hashell.stack.wire.sendqueue import SendQueue

_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
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


class Outbox(SendQueue):
    """Sends datagrams in order to one abstract address, which may not be bound yet."""

    def __init__(self, sock: socket.socket, peer: str, give_up: Callable[[str], None]) -> None:
        super().__init__(give_up)
        self._sock = sock
        self._peer = qbframe.abstract_address(peer)
        self._connected = False
        self._full = False
        self._writing = False

    def close(self) -> None:
        """Stop sending and close the socket; what waits is lost."""
        if not self._closed:
            super().close()
            self._sock.close()

    def hand_over(self, message: bytes) -> bool:
        self._full = False
        if not self._connect():
            return False
        try:
            self._sock.send(message)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                log.error(
                    "a message of %d bytes is longer than the socket takes and is lost (raise net.core.wmem_max)",
                    len(message),
                )
                return True
            self._full = error.errno == errno.EAGAIN
            if error.errno not in _FULL:
                # The receiver is gone; the connection's own socket tells when.
                self.clear()
            return False
        return True

    def _connect(self) -> bool:
        if not self._connected:
            try:
                self._sock.connect(self._peer)
            except OSError:
                return False
            self._connected = True
        return True

    def await_room(self) -> None:
        if self._full:
            asyncio.get_running_loop().add_writer(self._sock, self.flush)
            self._writing = True
        else:
            self.retry_later()

    def stop_waiting(self) -> None:
        super().stop_waiting()
        if self._writing:
            asyncio.get_running_loop().remove_writer(self._sock)
            self._writing = False
