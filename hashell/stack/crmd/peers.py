"""What the controller knows of each node: membership, process, expected state and join phase.

Membership comes from the quorum service, presence of the peer's controller from CPG (daemons specification,
sections 1.5 and 3.5). Join phases are local knowledge and never travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from lxml import etree


class JoinPhase(IntEnum):
    """How far a node has come in the current join."""

    NACK = -1
    NONE = 0
    WELCOMED = 1
    INTEGRATED = 2
    FINALIZED = 3
    CONFIRMED = 4


@dataclass(slots=True)
class Peer:
    """One node. `expected` is `member`, `pending`, `down`, `banned` or ''.

    Times of `when_*` are epoch seconds for the CIB, the others seconds of the clock that nobody sets; 0 while not.
    """

    name: str
    node_id: int
    member: bool = False
    online: bool = False
    when_member: int = 0
    when_online: int = 0
    came: float = 0.0  #: when the controller came
    vanished: float = 0.0  #: when the controller left although the node stayed in the ring, 0 = it did not
    expected: str = ""
    phase: JoinPhase = JoinPhase.NONE

    @property
    def active(self) -> bool:
        return self.member and self.online

    @property
    def glimpsed(self) -> bool:
        """Gone again before its controller was heard: nobody can say what it runs."""
        return not self.member and not self.online and not self.expected


class PeerTable:
    """All nodes ever seen, by name; names compare without regard to case."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def ensure(self, name: str, node_id: int) -> Peer:
        """The entry of a node, created when new; a node that changed its name keeps one entry."""
        peer = self._peers.get(name.lower())
        if peer is None:
            for key, other in self._peers.items():
                if other.node_id == node_id:
                    del self._peers[key]
                    break
            peer = self._peers[name.lower()] = Peer(name, node_id)
        peer.node_id = node_id
        return peer

    def get(self, name: str) -> Peer | None:
        return self._peers.get(name.lower())

    def by_id(self, node_id: str) -> Peer | None:
        return next((p for p in self._peers.values() if str(p.node_id) == node_id), None)

    def all(self) -> list[Peer]:
        """Every known node in the order of node ids."""
        return sorted(self._peers.values(), key=lambda p: (p.node_id, p.name))

    def active(self) -> list[Peer]:
        return [p for p in self.all() if p.active]

    def active_names(self) -> list[str]:
        return [p.name for p in self.active()]

    def forget(self, name: str) -> None:
        self._peers.pop(name.lower(), None)

    def restarting(self, now: float, grace: float) -> float:
        """Seconds still to wait for controllers that vanished on nodes of the ring less than `grace` seconds ago."""
        ends = [p.vanished + grace for p in self._peers.values() if p.vanished and p.expected != "down"]
        return max(0.0, max(ends, default=0.0) - now)

    def count(self, phase: JoinPhase) -> int:
        return sum(1 for p in self._peers.values() if p.phase is phase)

    def set_members(self, members: Sequence[tuple[int, str]], epoch: float) -> list[Peer]:
        """Take the view of the quorum service over; returns the nodes whose membership changed."""
        present = {node_id for node_id, _ in members}
        for node_id, name in members:
            self.ensure(name, node_id)
        changed = []
        for peer in self.all():
            member = peer.node_id in present
            if member != peer.member:
                peer.member = member
                peer.when_member = int(epoch) if member else 0
                peer.vanished = 0.0
                changed.append(peer)
        return changed

    def set_online(self, members: Sequence[tuple[int, str]], now: float, epoch: float) -> list[Peer]:
        """Take the members of the controllers' group over; returns the nodes whose controller came or went."""
        present = {node_id for node_id, _ in members}
        for node_id, name in members:
            self.ensure(name, node_id)
        changed = []
        for peer in self.all():
            online = peer.node_id in present
            if online != peer.online:
                peer.online = online
                peer.when_online = int(epoch) if online else 0
                peer.came = now if online else 0.0
                peer.vanished = 0.0 if online or not peer.member else now
                if not online and peer.member:
                    peer.when_member = 1
                changed.append(peer)
        return changed


def set_phase(peer: Peer, phase: JoinPhase) -> bool:
    """Move a node's join phase; only back to nack or none, or one step on. False when the step was refused."""
    if phase in (JoinPhase.NACK, JoinPhase.NONE) or phase == peer.phase + 1:
        peer.phase = phase
        return True
    return phase == peer.phase


def node_state(peer: Peer, origin: str, *fields: str) -> etree._Element:
    """A `<node_state>` with the wanted ones of `cluster` (in_ccm), `peer` (crmd), `join`, `expected`.

    What is expected of a node that this controller never met stays as the CIB has it: it may have to be fenced.
    """
    element = etree.Element("node_state", id=str(peer.node_id), uname=peer.name)
    if "cluster" in fields:
        element.set("in_ccm", str(peer.when_member if peer.member else 0))
    if "peer" in fields:
        element.set("crmd", str(peer.when_online if peer.online else 0))
    if "join" in fields:
        element.set("join", "member" if peer.phase > JoinPhase.NONE else "down")
    if "expected" in fields and peer.expected:
        element.set("expected", peer.expected)
    element.set("crm-debug-origin", origin)
    return element


def nodes_element(peers: Sequence[Peer]) -> etree._Element:
    """A `<nodes>` section with one entry a node."""
    nodes = etree.Element("nodes")
    for peer in peers:
        etree.SubElement(nodes, "node", id=str(peer.node_id), uname=peer.name)
    return nodes
