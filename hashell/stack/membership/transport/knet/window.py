"""What one node has sent us: duplicates are found, fragments put together (spec totem.md section 4.5)."""

from __future__ import annotations

WINDOW = 4096
_HALF = 0x8000
_BUFFERS = 33


class Window:
    """Sequence numbers (16 bit) of one sender's messages, and the messages of which only pieces are here."""

    __slots__ = ("_seen", "_head", "_started", "_pieces", "_untimed", "_data_since_untimed")

    def __init__(self) -> None:
        self._seen = bytearray(WINDOW)
        self._head = 0
        self._started = False
        self._pieces: dict[int, dict[int, bytes]] = {}
        self._untimed: int | None = None
        self._data_since_untimed = False

    def reset(self, seq: int = 0) -> None:
        """Whatever was seen is forgotten: the sender began anew, or its links were all down."""
        self._seen = bytearray(WINDOW)
        self._head = seq
        self._started = False
        self._pieces.clear()

    def is_new(self, seq: int) -> bool:
        """Was `seq` not seen yet? Moves the window on to it."""
        self._data_since_untimed = True
        if not self._started:
            self._started = True
            self._head = seq
            return True
        behind = (self._head - seq) & 0xFFFF
        if behind < WINDOW:
            return not self._seen[seq % WINDOW]
        ahead = (seq - self._head) & 0xFFFF
        if ahead >= WINDOW:
            self._seen = bytearray(WINDOW)
            self._pieces.clear()
        else:
            for step in range(1, ahead + 1):
                self._seen[(self._head + step) % WINDOW] = 0
            if self._pieces:
                self._expire(seq)
        self._head = seq
        return True

    def mark(self, seq: int) -> None:
        """The message is complete: further copies are duplicates."""
        self._seen[seq % WINDOW] = 1

    def piece(self, seq: int, number: int, total: int, data: bytes) -> bytes | None:
        """Keep fragment `number` (from 1) of `total`; the whole message when this was the last one missing."""
        pieces = self._pieces.setdefault(seq, {})
        pieces[number] = data
        if len(pieces) < total:
            return None
        del self._pieces[seq]
        if any(n not in pieces for n in range(1, total + 1)):
            return None
        return b"".join(pieces[n] for n in range(1, total + 1))

    def ping(self, seq: int, timed: bool) -> None:
        """A ping tells where the sender is: at 0 it has just started; forced pings resynchronise."""
        if timed:
            if seq == 0 and self._started:
                self.reset()
            return
        if self._untimed is not None and self._untimed != seq and not self._data_since_untimed:
            self.reset(seq)
        self._untimed = seq
        self._data_since_untimed = False

    def _expire(self, seq: int) -> None:
        old = [s for s in self._pieces if _BUFFERS <= (seq - s) & 0xFFFF < _HALF]
        for s in old:
            del self._pieces[s]
