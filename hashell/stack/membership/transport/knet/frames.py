"""The packets of libknet, on-wire version 1, in clear (spec totem.md section 4.2).

Multi-byte fields are big-endian, but for the size in path MTU packets.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hashell.stack.membership.transport.knet.compress import decompress

VERSION = 1
DATA, PING, PONG, PMTUD, PMTUD_REPLY = 0x00, 0x81, 0x82, 0x83, 0x84
LARGEST_HEADER = 26  #: room that libknet leaves for the header of any packet
MAX_FRAGMENTS = 255

DATA_FIELDS = struct.Struct(">BBHxxHBxBBBb")
PING_FIELDS = struct.Struct(">BBHxxB16sHB")
PMTUD_FIELDS = struct.Struct(">BBHxxB")
PMTUD_SIZE = struct.Struct("<H")


class KnetError(ValueError):
    """A datagram that is no usable knet packet; `kind` is one word for counting."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text


@dataclass(frozen=True, slots=True)
class Data:
    """User data or a piece of it: `frag_seq` 0 of 1, or 1 to `frag_num`. compress: 0 none, 1 zlib."""

    node: int
    seq: int
    data: bytes
    compress: int = 0
    bcast: int = 0
    frag_num: int = 1
    frag_seq: int = 0
    channel: int = 0
    type: int = DATA

    def encode(self) -> bytes:
        return DATA_FIELDS.pack(
            VERSION, DATA, self.node, self.seq, self.compress, self.bcast, self.frag_num, self.frag_seq, self.channel
        ) + self.data  # fmt: skip

    def user_data(self) -> bytes:
        """The data of an unfragmented packet, decompressed. Raises KnetError."""
        return unpacked(self.compress, self.data)


@dataclass(frozen=True, slots=True)
class Ping:
    """Ping or pong; `time` is opaque to the one who answers. timed: 1 periodic, 0 forced."""

    type: int
    node: int
    link: int
    time: bytes
    seq: int
    timed: int

    def encode(self) -> bytes:
        return PING_FIELDS.pack(VERSION, self.type, self.node, self.link, self.time, self.seq, self.timed)


@dataclass(frozen=True, slots=True)
class Pmtud:
    """Path MTU probe, padded with zeros to the size probed, or its short reply. `size` in bytes of the IP packet."""

    type: int
    node: int
    link: int
    size: int
    padding: int = 0

    def encode(self) -> bytes:
        head = PMTUD_FIELDS.pack(VERSION, self.type, self.node, self.link) + PMTUD_SIZE.pack(self.size)
        return head + bytes(self.padding)


Frame = Data | Ping | Pmtud


def decode(data: bytes) -> Frame:
    """The packet in clear bytes. Raises KnetError."""
    if len(data) < 7:
        raise KnetError("knet-short", f"{len(data)} bytes, too short for knet")
    if data[0] != VERSION:
        raise KnetError("knet-version", f"unknown knet version {data[0]}")
    kind = data[1]
    if kind == DATA:
        if len(data) < DATA_FIELDS.size:
            raise KnetError("knet-short", "a cut knet data packet")
        _, _, node, seq, compress, bcast, frag_num, frag_seq, channel = DATA_FIELDS.unpack_from(data)
        if not frag_num or frag_seq > frag_num or (not frag_seq and frag_num > 1):
            raise KnetError("knet-fragment", f"knet fragment {frag_seq} of {frag_num}")
        return Data(node, seq, data[DATA_FIELDS.size :], compress, bcast, frag_num, frag_seq, channel)
    if kind in (PING, PONG):
        if len(data) < PING_FIELDS.size:
            raise KnetError("knet-short", "a cut knet ping")
        _, _, node, link, time, seq, timed = PING_FIELDS.unpack_from(data)
        return Ping(kind, node, link, time, seq, timed)
    if kind in (PMTUD, PMTUD_REPLY):
        if len(data) < PMTUD_FIELDS.size + PMTUD_SIZE.size:
            raise KnetError("knet-short", "a cut knet path MTU packet")
        _, _, node, link = PMTUD_FIELDS.unpack_from(data)
        return Pmtud(kind, node, link, PMTUD_SIZE.unpack_from(data, 7)[0], len(data) - 9)
    raise KnetError("knet-type", f"unknown knet packet type 0x{kind:02x}")


def unpacked(model: int, data: bytes) -> bytes:
    """User data without its compression. Raises KnetError."""
    try:
        return decompress(model, data)
    except ValueError as error:
        raise KnetError("knet-compression", str(error)) from None
