"""Typed values of cmap: the type numbers, their sizes, and bytes to Python values and back (spec ipc.md 4.2)."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple


class CmapType(IntEnum):
    I8 = 1
    U8 = 2
    I16 = 3
    U16 = 4
    I32 = 5
    U32 = 6
    I64 = 7
    U64 = 8
    FLOAT = 9
    DOUBLE = 10
    STRING = 11
    BINARY = 12


FORMATS = {
    CmapType.I8: "<b",
    CmapType.U8: "<B",
    CmapType.I16: "<h",
    CmapType.U16: "<H",
    CmapType.I32: "<i",
    CmapType.U32: "<I",
    CmapType.I64: "<q",
    CmapType.U64: "<Q",
    CmapType.FLOAT: "<f",
    CmapType.DOUBLE: "<d",
}


class CmapValue(NamedTuple):
    """A value as it is stored: its type and its bytes."""

    type: CmapType
    data: bytes

    def python(self) -> int | float | str | bytes:
        """The value as a Python object."""
        if self.type in FORMATS:
            value: int | float = struct.unpack(FORMATS[self.type], self.data)[0]
            return value
        if self.type is CmapType.STRING:
            return self.data.rstrip(b"\0").decode(errors="replace")
        return self.data


def number(kind: CmapType, value: int) -> CmapValue:
    """A numeric value; raises struct.error out of range."""
    return CmapValue(kind, struct.pack(FORMATS[kind], value))


def text(value: str) -> CmapValue:
    """A string as corosync stores its own: with the final NUL. Bytes that were no text are bytes again."""
    return CmapValue(CmapType.STRING, value.encode(errors="surrogateescape") + b"\0")


def size_fits(kind: CmapType, length: int) -> bool:
    """Has a value of this type a length that its type allows?"""
    return kind not in FORMATS or struct.calcsize(FORMATS[kind]) == length
