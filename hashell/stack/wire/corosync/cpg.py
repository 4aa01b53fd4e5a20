"""The CPG service: messages of both ends (pure; ipc.md section 4.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Self

from hashell.stack.wire.corosync.layout import (
    CPG_NAME,
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

SERVICE = "cpg"

FIFO = 1
AGREED = 2
FLAG_INITIAL_TOTEM_CONFCHG = 1

#: Longer messages go in fragments of at most this many bytes.
LARGEST_MCAST = 1048576 - 1024
FIRST, CONTINUED, LAST = 1, 2, 3

ITER_NAME_ONLY, ITER_ONE_GROUP, ITER_ALL = 1, 2, 3

_ADDRESS = struct.Struct("=I4xI4xI4x")
_DELIVER = struct.Struct("=i4xi4xi4xI4x128sI4xI4xI4x")
_MEMBERS_MAX = 384
MAX_GROUP = 128


class Reason(IntEnum):
    UNDEFINED = 0
    JOIN = 1
    LEAVE = 2
    NODEDOWN = 3
    NODEUP = 4
    PROCDOWN = 5


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One process in a group."""

    nodeid: int
    pid: int
    reason: int = 0


def group_name(name: str) -> bytes:
    """A group's name as Pacemaker writes it: the NUL counts."""
    return name.encode() + b"\0"


# -- requests -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Join(Message):
    group: bytes
    pid: int
    flags: int = 0
    ID = 0
    SIZE = 168
    FIELDS = fields(("group", 16, CPG_NAME), ("pid", 152, U32), ("flags", 160, U32))


@dataclass(frozen=True)
class Leave(Message):
    group: bytes
    pid: int
    ID = 1
    SIZE = 160
    FIELDS = fields(("group", 16, CPG_NAME), ("pid", 152, U32))


@dataclass(frozen=True)
class Mcast(Message):
    """Has a 24-byte header, like a response, and is not answered."""

    data: bytes
    guarantee: int = AGREED
    length: int = -1  #: of the data; -1 = as it is
    ID = 2
    HEADER = RESPONSE
    SIZE = 40
    FIELDS = fields(("guarantee", 24, U32), ("length", 32, U32))
    TAIL = ("data", 40)

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.data))
        elif self.length != len(self.data):
            raise CodecError(f"a multicast of {len(self.data)} bytes says it has {self.length}")


@dataclass(frozen=True)
class Membership(Message):
    group: bytes
    ID = 3
    SIZE = 152
    FIELDS = fields(("group", 16, CPG_NAME))


@dataclass(frozen=True)
class LocalGet(Message):
    ID = 4
    SIZE = 16


@dataclass(frozen=True)
class IterInit(Message):
    group: bytes
    kind: int
    ID = 5
    SIZE = 160
    FIELDS = fields(("group", 16, CPG_NAME), ("kind", 152, U32))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The name counts for one kind alone; with the others the original's client leaves noise in its place."""
        if len(data) >= cls.SIZE:
            kind = U32.get(data, 152)
            if kind != ITER_ONE_GROUP:
                return cls(b"", kind)
        return super().decode(data)


@dataclass(frozen=True)
class IterNext(Message):
    handle: int
    ID = 6
    SIZE = 24
    FIELDS = fields(("handle", 16, U64))


@dataclass(frozen=True)
class IterFinalize(Message):
    handle: int
    ID = 7
    SIZE = 24
    FIELDS = fields(("handle", 16, U64))


@dataclass(frozen=True)
class Finalize(Message):
    ID = 8
    SIZE = 16


@dataclass(frozen=True)
class PartialMcast(Message):
    """One fragment of a message of `total` bytes; each is answered."""

    data: bytes
    total: int
    kind: int
    guarantee: int = AGREED
    length: int = -1  #: of this fragment; -1 = as it is
    ID = 12
    HEADER = RESPONSE
    SIZE = 56
    FIELDS = fields(("guarantee", 24, U32), ("total", 32, U32), ("length", 40, U32), ("kind", 48, U32))
    TAIL = ("data", 56)

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.data))
        elif self.length != len(self.data):
            raise CodecError(f"a fragment of {len(self.data)} bytes says it has {self.length}")


Request = (
    Join | Leave | Mcast | Membership | LocalGet | IterInit | IterNext | IterFinalize | Finalize | PartialMcast
)
_REQUESTS: dict[int, type[Request]] = {
    kind.ID: kind
    for kind in (
        Join, Leave, Mcast, Membership, LocalGet, IterInit, IterNext, IterFinalize, Finalize, PartialMcast,
    )
}  # fmt: skip

#: Response id of each request id; a multicast has none.
RESPONSE_IDS: dict[int, int] = {0: 0, 1: 1, 3: 3, 4: 7, 5: 9, 6: 10, 7: 11, 8: 12, 9: 14, 10: 15, 11: 16, 12: 18}


def decode_request(data: bytes) -> Request:
    """The request in `data`. Raises CodecError; KeyError is never raised for an unknown id, CodecError is."""
    kind = _REQUESTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"cpg has no request {message_id(data)}")
    return kind.decode(data)


def ack(request: Request, error: int = CsError.OK) -> bytes:
    """The plain response to a request: all there is for most, and the form of any error."""
    return plain_response(RESPONSE_IDS[request.ID], error)


# -- responses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MembershipReply(Message):
    members: tuple[Address, ...]
    error: int = CsError.OK
    ID: ClassVar[int] = 3
    HEADER = RESPONSE
    SIZE = 9248

    def encode(self) -> bytes:
        buffer = bytearray(super().encode())
        struct.pack_into("=I", buffer, 24, len(self.members))
        raw = _pack_addresses(self.members[:_MEMBERS_MAX])
        buffer[32 : 32 + len(raw)] = raw
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < 32:
            raise CodecError(f"MembershipReply of {len(data)} bytes")
        error, count = struct.unpack_from("=i4xI", data, 16)
        return cls(_unpack_addresses(data, 32, count), error)


@dataclass(frozen=True)
class LocalReply(Message):
    nodeid: int
    error: int = CsError.OK
    ID = 7
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("nodeid", 24, U32))


@dataclass(frozen=True)
class IterHandle(Message):
    handle: int
    error: int = CsError.OK
    ID = 9
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("handle", 24, U64))


@dataclass(frozen=True)
class IterEntry(Message):
    group: bytes
    nodeid: int
    pid: int
    error: int = CsError.OK
    ID = 10
    HEADER = RESPONSE
    SIZE = 168
    FIELDS = fields(("group", 24, CPG_NAME), ("nodeid", 160, U32), ("pid", 164, U32))


# -- events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Deliver(Message):
    group: bytes
    nodeid: int
    pid: int
    data: bytes
    length: int = -1
    ID = 5
    HEADER = RESPONSE
    SIZE = 184
    FIELDS = fields(("group", 24, CPG_NAME), ("length", 160, U32), ("nodeid", 168, U32), ("pid", 176, U32))
    TAIL = ("data", 184)

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.data))
        elif self.length > len(self.data):
            raise CodecError(f"a delivery of {len(self.data)} bytes says it has {self.length}")

    def encode(self) -> bytes:
        """As of the table; in one step, because every message to every client comes by here."""
        group, data = self.group, self.data
        if len(group) > MAX_GROUP:
            raise CodecError(f"a name of {len(group)} bytes is longer than {MAX_GROUP}")
        try:
            head = _DELIVER.pack(5, 184 + len(data), CsError.OK, len(group), group, self.length, self.nodeid, self.pid)
        except struct.error as error:
            raise CodecError(f"Deliver: {error}") from None
        return head + data


@dataclass(frozen=True)
class PartialDeliver(Message):
    group: bytes
    nodeid: int
    pid: int
    total: int
    kind: int
    data: bytes
    length: int = -1
    ID = 17
    HEADER = RESPONSE
    SIZE = 200
    FIELDS = fields(
        ("group", 24, CPG_NAME), ("total", 160, U32), ("length", 168, U32), ("nodeid", 176, U32),
        ("pid", 184, U32), ("kind", 192, U32),
    )  # fmt: skip
    TAIL = ("data", 200)

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.data))


@dataclass(frozen=True)
class Confchg(Message):
    """Who is in the group now, and who left and joined. The arrays stand in the order members, left, joined."""

    group: bytes
    members: tuple[Address, ...]
    left: tuple[Address, ...]
    joined: tuple[Address, ...]
    ID: ClassVar[int] = 4
    HEADER = RESPONSE
    SIZE = 184
    FIELDS = fields(("group", 24, CPG_NAME))

    def encode(self) -> bytes:
        buffer = bytearray(super().encode())
        struct.pack_into("=I4xI4xI", buffer, 160, len(self.members), len(self.joined), len(self.left))
        buffer += _pack_addresses(self.members + self.left + self.joined)
        struct.pack_into("=i", buffer, 8, len(buffer))
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"Confchg of {len(data)} bytes instead of {cls.SIZE}")
        members, joined, left = struct.unpack_from("=I4xI4xI", data, 160)
        every = _unpack_addresses(data, 184, members + left + joined)
        return cls(
            CPG_NAME.get(data, 24), every[:members], every[members : members + left], every[members + left :]
        )


@dataclass(frozen=True)
class TotemConfchg(Message):
    ring_nodeid: int
    ring_seq: int
    nodes: tuple[int, ...]
    ID: ClassVar[int] = 13
    HEADER = RESPONSE
    SIZE = 48
    FIELDS = fields(("ring_nodeid", 24, U32), ("ring_seq", 32, U64))

    def encode(self) -> bytes:
        buffer = bytearray(super().encode()) + bytes(4 * len(self.nodes))
        struct.pack_into("=I", buffer, 40, len(self.nodes))
        buffer[44 : 44 + 4 * len(self.nodes)] = pack_ids(self.nodes)
        struct.pack_into("=i", buffer, 8, len(buffer))
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"TotemConfchg of {len(data)} bytes instead of {cls.SIZE}")
        nodeid, seq, count = struct.unpack_from("=I4xQI", data, 24)
        return cls(nodeid, seq, unpack_ids(data[44:], count))


Event = Deliver | PartialDeliver | Confchg | TotemConfchg
_EVENTS: dict[int, type[Event]] = {
    kind.ID: kind for kind in (Deliver, PartialDeliver, Confchg, TotemConfchg)
}


def decode_event(data: bytes) -> Event:
    """The event in `data`. Raises CodecError."""
    kind = _EVENTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"cpg has no event {message_id(data)}")
    return kind.decode(data)


def _pack_addresses(addresses: tuple[Address, ...]) -> bytes:
    return b"".join(_ADDRESS.pack(a.nodeid, a.pid, a.reason) for a in addresses)


def _unpack_addresses(data: bytes, offset: int, count: int) -> tuple[Address, ...]:
    if len(data) < offset + count * _ADDRESS.size:
        raise CodecError(f"{(len(data) - offset) // _ADDRESS.size} group members instead of {count}")
    return tuple(Address(*_ADDRESS.unpack_from(data, offset + i * _ADDRESS.size)) for i in range(count))
