"""The ring's stable storage: the ring sequence number and the expected-votes barrier (spec totem.md 1.3, 5.6)."""

from __future__ import annotations

import struct
from pathlib import Path

from hashell.atomicfile import write_atomically

_RING = struct.Struct("<Q")
_VOTES = struct.Struct("<I")
_MODE = 0o600


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
        write_atomically(self._ring, _RING.pack(seq), mode=_MODE)

    def expected_votes(self) -> int:
        data = _read(self._votes)
        return int(_VOTES.unpack(data)[0]) if len(data) == _VOTES.size else 0

    def store_expected_votes(self, votes: int) -> None:
        write_atomically(self._votes, _VOTES.pack(votes), mode=_MODE)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
