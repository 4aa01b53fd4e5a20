"""Discovery of the largest packet that a path carries: a search by halves (spec totem.md section 4.4).

A probe is a packet of the size in question that must not be fragmented. The local network stack refuses what is too
large for its own card at once; what is lost further on is noticed when no reply comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MINIMUM = {4: 576, 6: 1280}
HEADERS = {4: 28, 6: 48}  #: IP and UDP
_GUESS_HEADERS = {4: 68, 6: 48}  #: before anything is known IPv4 may have options
LARGEST = 65535
TRIES = 2


@dataclass(slots=True)
class PathMtu:
    """Sizes are those of whole IP packets, in bytes. `mtu` is 0 until the first search has ended."""

    family: int = 4
    fixed: int = 0  #: a configured MTU that needs no search
    mtu: int = 0
    searching: bool = False
    probe: int = 0  #: size that waits for its reply, 0 = none
    sent_at: float = 0.0
    last_search: float = field(default=-1e9)
    tries: int = 0
    _good: int = 0
    _bad: int = 0
    _first: int = 0

    @property
    def usable(self) -> int:
        """The size to work with now."""
        return self.fixed or self.mtu or MINIMUM[self.family]

    def payload(self) -> int:
        """UDP payload of a packet of the usable size."""
        known = self.fixed or self.mtu
        return known - HEADERS[self.family] if known else MINIMUM[self.family] - _GUESS_HEADERS[self.family]

    def begin(self, now: float) -> None:
        """Search, beginning with what was found last time."""
        if self.fixed:
            return
        self.searching = True
        self.last_search = now
        self._good, self._bad = 0, LARGEST + 1
        self._first = self.mtu or 1500
        self._choose()

    def refused(self) -> None:
        """The probe is too large for our own card."""
        self._bad = self.probe
        self._choose()

    def lost(self) -> bool:
        """No reply came. True if the path carries nothing at all, which makes it unusable."""
        self.tries += 1
        if self.tries < TRIES:
            return False
        self._bad = self.probe
        if self.probe <= MINIMUM[self.family]:
            self.searching = False
            self.probe = 0
            return True
        self._choose()
        return False

    def reply(self, size: int) -> bool:
        """A probe came through. False if it is not the one that is waited for."""
        if not self.searching or size != self.probe:
            return False
        self._good = size
        self._choose()
        return True

    def _choose(self) -> None:
        self.tries = 0
        if self._first:
            self.probe, self._first = self._first, 0
            return
        if not self._good:
            self.probe = MINIMUM[self.family]
            return
        if self._bad - self._good <= 1:
            self.searching = False
            self.probe = 0
            self.mtu = self._good
            return
        # One byte more first: most searches only confirm what is known.
        confirmed = self._good == self.mtu and self._bad == LARGEST + 1
        self.probe = self._good + 1 if confirmed else (self._good + self._bad) // 2
