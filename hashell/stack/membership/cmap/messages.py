"""cmap's message on the ring: the configuration version of a node (spec totem.md section 5.3)."""

from __future__ import annotations

import struct

SERVICE = 0
MCAST = 0
REASON_SYNC = 0
REASON_NEW_VERSION = 1
KEY = b"totem.config_version"

_FIXED = struct.Struct("<i4xi4xB7xB7x8x8x")
_ITEM = struct.Struct("<H6x256sB7xQ")
_TYPE_U64 = 8


def encode_version(reason: int, version: int) -> bytes:
    """`version` 0 = none configured."""
    value = struct.pack("<Q", version) if version else b""
    item = _ITEM.pack(len(KEY), KEY, _TYPE_U64 if version else 0, len(value)) + value
    size = _FIXED.size + len(item)
    return _FIXED.pack(SERVICE << 16 | MCAST, size, reason, 1) + item


def decode_version(data: bytes) -> tuple[int, int] | None:
    """(reason, version); None if the message is not of that kind."""
    if len(data) < _FIXED.size + _ITEM.size:
        return None
    _, _, reason, count = _FIXED.unpack_from(data)
    length, name, kind, size = _ITEM.unpack_from(data, _FIXED.size)
    if count < 1 or name[:length] != KEY:
        return None
    if kind == _TYPE_U64 and size == 8 and len(data) >= _FIXED.size + _ITEM.size + 8:
        return reason, struct.unpack_from("<Q", data, _FIXED.size + _ITEM.size)[0]
    return reason, 0
