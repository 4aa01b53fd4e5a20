"""The ledger: it sees every score, and keeping it changes nothing."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.model.dates import from_epoch
from hashell.model.xmltext import parse
from hashell.stack.pengine import new_working_set, run
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.ledger import Kind, Ledger, keep_ledger
from hashell.stack.pengine.state import WorkingSet
from tests.client.why.situations import Situation, situations
from tests.stack.pengine.cibs import NOW, cib, clone, primitive, ran, resource, state

SITUATIONS = situations()


def decided(text: str, ledger: bool = True) -> tuple[WorkingSet, str]:
    ws = new_working_set(parse(text), now=from_epoch(NOW, 0), output_scores=True)
    if ledger:
        keep_ledger(ws)
    graph = run(ws).graph
    assert graph is not None
    return ws, etree.tostring(graph, encoding="unicode")


def kept(ws: WorkingSet) -> Ledger:
    assert ws.ledger is not None
    return ws.ledger


@pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.name for situation in SITUATIONS])
def test_keeping_it_changes_nothing(situation: Situation) -> None:
    with_ledger, graph = decided(situation.xml)
    without, same_graph = decided(situation.xml, ledger=False)
    assert without.ledger is None
    assert (with_ledger.scores, graph) == (without.scores, same_graph)


@pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.name for situation in SITUATIONS])
def test_every_ban_has_an_entry(situation: Situation) -> None:
    """Whatever is at minus infinity in a table got there by an entry of the resource or of what it is part of."""
    ws, _ = decided(situation.xml)
    for top in ws.resources:
        for rsc in top.walk():
            line = [rsc]
            while line[-1].parent is not None:
                line.append(line[-1].parent)
            about = [entry for entry in kept(ws).entries if entry.rsc in line]
            for allowed in rsc.allowed_nodes.values():
                ill = not allowed.node.online or allowed.node.standby or allowed.node.unclean or allowed.node.shutdown
                if allowed.score <= -INF and not ill:
                    reasons = [entry for entry in about if entry.node in (None, allowed.node)]
                    assert reasons, f"{rsc.id} on {allowed.node.name}"


def test_scores_add_up() -> None:
    text = cib(
        primitive("web", resource_stickiness="50") + primitive("db"),
        '<rsc_location id="l" rsc="web" node="n1" score="30"/>'
        '<rsc_colocation id="c" rsc="web" with-rsc="db" score="7"/>',
        states=state(1, ran("web"), ran("db")) + state(2),
    )
    ws, _ = decided(text)
    entries = {(entry.kind, entry.id): entry.value for entry in kept(ws).entries if entry.rsc.id == "web"}
    assert entries == {
        (Kind.LOCATION, "l"): 30,
        (Kind.STICKINESS, ""): 50,
        (Kind.COLOCATION, "c"): 7,
    } | {key: value for key, value in entries.items() if key[0] == Kind.DEPENDENT}
    assert sum(value or 0 for value in entries.values()) == resource(ws, "web").allowed_nodes["1"].score


def test_orderings_keep_their_constraint() -> None:
    text = cib(primitive("web") + primitive("db"), '<rsc_order id="o" first="db" then="web"/>')
    ws, _ = decided(text)
    assert {(id, order.task1, order.task2) for id, order in kept(ws).orders} == {
        ("o", "db_start_0", "web_start_0"),
        ("o", "web_stop_0", "db_stop_0"),
    }


def test_trials_of_instances_are_forgotten() -> None:
    states = state(1, ran("db")) + state(2, ran("db"))
    likes = '<rsc_location id="l" rsc="cl" node="n1" score="100"/>'
    ws, _ = decided(cib(clone("cl", primitive("db")), likes, states=states))
    full = [e for e in kept(ws).entries if e.kind == Kind.CLONE_NODE_MAX]
    assert len({(entry.rsc.id, entry.node) for entry in full}) == len(full)
