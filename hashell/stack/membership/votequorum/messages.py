"""Votequorum's messages on the ring (spec totem.md section 5.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag

SERVICE = 5
NODEINFO, RECONFIGURE, QDEVICE_REG, QDEVICE_RECONFIGURE = range(4)
NAME_SIZE = 255


class Flag(IntFlag):
    QUORATE = 1
    LEAVING = 2
    WFASTATUS = 4
    FIRST = 8
    QDEVICE_REGISTERED = 16
    QDEVICE_ALIVE = 32
    CAST_VOTE = 64
    MASTER_WINS = 128


class Param:
    EXPECTED_VOTES = 1
    NODE_VOTES = 2
    CANCEL_WFA = 3


_NODEINFO = struct.Struct("<i4xi4xIIII")
_RECONFIGURE = struct.Struct("<i4xi4xIIB7x")
_REG = struct.Struct("<i4xi4xI255s5x")
_RENAME = struct.Struct("<i4xi4x255s255s2x")


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """nodeid 0 = the quorum device."""

    nodeid: int
    votes: int
    expected: int
    flags: int

    def encode(self) -> bytes:
        return _NODEINFO.pack(
            SERVICE << 16 | NODEINFO, _NODEINFO.size, self.nodeid, self.votes, self.expected, self.flags
        )


@dataclass(frozen=True, slots=True)
class Reconfigure:
    nodeid: int
    value: int
    param: int

    def encode(self) -> bytes:
        return _RECONFIGURE.pack(
            SERVICE << 16 | RECONFIGURE, _RECONFIGURE.size, self.nodeid, self.value, self.param
        )


def decode_nodeinfo(data: bytes) -> NodeInfo | None:
    return NodeInfo(*_NODEINFO.unpack_from(data)[2:]) if len(data) >= _NODEINFO.size else None


def decode_reconfigure(data: bytes) -> Reconfigure | None:
    return Reconfigure(*struct.unpack_from("<IIB", data, 16)) if len(data) >= 25 else None


def encode_register(register: bool, name: str) -> bytes:
    return _REG.pack(SERVICE << 16 | QDEVICE_REG, _REG.size, int(register), name.encode()[:NAME_SIZE])


def decode_register(data: bytes) -> tuple[bool, str] | None:
    if len(data) < 20 + NAME_SIZE:
        return None
    (operation,) = struct.unpack_from("<I", data, 16)
    return bool(operation), data[20 : 20 + NAME_SIZE].split(b"\0")[0].decode(errors="replace")


def encode_rename(old: str, new: str) -> bytes:
    return _RENAME.pack(
        SERVICE << 16 | QDEVICE_RECONFIGURE, _RENAME.size, old.encode()[:NAME_SIZE], new.encode()[:NAME_SIZE]
    )


def decode_rename(data: bytes) -> tuple[str, str] | None:
    if len(data) < 16 + 2 * NAME_SIZE:
        return None
    old, new = struct.unpack_from("<255s255s", data, 16)
    return old.split(b"\0")[0].decode(errors="replace"), new.split(b"\0")[0].decode(errors="replace")
