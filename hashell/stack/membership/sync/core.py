"""The synchronisation of services after a membership change, by barriers (spec totem.md section 5.2).

Each member tells which services it has; the union is gone through in the order of service ids. In each step every
member multicasts that service's state and then a barrier; when the barriers of all are there, the service takes
the new membership over (activate). State and barriers travel in one total order, so a node that sees the last
barrier has everybody's state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hashell.stack.membership.sync.messages import (
    BARRIER,
    decode_sync,
    encode_barrier,
    encode_service_build,
)
from hashell.stack.membership.totem.packets import NO_RING, RingId


class SyncService(Protocol):
    """A service that takes part. Its calls come in the order init, process (until True), activate; abort instead
    of what is left when the membership changes again."""

    service_id: int

    def sync_init(self, trans: tuple[int, ...], members: tuple[int, ...], ring: RingId) -> None: ...

    def sync_process(self) -> bool: ...

    def sync_activate(self) -> None: ...

    def sync_abort(self) -> None: ...


class Sync:
    """State of one synchronisation. `send` multicasts to the sync group; `finished` is called at the end."""

    def __init__(
        self, services: Sequence[SyncService], send: Callable[[bytes], None], finished: Callable[[], None]
    ) -> None:
        self._services = {s.service_id: s for s in sorted(services, key=lambda s: s.service_id)}
        self._send = send
        self._finished = finished
        self.running = False
        self.ring = NO_RING
        self.members: tuple[int, ...] = ()
        self._received: dict[int, bool] = {}
        self._order: list[int] = []
        self._index = -1
        self._processed = False

    def begin(self, trans: tuple[int, ...], members: tuple[int, ...], ring: RingId) -> None:
        """A regular configuration: start over with it. `trans` is the last transitional membership."""
        if self.running:
            self.abort()
        self.running = True
        self.ring = ring
        self.members = members
        self._received = dict.fromkeys(members, False)
        self._order = list(self._services)
        self._index = -1
        self._send(encode_service_build(ring, self._order))
        kept = tuple(x for x in trans if x in members)
        for service in self._services.values():
            service.sync_init(kept, members, ring)

    def abort(self) -> None:
        """The membership changes before this synchronisation is complete."""
        service = self._current()
        if service is not None:
            service.sync_abort()
        self.running = False
        self.ring = NO_RING

    def message(self, nodeid: int, data: bytes) -> None:
        """A message of the sync group from `nodeid`."""
        decoded = decode_sync(data)
        if decoded is None or not self.running:
            return
        kind, ring, services = decoded
        if ring != self.ring or nodeid not in self._received:
            return
        if kind == BARRIER:
            if self._index < 0:
                return
            self._received[nodeid] = True
            if all(self._received.values()):
                self._complete_step()
        elif self._index < 0:
            self._order = sorted({*self._order, *services})
            self._received[nodeid] = True
            if all(self._received.values()):
                self._start_step(0)

    def poke(self) -> None:
        """A service that was not ready to send its state may be now."""
        if self.running and self._index >= 0 and not self._processed:
            self._process()

    def _current(self) -> SyncService | None:
        if self.running and 0 <= self._index < len(self._order):
            return self._services.get(self._order[self._index])
        return None

    def _start_step(self, index: int) -> None:
        self._index = index
        self._received = dict.fromkeys(self.members, False)
        self._processed = False
        self._process()

    def _process(self) -> None:
        service = self._current()
        if service is None or service.sync_process():
            self._processed = True
            self._send(encode_barrier(self.ring))

    def _complete_step(self) -> None:
        service = self._current()
        if service is not None:
            service.sync_activate()
        if self._index + 1 < len(self._order):
            self._start_step(self._index + 1)
        else:
            self.running = False
            self._finished()
