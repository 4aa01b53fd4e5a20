"""CPG's messages on the ring (spec totem.md section 5.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

SERVICE = 2
PROCJOIN, PROCLEAVE, JOINLIST, MCAST, OLD_DOWNLIST, DOWNLIST, PARTIAL = range(7)
MAX_GROUP = 128
MAX_NODES = 384

_PROC = struct.Struct("<i4xi4xI4x128sI4xI4x")
_MCAST = struct.Struct("<i4xi4xI4x128sI4xI4xI4xQ")
_PARTIAL = struct.Struct("<i4xi4xI4x128sI4xI4xI4xI4xI4xQ")
_JOINLIST = struct.Struct("<i4xi4xi4x")
_ENTRY = struct.Struct("<I4xI4x128s")
_DOWNLIST = struct.Struct(f"<i4xi4xI4xI4x{MAX_NODES}I")


@dataclass(frozen=True, slots=True)
class ProcChange:
    """procjoin or procleave. reason: 1 join, 2 leave, 5 process gone."""

    group: bytes
    pid: int
    reason: int

    def encode(self, fn: int) -> bytes:
        return _PROC.pack(SERVICE << 16 | fn, _PROC.size, len(self.group), self.group, self.pid, self.reason)


@dataclass(frozen=True, slots=True)
class CpgMcast:
    """A client's message, or one fragment of it (`kind` 1 first, 2 continued, 3 last; 0 whole)."""

    group: bytes
    pid: int
    source: int
    data: bytes
    conn: int = 0
    total: int = 0
    kind: int = 0

    def encode(self) -> bytes:
        length = len(self.data)
        if self.kind:
            return _PARTIAL.pack(
                SERVICE << 16 | PARTIAL, _PARTIAL.size + length, len(self.group), self.group, self.total, length,
                self.pid, self.kind, self.source, self.conn,
            ) + self.data  # fmt: skip
        return _MCAST.pack(
            SERVICE << 16 | MCAST, _MCAST.size + length, len(self.group), self.group, length, self.pid, self.source,
            self.conn,
        ) + self.data  # fmt: skip


def decode_proc(data: bytes) -> ProcChange | None:
    if len(data) < 164:
        return None
    (length,) = struct.unpack_from("<I", data, 16)
    (pid,) = struct.unpack_from("<I", data, 152)
    (reason,) = struct.unpack_from("<I", data, 160)
    return ProcChange(data[24 : 24 + length], pid, reason) if length <= MAX_GROUP else None


def decode_mcast(data: bytes) -> CpgMcast | None:
    if len(data) < _MCAST.size:
        return None
    _, _, glen, name, msglen, pid, source, conn = _MCAST.unpack_from(data)
    if glen > MAX_GROUP or len(data) < _MCAST.size + msglen:
        return None
    return CpgMcast(name[:glen], pid, source, data[_MCAST.size : _MCAST.size + msglen], conn, msglen)


def decode_partial(data: bytes) -> CpgMcast | None:
    if len(data) < _PARTIAL.size:
        return None
    _, _, glen, name, msglen, fraglen, pid, kind, source, conn = _PARTIAL.unpack_from(data)
    if glen > MAX_GROUP or len(data) < _PARTIAL.size + fraglen:
        return None
    return CpgMcast(name[:glen], pid, source, data[_PARTIAL.size : _PARTIAL.size + fraglen], conn, msglen, kind)


def encode_joinlist(entries: Sequence[tuple[int, bytes]]) -> bytes:
    """(pid, group) of each local process."""
    size = _JOINLIST.size + _ENTRY.size * len(entries)
    body = b"".join(_ENTRY.pack(pid, len(group), group) for pid, group in entries)
    return _JOINLIST.pack(SERVICE << 16 | JOINLIST, size, 0) + body


def decode_joinlist(data: bytes) -> list[tuple[int, bytes]] | None:
    if len(data) < _JOINLIST.size:
        return None
    entries = []
    for offset in range(_JOINLIST.size, len(data) - _ENTRY.size + 1, _ENTRY.size):
        pid, length, name = _ENTRY.unpack_from(data, offset)
        if length > MAX_GROUP:
            return None
        entries.append((pid, name[:length]))
    return entries


def encode_downlist(old_members: int, left: Sequence[int]) -> bytes:
    padded = [*left, *[0] * (MAX_NODES - len(left))]
    return _DOWNLIST.pack(SERVICE << 16 | DOWNLIST, _DOWNLIST.size, old_members, len(left), *padded)


def decode_downlist(data: bytes) -> tuple[int, list[int]] | None:
    """(number of old members, nodes that left)."""
    if len(data) < 32:
        return None
    (old,) = struct.unpack_from("<I", data, 16)
    (count,) = struct.unpack_from("<I", data, 24)
    if count > MAX_NODES or len(data) < 32 + 4 * count:
        return None
    return old, list(struct.unpack_from(f"<{count}I", data, 32))
