"""The quorum service: the membership as its clients see it, without messages of its own (spec totem.md 5.8)."""

from __future__ import annotations

from hashell.stack.effects import Effect, LogLine
from hashell.stack.membership.effects import NodelistChanged, QuorumChanged
from hashell.stack.membership.totem.packets import NO_RING, RingId

SERVICE = 3


def _names(nodes: tuple[int, ...]) -> str:
    return " ".join(map(str, nodes))


class Quorum:
    """Members, joined and left of the last completed synchronisation, and the verdict. Without a provider
    (`votes` False) a node always has quorum."""

    service_id = SERVICE

    def __init__(self, out: list[Effect], votes: bool) -> None:
        self.out = out
        self.provider = votes
        self.quorate = not votes
        self.members: tuple[int, ...] = ()
        self.ring = NO_RING
        self._new: tuple[tuple[int, ...], RingId] = ((), NO_RING)
        self.joined: tuple[int, ...] = ()
        self.left: tuple[int, ...] = ()

    def message(self, fn: int, nodeid: int, data: bytes) -> None:
        """No wire messages exist for this service."""

    def sync_init(self, trans: tuple[int, ...], members: tuple[int, ...], ring: RingId) -> None:
        old = self.members
        self.left = tuple(x for x in old if x not in trans) + tuple(x for x in trans if x not in members)
        self.joined = tuple(x for x in members if x not in old or x in self.left)
        self._new = (members, ring)
        self.out.append(LogLine("info", f"Sync members[{len(members)}]: {_names(members)}"))
        if self.joined:
            self.out.append(LogLine("info", f"Sync joined[{len(self.joined)}]: {_names(self.joined)}"))
        if self.left:
            self.out.append(LogLine("info", f"Sync left[{len(self.left)}]: {_names(self.left)}"))

    def sync_process(self) -> bool:
        return True

    def sync_activate(self) -> None:
        self.members, self.ring = self._new
        self.out.append(NodelistChanged(self.ring, self.members, self.joined, self.left))
        self.out.append(LogLine("notice", f"Members[{len(self.members)}]: {_names(self.members)}"))
        if not self.provider:
            self.out.append(QuorumChanged(True, self.ring, self.members))

    def sync_abort(self) -> None:
        """Nothing was begun that needs an end."""

    def verdict(self, quorate: bool) -> None:
        """What the provider says; told to clients every time it is asked after a synchronisation."""
        if quorate != self.quorate:
            kind = "primary component and will provide service." if quorate else (
                "non-primary component and will NOT provide any services."
            )
            self.out.append(LogLine("notice", f"This node is within the {kind}"))
        self.quorate = quorate
        self.out.append(QuorumChanged(quorate, self.ring, self.members))
