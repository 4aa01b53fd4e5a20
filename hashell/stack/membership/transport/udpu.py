"""Transport udpu: totem packets as unicast UDP datagrams to every configured node (spec totem.md section 3).

One socket bound to the ring address receives and sends everything. What goes to this node itself takes the loop
instead of the network; its own data frames are not sent to it at all, since their slots are filled already.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping

from hashell.model.diagnostics import HashellError
from hashell.stack.membership.conf.diagnostics import PortInUse
from hashell.stack.membership.totem.packets import MCAST
from hashell.stack.membership.transport.report import LinkReport
from hashell.stack.membership.transport.sockets import MAX_DATAGRAM, bind_failure, large_buffers

BURST = 64
_MAGIC = b"\x70\xc0"
_MCAST_BYTE = bytes((MCAST,))
_SENDER = slice(5, 9)
_NOBODY = bytes(4)  #: who leaves sends its last packet under no id

log = logging.getLogger(__name__)


class UdpuTransport:
    """`deliver(data, source address)` gets every datagram of a configured node, `garbage(kind, address, text)` the
    rest: strangers, node ids that are in no nodelist, and two machines with one node id."""

    def __init__(
        self,
        local: int,
        addresses: Mapping[int, str],
        port: int,
        deliver: Callable[[bytes, str], None],
        garbage: Callable[[str, str, str], None],
        block_unlisted: bool = True,
    ) -> None:
        self.local = local
        self.port = port
        self.rejected = 0
        self.send_failures = 0
        self._deliver = deliver
        self._garbage = garbage
        self._block = block_unlisted
        self._complained: set[object] = set()
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own = addresses[local]
        self._targets: dict[int, tuple[str, int]] = {}
        self._others: list[tuple[str, int]] = []
        self._owners: dict[str, frozenset[bytes]] = {}
        self.update(addresses)

    def update(self, addresses: Mapping[int, str]) -> None:
        """The configured nodes are now these; node id to numeric address."""
        self._targets = {n: (a, self.port) for n, a in addresses.items()}
        self._others = [t for n, t in self._targets.items() if n != self.local]
        owners: dict[str, list[bytes]] = {}
        for node, address in addresses.items():
            owners.setdefault(address, [_NOBODY]).append(node.to_bytes(4, "little"))
        self._owners = {address: frozenset(nodes) for address, nodes in owners.items()}

    def open(self) -> None:
        """Bind and listen on the running loop. Raises HashellError(PortInUse)."""
        family = socket.AF_INET6 if ":" in self._own else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            large_buffers(sock)
            sock.bind((self._own, self.port))
        except OSError as error:
            sock.close()
            raise HashellError(PortInUse(address=self._own, port=self.port, reason=bind_failure(error))) from None
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

    def links(self, node: int) -> list[LinkReport]:
        """The one link to a node; whether it works is not known to this transport."""
        target = self._targets.get(node)
        if target is None:
            return []
        return [LinkReport(0, "", target[0], True, None, 0)]

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
        sock, deliver, owners = self._socket, self._deliver, self._owners
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
            if self._block:
                nodes = owners.get(source[0])
                if nodes is None:
                    self._reject("source", source[0], "it is no node of this ring")
                    continue
                # A data frame may come from whoever still has it; everything else tells who sends it.
                if data[3:4] != _MCAST_BYTE and data[:2] == _MAGIC and data[_SENDER] not in nodes:
                    self._misnamed(data, source[0])
                    continue
            deliver(data, source[0])

    def _misnamed(self, data: bytes, address: str) -> None:
        node = int.from_bytes(data[_SENDER], "little")
        if node in self._targets:
            text = f"it says to be node {node}, whose address is {self._targets[node][0]}: is a node id used twice?"
            self._reject("duplicate-id", address, text)
        else:
            self._reject("unknown-node", address, f"it says to be node {node}, which is not in our nodelist")

    def _reject(self, kind: str, address: str, text: str) -> None:
        self.rejected += 1
        self._garbage(kind, address, text)
