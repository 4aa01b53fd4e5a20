"""Messages of Corosync's services as tables: each field with its offset, one encoder and decoder for all (pure).

Offsets and sizes are those of ipc.md, section 4. Paddings are written as zeros and ignored when read, because the
peers leave garbage there; integers are native little endian.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, ClassVar, Self

REQUEST = 16
RESPONSE = 24


class CsError(IntEnum):
    """Corosync's cs_error_t."""

    OK = 1
    LIBRARY = 2
    VERSION = 3
    INIT = 4
    TIMEOUT = 5
    TRY_AGAIN = 6
    INVALID_PARAM = 7
    NO_MEMORY = 8
    BAD_HANDLE = 9
    BUSY = 10
    ACCESS = 11
    NOT_EXIST = 12
    NAME_TOO_LONG = 13
    EXIST = 14
    NO_SPACE = 15
    INTERRUPT = 16
    NAME_NOT_FOUND = 17
    NO_RESOURCES = 18
    NOT_SUPPORTED = 19
    BAD_OPERATION = 20
    FAILED_OPERATION = 21
    MESSAGE_ERROR = 22
    QUEUE_FULL = 23
    QUEUE_NOT_AVAILABLE = 24
    BAD_FLAGS = 25
    TOO_BIG = 26
    NO_SECTIONS = 27
    CONTEXT_NOT_FOUND = 28
    TOO_MANY_GROUPS = 30
    SECURITY = 100


class CodecError(ValueError):
    """Bytes that are not the message they should be."""


class Field:
    """One field at a fixed offset of the message, of `size` bytes."""

    def __init__(self, name: str, offset: int, kind: Kind) -> None:
        self.name, self.offset, self.kind = name, offset, kind


class Kind:
    """How a value stands in the bytes."""

    size = 0

    def put(self, buffer: bytearray, offset: int, value: Any) -> None:
        raise NotImplementedError

    def get(self, buffer: bytes, offset: int) -> Any:
        raise NotImplementedError


class Number(Kind):
    def __init__(self, code: str) -> None:
        self._struct = struct.Struct("=" + code)
        self.size = self._struct.size

    def put(self, buffer: bytearray, offset: int, value: Any) -> None:
        self._struct.pack_into(buffer, offset, value)

    def get(self, buffer: bytes, offset: int) -> Any:
        return self._struct.unpack_from(buffer, offset)[0]


class Name(Kind):
    """Bytes with their length before them: mar_name_t, mar_cpg_name_t and cs_name_t differ in the three numbers."""

    def __init__(self, length_code: str, data_at: int, room: int, size: int) -> None:
        self._length = struct.Struct("=" + length_code)
        self._data_at, self._room, self.size = data_at, room, size

    def put(self, buffer: bytearray, offset: int, value: Any) -> None:
        if len(value) > self._room:
            raise CodecError(f"a name of {len(value)} bytes is longer than {self._room}")
        self._length.pack_into(buffer, offset, len(value))
        start = offset + self._data_at
        buffer[start : start + len(value)] = value

    def get(self, buffer: bytes, offset: int) -> Any:
        length = self._length.unpack_from(buffer, offset)[0]
        if length > self._room:
            raise CodecError(f"a name says it has {length} bytes, more than {self._room}")
        start = offset + self._data_at
        return buffer[start : start + length]


class Text(Kind):
    """NUL-terminated text in a fixed room."""

    def __init__(self, size: int) -> None:
        self.size = size

    def put(self, buffer: bytearray, offset: int, value: Any) -> None:
        raw = value.encode()[: self.size - 1]
        buffer[offset : offset + len(raw)] = raw

    def get(self, buffer: bytes, offset: int) -> Any:
        return buffer[offset : offset + self.size].split(b"\0", 1)[0].decode(errors="replace")


U8, U16, I32, U32, U64 = Number("B"), Number("H"), Number("i"), Number("I"), Number("Q")
MAR_NAME = Name("H", 8, 256, 264)
CPG_NAME = Name("I", 8, 128, 136)
CS_NAME = Name("H", 2, 256, 258)
QDEVICE_NAME = Text(255)


class Message:
    """Base of all messages: subclasses are dataclasses with these four constants.

    `SIZE` is the size of the fixed part with its tail padding; a variable part (`TAIL` = field name and offset) may
    begin before the end of it, and adds its whole length to the size all the same (section 4.1).
    """

    ID: ClassVar[int]
    HEADER: ClassVar[int] = REQUEST
    SIZE: ClassVar[int]
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    TAIL: ClassVar[tuple[str, int] | None] = None

    def encode(self) -> bytes:
        """The whole message with its header. Raises CodecError on values that do not fit."""
        tail = bytes(getattr(self, self.TAIL[0])) if self.TAIL else b""
        buffer = bytearray(self.SIZE + len(tail))
        struct.pack_into("=i4xi", buffer, 0, self.ID, len(buffer))
        if self.HEADER == RESPONSE:
            struct.pack_into("=i", buffer, 16, getattr(self, "error", CsError.OK))
        try:
            for field in self.FIELDS:
                field.kind.put(buffer, field.offset, getattr(self, field.name))
        except struct.error as error:
            raise CodecError(f"{type(self).__name__}: {error}") from None
        if self.TAIL:
            buffer[self.TAIL[1] : self.TAIL[1] + len(tail)] = tail
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Inverse of encode. Raises CodecError when the bytes are too short or impossible."""
        if len(data) < cls.SIZE:
            raise CodecError(f"{cls.__name__} of {len(data)} bytes instead of {cls.SIZE}")
        values = {field.name: field.kind.get(data, field.offset) for field in cls.FIELDS}
        if cls.HEADER == RESPONSE and "error" in cls.__dataclass_fields__:  # type: ignore[attr-defined]
            values["error"] = struct.unpack_from("=i", data, 16)[0]
        if cls.TAIL:
            length = len(data) - cls.SIZE
            values[cls.TAIL[0]] = data[cls.TAIL[1] : cls.TAIL[1] + length]
        return cls(**values)


def fields(*triples: tuple[str, int, Kind]) -> tuple[Field, ...]:
    """The table of a message: name, offset from the start of the message, kind."""
    return tuple(Field(*triple) for triple in triples)


def message_id(data: bytes) -> int:
    """The id in a header. Raises CodecError when there is none."""
    if len(data) < REQUEST:
        raise CodecError(f"a message of {len(data)} bytes is shorter than its header")
    return int(struct.unpack_from("=i", data)[0])


def plain_response(ident: int, error: int = CsError.OK) -> bytes:
    """A response that is nothing but its header."""
    return struct.pack("=i4xi4xi4x", ident, RESPONSE, error)


def bare_error(error: int) -> bytes:
    """The answer to a request that no service function takes: id 0 and the error (section 4.1)."""
    return plain_response(0, error)


def response_error(data: bytes) -> int:
    """The cs_error_t of a response. Raises CodecError when it is too short."""
    if len(data) < RESPONSE:
        raise CodecError(f"a response of {len(data)} bytes is shorter than its header")
    return int(struct.unpack_from("=i", data, 16)[0])


def pack_ids(ids: tuple[int, ...] | list[int]) -> bytes:
    """Node ids as they stand packed in events."""
    return struct.pack(f"={len(ids)}I", *ids)


def unpack_ids(data: bytes, count: int, start: int = 0) -> tuple[int, ...]:
    """`count` node ids. Raises CodecError when there are fewer."""
    if len(data) < (start + count) * 4:
        raise CodecError(f"{len(data) // 4 - start} node ids instead of {count}")
    return struct.unpack_from(f"={count}I", data, start * 4)
