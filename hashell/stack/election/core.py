"""The election of one node of a group: the designated controller of crmd, the writer of attrd.

Theory (daemons specification, section 3.3). A candidate broadcasts a *vote* with its round number and the CPU time
its process has used. Each receiver compares itself with the candidate: whoever loses answers with a directed
*no-vote*, whoever wins starts an election of its own. A candidate whose own vote and one no-vote of every other
active member have come in has won. The lower feature set wins, then the higher CPU time, then the name that sorts
first. A node that lost less than two seconds ago does not challenge again, so that a join storm settles.

The class knows neither timers nor the group: time, CPU time and the active members are arguments, messages and
results are effects. `SetTimer("election", …)` must come back through `timeout()`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from lxml import etree

from hashell.model.values import integer
from hashell.model.version import FEATURE_SET
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer

#: The name under which the election's one timer is asked for.
TIMER = "election"
_DAMPENING = 2.0
_AGE_CACHE = 2.0

#: CPU time used by the process: whole seconds and microseconds.
Age = tuple[int, int]


class ElectionState(IntEnum):
    """The state of the local node; the number is attrd's `attr_writer` on the wire."""

    START = 0
    IN_PROGRESS = 1
    LOST = 2
    WON = 3


class Outcome(StrEnum):
    """What a vote led to: `CHALLENGE` asks the owner to start an election of its own."""

    WON = "won"
    LOST = "lost"
    CHALLENGE = "challenge"


@dataclass(frozen=True, slots=True)
class SendVote(Effect):
    """Send a vote (to everybody, `to` None) or a no-vote (to node `to`) in the daemon's group."""

    element: etree._Element
    to: str | None


@dataclass(frozen=True, slots=True)
class ElectionOutcome(Effect):
    """The election was decided for the local node, or a challenge is due. `by` is the node that decided it."""

    outcome: Outcome
    by: str


def version_key(version: str) -> tuple[int, ...]:
    """A feature set as numbers; a missing component is lower than any, one that is no number counts as 0."""
    return tuple(max(0, integer(part)) for part in version.split("."))


class Election:
    """One node's part in the elections of one group.

    `protocol` is the message type (`crmd` or `attrd`); `reference(task, now)` gives the reference of a message;
    `timeout` is how long a candidate waits before it declares itself the winner, in seconds.
    """

    def __init__(
        self,
        node_id: str,
        name: str,
        protocol: str,
        reference: Callable[[str, float], str],
        *,
        timeout: float = 120.0,
        feature_set: str = FEATURE_SET,
    ) -> None:
        self.node_id = node_id
        self.name = name
        self.protocol = protocol
        self.feature_set = feature_set
        self.timeout_seconds = timeout
        self.state = ElectionState.START
        self.round = 0
        self.voted: dict[str, str] = {}
        self._reference = reference
        self._lost_at: float | None = None
        self._age: Age = (0, 0)
        self._age_read: float | None = None

    def start(self, now: float, cpu: Age) -> list[Effect]:
        """Begin a new round: broadcast a vote and wait for the answers."""
        self.round += 1
        self.voted.clear()
        self.state = ElectionState.IN_PROGRESS
        age = self._sampled(now, cpu)
        vote = self._message("vote", None, self.node_id, str(self.round), now)
        vote.set("election-age-sec", str(age[0]))
        vote.set("election-age-nano-sec", str(age[1]))
        return [SendVote(vote, None), SetTimer(TIMER, self.timeout_seconds)]

    def message(
        self, sender: str, vote: etree._Element, now: float, cpu: Age, active: Sequence[str], *, can_win: bool = True
    ) -> list[Effect]:
        """Count a vote or no-vote of `sender`; `active` are the names of the active members.

        With `can_win` false (controller starting, attrd shutting down) every candidate is let through.
        """
        owner, number = vote.get("election-owner", ""), vote.get("election-id", "")
        if vote.get("crm_task") not in ("vote", "no-vote") or not owner or integer(number, -1) < 0:
            return [LogLine("warning", f"ignored a malformed election message from {sender}")]
        if not can_win or self.name not in active:
            return self._lose(sender, owner, number, now) if vote.get("crm_task") == "vote" else []
        if owner == self.node_id and integer(number) != self.round:
            return [LogLine("debug", f"ignored {vote.get('crm_task')} of {sender} for round {number}: superseded")]
        if sender not in active:
            return [LogLine("info", f"ignored an election message from {sender}: not an active member")]
        if vote.get("crm_task") == "no-vote" or sender == self.name:
            return self._count(sender, owner, vote.get("crm_task", ""), active)
        better = self._compare(sender, vote, now, cpu)
        if better and self._lost_at is not None and 0 <= now - self._lost_at < _DAMPENING:
            better = False
        if better:
            return [ElectionOutcome(Outcome.CHALLENGE, sender)]
        return self._lose(sender, owner, number, now)

    def check(self, active: Sequence[str]) -> list[Effect]:
        """Decide anew whether all active members have answered, after the membership changed."""
        if self.state is not ElectionState.IN_PROGRESS or not active:
            return []
        if sum(1 for name in active if name in self.voted) < len(active):
            return []
        return self._win()

    def timeout(self) -> list[Effect]:
        """The election timer fired: the candidate takes the office."""
        if self.state is not ElectionState.IN_PROGRESS:
            return []
        return [LogLine("warning", "election timed out: taking the office"), *self._win()]

    def peer_lost(self, name: str, *, was_owner: bool) -> None:
        """Forget the vote of a peer that left; losing the office holder ends dampening."""
        self.voted.pop(name, None)
        if was_owner:
            self._lost_at = None
            if self.state is ElectionState.LOST:
                self.state = ElectionState.START

    def reset(self) -> list[Effect]:
        """Give up a running election without a result."""
        self.voted.clear()
        if self.state is ElectionState.IN_PROGRESS:
            self.state = ElectionState.START
        return [CancelTimer(TIMER)]

    def _count(self, sender: str, owner: str, task: str, active: Sequence[str]) -> list[Effect]:
        if owner != self.node_id:
            return [LogLine("error", f"ignored {task} of {sender} for the election of node {owner}")]
        if self.state is not ElectionState.IN_PROGRESS:
            return []
        self.voted[sender] = task
        return self.check(active)

    def _compare(self, sender: str, vote: etree._Element, now: float, cpu: Age) -> bool:
        """True when the local node is the better candidate."""
        theirs, ours = version_key(vote.get("version", "0")), version_key(self.feature_set)
        if theirs != ours:
            return theirs > ours
        their_age = (integer(vote.get("election-age-sec")), integer(vote.get("election-age-nano-sec")))
        our_age = self._sampled(now, cpu)
        if their_age != our_age:
            return our_age > their_age
        return self.name.lower() <= sender.lower()

    def _win(self) -> list[Effect]:
        self.state = ElectionState.WON
        self.voted.clear()
        return [CancelTimer(TIMER), ElectionOutcome(Outcome.WON, self.name)]

    def _lose(self, sender: str, owner: str, number: str, now: float) -> list[Effect]:
        self._lost_at = now
        self.voted.clear()
        self.state = ElectionState.LOST
        answer = self._message("no-vote", sender, owner, number, now)
        return [CancelTimer(TIMER), SendVote(answer, sender), ElectionOutcome(Outcome.LOST, sender)]

    def _sampled(self, now: float, cpu: Age) -> Age:
        """The CPU time, kept for two seconds after the last use so that one election sees one value."""
        if self._age_read is None or not 0 <= now - self._age_read <= _AGE_CACHE:
            self._age = cpu
        self._age_read = now
        return self._age

    def _message(self, task: str, to: str | None, owner: str, number: str, now: float) -> etree._Element:
        message = etree.Element("message", origin="election_vote" if task == "vote" else "send_no_vote")
        message.set("t", self.protocol)
        message.set("subt", "request")
        message.set("version", self.feature_set)
        message.set("reference", self._reference(task, now))
        message.set("crm_sys_from", self.protocol)
        if to:
            message.set("crm_host_to", to)
        message.set("crm_sys_to", self.protocol)
        message.set("crm_task", task)
        message.set("election-owner", owner)
        message.set("election-id", number)
        return message

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts itself."""
        assert self.state is ElectionState.IN_PROGRESS or not self.voted, "votes outside a running election"
        assert self.state is not ElectionState.IN_PROGRESS or self.round > 0, "running election without a round"
