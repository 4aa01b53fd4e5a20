"""The ring's stable storage: the ring sequence number and the expected-votes barrier (spec totem.md 1.3, 5.6)."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_RING = struct.Struct("<Q")
_VOTES = struct.Struct("<I")


class RingStorage:
    """Files of one node in `folder`."""

    def __init__(self, folder: Path, nodeid: int) -> None:
        self._ring = folder / f"ringid_{nodeid}"
        self._votes = folder / "ev_tracking"
        folder.mkdir(parents=True, exist_ok=True)

    def ring_seq(self) -> int:
        """The stored sequence number; 0, and a fresh file, when there is none or it is damaged."""
        data = _read(self._ring)
        if len(data) != _RING.size:
            self.store_ring_seq(0)
            return 0
        return int(_RING.unpack(data)[0])

    def store_ring_seq(self, seq: int) -> None:
        write_atomically(self._ring, _RING.pack(seq))

    def expected_votes(self) -> int:
        data = _read(self._votes)
        return int(_VOTES.unpack(data)[0]) if len(data) == _VOTES.size else 0

    def store_expected_votes(self, votes: int) -> None:
        write_atomically(self._votes, _VOTES.pack(votes))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a small file so that a crash leaves the old or the new one. Raises OSError."""
    temporary = path.with_name(f"{path.name}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
