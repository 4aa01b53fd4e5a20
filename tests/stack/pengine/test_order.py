"""Orderings: relations, their propagation, migration equivalents, sets, what ends up in the graph."""

from __future__ import annotations

import pytest

from hashell.model.dates import from_epoch
from hashell.model.xmltext import parse
from hashell.stack.pengine import new_working_set
from hashell.stack.pengine.graph.dot import build_dot
from hashell.stack.pengine.graph.inputs import deduplicate_inputs
from hashell.stack.pengine.kinds import ActionFlag as Act
from hashell.stack.pengine.kinds import Order as Rel
from hashell.stack.pengine.order.base import FIRST, THEN, update_base
from hashell.stack.pengine.order.create import order_tasks
from hashell.stack.pengine.order.relate import relate
from hashell.stack.pengine.relations import Action
from hashell.stack.pengine.unpack import unpack_cluster
from tests.stack.pengine.cibs import (
    NOW,
    action,
    cib,
    clone,
    decide,
    group,
    planned,
    primitive,
    ran,
    resource,
    state,
    triggers,
)

_ALL = Act.OPTIONAL | Act.RUNNABLE


def loose(id: int, flags: int = Act.RUNNABLE) -> Action:
    made = Action(id, f"a{id}", f"task{id}", None, None)
    made.flags = flags
    return made


def test_a_second_relation_with_a_shared_flag_is_refused() -> None:
    one, two = loose(1), loose(2)
    assert relate(one, two, Rel.ORDERED)
    assert not relate(one, two, Rel.ORDERED | Rel.FIRST_IMPLIES_THEN)
    assert relate(one, two, Rel.FIRST_IMPLIES_THEN)
    assert not relate(one, two, Rel.NONE)
    assert len(two.before) == 2
    deduplicate_inputs(two)
    assert [r.flags for r in two.before] == [Rel.ORDERED | Rel.FIRST_IMPLIES_THEN]


def test_inputs_are_sorted_by_id_once() -> None:
    then = loose(9)
    for id in (5, 3, 7):
        relate(loose(id), then, Rel.ORDERED)
    deduplicate_inputs(then)
    assert [r.action.id for r in then.before] == [3, 5, 7]


@pytest.mark.parametrize(
    ("kind", "first", "then", "filter_", "changed", "first_after", "then_after"),
    [
        (Rel.UNRUNNABLE_FIRST_BLOCKS, Act.OPTIONAL, _ALL, Act.RUNNABLE, THEN, Act.OPTIONAL, Act.OPTIONAL),
        (Rel.FIRST_IMPLIES_THEN, Act.RUNNABLE, _ALL, Act.OPTIONAL, THEN, Act.RUNNABLE, Act.RUNNABLE),
        (Rel.FIRST_IMPLIES_THEN, Act.RUNNABLE | Act.MIGRATABLE, _ALL, Act.OPTIONAL, 0, None, _ALL),
        (Rel.ORDERED, 0, _ALL, Act.RUNNABLE, 0, 0, _ALL),
        (Rel.UNMIGRATABLE_THEN_BLOCKS, _ALL, Act.RUNNABLE, Act.OPTIONAL, FIRST, 0, Act.RUNNABLE),
        (Rel.INTERMEDIATE_STOP, _ALL, Act.RUNNABLE, Act.OPTIONAL, FIRST, Act.RUNNABLE, Act.RUNNABLE),
        (Rel.FIRST_ELSE_THEN, Act.OPTIONAL, _ALL | Act.PSEUDO, Act.OPTIONAL, THEN, Act.OPTIONAL, _ALL),
    ],
)
def test_what_each_kind_of_relation_does(
    kind: int, first: int, then: int, filter_: int, changed: int, first_after: int | None, then_after: int
) -> None:
    one, two = loose(1, first), loose(2, then)
    assert update_base(one, two, first, filter_, kind) == changed
    assert one.flags == (first if first_after is None else first_after)
    assert two.flags == then_after


def orderings(migratable: tuple[bool, bool], first: str, then: str) -> list[tuple[str, str, int]]:
    resources = "".join(
        primitive(name, allow_migrate=str(flag).lower()) for name, flag in zip("AB", migratable, strict=True)
    )
    ws = new_working_set(parse(cib(resources)), now=from_epoch(NOW, 0))
    unpack_cluster(ws)
    order_tasks(ws, resource(ws, "A"), first, resource(ws, "B"), then, Rel.FIRST_IMPLIES_THEN)
    return [(str(o.task1), str(o.task2), o.flags) for o in ws.ordering_constraints[1:]]


def test_migration_equivalents() -> None:
    both = Rel.ORDERED | Rel.IF_FIRST_UNMIGRATABLE
    assert orderings((True, True), "start", "start") == [
        ("A_migrate_from_0", "B_migrate_to_0", Rel.ORDERED),
        ("A_start_0", "B_migrate_to_0", both),
    ]
    assert orderings((False, True), "start", "start") == [("A_start_0", "B_migrate_to_0", Rel.ORDERED)]
    assert orderings((True, True), "stop", "stop") == [("A_stop_0", "B_migrate_to_0", both)]
    assert orderings((True, False), "stop", "stop") == []
    assert orderings((False, True), "demote", "stop") == [("A_demote_0", "B_migrate_to_0", Rel.ORDERED)]
    assert orderings((False, False), "start", "start") == []


def order(first: str, then: str, **more: str) -> str:
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    return f'<rsc_order id="o-{first}-{then}" first="{first}" then="{then}"{extra}/>'


def test_mandatory_order_both_ways() -> None:
    both = primitive("a") + primitive("b")
    assert "a_start_0" in triggers(decide(cib(both, order("a", "b"))), "b_start_0")
    elsewhere = state(2, ran("a", "monitor", 7), ran("b", "monitor", 7))
    running = state(1, ran("a"), ran("b")) + elsewhere
    stopping = cib(
        primitive("a", target_role="Stopped") + primitive("b"), order("a", "b"), states=running
    )
    result = decide(stopping)
    assert triggers(result, "a_stop_0") == ["b_stop_0"]
    assert action(result, "b_start_0").reason == "required a start"


def test_the_reason_names_what_cannot_start() -> None:
    result = decide(cib(primitive("a", target_role="Stopped") + primitive("b"), order("a", "b")))
    assert action(result, "b_start_0").reason == "unrunnable a start"
    assert not any(key.startswith("b_start") for key in planned(result))


def test_optional_order_requires_nothing() -> None:
    constraints = order("a", "b", kind="Optional")
    result = decide(cib(primitive("a", target_role="Stopped") + primitive("b"), constraints))
    assert any(key.startswith("b_start_0") for key in planned(result))


def test_one_instance_may_be_enough() -> None:
    resources = clone("c", primitive("a")) + primitive("b")
    result = decide(cib(resources, order("c", "b", require_all="false")))
    step = action(result, "clone-one-or-more:o-c-b")
    assert step.required_runnable_before == 1 and step.runnable
    assert "clone-one-or-more:o-c-b" in triggers(result, "b_start_0")


def test_interleaved_clones_wait_for_the_instance_on_their_node_only() -> None:
    resources = clone("c1", primitive("a")) + clone("c2", primitive("b"), interleave="true")
    result = decide(cib(resources, order("c1", "c2")))
    wanted = {"n1": "n1", "n2": "n2"}
    for start in (a for a in result.working_set.actions if a.task == "start" and a.key.startswith("b:")):
        assert start.node is not None
        inputs = [r.action for r in start.before if r.action.task == "start" and r.action.key.startswith("a:")]
        assert [a.node.name for a in inputs if a.node] == [wanted[start.node.name]]


def test_sets_are_combined_member_by_member_unless_said_to_be_sequential() -> None:
    def sets(flag: str) -> str:
        names = (("s1", "ab"), ("s2", "cd"))
        return "<rsc_order id='o'>" + "".join(
            f'<resource_set id="{id}"{flag}>{"".join(f"<resource_ref id={m!r}/>" for m in members)}</resource_set>'
            for id, members in names
        ) + "</rsc_order>"  # fmt: skip

    resources = "".join(primitive(name) for name in "abcd")
    starts = [t for t in triggers(decide(cib(resources, sets(""))), "d_start_0") if "start" in t]
    assert starts == ["a_start_0", "b_start_0", "c_start_0"]
    starts = [
        t for t in triggers(decide(cib(resources, sets(' sequential="true"'))), "d_start_0") if "start" in t
    ]
    assert starts == ["c_start_0"]


def test_chains_may_be_longer_than_the_usual_stack() -> None:
    count = 1200
    resources = primitive("r0", target_role="Stopped") + "".join(primitive(f"r{i}") for i in range(1, count))
    chain = "".join(order(f"r{i}", f"r{i + 1}") for i in range(count - 1))
    running = state(1, *(ran(f"r{i}") for i in range(count)))
    result = decide(cib(resources, chain, nodes=1, states=running))
    assert len(planned(result)) == count
    assert triggers(result, "r0_stop_0") == ["r1_stop_0"]


def test_the_drawing_shows_what_is_done_and_what_is_blocked() -> None:
    result = decide(cib(primitive("a", target_role="Stopped") + primitive("b"), order("a", "b"), nodes=1))
    lines = build_dot(result.working_set).splitlines()
    assert lines[0] == ' digraph "g" {' and lines[-1] == "}"
    assert '"a_monitor_0 n1" [ style=bold color="green" fontcolor="black"]' in lines
    assert '"b_start_0 n1" [ style=dashed color="red" fontcolor="black"]' in lines
    assert not any("a_start_0" in line and "color=" in line for line in lines)
    everything = build_dot(decide(cib(group("g", primitive("m")), nodes=1)).working_set, all_actions=True)
    assert '"g_stop_0" [ style=dashed color="blue" fontcolor="orange"]' in everything
