"""What lies between a server and one client, by kind: datagram sockets, or rings (ipc.md sections 1.4, 1.5).

Both kinds have the same face: `handshake`, the queues `responses` and `events`, `take` for the next request,
`set_flow_control` and `close`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from hashell.stack.wire import qbframe
from hashell.stack.wire.datagrams import Outbox, receive_datagram, widen_buffers
from hashell.stack.wire.qbframe import Handshake
from hashell.stack.wire.ringserver import RingBox, ServerRing


class DatagramEnd:
    """QB_IPC_SOCKET. `give(fd)` makes a new file the client's; `readable()` is called when there are requests."""

    announced_on_setup = False

    def __init__(
        self,
        name: str,
        folder: str,
        max_message: int,
        give: Callable[[int], None],
        give_up: Callable[[str], None],
        readable: Callable[[], None],
    ) -> None:
        base = f"{folder}/qb-{name}"
        self._control = f"{folder}/qb-control-{name}"
        self._control_fd = os.open(self._control, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._requests = self._event_socket = None
        try:
            os.write(self._control_fd, bytes(qbframe.CONTROL_FILE_SIZE))
            give(self._control_fd)
            self._requests = _datagram_socket(f"{base}-request", max_message)
            self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._event_socket = _datagram_socket(f"{base}-event-tx", max_message)
        except (OSError, ValueError):
            self._remove()
            raise
        self.handshake = Handshake(0, qbframe.SOCKET, max_message, 0, self._control, base)
        self.responses = Outbox(self._requests, f"{base}-response", give_up)
        self.events = Outbox(self._event_socket, f"{base}-event", give_up)
        asyncio.get_running_loop().add_reader(self._requests, readable)

    def take(self, buffer: memoryview, uid: int, warn: Callable[[str], None]) -> bytes | None:
        """The next request, None when there is none now, b"" for one that was refused. Raises OSError."""
        assert self._requests is not None
        try:
            message, sender = receive_datagram(self._requests, buffer)
        except BlockingIOError:
            return None
        if sender not in (None, uid):
            warn(f"dropped a datagram sent to it by uid {sender}")
            return b""
        return message

    def set_flow_control(self, value: int) -> None:
        os.pwrite(self._control_fd, value.to_bytes(4, "little"), qbframe.FLOW_CONTROL_OFFSET)

    def close(self) -> None:
        """Close the sockets and remove the file."""
        if self._requests is not None:
            asyncio.get_running_loop().remove_reader(self._requests)
        self.responses.close()
        self.events.close()
        self._remove()

    def _remove(self) -> None:
        for sock in (self._requests, self._event_socket):
            if sock is not None:
                sock.close()
        os.close(self._control_fd)
        with contextlib.suppress(OSError):
            os.unlink(self._control)


class RingEnd:
    """QB_IPC_SHM on the connection's own socket `setup`, which tells of requests and on which events are told."""

    announced_on_setup = True

    def __init__(
        self,
        name: str,
        folder: str,
        max_message: int,
        give: Callable[[int], None],
        give_up: Callable[[str], None],
        setup: socket.socket,
    ) -> None:
        self._max_message = max_message
        self._rings: list[ServerRing] = []
        try:
            for channel in ("request", "response", "event"):
                self._rings.append(ServerRing(f"{folder}/qb-{channel}-{name}", max_message, give))
        except OSError:
            for ring in self._rings:
                ring.close()
            raise
        self._requests, responses, events = self._rings
        self.handshake = Handshake(0, qbframe.SHM, max_message, 0, *(ring.base for ring in self._rings))
        self.responses = RingBox(responses, give_up)
        self.events = RingBox(events, give_up, setup)

    def take(self, _buffer: memoryview, _uid: int, _warn: Callable[[str], None]) -> bytes | None:
        """The next request, or None. Raises OSError when the ring is damaged."""
        return self._requests.read(self._max_message)

    def set_flow_control(self, value: int) -> None:
        self._requests.set_flow_control(value)

    def close(self) -> None:
        """Leave the rings and remove their files."""
        self.responses.close()
        self.events.close()
        for ring in self._rings:
            ring.close()


def _datagram_socket(name: str, max_message: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        widen_buffers(sock, max_message)
        sock.bind(qbframe.abstract_address(name))
    except (OSError, ValueError):
        sock.close()
        raise
    return sock
