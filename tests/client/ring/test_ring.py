"""Advice on a ring and the token it proposes, from maps as Corosync and the bundled ring show them."""

from __future__ import annotations

import json

import pytest
from lxml import etree

from hashell.client.ring import forms
from hashell.client.ring.advice import advice
from hashell.client.ring.tune import propose
from hashell.client.ring.view import LinkView, RingView, view

CONFIG: dict[str, object] = {
    "totem.transport": "knet",
    "totem.token": 1000,
    "runtime.config.totem.token": 1650,
    **{f"nodelist.node.{n}.nodeid": n + 1 for n in range(3)},
    **{f"nodelist.node.{n}.name": f"node{n + 1}" for n in range(3)},
    **{f"runtime.members.{n}.status": "joined" for n in (1, 2, 3)},
}
LINK = "stats.knet.node2.link0."
STATS: dict[str, object] = {
    LINK + "connected": 1,
    LINK + "latency_ave": 400,
    LINK + "latency_max": 900,
    LINK + "latency_samples": 100,
    LINK + "mtu": 1397,
    LINK + "tx_ping_packets": 100,
    LINK + "rx_pong_packets": 99,
}
STALL = {
    "stats.hashell.stall.count": 2,
    "stats.hashell.stall.longest_ms": 3400,
    "stats.hashell.stall.last_ms": 3400,
    "stats.hashell.stall.since_ms": 20_000,
    "stats.hashell.stall.cause": "others had the processor",
}


def seen(config: dict[str, object] | None = None, connected: bool = True, **stats: object) -> RingView:
    links = {2: (LinkView(2, 0, "10.0.0.1", "10.0.0.2", connected),)}
    return view(1, {**CONFIG, **(config or {})}, {**STATS, **stats}, links)


def test_a_sound_ring_is_praised() -> None:
    assert advice(seen()) == "the ring is well: 3 of 3 nodes, nothing lost"


@pytest.mark.parametrize(
    ("stats", "words"),
    [
        (STALL, "this node did not run for 3.4 s, longer than the token timeout of 1.6 s: others had the processor"),
        ({LINK + "connected": 0}, "link 0 to node2 (10.0.0.1 -> 10.0.0.2) is down"),
        ({"stats.hashell.ignored.key": 7}, "7 packets signed with another key"),
        ({"stats.hashell.ignored.duplicate-id": 1}, "uses a node id of this ring"),
        ({LINK + "rx_pong_packets": 78}, "loses 20 % of its packets"),
        ({"stats.hashell.node2.link0.loss_permille": 100}, "loses 10 % of its packets"),
        ({LINK + "latency_ave": 80_000}, "80 ms there and back"),
        ({LINK + "mtu": 552}, "carries only 552 bytes"),
        ({"stats.srp.continuous_gather": 30}, "cannot agree"),
    ],
)
def test_the_most_urgent_thing_is_said(stats: dict[str, object], words: str) -> None:
    assert words in advice(seen(**stats))


def test_a_stall_comes_before_the_links_it_took_down() -> None:
    assert advice(seen(**{**STALL, LINK + "connected": 0})).startswith("this node did not run")


def test_an_old_stall_is_history() -> None:
    assert "did not run" not in advice(seen(**{**STALL, "stats.hashell.stall.since_ms": 7_200_000}))


def test_a_node_that_is_not_there_is_named() -> None:
    assert advice(seen({"runtime.members.3.status": "left"})) == "node3 is not in the ring: start it there"


def test_a_quiet_ring_keeps_its_token() -> None:
    proposal = propose(seen())
    assert (proposal.token, proposal.effective, proposal.changes) == (1000, 1650, False)
    assert "fits" in forms.tune_text(proposal)


def test_a_stall_asks_for_a_longer_token() -> None:
    proposal = propose(seen(**STALL))
    assert proposal.effective >= 3400 * 1.5
    assert proposal.token == proposal.effective - 650
    assert "3.4 s" in proposal.reasons[0] and f"token: {proposal.token}" in forms.tune_text(proposal)


def test_a_token_that_is_too_long_is_shortened() -> None:
    proposal = propose(seen({"totem.token": 10_000, "runtime.config.totem.token": 10_650}))
    assert proposal.token == 1000 and proposal.changes


def test_loss_asks_for_more_retransmissions() -> None:
    proposal = propose(seen(**{"stats.hashell.node2.link0.loss_permille": 200}))
    assert proposal.retransmits > 4 and proposal.effective > 1650


def test_forms_say_the_same() -> None:
    ring = seen(**STALL)
    assert json.loads(forms.status_json(ring))["advice"] == advice(ring)
    assert etree.fromstring(forms.status_xml(ring)).findtext("advice") == advice(ring)
    assert forms.status_text(ring).endswith(advice(ring))
    proposal = propose(ring)
    assert json.loads(forms.tune_json(proposal))["token"] == proposal.token
    assert etree.fromstring(forms.tune_xml(proposal)).get("token") == str(proposal.token)
