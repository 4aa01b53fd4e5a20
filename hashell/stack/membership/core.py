"""One node of a ring without any I/O: totem, packing, synchronisation and the services that live on it.

`RingNode` is driven by a daemon on real sockets and by the simulation in virtual time. Every input returns the
effects to be carried out, in order; see the class for both lists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from hashell.stack.effects import Effect, LogLine
from hashell.stack.membership.cfg.core import Cfg
from hashell.stack.membership.cmap.core import Cmap
from hashell.stack.membership.cpg.core import TRY_AGAIN, Cpg
from hashell.stack.membership.effects import Refused, SyncState
from hashell.stack.membership.quorum.core import Quorum
from hashell.stack.membership.sync.core import Sync, SyncService
from hashell.stack.membership.sync.messages import message_id
from hashell.stack.membership.totem.config import TotemConfig
from hashell.stack.membership.totem.core import Totem
from hashell.stack.membership.totem.packets import NO_RING, RingId
from hashell.stack.membership.totem.packing import (
    GROUP_SERVICES,
    GROUP_SYNC,
    MAX_MESSAGE,
    QUEUE_BYTES,
    Packer,
    unwrap_groups,
)
from hashell.stack.membership.votequorum.core import VoteConfig, VoteQuorum

_TIMER_VOTES = "votequorum."
_TIMER_CFG = "cfg."


class Listener(Protocol):
    """A service that gets messages from the ring."""

    service_id: int

    def message(self, fn: int, nodeid: int, data: bytes) -> None: ...


@dataclass(frozen=True)
class RingConfig:
    """What a node has to know. `votes` None = no quorum provider: always quorate."""

    totem: TotemConfig
    votes: VoteConfig | None = None
    addresses: dict[int, tuple[str, ...]] = field(default_factory=dict)  #: by link, for runtime.members
    config_version: int = 0
    shutdown_timeout: float = 5.0

    @classmethod
    def simple(cls, node_id: int, members: tuple[int, ...], token_ms: int = 1000, **votes: Any) -> RingConfig:
        """A ring of `members` with one vote each and corosync's defaults."""
        totem = TotemConfig.derive(node_id, members, token_ms)
        return cls(totem, VoteConfig(node_id, expected=len(members), node_count=len(members), **votes))


class RingNode:
    """A pure node of the ring.

    Inputs, each returning list[Effect]:
      start(now)                        once, when packets can be sent and received
      packet(data, source, now)         a datagram; `source` is for logs only. Broken ones raise PacketError
      timer(name, now)                  a timer set by SetTimer has run out (names are unique in the node)
      leave(now)                        tell the ring goodbye; send what it returns, then stop
      cpg_join(client, group, pid, now, flags=0), cpg_leave(client, now), cpg_disconnect(client, now)
      cpg_mcast(client, data, now), cpg_partial(client, data, total, kind, now)
        `client` is any number the caller chose for a connection, `group` bytes of at most 128 (Pacemaker's names
        include the final NUL: b"cib\\0"). Refusals raise effects.Refused(code), code a cs_error_t: 6 = try again
        (see `room()`), 12 not joined, 14 joined already.
      call(function)                    run function() that works on a service (node.cmap, node.votes, node.cfg)
                                        and return the effects it caused

    Effects: SendPacket(dest, data) with dest 0 = every configured node (this one included), SetTimer, CancelTimer,
    StoreRingId(seq), FlushSockets, LogLine, SyncState, and towards clients DeliverCpg, CpgConfchg,
    CpgTotemConfchg, NodelistChanged, QuorumChanged, VotesNodelist, VotesChanged, ExpectedVotesChanged, KeyChanged,
    ReloadConfig, AskShutdown, ShutdownReply, Stop, Die (all in effects.py).

    A SendPacket to this node itself (dest == its id, or 0) must come back to it through packet(): no ring forms
    otherwise. After a crash build a new RingNode with the last StoreRingId's seq as `ring_seq`.

    State to look at: node_id, quorate, members, ring (RingId of the last completed synchronisation), synchronising,
    cpg.membership(group).
    """

    def __init__(self, config: RingConfig, ring_seq: int = 0) -> None:
        self.config = config
        self.node_id = config.totem.node_id
        self._out: list[Effect] = []
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._in_sync_step = False
        self._trans: tuple[int, ...] = ()
        self.unknown_frames = 0
        self.sent: dict[int, int] = {}  #: service messages by id
        self.heard: dict[int, int] = {}
        self.totem = Totem(config.totem, self, ring_seq, self._out)
        self.packer = Packer(config.totem.net_mtu)
        self.cmap = Cmap(self.node_id, self._out, self._mcast, config.config_version)
        self.cfg = Cfg(self.node_id, self._out, self._mcast, config.shutdown_timeout)
        self.cpg = Cpg(self.node_id, self._out, self._mcast)
        self.quorum = Quorum(self._out, config.votes is not None)
        self.votes = (
            VoteQuorum(config.votes, self._out, self._mcast, self.quorum.verdict) if config.votes else None
        )
        services: list[SyncService] = [self.cmap, self.cpg, self.quorum, *([self.votes] if self.votes else [])]
        self.sync = Sync(services, self._sync_send, self._sync_finished)
        listeners: list[Listener] = [self.cmap, self.cfg, self.cpg, self.quorum]
        if self.votes:
            listeners.append(self.votes)
        self._listeners = {x.service_id: x for x in listeners}

    # ----------------------------------------------------------------- inputs

    def start(self, now: float) -> list[Effect]:
        """Begin to look for others; the transport must be ready."""
        self.totem.start(now)
        self._in_sync_step = True
        if self.votes:
            self.votes.start()
        self._in_sync_step = False
        return self._take()

    def packet(self, data: bytes, source: object, now: float) -> list[Effect]:
        """One datagram from the ring. Raises totem.packets.PacketError, without effect, for garbage."""
        self.totem.packet(data, now)
        return self._take()

    def timer(self, name: str, now: float) -> list[Effect]:
        if name.startswith(_TIMER_VOTES):
            if self.votes:
                self.votes.timer(name)
                self.sync.poke()
        elif name.startswith(_TIMER_CFG):
            self.cfg.timer(name)
        else:
            self.totem.timer(name, now)
        return self._take()

    def leave(self, now: float) -> list[Effect]:
        """Goodbye to the ring; nothing is accepted afterwards."""
        self.totem.leave()
        return self._take()

    def cpg_join(self, client: int, group: bytes, pid: int, now: float, flags: int = 0) -> list[Effect]:
        self._need_room()
        self.cpg.join(client, group, pid, flags)
        return self._take()

    def cpg_leave(self, client: int, now: float) -> list[Effect]:
        self.cpg.leave(client)
        return self._take()

    def cpg_disconnect(self, client: int, now: float) -> list[Effect]:
        self.cpg.disconnect(client)
        return self._take()

    def cpg_mcast(self, client: int, data: bytes, now: float) -> list[Effect]:
        self._need_room()
        self.cpg.mcast(client, data)
        return self._take()

    def cpg_partial(self, client: int, data: bytes, total: int, kind: int, now: float) -> list[Effect]:
        self._need_room()
        self.cpg.partial_mcast(client, data, total, kind)
        return self._take()

    def reconfigure(self, config: RingConfig) -> None:
        """Adopt a changed configuration; node id and MTU stay as they were at the start. Use through call()."""
        self.config = config
        self.totem.reconfigure(config.totem)
        if self.votes and config.votes:
            self.votes.reload(config.votes)

    # ------------------------------------------------------------------ state

    @property
    def quorate(self) -> bool:
        return self.quorum.quorate

    @property
    def members(self) -> tuple[int, ...]:
        """Node ids of the last completed synchronisation, ascending; () before the first."""
        return self.quorum.members

    @property
    def ring(self) -> RingId:
        return self.quorum.ring

    @property
    def synchronising(self) -> bool:
        """True from a new ring (and from the start) until its services are synchronised."""
        return self.packer.synchronising

    def room(self) -> bool:
        """May clients send? False while too much waits for the ring."""
        queued = len(self.totem.new_queue) * self.config.totem.net_mtu
        return queued + self.packer.waiting_bytes + self._held_bytes < QUEUE_BYTES - MAX_MESSAGE

    def check_invariants(self) -> None:
        """Raise AssertionError where any part contradicts itself."""
        self.totem.check_invariants()
        self.cpg.check_invariants()
        if self.votes:
            self.votes.check_invariants()
        assert self.quorum.ring == NO_RING or self.node_id in self.quorum.members

    def call(self, function: Callable[[], Any]) -> list[Effect]:
        """Run a change on one of the services and hand out what it asks for."""
        function()
        self.sync.poke()
        return self._take()

    # ------------------------------------------------- the ring's deliveries

    def token_received(self) -> None:
        for frame in self.packer.frames():
            self.totem.queue_frame(frame)

    def deliver(self, nodeid: int, payload: bytes) -> None:
        messages = self.packer.receive(nodeid, payload)
        if messages is None:
            self.unknown_frames += 1
            self._out.append(LogLine("warning", f"ignored a broken message frame of node {nodeid}"))
            return
        for data in messages:
            unwrapped = unwrap_groups(data)
            if unwrapped is None:
                continue
            names, body = unwrapped
            if GROUP_SERVICES in names:
                self._dispatch(nodeid, body)
            if GROUP_SYNC in names:
                self._sync_call(self.sync.message, nodeid, body)

    def transitional(self, members: tuple[int, ...], left: tuple[int, ...], ring: RingId) -> None:
        self._trans = members
        self.packer.forget(left)

    def regular(self, members: tuple[int, ...], joined: tuple[int, ...], ring: RingId) -> None:
        self._park_unsent()
        self._out.append(SyncState(True))
        self.cmap.members_changed(members, self.config.addresses)
        self._sync_call(self.sync.begin, self._trans, members, ring)

    # -------------------------------------------------------------- internals

    def _take(self) -> list[Effect]:
        effects = self._out[:]
        self._out.clear()
        return effects

    def _need_room(self) -> None:
        if not self.room():
            raise Refused(TRY_AGAIN)

    def _sync_call(self, function: Callable[..., Any], *args: Any) -> None:
        """Messages caused by a synchronisation step go out at once, all others wait until it is over."""
        before, self._in_sync_step = self._in_sync_step, True
        function(*args)
        self._in_sync_step = before

    def _mcast(self, message: bytes) -> None:
        number = int.from_bytes(message[:4], "little")
        self.sent[number] = self.sent.get(number, 0) + 1
        if self.packer.synchronising and not self._in_sync_step:
            self._held.append(message)
            self._held_bytes += len(message)
            return
        self.packer.put(GROUP_SERVICES, message)
        self.totem.want_token()

    def _sync_send(self, message: bytes) -> None:
        self.packer.put(GROUP_SYNC, message)
        self.totem.want_token()

    def _park_unsent(self) -> None:
        """From here on the second stream is in use, until this ring is synchronised."""
        self.packer.synchronising = True

    def _sync_finished(self) -> None:
        self._out.append(LogLine("notice", "Completed service synchronization, ready to provide service."))
        self.packer.synchronising = False
        self.totem.waiting_trans_ack = False
        held, self._held = self._held, []
        self._held_bytes = 0
        for message in held:
            self.packer.put(GROUP_SERVICES, message)
        self._out.append(SyncState(False))
        self.totem.want_token()

    def _dispatch(self, nodeid: int, body: bytes) -> None:
        head = message_id(body)
        if head is None:
            return
        number, size = head
        service = self._listeners.get(number >> 16)
        if service is None or not 16 <= size <= len(body):
            return
        self.heard[number] = self.heard.get(number, 0) + 1
        service.message(number & 0xFFFF, nodeid, body)
