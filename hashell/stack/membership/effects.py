"""What a RingNode asks of the world around it, beside the timers and log lines of `hashell.stack.effects`.

`client` is the number the caller gave to one IPC connection; the core never looks behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hashell.stack.effects import Effect


class Refused(Exception):
    """A client's request that is answered with a cs_error_t (spec ipc.md section 4.1) instead of being done."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with cs_error {code}")
        self.code = code


class Member(NamedTuple):
    """One process in a CPG group. reason: 0 none, 1 join, 2 leave, 3 nodedown, 4 nodeup, 5 procdown."""

    nodeid: int
    pid: int
    reason: int = 0


@dataclass(frozen=True, slots=True)
class SendPacket(Effect):
    """Send one totem packet to node `dest`; dest 0 = to every configured node, itself included."""

    dest: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StoreRingId(Effect):
    """Write the ring sequence number to stable storage before anything later in the list is done."""

    seq: int


@dataclass(frozen=True, slots=True)
class FlushSockets(Effect):
    """This process was stopped for a while: throw away what waits in the receive sockets."""


@dataclass(frozen=True, slots=True)
class DeliverCpg(Effect):
    """An agreed message for these local clients. Fragments of one client message have fragment 1 first,
    2 continued, 3 last and `total` the whole length; fragment 0 is a whole message."""

    clients: tuple[int, ...]
    group: bytes
    nodeid: int
    pid: int
    data: bytes
    fragment: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class CpgConfchg(Effect):
    """The processes of a group changed. `members` is in (nodeid, pid) order."""

    clients: tuple[int, ...]
    group: bytes
    members: tuple[Member, ...]
    left: tuple[Member, ...]
    joined: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class CpgTotemConfchg(Effect):
    """A new ring, for clients that asked for it."""

    clients: tuple[int, ...]
    ring: tuple[int, int]
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodelistChanged(Effect):
    """Quorum service: the members of the ring whose synchronisation reached the quorum service."""

    ring: tuple[int, int]
    members: tuple[int, ...]
    joined: tuple[int, ...]
    left: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class QuorumChanged(Effect):
    """Quorum service: the verdict after a synchronisation, or whenever it turns."""

    quorate: bool
    ring: tuple[int, int]
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VotesNodelist(Effect):
    """Votequorum: the new membership, early in its synchronisation step."""

    ring: tuple[int, int]
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VotesChanged(Effect):
    """Votequorum: verdict and all known nodes as (nodeid, state): 1 member, 2 dead, 3 leaving."""

    quorate: bool
    nodes: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class ExpectedVotesChanged(Effect):
    """Votequorum: this node's expected votes are now `expected`."""

    expected: int


@dataclass(frozen=True, slots=True)
class StoreExpectedVotes(Effect):
    """Votequorum: write the expected-votes tracking barrier to stable storage."""

    expected: int


@dataclass(frozen=True, slots=True)
class SyncState(Effect):
    """Synchronisation began (True) or is complete (False): clients are to wait meanwhile."""

    running: bool


@dataclass(frozen=True, slots=True)
class KeyChanged(Effect):
    """cmap: a tracked key changed, for one tracker. event: 1 delete, 2 modify, 4 add. Types and bytes as stored."""

    client: int
    track: int
    event: int
    name: str
    new_type: int
    new_value: bytes
    old_type: int
    old_value: bytes


@dataclass(frozen=True, slots=True)
class ReloadConfig(Effect):
    """cfg: read corosync.conf again, because node `nodeid` asked every member to."""

    nodeid: int


@dataclass(frozen=True, slots=True)
class ChangeKey(Effect):
    """cfg: phase 1 = seal packets with the new key from now on, 2 = forget the old one."""

    phase: int


@dataclass(frozen=True, slots=True)
class AskShutdown(Effect):
    """cfg: ask these tracking clients whether this node may stop."""

    clients: tuple[int, ...]
    flags: int


@dataclass(frozen=True, slots=True)
class ShutdownReply(Effect):
    """cfg: the answer (cs_error_t) to the client that asked for a shutdown."""

    client: int
    code: int


@dataclass(frozen=True, slots=True)
class Stop(Effect):
    """Leave the ring in order and end this daemon with `code`."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Die(Effect):
    """End this process at once, without leaving the ring."""

    reason: str
