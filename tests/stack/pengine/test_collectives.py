"""Clones, bundles, remote and guest nodes, tickets: what only shows with several parts together."""

from __future__ import annotations

from hashell.stack.pengine.changes import resource_changes
from tests.stack.pengine.cibs import (
    action,
    cib,
    clone,
    decide,
    group,
    options,
    place,
    planned,
    primitive,
    ran,
    resource,
    score_of,
    state,
    triggers,
)

BUNDLE = (
    '<bundle id="b"><docker image="i" replicas="2"/><network ip-range-start="10.0.0.1" control-port="9999"/>'
    f"{primitive('p')}</bundle>"
)


def remote(id: str) -> str:
    return f'<primitive id="{id}" class="ocf" provider="pacemaker" type="remote"/>'


def test_every_replica_of_a_bundle_has_its_parts_where_its_container_is() -> None:
    result = decide(cib(BUNDLE))
    for index, node in ((0, "n1"), (1, "n2")):
        for part in (f"b-docker-{index}", f"b-ip-10.0.0.{index + 1}", f"b-{index}"):
            assert place(result, part) == node
        assert place(result, f"p:{index}") == f"b-{index}"
    assert score_of(result, "b-0", "n1") == "10000"
    assert "b-docker-0_start_0" in triggers(result, "b-0_start_0")
    assert "b-ip-10.0.0.1_start_0" in triggers(result, "b-docker-0_start_0")
    assert "b-0_start_0" in triggers(result, "p:0_start_0")


def test_what_runs_on_a_remote_node_waits_for_its_connection() -> None:
    text = cib(remote("r") + primitive("a"), '<rsc_location id="l" rsc="a" node="r" score="INFINITY"/>')
    result = decide(text)
    assert place(result, "a") == "r"
    assert "r_start_0" in triggers(result, "a_start_0")
    assert result.graph is not None
    start = next(e for e in result.graph.iter("rsc_op") if e.get("operation_key") == "a_start_0")
    assert start.get("router_node") == place(result, "r")


def test_connections_never_run_on_remote_nodes() -> None:
    result = decide(cib(remote("r1") + remote("r2")))
    assert score_of(result, "r1", "r2") == "-INFINITY"
    assert {place(result, "r1"), place(result, "r2")} <= {"n1", "n2"}


def test_a_lost_ticket_stops_what_needs_it() -> None:
    ticket = '<rsc_ticket id="t" rsc="a" ticket="T" loss-policy="{}"/>'
    states = state(1, ran("a")) + state(2)
    assert place(decide(cib(primitive("a"), ticket.format("stop"), states=states)), "a") is None
    frozen = decide(cib(primitive("a"), ticket.format("freeze"), states=states))
    assert place(frozen, "a") == "n1" and not resource(frozen.working_set, "a").managed


def test_an_ordered_clone_starts_one_instance_after_the_other() -> None:
    result = decide(cib(clone("c", primitive("a"), ordered="true")))
    starts = sorted(
        (a for a in result.working_set.actions if a.task == "start" and a.key.startswith("a:")), key=lambda a: a.key
    )
    assert starts[0] in [relation.action for relation in starts[1].before]
    assert starts[1] not in [relation.action for relation in starts[0].before]


def test_a_cloned_group_is_promoted_as_a_whole() -> None:
    parts = group("g", primitive("m1"), primitive("m2"))
    constraint = '<rsc_location id="l" rsc="c"><rule id="lr" role="Promoted" score="10"><expression id="e" '\
        'attribute="#uname" operation="eq" value="n2"/></rule></rsc_location>'  # fmt: skip
    result = decide(cib(clone("c", parts, promotable="true"), constraint))
    promotes = [key for key in planned(result) if "_promote_0 n" in key]
    assert sorted(key.split(" ")[1] for key in promotes) == ["n2", "n2"]


def test_placement_prefers_what_is_more_important() -> None:
    resources = primitive("low", utilization={"cpu": "1"})
    resources += primitive("high", utilization={"cpu": "1"}, priority="10")
    config = options(placement_strategy="minimal")
    result = decide(cib(resources, nodes=1, config=config, node_utilization={"cpu": "1"}))
    assert place(result, "high") == "n1" and place(result, "low") is None


def test_counting_changes_gives_actions_the_node_they_lacked() -> None:
    result = decide(cib(primitive("a") + primitive("b", target_role="Stopped"), nodes=1))
    before = [(a.key, a.node) for a in result.working_set.actions]
    assert [line.change for line in resource_changes(result.working_set)] == ["Start"]
    assert [(a.key, a.node) for a in result.working_set.actions] == before
    assert action(result, "a_start_0").node is result.working_set.find_node("n1")


def test_a_shutdown_lock_keeps_the_place() -> None:
    config = options(shutdown_lock="true")
    states = state(1) + state(2, ran("a"), attrs={"shutdown": "1699999999"})
    result = decide(cib(primitive("a"), config=config, states=states))
    assert place(result, "a") is None
    assert score_of(result, "a", "n1") == "-INFINITY"
    assert result.graph is not None
    stop = next(e for e in result.graph.iter("rsc_op") if e.get("operation") == "stop" and len(e))
    assert stop.get("shutdown-lock") == "1699999999"
