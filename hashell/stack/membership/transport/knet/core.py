"""The knet transport without I/O: which links are up, what goes over them, what comes from them (totem.md section 4).

Every other node is a peer with up to eight links. Pings go over each link all the time; three answers bring a link
up, too long a silence takes it down. Data goes over the best link of a peer (passive), over all of them (active) or
over each in turn (rr), in fragments that fit the smallest path MTU of the links in use.

    link     pong (3rd)     no pong for the timeout      data, after a first pong
    down     up, find MTU   -                            up at once
    up       measure        down, window forgotten       -
"""

from __future__ import annotations

from collections.abc import Callable

from hashell.stack.membership.transport.knet.compress import Compressor
from hashell.stack.membership.transport.knet.config import PASSIVE, ROUND_ROBIN, KnetConfig
from hashell.stack.membership.transport.knet.crypto import Crypto, KeyRing
from hashell.stack.membership.transport.knet.frames import (
    DATA,
    DATA_FIELDS,
    LARGEST_HEADER,
    MAX_FRAGMENTS,
    PING,
    PMTUD,
    PONG,
    VERSION,
    KnetError,
    Ping,
    Pmtud,
    decode,
    unpacked,
)
from hashell.stack.membership.transport.knet.link import Link, time_bytes
from hashell.stack.membership.transport.knet.mtu import HEADERS
from hashell.stack.membership.transport.knet.window import Window

TICK = 0.2  #: seconds between two looks at all links
RESYNC = 8191
_TARGET = slice(9, 13)
_EVERYBODY = bytes(4)


def crypto_of(config: KnetConfig) -> Crypto | None:
    """The key of a configuration, None for clear packets. Raises KnetError."""
    if config.digest == "none":
        return None
    return Crypto(config.cipher, config.digest, config.key)


class Peer:
    """Another node."""

    __slots__ = ("node", "links", "sources", "window", "active", "turn")

    def __init__(self, node: int) -> None:
        self.node = node
        self.links: dict[int, Link] = {}
        self.sources: dict[tuple[str, int], Link] = {}
        self.window = Window()
        self.active: list[Link] = []  #: links that carry data now; empty = unreachable
        self.turn = 0


class KnetCore:
    """Calls that it makes, none of which may call back into it:

    transmit(link, packet) -> bool   send a datagram to link.target from our socket of that link; False: too large
    deliver(data, address)           a totem packet for this node
    log(level, text)                 a line for the log
    salt()                           16 random bytes
    link_changed(link)               a link went up or down
    """

    def __init__(
        self,
        config: KnetConfig,
        transmit: Callable[[Link, bytes], bool],
        deliver: Callable[[bytes, str], None],
        log: Callable[[str, str], None],
        salt: Callable[[], bytes],
        link_changed: Callable[[Link], None] = lambda link: None,
    ) -> None:
        self._transmit = transmit
        self._deliver = deliver
        self._log = log
        self._salt = salt
        self._link_changed = link_changed
        self.keys = KeyRing(crypto_of(config))
        self.peers: dict[int, Peer] = {}
        self.seq = 0
        self.data_mtu = 0
        self._since_resync = 0
        self.configure(config)

    def configure(self, config: KnetConfig) -> None:
        """Adopt links and peers; links that stay as they are keep their state. Keys change by `keys`."""
        self.config = config
        self.me = config.node_id
        self.compressor = Compressor(config.compression, config.compression_threshold, config.compression_level)
        self._me_bytes = config.node_id.to_bytes(4, "little")
        wanted = {(n, link.number): (link, a) for link in config.links for n, a in link.peers.items()}
        for node, peer in list(self.peers.items()):
            for number, link in list(peer.links.items()):
                new = wanted.get((node, number))
                if new is None or link.target != (new[1], new[0].port):
                    del peer.links[number]
                else:
                    link.config = new[0]
                    link.path.fixed = config.mtu
            if not peer.links:
                del self.peers[node]
        for (node, number), (link_config, address) in sorted(wanted.items()):
            peer = self.peers.setdefault(node, Peer(node))
            if number not in peer.links:
                peer.links[number] = Link(node, link_config, (address, link_config.port), config.mtu)
        for peer in self.peers.values():
            peer.sources = {link.target: link for link in peer.links.values()}
            self._choose(peer)

    # ---------------------------------------------------------------- sending

    def send(self, dest: int, data: bytes) -> None:
        """One totem packet to node `dest`, or to every reachable node for 0; this node itself is the caller's."""
        peers = [p for p in self.peers.values() if p.active] if dest == 0 else self._only(dest)
        if not peers:
            return
        model, body = self.compressor.compress(data)
        self.seq = seq = self.seq % 0xFFFF + 1
        size = self.data_mtu
        bcast = int(dest == 0)
        if len(body) <= size:
            head = DATA_FIELDS.pack(VERSION, DATA, self.me, seq, model, bcast, 1, 0, 0)
            self._emit(peers, self._sealed(head + body))
        else:
            count = -(-len(body) // size)
            if count > MAX_FRAGMENTS:
                self._log("error", f"a packet of {len(body)} bytes needs more than {MAX_FRAGMENTS} fragments")
                return
            for number in range(count):
                head = DATA_FIELDS.pack(VERSION, DATA, self.me, seq, model, bcast, count, number + 1, 0)
                self._emit(peers, self._sealed(head + body[number * size : (number + 1) * size]))
        self._since_resync += 1
        if self._since_resync >= RESYNC:
            self._since_resync = 0
            for peer in peers:
                for link in peer.active:
                    stamp = time_bytes(link.last_pong)
                    self._send(link, Ping(PING, self.me, link.number, stamp, self.seq, 0).encode())

    def _only(self, dest: int) -> list[Peer]:
        peer = self.peers.get(dest)
        return [peer] if peer is not None and peer.active else []

    def _sealed(self, clear: bytes) -> bytes:
        active = self.keys.active
        return active.seal(clear, self._salt()) if active else clear

    def _emit(self, peers: list[Peer], packet: bytes) -> None:
        for peer in peers:
            if self.config.policy == ROUND_ROBIN:
                peer.turn = (peer.turn + 1) % len(peer.active)
                links = [peer.active[peer.turn]]
            else:
                links = peer.active
            for link in links:
                if not self._put(link, packet):
                    self._shrunk(link)

    def _shrunk(self, link: Link) -> None:
        """Our own card does not take packets of that size any more: begin small and search again."""
        link.path.mtu = 0
        link.path.searching = False
        link.path.last_search = -self.config.pmtud_interval
        self._set_data_mtu()

    def _send(self, link: Link, clear: bytes) -> bool:
        return self._put(link, self._sealed(clear))

    def _put(self, link: Link, packet: bytes) -> bool:
        link.tx += 1
        link.tx_bytes += len(packet)
        if self._transmit(link, packet):
            return True
        link.errors += 1
        return False

    # -------------------------------------------------------------- receiving

    def received(self, number: int, data: bytes, source: tuple[str, int], now: float) -> None:
        """A datagram on our socket of link `number`. Raises KnetError, without effect, for what is no good."""
        clear = self.keys.open(data) if self.keys.active or self.keys.other else data
        if len(clear) >= DATA_FIELDS.size and clear[0] == VERSION and clear[1] == DATA:
            self._data(clear, len(data), source, now)
            return
        frame = decode(clear)
        peer = self._peer(frame.node, source)
        link = peer.links.get(frame.link if isinstance(frame, (Ping, Pmtud)) else number)
        if link is None or (self.config.block_unlisted and link.target[0] != source[0]):
            raise KnetError("source", f"a knet packet of node {frame.node} that is not from its address")
        link.rx += 1
        link.rx_bytes += len(data)
        if isinstance(frame, Pmtud):
            self._pmtud(link, frame, now)
        elif isinstance(frame, Ping) and frame.type == PING:
            peer.window.ping(frame.seq, bool(frame.timed))
            self._send(link, Ping(PONG, self.me, frame.link, frame.time, frame.seq, frame.timed).encode())
        elif isinstance(frame, Ping):
            self._pong(peer, link, frame.time, now)

    def _peer(self, node: int, source: tuple[str, int]) -> Peer:
        peer = self.peers.get(node)
        if peer is not None:
            return peer
        if node == self.me:
            raise KnetError("duplicate-id", f"a packet with our own node id {node}: {source[0]} uses the same one")
        raise KnetError("unknown-node", f"a packet of node {node}, which is not in our nodelist")

    def _data(self, clear: bytes, size: int, source: tuple[str, int], now: float) -> None:
        _, _, node, seq, model, _, frag_num, frag_seq, channel = DATA_FIELDS.unpack_from(clear)
        peer = self._peer(node, source)
        link = peer.sources.get(source)
        if link is None:
            raise KnetError("source", f"knet data of node {node} that is not from its address and port")
        if not frag_num or frag_seq > frag_num or (frag_num > 1 and not frag_seq) or channel:
            raise KnetError("knet-fragment", f"knet fragment {frag_seq} of {frag_num} on channel {channel}")
        link.rx += 1
        link.rx_bytes += size
        if not link.connected and not peer.active:
            if not link.pong_seen:
                return
            self._up(peer, link, now)
        if not peer.window.is_new(seq):
            return
        body = clear[DATA_FIELDS.size :]
        if frag_num > 1:
            whole = peer.window.piece(seq, frag_seq, frag_num, body)
            if whole is None:
                return
            body = whole
        peer.window.mark(seq)
        data = unpacked(model, body) if model else body
        target = data[_TARGET]
        if target != _EVERYBODY and target != self._me_bytes and len(data) >= _TARGET.stop:
            return
        self._deliver(data, source[0])

    def _pong(self, peer: Peer, link: Link, stamp: bytes, now: float) -> None:
        if not link.note_pong(stamp, now) or link.connected:
            return
        if link.pongs >= link.config.pong_count:
            self._up(peer, link, now)
        else:
            link.pongs += 1

    def _pmtud(self, link: Link, frame: Pmtud, now: float) -> None:
        if frame.type == PMTUD:
            # The reply is as short as it can be: it must come through where the probe did.
            self._send(link, Pmtud(0x84, self.me, frame.link, frame.size).encode())
        elif link.path.reply(frame.size):
            self._probe(link, now)

    # ------------------------------------------------------------------ links

    def tick(self, now: float) -> None:
        """To be called every `TICK` seconds or more often."""
        for peer in self.peers.values():
            for link in peer.links.values():
                if now >= link.next_ping:
                    link.note_ping(now)
                    self._send(link, Ping(PING, self.me, link.number, time_bytes(now), self.seq, 1).encode())
                if link.connected:
                    self._watch(peer, link, now)

    def _watch(self, peer: Peer, link: Link, now: float) -> None:
        if now - link.last_pong > link.pong_timeout:
            link.down()
            self._log("info", f"link: host: {peer.node} link: {link.number} is down")
            self._link_changed(link)
            self._choose(peer)
            return
        link.ease(now)
        path = link.path
        if path.searching:
            if path.probe and now - path.sent_at > max(2 * TICK, 4 * link.latency):
                if path.lost():
                    self._log("warning", f"pmtud: no packet of a usable size reaches host {peer.node} by "
                              f"link {link.number}")  # fmt: skip
                self._probe(link, now)
        elif now - path.last_search >= self.config.pmtud_interval:
            self._search(link, now)

    def pause(self, seconds: float) -> None:
        """This process did not run for a while: the silence was ours, not the links'."""
        for peer in self.peers.values():
            for link in peer.links.values():
                link.last_pong += seconds

    def _up(self, peer: Peer, link: Link, now: float) -> None:
        link.up(now)
        self._log("info", f"rx: host: {peer.node} link: {link.number} is up")
        self._link_changed(link)
        self._choose(peer)
        self._search(link, now)

    def _choose(self, peer: Peer) -> None:
        """Which links carry data from now on."""
        before = peer.active
        up = [link for _, link in sorted(peer.links.items()) if link.connected]
        if self.config.policy == PASSIVE and up:
            up = [max(up, key=lambda link: link.config.priority)]
        peer.active = up
        peer.turn = 0
        if up != before:
            if not up:
                self._log("warning", f"host: host: {peer.node} has no active links")
                peer.window.reset()
            elif self.config.policy == PASSIVE:
                self._log("info", f"host: host: {peer.node} (passive) best link: {up[0].number} "
                          f"(pri: {up[0].config.priority})")  # fmt: skip
        self._set_data_mtu()

    # -------------------------------------------------------------------- MTU

    def data_size(self, link: Link) -> int:
        """The most user data in one packet over this link, in bytes."""
        return self._clear_size(link.path.payload()) - LARGEST_HEADER

    def _clear_size(self, payload: int) -> int:
        """While keys change the packets of either must fit."""
        keys = [key for key in (self.keys.active, self.keys.other) if key]
        return min((key.clear_size(payload) for key in keys), default=payload)

    def _set_data_mtu(self) -> None:
        links = [link for peer in self.peers.values() for link in peer.links.values() if link.connected]
        links = links or [link for peer in self.peers.values() for link in peer.links.values()]
        size = min((self.data_size(link) for link in links), default=LARGEST_HEADER)
        if size != self.data_mtu:
            if self.data_mtu:
                self._log("info", f"pmtud: Global data MTU changed to: {size}")
            self.data_mtu = size

    def keys_changed(self) -> None:
        """The overhead of encryption is another one now."""
        self._set_data_mtu()

    def _search(self, link: Link, now: float) -> None:
        link.path.begin(now)
        self._probe(link, now)

    def _probe(self, link: Link, now: float) -> None:
        path = link.path
        while path.searching and path.probe:
            clear = self._clear_size(path.probe - HEADERS[path.family])
            path.sent_at = now
            if self._send(link, Pmtud(PMTUD, self.me, link.number, path.probe, max(0, clear - 9)).encode()):
                return
            path.refused()
        if not path.searching:
            self._set_data_mtu()

    # ------------------------------------------------------------- invariants

    def reachable(self, node: int) -> bool:
        peer = self.peers.get(node)
        return node == self.me or (peer is not None and bool(peer.active))

    def check_invariants(self) -> None:
        """Raise AssertionError where the state contradicts itself."""
        assert 0 <= self.seq <= 0xFFFF
        for peer in self.peers.values():
            assert all(link.connected for link in peer.active)
            assert bool(peer.active) == any(link.connected for link in peer.links.values())
        assert self.data_mtu > 0
