"""Losses of nodes and failures of resources: what would be down, moved, restarted or fewer."""

from __future__ import annotations

import json

from lxml import etree

from hashell.client.simulation.survive import Outcome, Survival, rank
from hashell.client.simulation.survivetext import table_data, table_lines
from hashell.model.dates import from_epoch
from hashell.model.xmltext import parse
from tests.stack.pengine.cibs import NOW, cib, clone, group, monitor, primitive, ran, state

ORDERED = '<rsc_order id="o" first="db" then="web"/>'


def survived(text: str, most: int = 1) -> tuple[Survival, dict[str, Outcome]]:
    survival = Survival(parse(text), most, from_epoch(NOW, 0))
    return survival, {outcome.loss.text(): outcome for outcome in survival.outcomes()}


def three(resources: str, *first: str, constraints: str = "") -> str:
    return cib(resources, constraints, nodes=3, states=state(1, *(ran(id) for id in first)) + state(2) + state(3))


def test_a_node_is_lost() -> None:
    _, found = survived(three(primitive("web"), "web"))
    assert set(found) == {"loss of n1", "loss of n2", "loss of n3", "failure of web on n1"}
    assert found["loss of n1"].moved == [("web", "n1", "n2")]
    assert not found["loss of n2"].harmful()


def test_quorum_goes_with_the_second_of_three_nodes() -> None:
    survival, found = survived(three(primitive("web"), "web"), 2)
    lost = found["loss of n2 and n3"]
    assert (lost.quorum, lost.down) == (False, ["web"])
    assert found["loss of n3"].quorum
    ranked = rank(list(found.values()))
    assert ranked[-1].worst and ranked[-1].down
    assert "web would be down, because quorum is lost" not in table_lines(survival, ranked)[0]
    assert table_lines(survival, ranked)[-1] == "Worst: loss of n2 and n3: web would be down, because quorum is lost."


def test_of_two_nodes_one_is_enough() -> None:
    _, found = survived(cib(primitive("web"), states=state(1, ran("web")) + state(2)))
    assert found["loss of n1"].quorum
    assert found["loss of n1"].moved == [("web", "n1", "n2")]


def test_without_a_fence_device_nothing_is_recovered() -> None:
    text = three(primitive("web"), "web").replace('name="stonith-enabled" value="false"', 'name="x" value="y"')
    _, found = survived(text)
    assert found["loss of n1"].down == ["web"]
    assert "failure of web on n1" not in found, "it is not managed"


def test_a_failure_restarts_what_depends_on_it() -> None:
    db, web = (primitive(id, monitor(f"{id}-op"), resource_stickiness="10") for id in ("db", "web"))
    text = three(db + web, "db", "web", constraints=ORDERED)
    _, found = survived(text)
    assert sorted(found["failure of db on n1"].restarted) == ["db", "web"]
    assert found["failure of db on n1"].harmful()
    assert found["failure of web on n1"].restarted == ["web"]
    assert not found["failure of web on n1"].harmful()


def test_a_failure_moves_what_may_fail_only_once() -> None:
    _, found = survived(three(primitive("web", migration_threshold="1"), "web"))
    assert found["failure of web on n1"].moved == [("web", "n1", "n2")]


def test_members_of_a_group_go_together() -> None:
    _, found = survived(three(group("g", primitive("fs"), primitive("web")), "fs", "web"))
    assert found["loss of n1"].moved == [("fs", "n1", "n2"), ("web", "n1", "n2")]


def test_a_clone_has_fewer_instances() -> None:
    _, found = survived(cib(clone("cl", primitive("db")), nodes=3))
    assert found["loss of n2"].fewer == [("cl", 2, 3)]
    assert found["loss of n2"].down == []


def test_promotion_moves() -> None:
    text = cib(clone("ms", primitive("db"), promotable="true"), nodes=3,
               states="".join(state(i, ran("db"), attrs={"master-db": str(10 - i)}) for i in (1, 2, 3)))
    _, found = survived(text)
    assert ("ms (promoted)", "n1", "n2") in found["loss of n1"].moved
    assert not found["failure of db on n3"].down


def test_the_input_is_left_alone() -> None:
    tree = parse(three(primitive("web"), "web"))
    before = etree.tostring(tree)
    list(Survival(tree, 1, from_epoch(NOW, 0)).outcomes())
    assert etree.tostring(tree) == before


def test_table_and_json() -> None:
    survival, found = survived(three(primitive("web"), "web"))
    ranked = rank(list(found.values()))
    lines = table_lines(survival, ranked)
    assert lines[0] == "3 losses of one node and 1 failure of a resource: nothing is down in any of them."
    assert lines[2:4] == ["   case        moved", ">  loss of n1  web n1 -> n2"]
    data = json.loads(json.dumps(table_data(survival, ranked)))
    assert data["cases"][-1]["moved"] == [{"resource": "web", "from": "n1", "to": "n2"}]
    assert data["cases"][-1]["worst"] is True
