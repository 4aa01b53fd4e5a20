"""What the sockets of all transports have in common."""

from __future__ import annotations

import errno
import socket

MAX_DATAGRAM = 65536
BUFFER = 8 << 20  #: bytes; a whole token rotation of large frames must fit

_REASONS = {
    errno.EADDRINUSE: "another process has it",
    errno.EADDRNOTAVAIL: "the address is not configured on this machine",
    errno.EACCES: "permission denied",
}
# Linux's numbers (asm-generic/socket.h, linux/in.h, linux/in6.h), which the socket module does not name.
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE = 10, 23, 3


def bind_failure(error: OSError) -> str:
    """Why an address cannot be used, in words."""
    return _REASONS.get(error.errno or 0, error.strerror or str(error))


def never_fragment(sock: socket.socket) -> None:
    """Datagrams larger than the card's MTU are refused with EMSGSIZE, larger ones than the path's get lost."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _PMTUDISC_PROBE)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _PMTUDISC_PROBE)


def large_buffers(sock: socket.socket) -> None:
    """As much room as we ask for, even beyond net.core.rmem_max; that much only where we are not allowed to."""
    for forced, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, forced, BUFFER)
        except OSError:
            sock.setsockopt(socket.SOL_SOCKET, plain, BUFFER)
