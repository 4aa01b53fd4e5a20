"""Header of all service messages on the ring, and the two messages of the sync protocol (spec totem.md 5.1, 5.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hashell.stack.membership.totem.packets import RingId

HEADER = struct.Struct("<i4xi4x")
BARRIER = 0
SERVICE_BUILD = 1
_BARRIER = struct.Struct("<i4xi4xIQ4x")
_BUILD = struct.Struct("<i4xi4xIQ4xi4x128i")
MAX_SERVICES = 128


def header(service: int, fn: int, size: int) -> bytes:
    """The request header of a service message of `size` bytes in all."""
    return HEADER.pack(service << 16 | fn, size)


def message_id(data: bytes) -> tuple[int, int] | None:
    """(id, size) of a service or sync message; None if it is cut."""
    if len(data) < HEADER.size:
        return None
    number, size = HEADER.unpack_from(data)
    return number, size


def encode_barrier(ring: RingId) -> bytes:
    return _BARRIER.pack(BARRIER, _BARRIER.size, *ring)


def encode_service_build(ring: RingId, services: Sequence[int]) -> bytes:
    padded = [*services, *[0] * (MAX_SERVICES - len(services))]
    return _BUILD.pack(SERVICE_BUILD, _BUILD.size, ring[0], ring[1], len(services), *padded)


def decode_sync(data: bytes) -> tuple[int, RingId, list[int]] | None:
    """(kind, ring, services) of a sync message; None if it is none."""
    head = message_id(data)
    if head is None:
        return None
    if head[0] == BARRIER and len(data) >= _BARRIER.size - 4:
        return BARRIER, RingId(*struct.unpack_from("<IQ", data, 16)), []
    if head[0] == SERVICE_BUILD and len(data) >= 40:
        ring = RingId(*struct.unpack_from("<IQ", data, 16))
        (count,) = struct.unpack_from("<i", data, 32)
        if not 0 <= count <= MAX_SERVICES or len(data) < 40 + 4 * count:
            return None
        return SERVICE_BUILD, ring, list(struct.unpack_from(f"<{count}i", data, 40))
    return None
