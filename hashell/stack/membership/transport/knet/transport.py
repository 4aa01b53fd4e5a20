"""The sockets of the knet transport: one for each of our own link addresses, every packet goes out from its port."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import Callable

from hashell.model.diagnostics import HashellError
from hashell.stack.membership.conf.diagnostics import PortInUse
from hashell.stack.membership.totem.packets import MCAST
from hashell.stack.membership.transport.knet.config import KnetConfig, LinkConfig
from hashell.stack.membership.transport.knet.core import TICK, KnetCore, crypto_of
from hashell.stack.membership.transport.knet.frames import KnetError
from hashell.stack.membership.transport.knet.link import Link
from hashell.stack.membership.transport.report import LinkReport
from hashell.stack.membership.transport.sockets import (
    MAX_DATAGRAM,
    bind_failure,
    large_buffers,
    never_fragment,
)
from hashell.stack.runtime import log_level

BURST = 64
_LATE = 0.5

log = logging.getLogger(__name__)


class KnetTransport:
    """`deliver(data, address)` gets totem packets, `garbage(kind, address, text)` what was no good;
    `link_changed(node, link number, up)` is called from the loop."""

    def __init__(
        self,
        config: KnetConfig,
        deliver: Callable[[bytes, str], None],
        garbage: Callable[[str, str, str], None],
        link_changed: Callable[[int, int, bool], None] = lambda node, number, up: None,
    ) -> None:
        self.local = config.node_id
        self.rejected = 0
        self.send_failures = 0
        self._link_changed = link_changed
        self.core = KnetCore(config, self._transmit, deliver, self._log, lambda: os.urandom(16), self._changed)
        self._deliver = deliver
        self._garbage = garbage
        self._sockets: dict[int, socket.socket] = {}
        self._complained: set[tuple[int, int, int]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._last_tick = 0.0

    # ------------------------------------------------------------------- life

    def open(self) -> None:
        """Bind every link and begin to ping, on the running loop. Raises HashellError(PortInUse)."""
        self._loop = asyncio.get_running_loop()
        try:
            for link in self.core.config.links:
                self._bind(link)
        except HashellError:
            self.close()
            raise
        self._last_tick = self._loop.time()
        self._tick()

    def close(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        for number in list(self._sockets):
            self._unbind(number)

    def _bind(self, link: LinkConfig) -> None:
        assert self._loop is not None
        family = socket.AF_INET6 if ":" in link.local else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            large_buffers(sock)
            sock.bind((link.local, link.port))
        except OSError as error:
            sock.close()
            reason = bind_failure(error)
            raise HashellError(PortInUse(address=link.local, port=link.port, reason=reason)) from None
        never_fragment(sock)
        self._sockets[link.number] = sock
        self._loop.add_reader(sock, self._readable, link.number, sock)

    def _unbind(self, number: int) -> None:
        sock = self._sockets.pop(number)
        if self._loop is not None:
            self._loop.remove_reader(sock)
        sock.close()

    def reconfigure(self, config: KnetConfig) -> bool:
        """Adopt links, peers and constants; True if the key is another one, which then waits for `switch_key`.

        Raises HashellError when a new link's address cannot be used; the others have been adopted then.
        """
        before = self.core.config
        self.core.configure(config)
        old = {link.number: (link.local, link.port) for link in before.links}
        new = {link.number: (link.local, link.port) for link in config.links}
        for number in list(self._sockets):
            if new.get(number) != old.get(number):
                self._unbind(number)
        for link in config.links:
            if link.number not in self._sockets:
                self._bind(link)
        if config.crypto() == before.crypto():
            return False
        self.core.keys.prepare(crypto_of(config))
        self.core.keys_changed()
        return True

    def switch_key(self) -> None:
        """Send with the new key; the old one is still understood."""
        self.core.keys.switch()

    def forget_key(self) -> None:
        """Every node has switched: the old key is void."""
        self.core.keys.finish()
        self.core.keys_changed()

    # ---------------------------------------------------------------- packets

    def send(self, dest: int, data: bytes) -> None:
        """Send to node `dest`, or to every node for 0; what goes to ourselves comes back by the loop."""
        if self._loop is None or not self._sockets:
            return
        if dest != self.local:
            self.core.send(dest, data)
        if dest == self.local or (dest == 0 and data[3] != MCAST):
            self._loop.call_soon(self._loopback, data)

    def flush(self) -> int:
        """Throw away what waits in the sockets; how many datagrams that were."""
        count = 0
        for sock in self._sockets.values():
            while True:
                try:
                    sock.recv(MAX_DATAGRAM)
                except OSError:
                    break
                count += 1
        return count

    def _loopback(self, data: bytes) -> None:
        if self._sockets:
            self._deliver(data, "")

    def _transmit(self, link: Link, packet: bytes) -> bool:
        sock = self._sockets.get(link.number)
        if sock is None:
            return True
        try:
            sock.sendto(packet, link.target)
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                return False
            self.send_failures += 1
            key = (link.node, link.number, error.errno or 0)
            if key not in self._complained:
                self._complained.add(key)
                log.warning("cannot send to %s port %d: %s (said once)", *link.target, error.strerror)
        return True

    def _readable(self, number: int, sock: socket.socket) -> None:
        assert self._loop is not None
        received = self.core.received
        now = self._loop.time()
        for _ in range(BURST):
            if self._sockets.get(number) is not sock:
                return
            try:
                data, source = sock.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                log.debug("ring socket: %s", error)
                continue
            try:
                received(number, data, source[:2], now)
            except KnetError as error:
                self.rejected += 1
                self._garbage(error.kind, source[0], error.text)

    # ------------------------------------------------------------------ timer

    def _tick(self) -> None:
        assert self._loop is not None
        now = self._loop.time()
        intervals = [link.ping_interval for link in self.core.config.links]
        step = min([TICK, *intervals])
        late = now - self._last_tick - step
        if late > _LATE:
            self.core.pause(late)
        self._last_tick = now
        self.core.tick(now)
        self._ticker = self._loop.call_later(step, self._tick)

    def _changed(self, link: Link) -> None:
        # The core is in the middle of its work: whoever is told may want to send.
        assert self._loop is not None
        self._loop.call_soon(self._link_changed, link.node, link.number, link.connected)

    def _log(self, level: str, text: str) -> None:
        log.log(log_level(level), "%s", text)

    # ---------------------------------------------------------------- reports

    def links(self, node: int) -> list[LinkReport]:
        """The links to a node, this one's own loopback included; [] for a node we do not know."""
        assert self._loop is not None
        now = self._loop.time()
        if node == self.local:
            return [LinkReport(c.number, c.local, c.local, True, True, 0) for c in self.core.config.links]
        peer = self.core.peers.get(node)
        return [] if peer is None else [self._report(link, now) for _, link in sorted(peer.links.items())]

    def _report(self, link: Link, now: float) -> LinkReport:
        known = link.samples > 0
        return LinkReport(
            link.number,
            link.config.local,
            link.target[0],
            True,
            link.connected,
            self.core.data_size(link),
            link.loss(now),
            link.latency if known else None,
            link.latency_max if known else None,
            link.latency_min if known else None,
            link.downs,
            link.ups,
            link.tx,
            link.rx,
            link.tx_bytes,
            link.rx_bytes,
            link.pings,
            link.replies,
            link.errors,
        )
