"""The quorum service: messages of both ends (pure; ipc.md section 4.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from hashell.stack.wire.corosync.layout import (
    I32,
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

SERVICE = "quorum"

TRACK_CURRENT, TRACK_CHANGES, TRACK_CHANGES_ONLY = 1, 2, 4
TYPE_FREE, TYPE_SET = 0, 1
MODEL_V0, MODEL_V1 = 0, 1


@dataclass(frozen=True)
class GetQuorate(Message):
    ID = 0
    SIZE = 16


@dataclass(frozen=True)
class TrackStart(Message):
    flags: int
    ID = 1
    SIZE = 24
    FIELDS = fields(("flags", 16, U32))


@dataclass(frozen=True)
class TrackStop(Message):
    ID = 2
    SIZE = 16


@dataclass(frozen=True)
class GetType(Message):
    ID = 3
    SIZE = 16


@dataclass(frozen=True)
class ModelGetType(Message):
    model: int
    ID = 4
    SIZE = 24
    FIELDS = fields(("model", 16, U32))


Request = GetQuorate | TrackStart | TrackStop | GetType | ModelGetType
_REQUESTS: dict[int, type[Request]] = {
    kind.ID: kind for kind in (GetQuorate, TrackStart, TrackStop, GetType, ModelGetType)
}

#: Response id of each request id.
RESPONSE_IDS: dict[int, int] = {0: 0, 1: 1, 2: 2, 3: 4, 4: 5}


def decode_request(data: bytes) -> Request:
    """The request in `data`. Raises CodecError."""
    kind = _REQUESTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"quorum has no request {message_id(data)}")
    return kind.decode(data)


def ack(request: Request, error: int = CsError.OK) -> bytes:
    """The plain response to a request."""
    return plain_response(RESPONSE_IDS[request.ID], error)


@dataclass(frozen=True)
class QuorateReply(Message):
    quorate: int
    error: int = CsError.OK
    ID = 0
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("quorate", 24, U32))


@dataclass(frozen=True)
class TypeReply(Message):
    type: int
    error: int = CsError.OK
    ID = 4
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("type", 24, U32))


@dataclass(frozen=True)
class ModelTypeReply(Message):
    type: int
    error: int = CsError.OK
    ID = 5
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("type", 24, U32))


@dataclass(frozen=True)
class Notification(Message):
    """The event of model v0: what Pacemaker uses."""

    quorate: int
    ring_seq: int
    nodes: tuple[int, ...]
    ID: ClassVar[int] = 3
    HEADER = RESPONSE
    SIZE = 48
    FIELDS = fields(("quorate", 24, I32), ("ring_seq", 32, U64))

    def encode(self) -> bytes:
        return _with_ids(super().encode(), 40, (len(self.nodes),), 44, self.nodes)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        _check(cls, data)
        quorate, seq, count = struct.unpack_from("=i4xQI", data, 24)
        return cls(quorate, seq, unpack_ids(data[44:], count))


@dataclass(frozen=True)
class QuorumEvent(Message):
    """The quorum event of model v1."""

    quorate: int
    ring_nodeid: int
    ring_seq: int
    nodes: tuple[int, ...]
    ID: ClassVar[int] = 6
    HEADER = RESPONSE
    SIZE = 56
    FIELDS = fields(("quorate", 24, I32), ("ring_nodeid", 32, U32), ("ring_seq", 40, U64))

    def encode(self) -> bytes:
        return _with_ids(super().encode(), 48, (len(self.nodes),), 52, self.nodes)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        _check(cls, data)
        quorate, nodeid, seq, count = struct.unpack_from("=i4xI4xQI", data, 24)
        return cls(quorate, nodeid, seq, unpack_ids(data[52:], count))


@dataclass(frozen=True)
class NodelistEvent(Message):
    """The node list event of model v1; `joined` and `left` are empty in the first one."""

    ring_nodeid: int
    ring_seq: int
    members: tuple[int, ...]
    joined: tuple[int, ...]
    left: tuple[int, ...]
    ID: ClassVar[int] = 7
    HEADER = RESPONSE
    SIZE = 64
    FIELDS = fields(("ring_nodeid", 24, U32), ("ring_seq", 32, U64))

    def encode(self) -> bytes:
        counts = (len(self.members), len(self.joined), len(self.left))
        return _with_ids(super().encode(), 40, counts, 60, self.members + self.joined + self.left)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        _check(cls, data)
        nodeid, seq, n, joined, left = struct.unpack_from("=I4xQI4xI4xI", data, 24)
        ids = unpack_ids(data[60:], n + joined + left)
        return cls(nodeid, seq, ids[:n], ids[n : n + joined], ids[n + joined :])


Event = Notification | QuorumEvent | NodelistEvent
_EVENTS: dict[int, type[Event]] = {kind.ID: kind for kind in (Notification, QuorumEvent, NodelistEvent)}


def decode_event(data: bytes) -> Event:
    """The event in `data`. Raises CodecError."""
    kind = _EVENTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"quorum has no event {message_id(data)}")
    return kind.decode(data)


def _check(kind: type[Event], data: bytes) -> None:
    if len(data) < kind.SIZE:
        raise CodecError(f"{kind.__name__} of {len(data)} bytes instead of {kind.SIZE}")


def _with_ids(fixed: bytes, at: int, counts: tuple[int, ...], ids_at: int, ids: tuple[int, ...]) -> bytes:
    buffer = bytearray(fixed) + bytes(4 * len(ids))
    for index, count in enumerate(counts):
        struct.pack_into("=I", buffer, at + 8 * index, count)
    buffer[ids_at : ids_at + 4 * len(ids)] = pack_ids(ids)
    struct.pack_into("=i", buffer, 8, len(buffer))
    return bytes(buffer)
