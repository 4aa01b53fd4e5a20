"""The peer cache of one daemon: who is a member of the cluster and of its CPG group (pure; daemons.md section 1.5).

Two sources speak: CPG confchgs of the daemon's own group (online bit) and, for the controller, the quorum view
(state). With `auto_reap` the group decides both, and a peer that leaves it is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MEMBER = "member"
LOST = "lost"

_BELIEVE_GROUP_AFTER_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Peer:
    """One node. Times are seconds of the caller's clock, 0 = not now."""

    nodeid: int
    name: str = ""
    state: str = ""  #: MEMBER, LOST or '' = not known yet
    online: bool = False  #: in this daemon's CPG group
    ring_id: int = 0
    expected: str = ""  #: join state the controller expects of it
    when_member: float = 0.0
    when_online: float = 0.0
    when_lost: float = 0.0

    @property
    def xml_id(self) -> str:
        """The node's id in the CIB."""
        return str(self.nodeid)

    @property
    def active(self) -> bool:
        """Member of the cluster and of the group."""
        return self.state == MEMBER and self.online


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What a confchg meant. Lists are in the order of the confchg."""

    members: list[Peer]
    joined: list[Peer]
    left: list[Peer]
    evicted: bool  #: we are not in the group any more


class PeerCache:
    """`listed` are the names of the node list by node id: they and our own stand whatever a message says."""

    def __init__(
        self, local_nodeid: int, local_name: str, *, listed: Mapping[int, str] | None = None, auto_reap: bool = True
    ) -> None:
        self.local_nodeid = local_nodeid
        self.auto_reap = auto_reap
        self._peers: dict[int, Peer] = {}
        self._listed = {**(listed or {}), local_nodeid: local_name}
        self._names: dict[int, str] = dict(self._listed)
        self.get(local_nodeid)

    def __len__(self) -> int:
        return len(self._peers)

    # -- looking up ---------------------------------------------------------------------------------------

    def get(self, nodeid: int) -> Peer:
        """The peer with this node id, made when it is new."""
        peer = self._peers.get(nodeid)
        if peer is None:
            peer = self._peers[nodeid] = Peer(nodeid, self._names.get(nodeid, ""))
        return peer

    def find(self, nodeid: int) -> Peer | None:
        return self._peers.get(nodeid)

    def by_name(self, name: str) -> Peer | None:
        """The peer with this name; case does not count."""
        wanted = name.casefold()
        return next((p for p in self._peers.values() if p.name.casefold() == wanted), None)

    def peers(self) -> list[Peer]:
        """All peers by node id."""
        return [self._peers[nodeid] for nodeid in sorted(self._peers)]

    def active(self) -> list[Peer]:
        """Active peers by node id."""
        return [peer for peer in self.peers() if peer.active]

    def online(self) -> list[Peer]:
        """The members of the group by node id."""
        return [peer for peer in self.peers() if peer.online]

    # -- learning -----------------------------------------------------------------------------------------

    def list_names(self, listed: Mapping[int, str]) -> list[Peer]:
        """A new node list; the peers whose name it changes. Whoever is not in it keeps the name it had."""
        self._listed = {**listed, self.local_nodeid: self._listed[self.local_nodeid]}
        self._names.update(self._listed)
        renamed = [peer for peer in self.peers() if peer.name != self._names.get(peer.nodeid, peer.name)]
        for peer in renamed:
            peer.name = self._names[peer.nodeid]
        return renamed

    def learn_name(self, nodeid: int, name: str) -> bool:
        """Remember the name that a message header gives its sender; '' tells nothing.

        False when the name is not believed: the node list has another one for that node, or another node has it.
        A process of the node that is no daemon of ours can say anything, and must not rename the node.
        """
        if not name:
            return True
        wanted = name.casefold()
        if nodeid in self._listed:
            return self._listed[nodeid].casefold() == wanted
        if any(known.casefold() == wanted for other, known in self._names.items() if other != nodeid):
            return False
        self._names[nodeid] = name
        if nodeid in self._peers:
            self._peers[nodeid].name = name
        return True

    def name_of(self, nodeid: int) -> str:
        """The name of a node, also of one that is not in the cache; '' when it was never heard."""
        return self._names.get(nodeid, "")

    def forget(self, nodeid: int, name: str = "") -> list[Peer]:
        """Remove a node that is gone for good, by id or, with id 0, by name; active peers stay. What was removed."""
        gone = [
            peer
            for peer in self.peers()
            if not peer.active
            and peer.nodeid != self.local_nodeid
            and (peer.nodeid == nodeid if nodeid else peer.name.casefold() == name.casefold())
        ]
        for peer in gone:
            del self._peers[peer.nodeid]
            if peer.nodeid not in self._listed:
                self._names.pop(peer.nodeid, None)
        return gone

    def confchg(
        self, members: list[tuple[int, int]], left: list[tuple[int, int]], now: float
    ) -> GroupChange:
        """Members and leavers of the group as pairs of node id and pid."""
        present = {nodeid for nodeid, _pid in members}
        gone: list[Peer] = []
        for nodeid, _pid in left:
            peer = self._peers.get(nodeid)
            if nodeid in present or peer is None or not peer.online:
                continue
            peer.online, peer.when_online = False, 0.0
            gone.append(peer)
            if self.auto_reap:
                self._set_state(peer, LOST, now)
                if nodeid != self.local_nodeid:
                    del self._peers[nodeid]
        current: list[Peer] = []
        joined: list[Peer] = []
        for nodeid, _pid in members:
            peer = self.get(nodeid)
            if peer in current:
                continue
            current.append(peer)
            if not peer.online:
                peer.online, peer.when_online = True, now
                joined.append(peer)
            believed = peer.state == LOST and now - peer.when_lost <= _BELIEVE_GROUP_AFTER_SECONDS
            if self.auto_reap or (peer.state == LOST and not believed):
                self._set_state(peer, MEMBER, now)
        return GroupChange(current, joined, gone, self.local_nodeid not in present)

    def quorum_view(self, ring_id: int, members: list[int], now: float) -> list[Peer]:
        """The nodes of the ring; an empty first view is ignored. Peers whose state changed, by node id."""
        if not members and not any(peer.state for peer in self._peers.values()):
            return []
        changed = []
        for nodeid in members:
            peer = self.get(nodeid)
            peer.ring_id = ring_id
            if self._set_state(peer, MEMBER, now):
                changed.append(peer)
        for peer in self.peers():
            if peer.nodeid not in members and peer.state == MEMBER and self._set_state(peer, LOST, now):
                changed.append(peer)
        return sorted(changed, key=lambda peer: peer.nodeid)

    def _set_state(self, peer: Peer, state: str, now: float) -> bool:
        if peer.state == state:
            return False
        peer.state = state
        peer.when_member = now if state == MEMBER else 0.0
        peer.when_lost = now if state == LOST else 0.0
        return True

    def check_invariants(self) -> None:
        assert self.local_nodeid in self._peers
        for nodeid, peer in self._peers.items():
            assert peer.nodeid == nodeid
            assert peer.state in ("", MEMBER, LOST)
            assert bool(peer.when_online) <= peer.online
            assert not (peer.when_lost and peer.when_member)
