"""The shared-memory ring buffer of libqb IPC, client end: chunks, semaphore and flow control (ipc.md section 1.5)."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct

WRITE_POSITION = 0
READ_POSITION = 4
HEADER_SIZE = 8248
HEADER_SIZE_WITH_USER = 8252
_DATA_PATH = slice(4108, 8204)
REF_COUNT = 8204
SEMAPHORE = 8208
FLOW_CONTROL = 8240
COMMITTED = 0xA1A1A1A1
ALLOCATED = 0xA110CED0
RECLAIMED = 0xD0D0D0D0
CHUNK_MARGIN = 12
_WORD = struct.Struct("=I")
_INT = struct.Struct("=i")


class RingError(OSError):
    """The ring is not in a state that its peer may leave it in."""


class Ring:
    """One mapped ring buffer. `base` is the path that the handshake gave, without `-header`."""

    def __init__(self, base: str, *, with_user_data: bool) -> None:
        self._header = _map_file(f"{base}-header", HEADER_SIZE_WITH_USER if with_user_data else HEADER_SIZE)
        try:
            path = self._header[_DATA_PATH].split(b"\0", 1)[0].decode()
            self._words = _WORD.unpack_from(self._header, 8)[0]
            self._data = _map_file(path, self._words * 4)
        except (OSError, ValueError):
            self._header.close()
            raise
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._anchor: object = ctypes.c_char.from_buffer(self._header, SEMAPHORE)
        self._sem = ctypes.c_void_p(ctypes.addressof(self._anchor))
        self._put(REF_COUNT, self._get(REF_COUNT) + 1)

    def _get(self, offset: int) -> int:
        return int(_INT.unpack_from(self._header, offset)[0])

    def _put(self, offset: int, value: int) -> None:
        _INT.pack_into(self._header, offset, value)

    @property
    def connected(self) -> bool:
        """Both ends have it open."""
        return self._get(REF_COUNT) == 2

    @property
    def flow_control(self) -> int:
        return self._get(FLOW_CONTROL)

    def close(self) -> None:
        """Unmap; the server removes the files."""
        if self._header.closed:
            return
        self._put(REF_COUNT, 0)
        self._anchor = None
        self._header.close()
        self._data.close()

    # -- chunks -------------------------------------------------------------------------------------------

    def _word(self, index: int) -> int:
        return int(_WORD.unpack_from(self._data, index % self._words * 4)[0])

    def _set_word(self, index: int, value: int) -> None:
        _WORD.pack_into(self._data, index % self._words * 4, value)

    def _free_bytes(self, write: int, read: int) -> int:
        if write > read:
            return (read - write + self._words - 1) * 4
        if write < read:
            return (read - write - 1) * 4
        value = ctypes.c_int()
        self._libc.sem_getvalue(self._sem, ctypes.byref(value))
        return 0 if value.value > 0 else self._words * 4

    def write(self, message: bytes) -> bool:
        """Append a message; False when the ring has no room now."""
        write, read = struct.unpack_from("=II", self._header)
        if self._free_bytes(write, read) < len(message) + CHUNK_MARGIN:
            return False
        self._set_word(write, 0)
        self._set_word(write + 1, ALLOCATED)
        start = (write + 2) % self._words * 4
        head = min(len(message), self._words * 4 - start)
        self._data[start : start + head] = message[:head]
        self._data[: len(message) - head] = message[head:]
        self._set_word(write, len(message))
        _WORD.pack_into(self._header, 0, (write + 2 + (len(message) + 3) // 4) % self._words)
        self._set_word(write + 1, COMMITTED)
        self._libc.sem_post(self._sem)
        return True

    def read(self) -> bytes | None:
        """The oldest unread message, or None. Raises RingError when the ring is damaged."""
        if self._libc.sem_trywait(self._sem) != 0:
            return None
        read = _WORD.unpack_from(self._header, 4)[0]
        size = self._word(read)
        if self._word(read + 1) != COMMITTED or size > self._words * 4:
            raise RingError(errno.EBADMSG, "damaged ring buffer")
        start = (read + 2) % self._words * 4
        head = min(size, self._words * 4 - start)
        message = self._data[start : start + head] + self._data[: size - head]
        self._set_word(read, 0)
        self._set_word(read + 1, RECLAIMED)
        _WORD.pack_into(self._header, 4, (read + 2 + (size + 3) // 4) % self._words)
        return message


def _map_file(path: str, size: int) -> mmap.mmap:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size < size:
            raise OSError(errno.EBADMSG, f"{path} is shorter than a ring buffer")
        return mmap.mmap(fd, size)
    finally:
        os.close(fd)
