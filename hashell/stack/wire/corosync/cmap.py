"""The cmap service: messages of both ends and typed values (pure; ipc.md section 4.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from hashell.stack.wire.corosync.layout import (
    I32,
    MAR_NAME,
    RESPONSE,
    U8,
    U64,
    CodecError,
    CsError,
    Message,
    fields,
    message_id,
    plain_response,
)

SERVICE = "cmap"

TRACK_DELETE, TRACK_MODIFY, TRACK_ADD, TRACK_PREFIX = 1, 2, 4, 8
MAP_ICMAP, MAP_STATS = 0, 1


class ValueType(IntEnum):
    INT8 = 1
    UINT8 = 2
    INT16 = 3
    UINT16 = 4
    INT32 = 5
    UINT32 = 6
    INT64 = 7
    UINT64 = 8
    FLOAT = 9
    DOUBLE = 10
    STRING = 11
    BINARY = 12


_NUMBERS = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "q", 8: "Q", 9: "f", 10: "d"}

Value = int | float | str | bytes


def encode_value(kind: int, value: Value) -> bytes:
    """The bytes of a typed value; a string gets its final NUL. Raises CodecError when it does not fit."""
    try:
        if kind in _NUMBERS:
            return struct.pack("=" + _NUMBERS[kind], value)
    except struct.error as error:
        raise CodecError(f"{value!r} is no {ValueType(kind).name.lower()}: {error}") from None
    if kind == ValueType.STRING and isinstance(value, str):
        return value.encode() + b"\0"
    if isinstance(value, bytes):
        return value
    raise CodecError(f"{value!r} is no value of type {kind}")


def decode_value(kind: int, data: bytes) -> Value:
    """Inverse of encode_value; a string without its NUL is taken too. Raises CodecError."""
    if kind in _NUMBERS:
        try:
            return struct.unpack("=" + _NUMBERS[kind], data)[0]
        except struct.error as error:
            raise CodecError(f"{len(data)} bytes for a value of type {kind}: {error}") from None
    if kind == ValueType.STRING:
        return data.rstrip(b"\0").decode(errors="replace")
    return data


# -- requests -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Set(Message):
    name: bytes
    kind: int
    value: bytes
    length: int = -1  #: of the value; -1 = as it is
    ID = 0
    SIZE = 296
    FIELDS = fields(("name", 16, MAR_NAME), ("length", 280, U64), ("kind", 288, U8))
    TAIL = ("value", 296)

    def __post_init__(self) -> None:
        if self.length < 0:
            object.__setattr__(self, "length", len(self.value))
        elif self.length != len(self.value):
            raise CodecError(f"a value of {len(self.value)} bytes says it has {self.length}")


@dataclass(frozen=True)
class Delete(Message):
    name: bytes
    ID = 1
    SIZE = 280
    FIELDS = fields(("name", 16, MAR_NAME))


@dataclass(frozen=True)
class Get(Message):
    name: bytes
    length: int  #: room for the value; 0 asks for its type and size only
    ID = 2
    SIZE = 288
    FIELDS = fields(("name", 16, MAR_NAME), ("length", 280, U64))


@dataclass(frozen=True)
class AdjustInt(Message):
    name: bytes
    step: int
    ID = 3
    SIZE = 288
    FIELDS = fields(("name", 16, MAR_NAME), ("step", 280, I32))


@dataclass(frozen=True)
class IterInit(Message):
    prefix: bytes
    ID = 4
    SIZE = 280
    FIELDS = fields(("prefix", 16, MAR_NAME))


@dataclass(frozen=True)
class IterNext(Message):
    handle: int
    ID = 5
    SIZE = 24
    FIELDS = fields(("handle", 16, U64))


@dataclass(frozen=True)
class IterFinalize(Message):
    handle: int
    ID = 6
    SIZE = 24
    FIELDS = fields(("handle", 16, U64))


@dataclass(frozen=True)
class TrackAdd(Message):
    name: bytes
    track_type: int
    instance: int
    ID = 7
    SIZE = 296
    FIELDS = fields(("name", 16, MAR_NAME), ("track_type", 280, I32), ("instance", 288, U64))


@dataclass(frozen=True)
class TrackDelete(Message):
    handle: int
    ID = 8
    SIZE = 24
    FIELDS = fields(("handle", 16, U64))


@dataclass(frozen=True)
class SetCurrentMap(Message):
    map: int
    ID = 9
    SIZE = 24
    FIELDS = fields(("map", 16, I32))


Request = (
    Set | Delete | Get | AdjustInt | IterInit | IterNext | IterFinalize | TrackAdd | TrackDelete | SetCurrentMap
)
_REQUESTS: dict[int, type[Request]] = {
    kind.ID: kind
    for kind in (
        Set, Delete, Get, AdjustInt, IterInit, IterNext, IterFinalize, TrackAdd, TrackDelete, SetCurrentMap,
    )
}  # fmt: skip

#: Response id of each request id.
RESPONSE_IDS: dict[int, int] = {**{n: n for n in range(9)}, 9: 10}


def decode_request(data: bytes) -> Request:
    """The request in `data`. Raises CodecError."""
    kind = _REQUESTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"cmap has no request {message_id(data)}")
    return kind.decode(data)


def ack(request: Request, error: int = CsError.OK) -> bytes:
    """The plain response to a request."""
    return plain_response(RESPONSE_IDS[request.ID], error)


# -- responses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GetReply(Message):
    """`length` is the true length; `value` is filled with zeros to the room that was asked for."""

    length: int = 0
    kind: int = 0
    value: bytes = b""
    error: int = CsError.OK
    ID = 2
    HEADER = RESPONSE
    SIZE = 40
    FIELDS = fields(("length", 24, U64), ("kind", 32, U8))
    TAIL = ("value", 40)

    @classmethod
    def answer(cls, request: Get, kind: int, value: bytes) -> GetReply:
        """The response to `request` for a key with this value (room 0, too small and enough)."""
        if not request.length:
            return cls(len(value), kind)
        if request.length < len(value):
            return cls(error=CsError.INVALID_PARAM)
        return cls(len(value), kind, value.ljust(min(request.length, 65536), b"\0"))


@dataclass(frozen=True)
class IterHandle(Message):
    handle: int
    error: int = CsError.OK
    ID = 4
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("handle", 24, U64))


@dataclass(frozen=True)
class IterEntry(Message):
    name: bytes
    length: int
    kind: int
    error: int = CsError.OK
    ID = 5
    HEADER = RESPONSE
    SIZE = 304
    FIELDS = fields(("name", 24, MAR_NAME), ("length", 288, U64), ("kind", 296, U8))


@dataclass(frozen=True)
class TrackAddReply(Message):
    handle: int
    error: int = CsError.OK
    ID = 7
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("handle", 24, U64))


@dataclass(frozen=True)
class TrackDeleteReply(Message):
    instance: int
    error: int = CsError.OK
    ID = 8
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("instance", 24, U64))


# -- events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Notify(Message):
    instance: int
    name: bytes
    event: int
    new_kind: int
    old_kind: int
    new: bytes
    old: bytes
    ID = 9
    HEADER = RESPONSE
    SIZE = 336
    FIELDS = fields(
        ("instance", 24, U64), ("name", 32, MAR_NAME), ("event", 296, I32), ("new_kind", 304, U8),
        ("old_kind", 312, U8),
    )  # fmt: skip

    def encode(self) -> bytes:
        buffer = bytearray(super().encode())
        struct.pack_into("=QQ", buffer, 320, len(self.new), len(self.old))
        buffer += self.new + self.old
        struct.pack_into("=i", buffer, 8, len(buffer))
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"Notify of {len(data)} bytes instead of {cls.SIZE}")
        new_length, old_length = struct.unpack_from("=QQ", data, 320)
        if 336 + new_length + old_length > len(data):
            raise CodecError("Notify is shorter than its values")
        values = {field.name: field.kind.get(data, field.offset) for field in cls.FIELDS}
        new, old = data[336 : 336 + new_length], data[336 + new_length : 336 + new_length + old_length]
        return cls(**values, new=new, old=old)


def decode_event(data: bytes) -> Notify:
    """The event in `data`. Raises CodecError."""
    if message_id(data) != Notify.ID:
        raise CodecError(f"cmap has no event {message_id(data)}")
    return Notify.decode(data)
