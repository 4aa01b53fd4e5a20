"""The votequorum service: messages of both ends (pure; ipc.md section 4.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from hashell.stack.wire.corosync.layout import (
    I32,
    QDEVICE_NAME,
    RESPONSE,
    U32,
    U64,
    CodecError,
    CsError,
    Message,
    fields,
    message_id,
    pack_ids,
    plain_response,
    unpack_ids,
)

SERVICE = "votequorum"

INFO_TWONODE, INFO_QUORATE, INFO_WAIT_FOR_ALL, INFO_LAST_MAN_STANDING = 1, 2, 4, 8
INFO_AUTO_TIE_BREAKER, INFO_ALLOW_DOWNSCALE, INFO_QDEVICE_REGISTERED = 16, 32, 64
INFO_QDEVICE_ALIVE, INFO_QDEVICE_CAST_VOTE, INFO_QDEVICE_MASTER_WINS = 128, 256, 512
STATE_MEMBER, STATE_DEAD, STATE_LEAVING = 1, 2, 3
TRACK_CURRENT, TRACK_CHANGES, TRACK_CHANGES_ONLY = 1, 2, 4


@dataclass(frozen=True)
class GetInfo(Message):
    nodeid: int  #: 0 = the quorum device
    ID = 0
    SIZE = 24
    FIELDS = fields(("nodeid", 16, U32))


@dataclass(frozen=True)
class SetExpected(Message):
    expected: int
    ID = 1
    SIZE = 24
    FIELDS = fields(("expected", 16, U32))


@dataclass(frozen=True)
class SetVotes(Message):
    votes: int
    nodeid: int
    ID = 2
    SIZE = 24
    FIELDS = fields(("votes", 16, U32), ("nodeid", 20, U32))


@dataclass(frozen=True)
class TrackStart(Message):
    context: int
    flags: int
    ID = 3
    SIZE = 32
    FIELDS = fields(("context", 16, U64), ("flags", 24, U32))


@dataclass(frozen=True)
class TrackStop(Message):
    ID = 4
    SIZE = 16


@dataclass(frozen=True)
class QdeviceRegister(Message):
    name: str
    ID = 5
    SIZE = 272
    FIELDS = fields(("name", 16, QDEVICE_NAME))


@dataclass(frozen=True)
class QdeviceUnregister(Message):
    name: str
    ID = 6
    SIZE = 272
    FIELDS = fields(("name", 16, QDEVICE_NAME))


@dataclass(frozen=True)
class QdeviceUpdate(Message):
    old_name: str
    new_name: str
    ID = 7
    SIZE = 528
    FIELDS = fields(("old_name", 16, QDEVICE_NAME), ("new_name", 271, QDEVICE_NAME))


@dataclass(frozen=True)
class QdevicePoll(Message):
    name: str
    cast_vote: int
    ring_nodeid: int
    ring_seq: int
    ID = 8
    SIZE = 296
    FIELDS = fields(
        ("name", 16, QDEVICE_NAME), ("cast_vote", 272, I32), ("ring_nodeid", 280, U32), ("ring_seq", 288, U64)
    )


@dataclass(frozen=True)
class QdeviceMasterWins(Message):
    name: str
    allow: int
    ID = 9
    SIZE = 280
    FIELDS = fields(("name", 16, QDEVICE_NAME), ("allow", 272, U32))


Request = (
    GetInfo | SetExpected | SetVotes | TrackStart | TrackStop | QdeviceRegister | QdeviceUnregister
    | QdeviceUpdate | QdevicePoll | QdeviceMasterWins
)  # fmt: skip
_REQUESTS: dict[int, type[Request]] = {
    kind.ID: kind
    for kind in (
        GetInfo, SetExpected, SetVotes, TrackStart, TrackStop, QdeviceRegister, QdeviceUnregister, QdeviceUpdate,
        QdevicePoll, QdeviceMasterWins,
    )
}  # fmt: skip

#: Response id of each request id: 1 for the information, 0 for everything else.
RESPONSE_IDS: dict[int, int] = {0: 1, **dict.fromkeys(range(1, 10), 0)}


def decode_request(data: bytes) -> Request:
    """The request in `data`. Raises CodecError."""
    kind = _REQUESTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"votequorum has no request {message_id(data)}")
    return kind.decode(data)


def ack(request: Request, error: int = CsError.OK) -> bytes:
    """The plain response to a request."""
    return plain_response(RESPONSE_IDS[request.ID], error)


@dataclass(frozen=True)
class InfoReply(Message):
    nodeid: int = 0
    state: int = 0
    votes: int = 0
    expected_votes: int = 0
    highest_expected: int = 0
    total_votes: int = 0
    quorum: int = 0
    flags: int = 0
    qdevice_votes: int = 0
    qdevice_name: str = ""
    error: int = CsError.OK
    ID = 1
    HEADER = RESPONSE
    SIZE = 320
    FIELDS = fields(
        ("nodeid", 24, U32), ("state", 28, U32), ("votes", 32, U32), ("expected_votes", 36, U32),
        ("highest_expected", 40, U32), ("total_votes", 44, U32), ("quorum", 48, U32), ("flags", 52, U32),
        ("qdevice_votes", 56, U32), ("qdevice_name", 60, QDEVICE_NAME),
    )  # fmt: skip


@dataclass(frozen=True)
class QuorumEvent(Message):
    """`nodes` are pairs of node id and state."""

    quorate: int
    context: int
    nodes: tuple[tuple[int, int], ...]
    ID: ClassVar[int] = 3
    HEADER = RESPONSE
    SIZE = 48
    FIELDS = fields(("quorate", 24, U32), ("context", 32, U64))

    def encode(self) -> bytes:
        flat = tuple(number for pair in self.nodes for number in pair)
        return _append(super().encode(), 40, len(self.nodes), 48, flat)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"QuorumEvent of {len(data)} bytes instead of {cls.SIZE}")
        quorate, context, count = struct.unpack_from("=I4xQI", data, 24)
        flat = unpack_ids(data[48:], 2 * count)
        return cls(quorate, context, tuple(zip(flat[::2], flat[1::2], strict=True)))


@dataclass(frozen=True)
class ExpectedEvent(Message):
    context: int
    expected: int
    ID = 4
    HEADER = RESPONSE
    SIZE = 40
    FIELDS = fields(("context", 24, U64), ("expected", 32, U32))


@dataclass(frozen=True)
class NodelistEvent(Message):
    context: int
    ring_nodeid: int
    ring_seq: int
    nodes: tuple[int, ...]
    ID: ClassVar[int] = 5
    HEADER = RESPONSE
    SIZE = 56
    FIELDS = fields(("context", 24, U64), ("ring_nodeid", 32, U32), ("ring_seq", 40, U64))

    def encode(self) -> bytes:
        return _append(super().encode(), 48, len(self.nodes), 56, self.nodes)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"NodelistEvent of {len(data)} bytes instead of {cls.SIZE}")
        context, nodeid, seq, count = struct.unpack_from("=QI4xQI", data, 24)
        return cls(context, nodeid, seq, unpack_ids(data[56:], count))


Event = QuorumEvent | ExpectedEvent | NodelistEvent
_EVENTS: dict[int, type[Event]] = {kind.ID: kind for kind in (QuorumEvent, ExpectedEvent, NodelistEvent)}


def decode_event(data: bytes) -> Event:
    """The event in `data`. Raises CodecError."""
    kind = _EVENTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"votequorum has no event {message_id(data)}")
    return kind.decode(data)


def _append(fixed: bytes, count_at: int, count: int, ids_at: int, ids: tuple[int, ...]) -> bytes:
    buffer = bytearray(fixed) + bytes(4 * len(ids))
    struct.pack_into("=I", buffer, count_at, count)
    buffer[ids_at : ids_at + 4 * len(ids)] = pack_ids(ids)
    struct.pack_into("=i", buffer, 8, len(buffer))
    return bytes(buffer)
