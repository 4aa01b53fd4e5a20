"""What a quorum device does between votequorum and corosync-qnetd (pure).

The server decides; the device tells it the configured nodes, the members of each ring and the verdict of
votequorum, and casts the vote that comes back. Without the server there is no vote: the device then says no, so that
a synchronisation does not have to wait for it.

    state       event                 next, and what is sent
    down        reconnect             connecting
    connecting  connected             greeting: preinit
    greeting    preinit reply         introduced: init (after starttls where the server demands it)
    introduced  init reply            running: options, the three lists
    running     vote info             running: reply; vote yes, no or as before, if it is of this ring
    any         closed, refused,      down: vote no; again after `RETRY` seconds
                no echo, no reply
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.qdevice import messages as m
from hashell.stack.qdevice.messages import Kind, Option, Received, RingIdPair, Tls, Vote

RETRY = 2.0


class State(StrEnum):
    DOWN = "down"
    CONNECTING = "connecting"
    GREETING = "greeting"
    SECURING = "securing"
    INTRODUCED = "introduced"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class QdeviceConfig:
    """quorum.device of one node. Times in seconds."""

    cluster: str
    node_id: int
    host: str
    port: int = 5403
    algorithm: str = "ffsplit"
    tie_breaker: str = "lowest"
    tls: str = "off"  #: off, on (if the server can) or required
    keep_partition: bool = True
    timeout: float = 10.0
    connect_timeout: float = 8.0
    master_wins: bool = False

    @property
    def heartbeat(self) -> float:
        return self.timeout * 0.8

    @property
    def vote_interval(self) -> float:
        return self.timeout * 0.5


@dataclass(frozen=True, slots=True)
class Connect(Effect):
    """Open the connection; `connected` or `closed` follows."""


@dataclass(frozen=True, slots=True)
class Close(Effect):
    """Drop the connection; `closed` must not follow."""


@dataclass(frozen=True, slots=True)
class Secure(Effect):
    """Begin TLS on the connection; `secured` or `closed` follows."""


@dataclass(frozen=True, slots=True)
class Send(Effect):
    data: bytes


@dataclass(frozen=True, slots=True)
class Cast(Effect):
    """Tell votequorum that the device is alive, and its vote, for this ring."""

    yes: bool
    ring: RingIdPair


class Qdevice:
    """One node's device. Each input returns list[Effect]; `now` is not needed: timers come back by name."""

    def __init__(self, config: QdeviceConfig) -> None:
        self.config = config
        self.state = State.DOWN
        self.vote: bool | None = None  #: None = nothing to cast
        self.last_error = ""
        self.configured: tuple[int, ...] = ()
        self.ring: RingIdPair = (0, 0)
        self.members: tuple[int, ...] = ()
        self.quorate = False
        self.nodes: tuple[tuple[int, int], ...] = ()
        self.tls_active = False
        self._buffer = bytearray()
        self._seq = 0
        self._echo = 0
        self._echoed = 0
        self._out: list[Effect] = []

    # ----------------------------------------------------------------- inputs

    def start(self) -> list[Effect]:
        """The ring, its members and the configured nodes are known: look for the server."""
        self._connect()
        return self._take()

    def connected(self) -> list[Effect]:
        self.state = State.GREETING
        self._buffer.clear()
        self._seq = self._echo = self._echoed = 0
        self._send(m.preinit(self._next(), self.config.cluster))
        return self._take()

    def secured(self) -> list[Effect]:
        self.tls_active = True
        self._introduce()
        return self._take()

    def closed(self, reason: str) -> list[Effect]:
        """The connection could not be opened, or is gone."""
        self._down(reason, close=False)
        return self._take()

    def data(self, data: bytes) -> list[Effect]:
        self._buffer += data
        try:
            while self.state not in (State.DOWN, State.CONNECTING) and (message := m.decode(self._buffer)):
                self._message(message)
        except m.MessageError as error:
            self._down(f"the server sent {error}")
        return self._take()

    def timer(self, name: str) -> list[Effect]:
        if name == "reconnect" and self.state is State.DOWN:
            self._connect()
        elif name == "connect" and self.state not in (State.DOWN, State.RUNNING):
            self._down("it does not answer")
        elif name == "heartbeat" and self.state is State.RUNNING:
            if self._echo != self._echoed:
                self._down("it did not answer an echo request")
            else:
                self._echo += 1
                self._send(m.echo(self._echo))
                self._out.append(SetTimer("heartbeat", self.config.heartbeat))
        elif name == "vote" and self.vote is not None:
            self._cast()
        return self._take()

    def nodelist(self, ring: RingIdPair, members: tuple[int, ...]) -> list[Effect]:
        """Votequorum has a new ring; it waits for our vote on it."""
        self.ring, self.members = ring, members
        if self.state is State.RUNNING:
            self._stop_vote()
            self._send(m.membership_list(self._next(), ring, members))
        elif self.vote is not None:
            self._cast()
        return self._take()

    def quorum(self, quorate: bool, nodes: tuple[tuple[int, int], ...]) -> list[Effect]:
        """Votequorum's verdict; `nodes` with the state of each, the device itself (0) not wanted."""
        self.quorate = quorate
        self.nodes = tuple((node, state) for node, state in nodes if node)
        if self.state is State.RUNNING:
            self._send(m.quorum_list(self._next(), quorate, self.nodes))
        return self._take()

    def configuration(self, nodes: tuple[int, ...]) -> list[Effect]:
        """The nodelist of corosync.conf."""
        changed, self.configured = nodes != self.configured, nodes
        if changed and self.state is State.RUNNING:
            self._send(m.config_list(self._next(), False, nodes))
        return self._take()

    # --------------------------------------------------------------- messages

    def _message(self, message: Received) -> None:
        kind = message.kind
        error = message.number(Option.ERROR)
        if kind == Kind.SERVER_ERROR or (kind == Kind.INIT_REPLY and error):
            self._down(f"the server refuses this node: error {error}")
        elif kind == Kind.PREINIT_REPLY and self.state is State.GREETING:
            self._greeted(message)
        elif kind == Kind.INIT_REPLY and self.state is State.INTRODUCED:
            self._run()
        elif kind == Kind.ECHO_REPLY:
            self._echoed = message.number(Option.SEQUENCE) or 0
        elif kind == Kind.VOTE_INFO:
            self._send(m.vote_info_reply(message.number(Option.SEQUENCE) or 0))
            self._voted(message)
        elif kind in (Kind.NODE_LIST_REPLY, Kind.ASK_FOR_VOTE_REPLY):
            self._voted(message)

    def _greeted(self, message: Received) -> None:
        offered = message.number(Option.TLS_SUPPORTED) or Tls.UNSUPPORTED
        wanted = self.config.tls
        if wanted == "required" and offered == Tls.UNSUPPORTED:
            self._down("TLS is required here and the server has none")
        elif wanted == "off" and offered == Tls.REQUIRED:
            self._down("the server requires TLS, which quorum.device.net.tls turns off")
        elif wanted != "off" and offered != Tls.UNSUPPORTED:
            self.state = State.SECURING
            self._send(m.start_tls(self._next()))
            self._out.append(Secure())
        else:
            self._introduce()

    def _introduce(self) -> None:
        config = self.config
        self.state = State.INTRODUCED
        algorithm = m.ALGORITHMS[config.algorithm]
        milliseconds = round(config.heartbeat * 1000)
        self._send(
            m.init(self._next(), config.node_id, algorithm, milliseconds, config.tie_breaker, self.ring)
        )

    def _run(self) -> None:
        self.state = State.RUNNING
        self.last_error = ""
        self._out += [CancelTimer("connect"), SetTimer("heartbeat", self.config.heartbeat)]
        self._out.append(LogLine("notice", f"connected to the quorum server {self.config.host}"))
        self._stop_vote()
        self._send(m.keep_partition(self._next(), self.config.keep_partition))
        self._send(m.config_list(self._next(), True, self.configured))
        self._send(m.membership_list(self._next(), self.ring, self.members))
        self._send(m.quorum_list(self._next(), self.quorate, self.nodes))

    def _voted(self, message: Received) -> None:
        if self.state is not State.RUNNING or message.ring() not in (None, self.ring):
            return
        vote = message.number(Option.VOTE)
        if vote in (Vote.ACK, Vote.NACK):
            self._set_vote(vote == Vote.ACK)
        elif vote in (Vote.ASK_LATER, Vote.WAIT_FOR_REPLY):
            self._stop_vote()

    # ------------------------------------------------------------------ votes

    def _set_vote(self, yes: bool) -> None:
        if yes != self.vote:
            self._out.append(LogLine("notice", f"the quorum device votes {'yes' if yes else 'no'}"))
        self.vote = yes
        self._cast()

    def _cast(self) -> None:
        assert self.vote is not None
        self._out += [Cast(self.vote, self.ring), SetTimer("vote", self.config.vote_interval)]

    def _stop_vote(self) -> None:
        self.vote = None
        self._out.append(CancelTimer("vote"))

    # ------------------------------------------------------------- connection

    def _connect(self) -> None:
        self.state = State.CONNECTING
        self._out += [Connect(), SetTimer("connect", self.config.connect_timeout)]

    def _down(self, reason: str, close: bool = True) -> None:
        if reason != self.last_error:
            self._out.append(
                LogLine("warning", f"no quorum server at {self.config.host}:{self.config.port}: {reason}")
            )
        self.last_error = reason
        self.state = State.DOWN
        self.tls_active = False
        self._buffer.clear()
        if close:
            self._out.append(Close())
        self._out += [CancelTimer("connect"), CancelTimer("heartbeat"), SetTimer("reconnect", RETRY)]
        self._set_vote(False)

    def _send(self, data: bytes) -> None:
        self._out.append(Send(data))

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _take(self) -> list[Effect]:
        effects, self._out = self._out, []
        return effects

    def check_invariants(self) -> None:
        """Raise AssertionError where the state contradicts itself."""
        assert self._echoed <= self._echo or self.state is not State.RUNNING
        assert not (self.state is State.DOWN and self.vote), "a vote without a server"
