"""The cfg service: messages of both ends (pure; ipc.md section 4.6)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import ClassVar, Self

from hashell.stack.wire.corosync.layout import (
    CS_NAME,
    RESPONSE,
    U8,
    U32,
    CodecError,
    CsError,
    Message,
    fields,
    message_id,
    plain_response,
)

SERVICE = "cfg"

SHUTDOWN_REQUEST, SHUTDOWN_REGARDLESS, SHUTDOWN_IMMEDIATE = 0, 1, 2
NODE_STATUS_VERSION = 1
_LINKS = 8


@dataclass(frozen=True)
class RingStatusGet(Message):
    ID = 0
    SIZE = 16


@dataclass(frozen=True)
class RingReenable(Message):
    ID = 1
    SIZE = 16


@dataclass(frozen=True)
class KillNode(Message):
    nodeid: int
    reason: bytes
    ID = 2
    SIZE = 288
    FIELDS = fields(("nodeid", 16, U32), ("reason", 24, CS_NAME))


@dataclass(frozen=True)
class TryShutdown(Message):
    flags: int
    ID = 3
    SIZE = 24
    FIELDS = fields(("flags", 16, U32))


@dataclass(frozen=True)
class ReplyToShutdown(Message):
    answer: int  #: 0 no, 1 yes
    ID = 4
    SIZE = 24
    FIELDS = fields(("answer", 16, U32))


@dataclass(frozen=True)
class GetNodeAddrs(Message):
    nodeid: int
    ID = 5
    SIZE = 24
    FIELDS = fields(("nodeid", 16, U32))


@dataclass(frozen=True)
class LocalGet(Message):
    ID = 6
    SIZE = 16


@dataclass(frozen=True)
class ReloadConfig(Message):
    ID = 7
    SIZE = 16


@dataclass(frozen=True)
class ReopenLog(Message):
    ID = 8
    SIZE = 16


@dataclass(frozen=True)
class NodeStatusGet(Message):
    nodeid: int
    version: int = NODE_STATUS_VERSION
    ID = 9
    SIZE = 32
    FIELDS = fields(("nodeid", 16, U32), ("version", 24, U32))


@dataclass(frozen=True)
class TrackStart(Message):
    flags: int = 0
    ID = 10
    SIZE = 24
    FIELDS = fields(("flags", 16, U8))


@dataclass(frozen=True)
class TrackStop(Message):
    ID = 11
    SIZE = 16


Request = (
    RingStatusGet | RingReenable | KillNode | TryShutdown | ReplyToShutdown | GetNodeAddrs | LocalGet | ReloadConfig
    | ReopenLog | NodeStatusGet | TrackStart | TrackStop
)  # fmt: skip
_REQUESTS: dict[int, type[Request]] = {
    kind.ID: kind
    for kind in (
        RingStatusGet, RingReenable, KillNode, TryShutdown, ReplyToShutdown, GetNodeAddrs, LocalGet, ReloadConfig,
        ReopenLog, NodeStatusGet, TrackStart, TrackStop,
    )
}  # fmt: skip

#: Response id of each request id.
RESPONSE_IDS: dict[int, int] = {
    0: 0, 1: 1, 2: 8, 3: 9, 4: 13, 5: 11, 6: 12, 7: 14, 8: 15, 9: 16, 10: 2, 11: 3
}  # fmt: skip


def decode_request(data: bytes) -> Request:
    """The request in `data`. Raises CodecError."""
    kind = _REQUESTS.get(message_id(data))
    if kind is None:
        raise CodecError(f"cfg has no request {message_id(data)}")
    return kind.decode(data)


def ack(request: Request, error: int = CsError.OK) -> bytes:
    """The plain response to a request."""
    return plain_response(RESPONSE_IDS[request.ID], error)


@dataclass(frozen=True)
class RingStatusReply(Message):
    """`rings` are pairs of name ("0 10.0.0.1") and status text, at most 16."""

    rings: tuple[tuple[str, str], ...]
    error: int = CsError.OK
    ID: ClassVar[int] = 0
    HEADER = RESPONSE
    SIZE = 10272

    def encode(self) -> bytes:
        buffer = bytearray(super().encode())
        struct.pack_into("=I", buffer, 24, len(self.rings))
        for index, (name, status) in enumerate(self.rings[:16]):
            struct.pack_into("=127sx", buffer, 32 + 128 * index, name.encode())
            struct.pack_into("=511sx", buffer, 2080 + 512 * index, status.encode())
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"RingStatusReply of {len(data)} bytes instead of {cls.SIZE}")
        error, count = struct.unpack_from("=i4xI", data, 16)
        rings = tuple(
            (_text(data, 32 + 128 * i, 128), _text(data, 2080 + 512 * i, 512)) for i in range(min(count, 16))
        )
        return cls(rings, error)


@dataclass(frozen=True)
class NodeAddrsReply(Message):
    """Numeric addresses, all of one family."""

    addresses: tuple[str, ...]
    error: int = CsError.OK
    ID: ClassVar[int] = 11
    HEADER = RESPONSE
    SIZE = 32

    def encode(self) -> bytes:
        buffer = bytearray(super().encode())
        family = socket.AF_INET6 if any(":" in a for a in self.addresses) else socket.AF_INET
        struct.pack_into("=II", buffer, 24, family, len(self.addresses))
        for address in self.addresses:
            buffer += socket.inet_pton(family, address).ljust(16, b"\0")
        struct.pack_into("=i", buffer, 8, len(buffer))
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"NodeAddrsReply of {len(data)} bytes instead of {cls.SIZE}")
        error, family, count = struct.unpack_from("=i4xII", data, 16)
        size = 4 if family == socket.AF_INET else 16
        if len(data) < 32 + 16 * count:
            raise CodecError(f"NodeAddrsReply is too short for {count} addresses")
        raw = (data[32 + 16 * i : 32 + 16 * i + size] for i in range(count))
        return cls(tuple(socket.inet_ntop(family, address) for address in raw), error)


@dataclass(frozen=True)
class LocalReply(Message):
    nodeid: int
    error: int = CsError.OK
    ID = 12
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("nodeid", 24, U32))


@dataclass(frozen=True)
class LinkStatus:
    enabled: int = 0
    connected: int = 0
    dynconnected: int = 0
    mtu: int = 0  #: bytes
    source: str = ""
    destination: str = ""


@dataclass(frozen=True)
class NodeStatusReply(Message):
    nodeid: int = 0
    reachable: int = 0
    remote: int = 0
    external: int = 0
    onwire_min: int = 0
    onwire_max: int = 0
    onwire_ver: int = 0
    links: tuple[LinkStatus, ...] = ()  #: at most 8
    version: int = NODE_STATUS_VERSION
    error: int = CsError.OK
    ID: ClassVar[int] = 16
    HEADER = RESPONSE
    SIZE = 4200
    FIELDS = fields(
        ("version", 24, U32), ("nodeid", 28, U32), ("reachable", 32, U8), ("remote", 33, U8), ("external", 34, U8),
        ("onwire_min", 35, U8), ("onwire_max", 36, U8), ("onwire_ver", 37, U8),
    )  # fmt: skip

    def encode(self) -> bytes:
        buffer = bytearray(super().encode())
        for index, link in enumerate(self.links[:_LINKS]):
            struct.pack_into(
                "=BBBxI255sx255sx", buffer, 40 + 520 * index, link.enabled, link.connected, link.dynconnected,
                link.mtu, link.source.encode(), link.destination.encode(),
            )  # fmt: skip
        return bytes(buffer)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        if len(data) < cls.SIZE:
            raise CodecError(f"NodeStatusReply of {len(data)} bytes instead of {cls.SIZE}")
        values = {field.name: field.kind.get(data, field.offset) for field in cls.FIELDS}
        links = tuple(_link(data, at) for at in range(40, 40 + 520 * _LINKS, 520))
        return cls(**values, links=links, error=struct.unpack_from("=i", data, 16)[0])


def _link(data: bytes, at: int) -> LinkStatus:
    enabled, connected, dynconnected, mtu = struct.unpack_from("=BBBxI", data, at)
    return LinkStatus(
        enabled, connected, dynconnected, mtu, _text(data, at + 8, 256), _text(data, at + 264, 256)
    )


def node_status_version_error() -> bytes:
    """The answer to a NodeStatusGet of a version we do not know."""
    return struct.pack("=i4xi4xi4x8x", 16, 32, CsError.NOT_SUPPORTED)


@dataclass(frozen=True)
class TestShutdown(Message):
    """Asks a tracking client whether the daemon may stop; answered by ReplyToShutdown."""

    flags: int
    ID = 10
    HEADER = RESPONSE
    SIZE = 32
    FIELDS = fields(("flags", 24, U32))


def decode_event(data: bytes) -> TestShutdown:
    """The event in `data`. Raises CodecError."""
    if message_id(data) != TestShutdown.ID:
        raise CodecError(f"cfg has no event {message_id(data)}")
    return TestShutdown.decode(data)


def _text(data: bytes, offset: int, room: int) -> str:
    return data[offset : offset + room].split(b"\0", 1)[0].decode(errors="replace")
