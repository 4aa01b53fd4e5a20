"""Pacemaker's message on libqb IPC: 40-byte header, flags, bzip2 (pure; ipc.md sections 2.1 to 2.3)."""

from __future__ import annotations

import bz2
import struct
from dataclasses import dataclass

HEADER = struct.Struct("=i4xi4xi4xIIIB3x")
VERSION = 1

COMPRESSED = 0x1
PROXIED = 0x100
CLIENT_RESPONSE = 0x200
SERVER_EVENT = 0x10000
SERVER_FREE = 0x20000
PROXIED_RELAY_RESPONSE = 0x40000

DEFAULT_BUFFER = 131072
#: Buffers that clients of a service ask for, in bytes (section 2.3); the rest ask for DEFAULT_BUFFER.
CLIENT_BUFFERS = {"cib_ro": 524288, "cib_rw": 524288, "cib_shm": 524288, "pengine": 5242880}

#: Longest text taken from a peer, in bytes: what a damaged or hostile header may make us allocate.
TEXT_LIMIT = 256 * 1024 * 1024

_BZ2_LEVEL = 4


class FrameError(ValueError):
    """A message that cannot be understood. `ident` and `flags` are what could still be read of it, else 0."""

    def __init__(self, text: str, ident: int = 0, flags: int = 0) -> None:
        super().__init__(text)
        self.ident = ident
        self.flags = flags


@dataclass(frozen=True, slots=True)
class Frame:
    ident: int
    flags: int
    text: bytes  #: UTF-8 XML without the final NUL


def encode(ident: int, flags: int, text: bytes, limit: int = DEFAULT_BUFFER) -> bytes:
    """A whole message; compressed when header and text with its NUL reach `limit` bytes."""
    plain = text + b"\0"
    if HEADER.size + len(plain) < limit:
        return HEADER.pack(ident, HEADER.size + len(plain), 0, len(plain), 0, flags, VERSION) + plain
    packed = bz2.compress(plain, _BZ2_LEVEL)
    size = HEADER.size + len(packed)
    return HEADER.pack(ident, size, 0, len(plain), len(packed), flags | COMPRESSED, VERSION) + packed


def decode(message: bytes) -> Frame:
    """Inverse of encode. Raises FrameError."""
    if len(message) < HEADER.size:
        ident = struct.unpack_from("=i", message)[0] if len(message) >= 4 else 0
        raise FrameError(f"a message of {len(message)} bytes is shorter than the header", ident)
    ident, size, _error, plain_size, packed_size, flags, version = HEADER.unpack_from(message)
    if version > VERSION:
        raise FrameError(f"header version {version} is newer than {VERSION}", ident, flags)
    if size != len(message):
        raise FrameError(f"a message of {len(message)} bytes says it has {size}", ident, flags)
    body = message[HEADER.size :]
    if packed_size:
        if packed_size != len(body):
            raise FrameError(f"{len(body)} compressed bytes instead of {packed_size}", ident, flags)
        try:
            body = unpack(body, plain_size)
        except ValueError as error:
            raise FrameError(str(error), ident, flags) from None
    if plain_size != len(body) or not plain_size:
        raise FrameError(f"{len(body)} bytes of text instead of {plain_size}", ident, flags)
    if body[-1] != 0:
        raise FrameError("the text does not end with NUL", ident, flags)
    return Frame(ident, flags, body[:-1])


def unpack(packed: bytes, plain_size: int) -> bytes:
    """Decompress to exactly `plain_size` bytes. Raises ValueError."""
    if plain_size > TEXT_LIMIT:
        raise ValueError(f"a text of {plain_size} bytes is longer than {TEXT_LIMIT}")
    decompressor = bz2.BZ2Decompressor()
    try:
        plain = decompressor.decompress(packed, plain_size + 1)
    except (OSError, EOFError) as error:
        raise ValueError(f"the compressed text is damaged: {error}") from None
    if len(plain) != plain_size:
        raise ValueError(f"the compressed text has {len(plain)} bytes instead of {plain_size}")
    return plain
