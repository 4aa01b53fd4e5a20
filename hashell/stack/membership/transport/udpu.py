"""Transport udpu: totem packets as unicast UDP datagrams to every configured node (spec totem.md section 3).

One socket bound to the ring address receives and sends everything. What goes to this node itself takes the loop
instead of the network; its own data frames are not sent to it at all, since their slots are filled already.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Mapping

from hashell.model.diagnostics import HashellError
from hashell.stack.membership.conf.diagnostics import PortInUse
from hashell.stack.membership.totem.packets import MCAST

MAX_DATAGRAM = 65536
BURST = 64
RECEIVE_BUFFER = 4 << 20
_REASONS = {
    errno.EADDRINUSE: "another process has it",
    errno.EADDRNOTAVAIL: "the address is not configured on this machine",
    errno.EACCES: "permission denied",
}

log = logging.getLogger(__name__)


class UdpuTransport:
    """`deliver(data, source address)` gets every datagram of a configured node."""

    def __init__(
        self,
        local: int,
        addresses: Mapping[int, str],
        port: int,
        deliver: Callable[[bytes, str], None],
        block_unlisted: bool = True,
    ) -> None:
        self.local = local
        self.port = port
        self.rejected = 0
        self.send_failures = 0
        self._deliver = deliver
        self._block = block_unlisted
        self._complained: set[object] = set()
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own = addresses[local]
        self._targets: dict[int, tuple[str, int]] = {}
        self._others: list[tuple[str, int]] = []
        self._allowed: frozenset[str] = frozenset()
        self.update(addresses)

    def update(self, addresses: Mapping[int, str]) -> None:
        """The configured nodes are now these; node id to numeric address."""
        self._targets = {n: (a, self.port) for n, a in addresses.items()}
        self._others = [t for n, t in self._targets.items() if n != self.local]
        self._allowed = frozenset(addresses.values())

    def open(self) -> None:
        """Bind and listen on the running loop. Raises HashellError(PortInUse)."""
        family = socket.AF_INET6 if ":" in self._own else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.bind((self._own, self.port))
        except OSError as error:
            sock.close()
            reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
            raise HashellError(PortInUse(address=self._own, port=self.port, reason=reason)) from None
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 6)
        except OSError:
            log.debug("no packet priority for the ring socket")
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._readable)

    def close(self) -> None:
        if self._socket is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def send(self, dest: int, data: bytes) -> None:
        """Send to node `dest`, or to every configured node if it is 0. Failures count as loss."""
        if self._socket is None or self._loop is None:
            return
        if dest == 0:
            for target in self._others:
                self._send_to(target, data)
            if data[3] != MCAST:
                self._loop.call_soon(self._loopback, data)
        elif dest == self.local:
            self._loop.call_soon(self._loopback, data)
        else:
            target_of = self._targets.get(dest)
            if target_of is not None:
                self._send_to(target_of, data)

    def flush(self) -> int:
        """Throw away what waits in the socket; how many datagrams that were."""
        count = 0
        while self._socket is not None:
            try:
                self._socket.recv(MAX_DATAGRAM)
            except OSError:
                break
            count += 1
        return count

    def _send_to(self, target: tuple[str, int], data: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendto(data, target)
        except OSError as error:
            self.send_failures += 1
            key = (target, error.errno)
            if key not in self._complained:
                self._complained.add(key)
                log.warning("cannot send to %s port %d: %s (said once)", *target, error.strerror)

    def _loopback(self, data: bytes) -> None:
        if self._socket is not None:
            self._deliver(data, self._own)

    def _readable(self) -> None:
        sock, deliver, allowed = self._socket, self._deliver, self._allowed
        for _ in range(BURST):
            if sock is None or sock is not self._socket:
                return
            try:
                data, source = sock.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                log.debug("ring socket: %s", error)
                continue
            if self._block and source[0] not in allowed:
                self._reject(source[0])
                continue
            deliver(data, source[0])

    def _reject(self, address: str) -> None:
        self.rejected += 1
        if address not in self._complained and len(self._complained) < 1000:
            self._complained.add(address)
            log.warning("Packet rejected from %s: it is no node of this ring (said once)", address)
