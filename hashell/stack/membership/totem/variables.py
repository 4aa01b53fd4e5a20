"""The variables of the totem single ring protocol and the sends and timers its rules use (spec totem.md 1.3-1.6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.membership.effects import SendPacket
from hashell.stack.membership.totem.config import TotemConfig
from hashell.stack.membership.totem.packets import MAX_PROCESSORS, NO_RING, Join, RingId

QUEUE_SLOTS = 16384
MASK = 0xFFFFFFFF


class State(StrEnum):
    OPERATIONAL = "operational"
    GATHER = "gather"
    COMMIT = "commit"
    RECOVERY = "recovery"


#: why a gather began, by the number corosync logs
GATHER_REASONS = {
    0: "consensus timeout",
    2: "The token was lost in the OPERATIONAL state.",
    3: "The consensus timeout expired.",
    4: "The token was lost in the COMMIT state.",
    5: "The token was lost in the RECOVERY state.",
    6: "failed to receive",
    7: "foreign message in operational state",
    8: "foreign message in gather state",
    9: "merge during operational state",
    10: "merge during gather state",
    11: "merge during join",
    12: "join during operational state",
    13: "join during commit state",
    14: "join during recovery",
    15: "interface change",
}


def lt(a: int, b: int) -> bool:
    """Is sequence number a before b, with the wrap rule of section 1.4."""
    if a > 0x80000000 or b > 0x80000000:
        return ((a - 0x10000) & MASK) < ((b - 0x10000) & MASK)
    return a < b


def lte(a: int, b: int) -> bool:
    return a == b or lt(a, b)


class Upper(Protocol):
    """Who gets what the ring delivers."""

    def token_received(self) -> None:
        """The token is here: whatever waits to be packed into frames is queued now."""

    def deliver(self, nodeid: int, payload: bytes) -> None:
        """One agreed frame, sent by `nodeid`."""

    def transitional(self, members: tuple[int, ...], left: tuple[int, ...], ring: RingId) -> None:
        """Members that come along from the old ring; frames up to `regular` are still the old ring's."""

    def regular(self, members: tuple[int, ...], joined: tuple[int, ...], ring: RingId) -> None:
        """The new ring's members."""


#: what is counted, by corosync's names
COUNTS = (
    "gather_entered", "commit_entered", "recovery_entered", "operational_entered", "gather_token_lost",
    "commit_token_lost", "recovery_token_lost", "operational_token_lost", "consensus_timeouts", "mcast_retx",
)  # fmt: skip


class RingState:
    """Variables of section 1.5 and what is sent and timed in many places."""

    def __init__(self, config: TotemConfig, upper: Upper, ring_seq: int, out: list[Effect]) -> None:
        self.config = config
        self.me = config.node_id
        self.upper = upper
        self.out = out
        self.state = State.OPERATIONAL
        self.started = False
        self.proc_list: list[int] = []
        self.failed_list: list[int] = []
        self.memb_list: list[int] = []
        self.new_memb_list: list[int] = []
        self.trans_memb_list: list[int] = []
        self.deliver_memb_list: list[int] = []
        self.leave_list: list[int] = []
        self.consensus: list[int] = []
        self.ring_id = RingId(self.me, ring_seq + 1)
        self.old_ring_id = NO_RING
        self.token_ring_id_seq = ring_seq + 1
        self.aru = 0
        self.high_seq_received = 0
        self.high_delivered = 0
        self.last_released = 0
        self.last_token_seq = MASK
        self.last_aru = 0
        self.last_seq = 0
        self.seq_unchanged = 0
        self.received_flg = 1
        self.trc = self.pbl = self.cbl = 0
        self.token_discard = False
        self.originated_token = False
        self.waiting_trans_ack = True
        self.failed_to_recv = False
        self.saved = False
        self.old_aru = 0
        self.old_high = 0
        self.token_held = False
        self.aru_count = 0
        self.this_seqno = 0
        self.set_retrans_flg = False
        self.retrans_flg_count = 0
        self.rotation_counter = 0
        self.install_seq = 0
        self.progress = (0, 0)
        self.standstill = 0  #: token visits in recovery without any progress
        self.new_queue: deque[bytes] = deque()
        self.trans_queue: deque[bytes] = deque()
        self.retrans_queue: deque[bytes] = deque()
        self.regular: dict[int, bytes] = {}
        self.recovery: dict[int, bytes] = {}
        self.miss_count: dict[int, int] = {}
        self.token_target = 0
        self.kept_token = b""
        self.pause_stamp = 0.0
        self.rotations = 0
        self.received = [0] * 6  #: packets by type
        self.counts: dict[str, int] = dict.fromkeys(COUNTS, 0)
        self.ignored: dict[str, int] = {}  #: packets without effect, by kind
        self.consecutive_gathers = 0
        self.token_seen = 0.0  #: when the last token came
        self.rotation_time = 0.0  #: moving average, in seconds
        self.stall = 0.0  #: seconds for which this node did not run, until the next token
        self._running: dict[str, bool] = {}
        self._timers = {
            "token": SetTimer("token", config.token),
            "retransmit": SetTimer("retransmit", config.token_retransmit),
            "hold": SetTimer("hold", config.hold),
            "join": SetTimer("join", config.join),
            "consensus": SetTimer("consensus", config.consensus),
            "merge": SetTimer("merge", config.merge),
            "pause": SetTimer("pause", config.token / 5),
            "warning": SetTimer("warning", config.token * config.token_warning / 100),
            "send_join": SetTimer("send_join", config.send_join),
            "heartbeat": SetTimer(
                "heartbeat",
                config.heartbeat_failures_allowed * config.token_retransmit + config.max_network_delay,
            ),
        }

    def reconfigure(self, config: TotemConfig) -> None:
        """Adopt changed constants (a reloaded corosync.conf); the node id stays. Running timers keep their time."""
        fresh = RingState(config, self.upper, 0, self.out)
        self.config = config
        self._timers = fresh._timers

    def _set(self, name: str) -> None:
        self._running[name] = True
        self.out.append(self._timers[name])

    def _cancel(self, name: str) -> None:
        if self._running.get(name):
            self._running[name] = False
            self.out.append(CancelTimer(name))

    def _ignore(self, kind: str) -> None:
        self.ignored[kind] = self.ignored.get(kind, 0) + 1

    def _log(self, level: str, text: str) -> None:
        self.out.append(LogLine(level, text))

    def _multicast(self, data: bytes) -> None:
        self.out.append(SendPacket(0, data))

    def _start_token_timers(self) -> None:
        self._set("token")
        self._set("retransmit")
        if self.config.token_warning:
            self._set("warning")
        if self.config.heartbeat_failures_allowed:
            self._set("heartbeat")

    def _cancel_token_timers(self) -> None:
        for name in ("token", "retransmit", "warning", "heartbeat"):
            self._cancel(name)

    def _send_join(self) -> None:
        self._multicast(Join(self.me, self.me, self.proc_list, self.failed_list, self.ring_id.seq).encode())

    def _active_queue(self) -> deque[bytes]:
        return self.trans_queue if self.waiting_trans_ack else self.new_queue

    def _is_rep(self) -> bool:
        return self.ring_id.rep == self.me

    def gather_enter(self, reason: int) -> None:
        raise NotImplementedError


def minus(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """a without the members of b, in the order of a."""
    return [x for x in a if x not in b]


def merge_into(target: list[int], more: Sequence[int]) -> None:
    """Set union in place: appends what is new, in order, up to as many ids as a packet can have."""
    for x in more:
        if x not in target and len(target) < MAX_PROCESSORS:
            target.append(x)
