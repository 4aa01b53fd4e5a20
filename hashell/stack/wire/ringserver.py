"""Server end of QB_IPC_SHM: the rings of one client, as files that the client may spoil at will (ipc.md section 1.5).

The client owns the files and can shorten them, and a mapped page without a file behind it kills the process that
touches it. So everything is read and written through descriptors; the semaphore alone needs an address, and only
the kernel uses it, which answers with an error instead of a signal. Positions of our own are kept here and never
read back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
from collections.abc import Callable

from hashell.stack.wire import shmring
from hashell.stack.wire.sendqueue import SendQueue
from hashell.stack.wire.shmring import RingError
from hashell.stack.wire.wakebytes import WakeBytes

_FUTEX_CALLS = {"x86_64": 202, "aarch64": 98, "riscv64": 98, "ppc64le": 221}
_FUTEX_WAKE_OP = 5
_OP_ADD = 1 << 28
_COMPARE_NEVER = 2 << 24
_PAIR = struct.Struct("=II")
_TRIPLE = struct.Struct("=III")
_CONNECTED = 2


def usable() -> bool:
    """Whether rings can be served here at all."""
    return os.uname().machine in _FUTEX_CALLS and sys.maxsize > 2**32 and os.access("/dev/shm", os.W_OK)


class ServerRing:
    """One ring buffer that we create. `give(fd)` makes a new file the client's. Raises OSError, also when full."""

    def __init__(self, base: str, max_message: int, give: Callable[[int], None]) -> None:
        self.base = base
        size = -(-(max_message + shmring.CHUNK_MARGIN + 1) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._words = size // 4
        self._position = 0
        self._header = self._data = -1
        self._map: mmap.mmap | None = None
        try:
            self._header = _create(self.header_path, shmring.HEADER_SIZE_WITH_USER)
            self._data = _create(self.data_path, size)
            os.pwrite(self._header, self._first_header(), 0)
            self._map_semaphore()
            give(self._header)
            give(self._data)
        except BaseException:
            self.close()
            raise

    @property
    def header_path(self) -> str:
        return f"{self.base}-header"

    @property
    def data_path(self) -> str:
        return f"{self.base}-data"

    def _first_header(self) -> bytes:
        paths = self.header_path.encode().ljust(4096, b"\0") + self.data_path.encode().ljust(4096, b"\0")
        return _TRIPLE.pack(0, 0, self._words) + paths + (1).to_bytes(4, sys.byteorder)

    def _map_semaphore(self) -> None:
        self._map = mmap.mmap(self._header, shmring.HEADER_SIZE_WITH_USER)
        self._anchor: object = ctypes.c_char.from_buffer(self._map, shmring.SEMAPHORE)
        self._address = ctypes.addressof(self._anchor)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._call = _FUTEX_CALLS[os.uname().machine]
        if self._libc.sem_init(ctypes.c_void_p(self._address), 1, 0) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def close(self) -> None:
        """Mark the ring as left by us, forget and unlink it."""
        if self._header >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self._header, bytes(4), shmring.REF_COUNT)
        self._anchor = None
        if self._map is not None:
            self._map.close()
            self._map = None
        for fd, path in ((self._header, self.header_path), (self._data, self.data_path)):
            if fd >= 0:
                os.close(fd)
                with contextlib.suppress(OSError):
                    os.unlink(path)
        self._header = self._data = -1

    # -- header -------------------------------------------------------------------------------------------

    def _field(self, offset: int) -> int:
        raw = os.pread(self._header, 4, offset)
        if len(raw) < 4:
            raise RingError(errno.EBADMSG, "its ring has been cut short")
        return int.from_bytes(raw, sys.byteorder)

    @property
    def connected(self) -> bool:
        """Both ends have it open."""
        return self._field(shmring.REF_COUNT) == _CONNECTED

    @property
    def unread(self) -> int:
        """Value of the semaphore: messages not yet read, as the client wants us to believe."""
        return min(self._field(shmring.SEMAPHORE), 0x7FFFFFFF)

    def set_flow_control(self, value: int) -> None:
        os.pwrite(self._header, value.to_bytes(4, sys.byteorder), shmring.FLOW_CONTROL)

    def _add(self, step: int) -> None:
        """Change the semaphore by 1 or -1 and wake whoever sleeps on it."""
        change = _OP_ADD | _COMPARE_NEVER | (step & 0xFFF) << 12
        word = ctypes.c_void_p(self._address)
        if self._libc.syscall(self._call, word, _FUTEX_WAKE_OP, 1, ctypes.c_void_p(0), word, change) < 0:
            raise RingError(ctypes.get_errno(), "its semaphore is out of reach")

    # -- chunks -------------------------------------------------------------------------------------------

    def _get(self, word: int, size: int) -> bytes:
        start = word % self._words * 4
        head = min(size, self._words * 4 - start)
        found = os.pread(self._data, head, start)
        if head < size:
            found += os.pread(self._data, size - head, 0)
        if len(found) < size:
            raise RingError(errno.EBADMSG, "its ring has been cut short")
        return found

    def _put(self, word: int, content: bytes) -> None:
        start = word % self._words * 4
        head = self._words * 4 - start
        os.pwrite(self._data, content[:head], start)
        if head < len(content):
            os.pwrite(self._data, content[head:], 0)

    def fits(self, size: int) -> bool:
        """Whether a message of `size` bytes can be in the ring at all."""
        return size + shmring.CHUNK_MARGIN <= self._words * 4

    def write(self, message: bytes) -> bool:
        """Append a message; False when there is no room now. Raises OSError when the ring is damaged."""
        write, read = self._position, self._field(shmring.READ_POSITION)
        if read >= self._words:
            raise RingError(errno.EBADMSG, "its ring is damaged")
        if write == read:
            free = 0 if self.unread else self._words
        else:
            free = (read - write - 1) % self._words
        if free * 4 < len(message) + shmring.CHUNK_MARGIN:
            return False
        # In one piece: no reader looks at a chunk before the semaphore says that it is there.
        self._put(write, _PAIR.pack(len(message), shmring.COMMITTED) + message)
        self._position = (write + 2 + (len(message) + 3) // 4) % self._words
        os.pwrite(self._header, self._position.to_bytes(4, sys.byteorder), shmring.WRITE_POSITION)
        self._add(1)
        return True

    def read(self, limit: int) -> bytes | None:
        """The oldest unread message, or None. Raises OSError when the ring is damaged or it exceeds `limit` bytes."""
        if not self.unread:
            return None
        size, magic = _PAIR.unpack(self._get(self._position, 8))
        if magic != shmring.COMMITTED or size > limit:
            raise RingError(errno.EBADMSG, "its ring is damaged")
        message = self._get(self._position + 2, size)
        self._put(self._position, _PAIR.pack(0, shmring.RECLAIMED))
        self._position = (self._position + 2 + (size + 3) // 4) % self._words
        # In this order a full ring is never taken for one without room, nor overwritten before it has been read.
        self._add(-1)
        os.pwrite(self._header, self._position.to_bytes(4, sys.byteorder), shmring.READ_POSITION)
        return message


class RingBox(SendQueue):
    """Sends through one ring; `setup` is given for events, each of which is announced there by one byte."""

    def __init__(self, ring: ServerRing, give_up: Callable[[str], None], setup: socket.socket | None = None) -> None:
        super().__init__(give_up)
        self._ring = ring
        self._wake = WakeBytes(setup, together=True) if setup is not None else None

    def hand_over(self, message: bytes) -> bool:
        if not self._ring.fits(len(message)):
            self._give_up(f"a message of {len(message)} bytes is longer than its ring")
            return False
        try:
            if not self._ring.write(message):
                return False
        except OSError as error:
            self._give_up(error.strerror or str(error))
            return False
        if self._wake is not None:
            self._wake.announce()
        return True

    def close(self) -> None:
        super().close()
        if self._wake is not None:
            self._wake.close()


def _create(path: str, size: int) -> int:
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        # Memory that is promised but not there when it is needed would kill whoever has the file mapped.
        os.posix_fallocate(fd, 0, size)
    except OSError:
        os.close(fd)
        os.unlink(path)
        raise
    return fd
