"""The totemsrp packets: fields to bytes and back (spec totem.md section 1.1 and 1.2).

All integers are little-endian; a packet of the opposite byte order is refused, because the synchronisation of
services cannot be done across byte orders anyway (section 5.1). Control messages tolerate trailing bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

MAGIC = 0xC070
MAGIC_SWAPPED = 0x70C0
VERSION = 3

ORF_TOKEN = 0
MCAST = 1
MERGE_DETECT = 2
JOIN = 3
COMMIT_TOKEN = 4
HOLD_CANCEL = 5

ENCAPSULATED = 1
NOT_ENCAPSULATED = 2

MAX_PROCESSORS = 384
MAX_RTR = 30

HEADER = struct.Struct("<HBBBII")
MCAST_FIELDS = struct.Struct("<HBBBIIIIiIQIi")
TOKEN_FIELDS = struct.Struct("<HBBBIIIIIIIQIIii")
JOIN_FIELDS = struct.Struct("<HBBBIIIIIQ")
MERGE_FIELDS = struct.Struct("<HBBBIIIIQ")
COMMIT_FIELDS = struct.Struct("<HBBBIIIIQIii")
COMMIT_ENTRY = struct.Struct("<IQIII")
CANCEL_FIELDS = struct.Struct("<HBBBIIIQ")
RTR_ITEM = struct.Struct("<IQI")
MCAST_SIZE = MCAST_FIELDS.size
TOKEN_SIZE = TOKEN_FIELDS.size


class RingId(NamedTuple):
    """Identity of one ring: the representative's node id and a sequence number that only grows."""

    rep: int
    seq: int

    def __str__(self) -> str:
        return f"{self.rep:x}.{self.seq:x}"


NO_RING = RingId(0, 0)


class PacketError(ValueError):
    """A datagram that is no usable totem packet. `kind` groups them for counting; `text` is for the log."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


@dataclass(slots=True)
class Mcast:
    """A message on the ring. `payload` is a totempg packet or, encapsulated, a whole mcast of the old ring."""

    nodeid: int
    seq: int
    ring: RingId
    payload: bytes
    system_from: int = 0
    this_seqno: int = 0
    encapsulated: int = NOT_ENCAPSULATED
    node_id: int = 0
    guarantee: int = 0
    target: int = 0

    def encode(self) -> bytes:
        return MCAST_FIELDS.pack(
            MAGIC, VERSION, MCAST, self.encapsulated, self.nodeid, self.target, self.system_from, self.seq,
            self.this_seqno, self.ring[0], self.ring[1], self.node_id, self.guarantee,
        ) + self.payload  # fmt: skip


@dataclass(slots=True)
class OrfToken:
    """The regular token."""

    nodeid: int
    ring: RingId
    seq: int = 0
    token_seq: int = 0
    aru: int = 0
    aru_addr: int = 0
    backlog: int = 0
    fcc: int = 0
    retrans_flg: int = 0
    rtr: list[tuple[RingId, int]] = field(default_factory=list)
    target: int = 0
    encapsulated: int = 0

    def encode(self) -> bytes:
        head = TOKEN_FIELDS.pack(
            MAGIC, VERSION, ORF_TOKEN, self.encapsulated, self.nodeid, self.target, self.seq, self.token_seq, self.aru,
            self.aru_addr, self.ring[0], self.ring[1], self.backlog, self.fcc, self.retrans_flg, len(self.rtr),
        )  # fmt: skip
        if not self.rtr:
            return head
        return head + b"".join(RTR_ITEM.pack(ring[0], ring[1], seq) for ring, seq in self.rtr)


@dataclass(slots=True)
class Join:
    """memb_join. The LEAVE form has nodeid 0 and the leaver last in `failed`."""

    nodeid: int
    system_from: int
    proc: list[int]
    failed: list[int]
    ring_seq: int
    target: int = 0
    encapsulated: int = 0

    def encode(self) -> bytes:
        head = JOIN_FIELDS.pack(
            MAGIC, VERSION, JOIN, self.encapsulated, self.nodeid, self.target, self.system_from,
            len(self.proc), len(self.failed), self.ring_seq,
        )  # fmt: skip
        ids = [*self.proc, *self.failed]
        return head + struct.pack(f"<{len(ids)}I", *ids)


@dataclass(slots=True)
class MergeDetect:
    nodeid: int
    system_from: int
    ring: RingId
    target: int = 0
    encapsulated: int = 0

    def encode(self) -> bytes:
        return MERGE_FIELDS.pack(
            MAGIC, VERSION, MERGE_DETECT, self.encapsulated, self.nodeid, self.target, self.system_from, *self.ring
        )


@dataclass(slots=True)
class HoldCancel:
    nodeid: int
    ring: RingId
    target: int = 0
    encapsulated: int = 0

    def encode(self) -> bytes:
        return CANCEL_FIELDS.pack(MAGIC, VERSION, HOLD_CANCEL, self.encapsulated, self.nodeid, self.target, *self.ring)


@dataclass(slots=True)
class CommitEntry:
    """What one member tells about its old ring while the new one is being agreed."""

    ring: RingId = NO_RING
    aru: int = 0
    high_delivered: int = 0
    received_flg: int = 0


@dataclass(slots=True)
class CommitToken:
    nodeid: int
    ring: RingId
    addr: list[int]
    entries: list[CommitEntry]
    token_seq: int = 0
    retrans_flg: int = 0
    memb_index: int = 0
    target: int = 0
    encapsulated: int = 0

    def encode(self) -> bytes:
        head = COMMIT_FIELDS.pack(
            MAGIC, VERSION, COMMIT_TOKEN, self.encapsulated, self.nodeid, self.target, self.token_seq,
            self.ring[0], self.ring[1], self.retrans_flg, self.memb_index, len(self.addr),
        )  # fmt: skip
        body = struct.pack(f"<{len(self.addr)}I", *self.addr)
        return head + body + b"".join(
            COMMIT_ENTRY.pack(e.ring[0], e.ring[1], e.aru, e.high_delivered, e.received_flg) for e in self.entries
        )


Packet = OrfToken | Mcast | MergeDetect | Join | CommitToken | HoldCancel


def packet_type(data: bytes) -> int:
    """The type of a datagram after the checks of section 1.1, in its order. Raises PacketError."""
    if len(data) < HEADER.size:
        raise PacketError("short", f"message of {len(data)} bytes is too short")
    if data[0] != 0x70 or data[1] != 0xC0:
        magic = data[0] | data[1] << 8
        if magic == MAGIC_SWAPPED:
            raise PacketError("byte-order", "message of a node with the opposite byte order")
        raise PacketError("magic", f"bad magic number (probably sent by {guess_sender(data)})")
    if data[2] != VERSION:
        raise PacketError("version", f"unsupported version {data[2]}")
    if data[3] > HOLD_CANCEL:
        raise PacketError("type", f"wrong type {data[3]}")
    return data[3]


def guess_sender(data: bytes) -> str:
    """Whose packet a wrong magic number suggests (section 1.1)."""
    magic = data[0] | data[1] << 8
    if magic == 0xFFFF:
        return "Corosync 2.2"
    if magic == 0xFEFE:
        return "Corosync 2.3+"
    if data[0] == 1:
        return "unencrypted Kronosnet"
    if data[0] <= 5:
        return "unencrypted Corosync 2.0/2.1/1.x/OpenAIS"
    return "encrypted Kronosnet/Corosync 2.0/2.1/1.x/OpenAIS or unknown"


def decode(data: bytes) -> Packet:
    """The packet in a datagram. Raises PacketError for anything else."""
    return _DECODERS[packet_type(data)](data)


def _need(data: bytes, size: int, what: str) -> None:
    if len(data) < size:
        raise PacketError("short", f"{what} of {len(data)} bytes is too short, {size} needed")


def decode_mcast(data: bytes) -> Mcast:
    _need(data, MCAST_SIZE, "mcast")
    (_, _, _, enc, nodeid, target, origin, seq, this, rep, rseq, node_id, guarantee) = MCAST_FIELDS.unpack_from(data)
    return Mcast(nodeid, seq, RingId(rep, rseq), data[MCAST_SIZE:], origin, this, enc, node_id, guarantee, target)


def decode_token(data: bytes) -> OrfToken:
    _need(data, TOKEN_SIZE, "orf_token")
    (_, _, _, enc, nodeid, target, seq, token_seq, aru, aru_addr, rep, rseq, backlog, fcc, flag, count) = (
        TOKEN_FIELDS.unpack_from(data)
    )
    rtr: list[tuple[RingId, int]] = []
    if count:
        if not 0 <= count <= MAX_RTR:
            raise PacketError("length", f"orf_token with {count} retransmit entries")
        _need(data, TOKEN_SIZE + RTR_ITEM.size * count, "orf_token")
        for i in range(count):
            item = RTR_ITEM.unpack_from(data, TOKEN_SIZE + RTR_ITEM.size * i)
            rtr.append((RingId(item[0], item[1]), item[2]))
    return OrfToken(
        nodeid, RingId(rep, rseq), seq, token_seq, aru, aru_addr, backlog, fcc, flag, rtr, target, enc
    )


def decode_join(data: bytes) -> Join:
    _need(data, JOIN_FIELDS.size, "memb_join")
    (_, _, _, enc, nodeid, target, system_from, procs, fails, ring_seq) = JOIN_FIELDS.unpack_from(data)
    if procs > MAX_PROCESSORS or fails > MAX_PROCESSORS:
        raise PacketError("length", f"memb_join with {procs} processors and {fails} failed")
    _need(data, JOIN_FIELDS.size + 4 * (procs + fails), "memb_join")
    ids = struct.unpack_from(f"<{procs + fails}I", data, JOIN_FIELDS.size)
    return Join(nodeid, system_from, list(ids[:procs]), list(ids[procs:]), ring_seq, target, enc)


def decode_merge(data: bytes) -> MergeDetect:
    _need(data, MERGE_FIELDS.size, "memb_merge_detect")
    (_, _, _, enc, nodeid, target, system_from, rep, seq) = MERGE_FIELDS.unpack_from(data)
    return MergeDetect(nodeid, system_from, RingId(rep, seq), target, enc)


def decode_commit(data: bytes) -> CommitToken:
    _need(data, COMMIT_FIELDS.size, "memb_commit_token")
    (_, _, _, enc, nodeid, target, token_seq, rep, seq, retrans, index, count) = COMMIT_FIELDS.unpack_from(data)
    if not 0 < count <= MAX_PROCESSORS or not 0 <= index <= count:
        raise PacketError("length", f"memb_commit_token with index {index} of {count} members")
    start = COMMIT_FIELDS.size + 4 * count
    _need(data, start + COMMIT_ENTRY.size * count, "memb_commit_token")
    addr = list(struct.unpack_from(f"<{count}I", data, COMMIT_FIELDS.size))
    entries = []
    for i in range(count):
        erep, eseq, aru, high, flag = COMMIT_ENTRY.unpack_from(data, start + COMMIT_ENTRY.size * i)
        entries.append(CommitEntry(RingId(erep, eseq), aru, high, flag))
    return CommitToken(nodeid, RingId(rep, seq), addr, entries, token_seq, retrans, index, target, enc)


def decode_cancel(data: bytes) -> HoldCancel:
    _need(data, CANCEL_FIELDS.size, "token_hold_cancel")
    (_, _, _, enc, nodeid, target, rep, seq) = CANCEL_FIELDS.unpack_from(data)
    return HoldCancel(nodeid, RingId(rep, seq), target, enc)


_DECODERS = (decode_token, decode_mcast, decode_merge, decode_join, decode_commit, decode_cancel)
