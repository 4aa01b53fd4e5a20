"""The election: comparison order, counting, dampening, rounds."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.stack.effects import SetTimer
from hashell.stack.election.core import Election, ElectionOutcome, ElectionState, Outcome, SendVote, version_key

NAMES = ["n1", "n2", "n3"]


def make(index: int, **options: object) -> Election:
    counter = iter(range(1000))
    return Election(
        str(index), f"n{index}", "crmd", lambda task, now: f"{task}-crmd-{int(now)}-{next(counter)}", **options
    )


def outcome(effects: list) -> Outcome | None:
    found = [e.outcome for e in effects if isinstance(e, ElectionOutcome)]
    return found[0] if found else None


def vote_of(effects: list) -> SendVote:
    return next(e for e in effects if isinstance(e, SendVote))


def test_vote_has_the_peers_exact_form() -> None:
    election = make(1)
    for _ in range(7):
        election._reference("x", 0)
    effects = election.start(1795431600.0, (0, 87654))
    assert etree.tostring(vote_of(effects).element).decode() == (
        '<message origin="election_vote" t="crmd" subt="request" version="3.20.0" '
        'reference="vote-crmd-1795431600-7" crm_sys_from="crmd" crm_sys_to="crmd" crm_task="vote" '
        'election-owner="1" election-id="1" election-age-sec="0" election-age-nano-sec="87654"/>'
    )
    assert SetTimer("election", 120.0) in effects


def test_full_election_the_busiest_wins() -> None:
    nodes = [make(i) for i in (1, 2, 3)]
    cpu = [(0, 10), (0, 30), (0, 20)]
    queue = [("n1", vote_of(nodes[0].start(10.0, cpu[0])))]
    winners, challenged = [], 0
    while queue:
        sender, sent = queue.pop(0)
        for i, node in enumerate(nodes):
            if sent.to not in (None, node.name):
                continue
            effects = node.message(sender, sent.element, 10.0, cpu[i], NAMES)
            if outcome(effects) is Outcome.CHALLENGE and node.state is not ElectionState.IN_PROGRESS:
                challenged += 1
                effects = node.start(10.0, cpu[i])
            if outcome(effects) is Outcome.WON:
                winners.append(node.name)
            queue += [(node.name, e) for e in effects if isinstance(e, SendVote)]
            node.check_invariants()
    assert winners == ["n2"]
    assert challenged >= 1
    assert [n.state for n in nodes] == [ElectionState.LOST, ElectionState.WON, ElectionState.LOST]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"version": "3.19.9"}, Outcome.LOST),
        ({"version": "3.20"}, Outcome.LOST),
        ({"version": "3.21.0"}, Outcome.CHALLENGE),
        ({"election-age-sec": "5"}, Outcome.LOST),
        ({"election-age-nano-sec": "4"}, Outcome.CHALLENGE),
        ({}, Outcome.LOST),
    ],
)
def test_comparison_order(change: dict[str, str], expected: Outcome) -> None:
    vote = vote_of(make(1).start(0.0, (1, 5))).element
    for key, value in change.items():
        vote.set(key, value)
    assert outcome(make(2).message("n1", vote, 0.0, (1, 5), NAMES)) is expected


def test_name_decides_last() -> None:
    vote = vote_of(make(2).start(0.0, (1, 5))).element
    assert outcome(make(1).message("n2", vote, 0.0, (1, 5), NAMES)) is Outcome.CHALLENGE


def test_a_recent_loser_does_not_challenge() -> None:
    better = make(2)
    strong = vote_of(make(1).start(0.0, (9, 0))).element
    weak = vote_of(make(3).start(0.0, (0, 0))).element
    assert outcome(better.message("n1", strong, 100.0, (5, 0), NAMES)) is Outcome.LOST
    assert outcome(better.message("n3", weak, 101.9, (5, 0), NAMES)) is Outcome.LOST
    assert outcome(better.message("n3", weak, 104.0, (5, 0), NAMES)) is Outcome.CHALLENGE
    better.message("n1", strong, 104.0, (5, 0), NAMES)
    better.peer_lost("n1", was_owner=True)
    assert outcome(better.message("n3", weak, 104.1, (5, 0), NAMES)) is Outcome.CHALLENGE


def test_superseded_rounds_and_strangers_are_ignored() -> None:
    node = make(1)
    first = vote_of(node.start(0.0, (0, 0))).element
    node.start(0.0, (0, 0))
    node.message("n1", first, 0.0, (0, 0), NAMES)
    assert node.voted == {}
    assert outcome(node.message("n9", vote_of(make(9).start(0.0, (0, 0))).element, 0.0, (9, 9), NAMES)) is None


def test_starting_node_and_inactive_node_let_others_through() -> None:
    vote = vote_of(make(3).start(0.0, (0, 0))).element
    assert outcome(make(1).message("n3", vote, 0.0, (9, 0), NAMES, can_win=False)) is Outcome.LOST
    assert outcome(make(1).message("n3", vote, 0.0, (9, 0), ["n2", "n3"])) is Outcome.LOST


def test_departure_decides_and_timeout_decides() -> None:
    node = make(1)
    node.message("n1", vote_of(node.start(0.0, (0, 0))).element, 0.0, (0, 0), NAMES)
    node.peer_lost("n2", was_owner=False)
    assert outcome(node.check(["n1", "n3"])) is None
    assert outcome(node.check(["n1"])) is Outcome.WON
    assert node.timeout() == []
    node.start(5.0, (0, 0))
    assert outcome(node.timeout()) is Outcome.WON


def test_age_is_kept_for_two_seconds() -> None:
    node = make(1)
    node.start(0.0, (0, 1))
    assert vote_of(node.start(1.5, (7, 7))).element.get("election-age-sec") == "0"
    assert vote_of(node.start(4.0, (7, 7))).element.get("election-age-sec") == "7"


def test_malformed_votes_are_refused() -> None:
    node = make(1)
    vote = vote_of(make(2).start(0.0, (0, 0))).element
    vote.set("election-id", "many")
    assert outcome(node.message("n2", vote, 0.0, (0, 0), NAMES)) is None
    assert version_key("3.x.1") == (3, 0, 1)
