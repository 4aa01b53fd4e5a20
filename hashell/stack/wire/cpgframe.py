"""Pacemaker's message on a CPG group: the 592-byte header with its receive checks (pure; daemons.md section 1.2)."""

from __future__ import annotations

import bz2
import struct
from dataclasses import dataclass
from enum import IntEnum

from hashell.stack.wire.pcmkframe import unpack

_HEADER = struct.Struct("=i4xi4xi4xIiIIiII256sIIiII256sII")
HEADER_SIZE = 592
COMPRESS_FROM = 131072  #: bytes of text with its NUL
_CS_OK = 1
_NAME_LIMIT = 255
_BZ2_LEVEL = 4


class Daemon(IntEnum):
    """Who sends or is meant, section 1.1."""

    UNKNOWN = 0
    ATTRD = 1
    CIB = 2
    CRMD = 3
    LRMD = 4
    STONITH_NG = 5
    PACEMAKERD = 6
    PENGINE = 7


_BY_GROUP = {
    "attrd": Daemon.ATTRD,
    "cib": Daemon.CIB,
    "crmd": Daemon.CRMD,
    "lrmd": Daemon.LRMD,
    "stonith-ng": Daemon.STONITH_NG,
    "pacemakerd": Daemon.PACEMAKERD,
    "pengine": Daemon.PENGINE,
    "dc": Daemon.CRMD,
    "tengine": Daemon.CRMD,
}


def daemon_type(group: str) -> Daemon:
    """The number of a daemon by its group or message type; UNKNOWN for any other word."""
    return _BY_GROUP.get(group, Daemon.UNKNOWN)


class Dropped(Exception):
    """A received message that is not for us (`silent`) or not a message at all."""

    def __init__(self, reason: str, *, silent: bool = False) -> None:
        super().__init__(reason)
        self.silent = silent


@dataclass(frozen=True, slots=True)
class ClusterMessage:
    """What a frame says: the text without its NUL, and who sent it."""

    text: bytes
    sender_nodeid: int
    sender_name: str  #: '' when the frame has none
    sender_pid: int = 0
    sender_type: int = 0
    ident: int = 0
    to_nodeid: int = 0  #: 0 = everybody
    to_name: str = ""  #: '' = everybody
    to_type: int = 0


def encode(message: ClusterMessage) -> bytes:
    """A frame to send; the sender's node id goes as 0 because the receiver knows it from CPG.

    Raises ValueError on a node name of 256 bytes or more.
    """
    to_name, own_name = message.to_name.encode(), message.sender_name.encode()
    if max(len(to_name), len(own_name)) > _NAME_LIMIT:
        raise ValueError(f"a node name is longer than {_NAME_LIMIT} bytes")
    data = message.text + b"\0"
    size, packed_size = len(data), 0
    if size >= COMPRESS_FROM:
        data = bz2.compress(data, _BZ2_LEVEL)
        packed_size = len(data)
    header = _HEADER.pack(
        0, HEADER_SIZE + len(data), _CS_OK, message.ident, int(packed_size > 0),
        message.to_nodeid, 0, 0, message.to_type, len(to_name), to_name,
        0, message.sender_pid, 0, message.sender_type, len(own_name), own_name,
        size, packed_size,
    )  # fmt: skip
    return header + data


def decode(data: bytes, cpg_nodeid: int, local_nodeid: int, local_name: str) -> ClusterMessage:
    """A received frame after the checks of section 1.2, in their order. Raises Dropped."""
    if len(data) < HEADER_SIZE:
        raise Dropped(f"{len(data)} bytes are shorter than the header")
    (
        _ident, total, error, ident, is_compressed,
        to_nodeid, _to_pid, _to_local, to_type, to_size, raw_to_name,
        nodeid, pid, _local, sender_type, name_size, raw_name,
        size, packed_size,
    ) = _HEADER.unpack_from(data)  # fmt: skip
    if nodeid not in (0, cpg_nodeid):
        raise Dropped(f"it says it comes from node {nodeid} but comes from node {cpg_nodeid}")
    if to_nodeid not in (0, local_nodeid):
        raise Dropped("for another node", silent=True)
    to_name = _name(raw_to_name)
    if to_size and to_name.casefold() != local_name.casefold():
        raise Dropped("for another node", silent=True)
    body = data[HEADER_SIZE:]
    if total - HEADER_SIZE < 1 or total != len(data):
        raise Dropped(f"{len(data)} bytes say they are {total}")
    if error != _CS_OK:
        raise Dropped(f"error field {error}")
    if (packed_size if is_compressed else size) != len(body):
        raise Dropped(f"{len(body)} bytes of text instead of {packed_size if is_compressed else size}")
    if is_compressed:
        try:
            body = unpack(body, size)
        except ValueError as fault:
            raise Dropped(str(fault)) from None
    if len(body) < 2 or body[-1] != 0 or body[-2] == 0:
        raise Dropped("the text does not end with one NUL")
    return ClusterMessage(
        text=body[:-1],
        sender_nodeid=cpg_nodeid,
        sender_name=_name(raw_name) if name_size else "",
        sender_pid=pid,
        sender_type=sender_type,
        ident=ident,
        to_nodeid=to_nodeid,
        to_name=to_name if to_size else "",
        to_type=to_type,
    )


def _name(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="replace")
