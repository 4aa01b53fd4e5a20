"""Who is there and who shall lead: membership changes and elections as the controller reacts to them.

Rules: daemons specification, sections 3.3 (elections), 3.5 (departures) and 1.5 (views of the two services).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lxml import etree

from hashell.model.alerts import NODE, AlertEvent
from hashell.stack.crmd.context import Context
from hashell.stack.crmd.effects import TellAlerts
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.office import QUORUM_TIMER, Office
from hashell.stack.crmd.peers import JoinPhase, Peer, set_phase
from hashell.stack.crmd.transitioner import Transitioner
from hashell.stack.effects import CancelTimer, Effect, SetTimer
from hashell.stack.election.core import Age, Election, ElectionOutcome, Outcome, SendVote

_QUORUM_SETTLES = 5.0
_NO_VOTE_STATES = frozenset({State.STA, State.REC, State.STO, State.TER})
#: Node id and name.
Member = tuple[int, str]


class Membership:
    """Follows the two membership views and takes part in elections."""

    def __init__(
        self, context: Context, election: Election, office: Office, te: Transitioner, cpu: Callable[[], Age]
    ) -> None:
        self.ctx = context
        self.election = election
        self.office = office
        self.te = te
        self._cpu = cpu

    def cpg(self, members: Sequence[Member]) -> None:
        """The members of the controllers' group changed."""
        before = self.ctx.peers.active_names()
        for peer in self.ctx.peers.set_online(members, self.ctx.now, self.ctx.epoch):
            if peer.name == self.ctx.name:
                continue
            if not peer.online:
                self._process_gone(peer)
            elif self.ctx.is_dc:
                self.te.peer_came(peer)
                self.office.peer_came(peer)
            else:
                hello = self.ctx.request("hello", "crmd", "crmd", to=peer.name, origin="peer_update_callback")
                self.ctx.send(hello, to=peer.name)
        self._activity(before)

    def quorum(self, quorate: bool, ring_id: str, members: Sequence[Member]) -> None:
        """The cluster's membership changed; an empty first view is ignored."""
        if not members and not self.ctx.ring_id:
            return
        before = self.ctx.peers.active_names()
        self.ctx.ring_id = ring_id
        changed = self.ctx.peers.set_members(members, self.ctx.epoch)
        for peer in changed:
            told = {"node": peer.name, "nodeid": str(peer.node_id), "desc": "member" if peer.member else "lost"}
            self.ctx.emit(TellAlerts(AlertEvent(NODE, told)))
            if not peer.member and not peer.online:
                self._process_gone(peer)
        self._quorum_changed(quorate)
        self._activity(before)
        if self.ctx.is_dc:
            for peer in changed:
                if peer.name not in before and not peer.member:
                    self.office.write_loss(peer)
                    if peer.expected != "down":
                        self.te.restart("Membership lost")

    def vote(self, sender: str, message: etree._Element) -> None:
        """A vote or no-vote of the group."""
        can_win = self.ctx.state not in _NO_VOTE_STATES
        self.elected(
            self.election.message(
                sender, message, self.ctx.now, self._cpu(), self.ctx.peers.active_names(), can_win=can_win
            )
        )

    def start_election(self) -> None:
        """Stand for DC, unless the state forbids.

        A DC that lets everybody join anew does not: it would win, which lets everybody join anew.
        """
        if self.ctx.state in _NO_VOTE_STATES or (self.ctx.is_dc and self.ctx.state is State.INT):
            return
        self.elected(self.election.start(self.ctx.now, self._cpu()))

    def elected(self, effects: list[Effect]) -> None:
        """Pass an election's effects on and turn its outcome into an input."""
        for effect in effects:
            if isinstance(effect, SendVote):
                self.ctx.send(effect.element, to=effect.to)
            elif not isinstance(effect, ElectionOutcome):
                self.ctx.emit(effect)
            elif effect.outcome is Outcome.WON:
                self.ctx.raise_input("ELECTION_DC")
            elif effect.outcome is Outcome.CHALLENGE:
                self.ctx.raise_input("ELECTION", f"vote of {effect.by}")
            else:
                self.ctx.dc = None
                if self.ctx.is_dc:
                    self.ctx.raise_input("RELEASE_DC")
                elif self.ctx.state is not State.STA:
                    self.ctx.raise_input("PENDING")

    def _process_gone(self, peer: Peer) -> None:
        """A controller left the group, or its node, whose controller had left before, left the ring.

        The attributes stay for a controller that vanished on a node that did not: the attribute manager there still
        has them, and would not write them again; without them what is promoted there would be moved.
        """
        vanished = peer.vanished and peer.expected != "down"
        if not vanished and (self.ctx.is_dc or self.ctx.dc is None or self.ctx.dc == peer.name):
            self.office.purge_attributes(peer)

    def _activity(self, before: list[str]) -> None:
        """Compare the active nodes with those before a membership event, and react."""
        after = self.ctx.peers.active_names()
        gone = [p for p in self.ctx.peers.all() if p.name in before and p.name not in after]
        came = [name for name in after if name not in before and name != self.ctx.name]
        for name in came:
            peer = self.ctx.peers.get(name)
            if peer is not None:
                peer.expected = ""
        for peer in gone:
            was_dc = self.ctx.dc == peer.name and not self.ctx.is_dc
            set_phase(peer, JoinPhase.NONE)
            self.election.peer_lost(peer.name, was_owner=was_dc)
            if self.ctx.is_dc:
                self.office.peer_gone(peer)
            elif peer.expected != "down":
                # Whoever becomes DC has to know that this node did not say goodbye.
                peer.expected = "member"
            if was_dc:
                self.ctx.log("notice", f"our DC {peer.name} is gone")
                self.ctx.dc = None
                self.ctx.raise_input("ELECTION")
        if gone and self.ctx.state is State.ELEC:
            self.elected(self.election.check(after))
        if came and self.ctx.is_dc:
            self.ctx.raise_input("NODE_JOIN")

    def _quorum_changed(self, quorate: bool) -> None:
        if quorate == self.ctx.have_quorum:
            return
        self.ctx.have_quorum = quorate
        self.ctx.had_quorum = self.ctx.had_quorum or quorate
        self.ctx.log("notice", "quorum gained" if quorate else "quorum lost")
        if not self.ctx.is_dc:
            return
        self.office.write_quorum()
        if quorate:
            self.ctx.emit(SetTimer(QUORUM_TIMER, _QUORUM_SETTLES))
        else:
            self.ctx.emit(CancelTimer(QUORUM_TIMER))
            self.te.restart("Quorum lost")
