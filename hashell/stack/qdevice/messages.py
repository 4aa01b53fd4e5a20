"""Messages between a quorum device and corosync-qnetd, as they are seen between the originals.

A message is type (u16), length of what follows (u32), then options: number (u16), length (u16), value. All numbers
are big-endian. A node in a list is an option whose value is options again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

_HEAD = struct.Struct(">HI")
_OPTION = struct.Struct(">HH")
MAX_MESSAGE = 32768


class Kind(IntEnum):
    PREINIT = 0
    PREINIT_REPLY = 1
    STARTTLS = 2
    INIT = 3
    INIT_REPLY = 4
    SERVER_ERROR = 5
    SET_OPTION = 6
    SET_OPTION_REPLY = 7
    ECHO_REQUEST = 8
    ECHO_REPLY = 9
    NODE_LIST = 10
    NODE_LIST_REPLY = 11
    ASK_FOR_VOTE = 12
    ASK_FOR_VOTE_REPLY = 13
    VOTE_INFO = 14
    VOTE_INFO_REPLY = 15
    HEURISTICS_CHANGE = 16
    HEURISTICS_CHANGE_REPLY = 17


class Option(IntEnum):
    SEQUENCE = 0
    CLUSTER_NAME = 1
    TLS_SUPPORTED = 2
    TLS_CERTIFICATE = 3
    MESSAGES = 4
    OPTIONS = 5
    ERROR = 6
    MAX_REQUEST = 7
    MAX_REPLY = 8
    NODE_ID = 9
    ALGORITHMS = 10
    ALGORITHM = 11
    HEARTBEAT = 12
    RING_ID = 13
    CONFIG_VERSION = 14
    DATA_CENTER = 15
    NODE_STATE = 16
    NODE_INFO = 17
    LIST_TYPE = 18
    VOTE = 19
    QUORATE = 20
    TIE_BREAKER = 21
    HEURISTICS = 22
    KEEP_PARTITION = 23


class ListType(IntEnum):
    INITIAL_CONFIG = 0
    CHANGED_CONFIG = 1
    MEMBERSHIP = 2
    QUORUM = 3


class Vote(IntEnum):
    ACK = 1
    NACK = 2
    ASK_LATER = 3
    WAIT_FOR_REPLY = 4
    NO_CHANGE = 5


class Tls(IntEnum):
    UNSUPPORTED = 0
    SUPPORTED = 1
    REQUIRED = 2


ALGORITHMS = {"test": 0, "ffsplit": 1, "2nodelms": 2, "lms": 3}
RingIdPair = tuple[int, int]


class MessageError(ValueError):
    """Bytes that are no message of this protocol."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message; an option that comes several times (nodes) has all its values."""

    kind: int
    options: dict[int, list[bytes]] = field(default_factory=dict)

    def number(self, option: Option) -> int | None:
        """The value of a numeric option of any width, None if it is absent."""
        values = self.options.get(option)
        return int.from_bytes(values[0], "big") if values and values[0] else None

    def ring(self) -> RingIdPair | None:
        values = self.options.get(Option.RING_ID)
        if not values or len(values[0]) != 12:
            return None
        node, seq = struct.unpack(">IQ", values[0])
        return node, seq


def _u8(value: int) -> bytes:
    return struct.pack(">B", value)


def _u16s(values: Iterable[int]) -> bytes:
    return b"".join(struct.pack(">H", value) for value in values)


def _u32(value: int) -> bytes:
    return struct.pack(">I", value)


def _options(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(_OPTION.pack(number, len(value)) + value for number, value in pairs)


def encode(kind: Kind, pairs: Iterable[tuple[int, bytes]]) -> bytes:
    body = _options(pairs)
    return _HEAD.pack(kind, len(body)) + body


def decode(buffer: bytearray) -> Received | None:
    """Take the first message off the buffer; None while it is not all there. Raises MessageError."""
    if len(buffer) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack_from(buffer)
    if size > MAX_MESSAGE:
        raise MessageError(f"a message of {size} bytes")
    if len(buffer) < _HEAD.size + size:
        return None
    body = bytes(buffer[_HEAD.size : _HEAD.size + size])
    del buffer[: _HEAD.size + size]
    options: dict[int, list[bytes]] = {}
    offset = 0
    while offset < len(body):
        if offset + _OPTION.size > len(body):
            raise MessageError(f"a cut option in a message of type {kind}")
        number, length = _OPTION.unpack_from(body, offset)
        offset += _OPTION.size
        if offset + length > len(body):
            raise MessageError(f"option {number} in a message of type {kind} is cut")
        options.setdefault(number, []).append(body[offset : offset + length])
        offset += length
    return Received(kind, options)


def ring_bytes(ring: RingIdPair) -> bytes:
    return struct.pack(">IQ", *ring)


def preinit(seq: int, cluster: str) -> bytes:
    return encode(Kind.PREINIT, [(Option.SEQUENCE, _u32(seq)), (Option.CLUSTER_NAME, cluster.encode())])


def start_tls(seq: int) -> bytes:
    return encode(Kind.STARTTLS, [(Option.SEQUENCE, _u32(seq))])


def tie_breaker(word: str) -> bytes:
    """lowest, highest or a node id."""
    mode = {"lowest": 1, "highest": 2}.get(word, 3)
    return _u8(mode) + _u32(int(word) if mode == 3 else 0)


def init(seq: int, node: int, algorithm: int, heartbeat_ms: int, breaker: str, ring: RingIdPair) -> bytes:
    pairs = [
        (Option.SEQUENCE, _u32(seq)),
        (Option.MESSAGES, _u16s(Kind)),
        (Option.OPTIONS, _u16s(Option)),
        (Option.NODE_ID, _u32(node)),
        (Option.ALGORITHM, _u16s([algorithm])),
        (Option.HEARTBEAT, _u32(heartbeat_ms)),
        (Option.TIE_BREAKER, tie_breaker(breaker)),
        (Option.RING_ID, ring_bytes(ring)),
    ]
    return encode(Kind.INIT, pairs)


def keep_partition(seq: int, on: bool) -> bytes:
    """May a partition that lost the device's vote in a tie keep it from a new one?"""
    return encode(Kind.SET_OPTION, [(Option.SEQUENCE, _u32(seq)), (Option.KEEP_PARTITION, _u8(on))])


def heartbeat(seq: int, milliseconds: int) -> bytes:
    return encode(Kind.SET_OPTION, [(Option.SEQUENCE, _u32(seq)), (Option.HEARTBEAT, _u32(milliseconds))])


def echo(seq: int) -> bytes:
    return encode(Kind.ECHO_REQUEST, [(Option.SEQUENCE, _u32(seq))])


def vote_info_reply(seq: int) -> bytes:
    return encode(Kind.VOTE_INFO_REPLY, [(Option.SEQUENCE, _u32(seq))])


def config_list(seq: int, first: bool, nodes: Sequence[int]) -> bytes:
    kind = ListType.INITIAL_CONFIG if first else ListType.CHANGED_CONFIG
    return encode(
        Kind.NODE_LIST,
        [(Option.SEQUENCE, _u32(seq)), (Option.LIST_TYPE, _u8(kind)), *((Option.NODE_INFO, _node(n)) for n in nodes)],
    )


def membership_list(seq: int, ring: RingIdPair, nodes: Sequence[int], heuristics: int = 0) -> bytes:
    pairs = [(Option.SEQUENCE, _u32(seq)), (Option.LIST_TYPE, _u8(ListType.MEMBERSHIP))]
    pairs.append((Option.RING_ID, ring_bytes(ring)))
    if heuristics:
        pairs.append((Option.HEURISTICS, _u8(heuristics)))
    return encode(Kind.NODE_LIST, [*pairs, *((Option.NODE_INFO, _node(n)) for n in nodes)])


def quorum_list(seq: int, quorate: bool, nodes: Sequence[tuple[int, int]]) -> bytes:
    """`nodes` are (node id, state), state as votequorum numbers it: 1 member, 2 dead, 3 leaving."""
    return encode(
        Kind.NODE_LIST,
        [
            (Option.SEQUENCE, _u32(seq)),
            (Option.LIST_TYPE, _u8(ListType.QUORUM)),
            (Option.QUORATE, _u8(quorate)),
            *((Option.NODE_INFO, _node(n, state)) for n, state in nodes),
        ],
    )


def _node(node: int, state: int = 0) -> bytes:
    pairs = [(int(Option.NODE_ID), _u32(node))]
    if state:
        pairs.append((int(Option.NODE_STATE), _u8(state)))
    return _options(pairs)
