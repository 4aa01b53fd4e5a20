"""The libqb IPC wire: headers, handshake messages and abstract socket addresses (pure).

Layouts and numbers are those of ipc.md, sections 1.1 to 1.5. Sizes are in bytes, integers native little endian.
"""

from __future__ import annotations

import struct
import sys
from dataclasses import dataclass

AUTHENTICATE = -1
DISCONNECT = -3
SOCKET = 0
SHM = 1

REQUEST_HEADER = struct.Struct("=i4xi4x")
RESPONSE_HEADER = struct.Struct("=i4xi4xi4x")
CONNECT_REQUEST = struct.Struct("=i4xi4xI4x")
CONNECT_RESPONSE = struct.Struct("=i4xi4xi4xiIQ4096s4096s4096s")
UCRED = struct.Struct("=iII")

CONTROL_FILE_SIZE = 24
FLOW_CONTROL_OFFSET = 4  #: of the request record, in the control file

#: Largest message buffer granted to a client, whatever it asks for.
BUFFER_LIMIT = 16 * 1024 * 1024

_SUN_PATH = 108
#: At the end of a connection request is padding, which foreign servers do not read: the kind our client wishes for.
_PADDING = 20
_WISH = 0x68615100


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who is at the other end, as the kernel tells."""

    pid: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Handshake:
    """The server's answer to a connection request. `error` is 0 or a negative errno."""

    error: int
    kind: int = SOCKET
    max_message: int = 0
    handle: int = 0
    request: str = ""
    response: str = ""
    event: str = ""


def abstract_address(name: str) -> bytes:
    """The abstract socket address of `name`, padded to the full length because the length counts (section 1.1).

    Raises ValueError when the name does not fit in 107 bytes.
    """
    raw = name.encode()
    if len(raw) > _SUN_PATH - 1:
        raise ValueError(f"socket name of {len(raw)} bytes is longer than {_SUN_PATH - 1}: {name}")
    return b"\0" + raw.ljust(_SUN_PATH - 1, b"\0")


def encode_connect_request(max_message: int, wish: int | None = SOCKET) -> bytes:
    """The client's first message, section 1.3 step 1; `wish` is the kind of connection it would like best."""
    request = CONNECT_REQUEST.pack(AUTHENTICATE, CONNECT_REQUEST.size, max_message)
    return request if wish is None else request[:_PADDING] + (_WISH | wish).to_bytes(4, sys.byteorder)


def decode_connect_request(data: bytes) -> tuple[int, int | None]:
    """The buffer size a client asks for and its wish. Raises ValueError when the bytes are no connection request."""
    if len(data) != CONNECT_REQUEST.size:
        raise ValueError(f"connection request of {len(data)} bytes")
    ident, _size, max_message = CONNECT_REQUEST.unpack(data)
    if ident != AUTHENTICATE:
        raise ValueError(f"connection request with id {ident}")
    wishes_socket = int.from_bytes(data[_PADDING:], sys.byteorder) == _WISH | SOCKET
    return int(max_message), SOCKET if wishes_socket else None


def encode_handshake(answer: Handshake) -> bytes:
    """The server's answer of 12328 bytes, section 1.3 step 4."""
    return CONNECT_RESPONSE.pack(
        AUTHENTICATE,
        CONNECT_RESPONSE.size,
        answer.error,
        answer.kind,
        answer.max_message,
        answer.handle,
        answer.request.encode(),
        answer.response.encode(),
        answer.event.encode(),
    )


def decode_handshake(data: bytes) -> Handshake:
    """Inverse of encode_handshake. Raises ValueError on anything else."""
    if len(data) != CONNECT_RESPONSE.size:
        raise ValueError(f"handshake of {len(data)} bytes instead of {CONNECT_RESPONSE.size}")
    ident, _size, error, kind, max_message, handle, *names = CONNECT_RESPONSE.unpack(data)
    if ident != AUTHENTICATE:
        raise ValueError(f"handshake with id {ident}")
    request, response, event = (raw.split(b"\0", 1)[0].decode(errors="replace") for raw in names)
    return Handshake(error, kind, max_message, handle, request, response, event)


def message_id(data: bytes) -> int:
    """The id of a message of at least 16 bytes."""
    return int(REQUEST_HEADER.unpack_from(data)[0])


def check_size(data: bytes) -> str:
    """What is wrong with the header of a received message, or ''."""
    if len(data) < REQUEST_HEADER.size:
        return f"message of {len(data)} bytes is shorter than its header"
    size = REQUEST_HEADER.unpack_from(data)[1]
    if size != len(data):
        return f"message of {len(data)} bytes says it has {size}"
    return ""
