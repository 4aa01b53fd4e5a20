"""totempg: packing messages into frames, fragments, reassembly, groups (spec totem.md section 2).

From the regular configuration until synchronisation is complete a second pair of queues and assembly buffers is in
use, so that the services can synchronise while the clients' messages wait, possibly half sent.

Reassembly is kinder than corosync's in one point: after a fragment whose head was missed only that message is
dropped, not the packet and its successor; a joining node could otherwise lose whole messages. And a message that
fits a packet of its own is never cut, so that a change of the ring can only hit the long ones half way: a node that
joins then does not get the one whose head it missed, as with corosync.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

HEAD = struct.Struct("<hhBBH")
MAX_MESSAGE = 1 << 20
QUEUE_BYTES = 4 << 20

GROUP_SERVICES = b"a"
GROUP_SYNC = b"sync"


class Frame(NamedTuple):
    """One totempg packet: pieces of messages; `fragmented` and `continuation` are fragment numbers or 0."""

    fragmented: int
    continuation: int
    parts: list[bytes]
    version: int = 0
    type: int = 0


def encode_frame(frame: Frame) -> bytes:
    head = HEAD.pack(frame.version, frame.type, frame.fragmented, frame.continuation, len(frame.parts))
    lengths = struct.pack(f"<{len(frame.parts)}H", *map(len, frame.parts))
    return head + lengths + b"".join(frame.parts)


def decode_frame(payload: bytes) -> Frame | None:
    """The pieces of one packet, or None when its lengths do not add up (section 2.1)."""
    if len(payload) < HEAD.size:
        return None
    version, kind, fragmented, continuation, count = HEAD.unpack_from(payload)
    offset = HEAD.size + 2 * count
    if len(payload) < offset:
        return None
    lengths = struct.unpack_from(f"<{count}H", payload, HEAD.size)
    if offset + sum(lengths) != len(payload):
        return None
    parts = []
    for length in lengths:
        parts.append(payload[offset : offset + length])
        offset += length
    return Frame(fragmented, continuation, parts, version, kind)


def wrap_group(group: bytes, message: bytes) -> bytes:
    """A message for one group, as it is packed."""
    return struct.pack("<HH", 1, len(group)) + group + message


def unwrap_groups(data: bytes) -> tuple[list[bytes], bytes] | None:
    """Group names and the message behind them; None if the header is cut."""
    if len(data) < 2:
        return None
    count = data[0] | data[1] << 8
    offset = 2 + 2 * count
    if len(data) < offset:
        return None
    names = []
    for length in struct.unpack_from(f"<{count}H", data, 2):
        names.append(data[offset : offset + length])
        offset += length
    if offset > len(data):
        return None
    return names, data[offset:]


def pack(messages: Iterable[bytes], net_mtu: int) -> list[bytes]:
    """Encode messages into as few packets of at most `net_mtu` bytes as their order allows."""
    limit = net_mtu - HEAD.size
    whole = limit - 2
    frames: list[bytes] = []
    parts: list[bytes] = []
    used = continuation = 0
    for message in messages:
        number, offset = 1, 0
        while True:
            space = limit - used - 2 * (len(parts) + 1)
            rest = len(message) - offset
            if rest <= space:
                parts.append(message[offset:] if offset else message)
                used += rest
                break
            if space > 0 and (offset or len(message) > whole):
                parts.append(message[offset : offset + space])
                offset += space
                frames.append(encode_frame(Frame(number, continuation, parts)))
                continuation = number
                number = number % 255 + 1
            else:
                frames.append(encode_frame(Frame(0, continuation, parts)))
                continuation = 0
            parts, used = [], 0
    if parts:
        frames.append(encode_frame(Frame(0, continuation, parts)))
    return frames


@dataclass(slots=True)
class Assembly:
    """What is known of one sender's unfinished message."""

    head: list[bytes] = field(default_factory=list)
    last_fragment: int = 0
    size: int = 0

    def add(self, frame: Frame) -> list[bytes]:
        """Messages that this frame completes, in order."""
        parts = list(frame.parts)
        if not parts:
            return []
        if frame.continuation and (not self.head or frame.continuation != self.last_fragment):
            if frame.fragmented and len(parts) == 1:
                self.reset()
                return []
            parts.pop(0)
            self.reset()
        elif frame.continuation:
            self.head.append(parts[0])
            self.size += len(parts[0])
            if frame.fragmented and len(parts) == 1:
                self.last_fragment = frame.fragmented
                if self.size > 2 * MAX_MESSAGE:
                    self.reset()
                return []
            parts[0] = b"".join(self.head)
            self.reset()
        else:
            self.reset()
        if frame.fragmented:
            self.head = [parts.pop()]
            self.size = len(self.head[0])
            self.last_fragment = frame.fragmented
        return parts

    def reset(self) -> None:
        self.head = []
        self.size = 0
        self.last_fragment = 0


class Packer:
    """The two streams of one node: the messages that wait for the token, and the assembly buffers per sender."""

    def __init__(self, net_mtu: int) -> None:
        self.net_mtu = net_mtu
        self.synchronising = True
        self._waiting: dict[bool, list[bytes]] = {True: [], False: []}
        self._assembly: dict[bool, dict[int, Assembly]] = {True: {}, False: {}}
        self._bytes = 0

    def put(self, group: bytes, message: bytes) -> None:
        """A message for the stream in use."""
        data = wrap_group(group, message)
        self._waiting[self.synchronising].append(data)
        self._bytes += len(data)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def frames(self) -> list[bytes]:
        """All that waits in the stream in use, packed; empties it."""
        waiting = self._waiting[self.synchronising]
        if not waiting:
            return []
        self._waiting[self.synchronising] = []
        self._bytes -= sum(map(len, waiting))
        return pack(waiting, self.net_mtu)

    def receive(self, nodeid: int, payload: bytes) -> list[bytes] | None:
        """Messages completed by one frame of `nodeid`, with their group header; None for a broken frame."""
        frame = decode_frame(payload)
        if frame is None:
            return None
        buffers = self._assembly[self.synchronising]
        assembly = buffers.get(nodeid)
        if assembly is None:
            if not frame.fragmented and not frame.continuation:
                return frame.parts
            assembly = buffers[nodeid] = Assembly()
        return assembly.add(frame)

    def forget(self, nodes: Iterable[int]) -> None:
        """Drop the unfinished messages of nodes that left."""
        for nodeid in nodes:
            self._assembly[True].pop(nodeid, None)
            self._assembly[False].pop(nodeid, None)
