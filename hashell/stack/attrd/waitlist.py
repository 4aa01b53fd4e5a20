"""Clients that wait for a sync point: until an update is applied here, or on every node."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class _Waiter:
    client_id: str
    request_id: int
    point: str  #: local or cluster
    missing: dict[str, None] = field(default_factory=dict)  #: nodes that have not confirmed


class Waitlist:
    """Numbered waiters; methods that end a wait return (client id, request id)."""

    def __init__(self) -> None:
        self._waiters: dict[str, _Waiter] = {}
        self._last = 0

    def add(self, client_id: str, request_id: int, point: str, members: tuple[str, ...]) -> int:
        self._last += 1
        self._waiters[str(self._last)] = _Waiter(client_id, request_id, point, dict.fromkeys(members))
        return self._last

    def applied(self, call: str) -> tuple[str, int] | None:
        """The update came back to us."""
        waiter = self._waiters.get(call)
        if waiter is None or waiter.point != "local":
            return None
        return self._end(call)

    def confirmed(self, call: str, node: str) -> tuple[str, int] | None:
        """A node has applied it."""
        waiter = self._waiters.get(call)
        if waiter is None:
            return None
        waiter.missing.pop(node, None)
        return None if waiter.missing else self._end(call)

    def peer_lost(self, node: str) -> list[tuple[str, int]]:
        """A node that left need not confirm any more."""
        ended = []
        for call in list(self._waiters):
            if self._waiters[call].point == "cluster" and node in self._waiters[call].missing:
                done = self.confirmed(call, node)
                ended += [done] if done else []
        return ended

    def forget(self, client_id: str) -> None:
        self._waiters = {call: w for call, w in self._waiters.items() if w.client_id != client_id}

    def _end(self, call: str) -> tuple[str, int]:
        waiter = self._waiters.pop(call)
        return waiter.client_id, waiter.request_id
