"""Constraints of the CIB as constraint objects and orderings, and what follows for scores."""

from __future__ import annotations

from smallcib import DUMMY, history, meta, node_state, nvpair, operation, resource, unpacked

from hashell.stack.pengine.kinds import INF, Order, ProbeMode, Role
from hashell.stack.pengine.state import WorkingSet
from hashell.stack.pengine.unpack import apply_criteria, unpack_constraints

ABC = "".join(f'<primitive id="{id}" {DUMMY}/>' for id in "abc")
TAG = '<tags><tag id="t"><obj_ref id="a"/><obj_ref id="b"/></tag></tags>'


def constrained(constraints: str, resources: str = ABC, status: str | None = None, extra: str = "") -> WorkingSet:
    ws = unpacked(resources, status, constraints=constraints, extra=extra, options={"stonith-enabled": "false"})
    unpack_constraints(ws)
    return ws


def scores(ws: WorkingSet, id: str) -> dict[str, int]:
    apply_criteria(ws)
    return {entry.node.name: entry.score for entry in resource(ws, id).allowed_nodes.values()}


def orderings(ws: WorkingSet) -> list[tuple[str | None, str | None, int]]:
    return [(o.task1, o.task2, o.flags) for o in ws.ordering_constraints]


def colocations(ws: WorkingSet) -> list[tuple[str, str, int]]:
    return [(c.dependent.id, c.primary.id, c.score) for c in ws.colocation_constraints]


def test_simple_locations_add_up() -> None:
    ws = constrained(
        '<rsc_location id="1" rsc="a" node="N1" score="100"/><rsc_location id="2" rsc="a" node="n1" score="-30"/>'
        '<rsc_location id="3" rsc="a" node="n2" score="-INFINITY" resource-discovery="never"/>'
        '<rsc_location id="4" rsc="none" node="n2" score="1"/><rsc_location id="5" rsc="a" node="none" score="1"/>'
    )
    assert scores(ws, "a") == {"n1": 70, "n2": -INF}
    assert resource(ws, "a").allowed_nodes["2"].probe_mode == ProbeMode.NEVER
    assert any("there is no resource 'none'" in str(message) for message in ws.messages)


def test_a_rule_scores_every_node_it_holds_for() -> None:
    rule = (
        '<rsc_location id="1" rsc="a" score="7"><rule id="r" score="50">'
        '<expression id="e" attribute="#uname" operation="eq" value="n2"/></rule></rsc_location>'
    )
    ws = constrained(rule)
    assert ws.location_constraints[0].id == "r"
    assert scores(ws, "a") == {"n1": 0, "n2": 50}


def test_a_score_can_come_from_a_node_attribute() -> None:
    rule = (
        '<rsc_location id="1" rsc="a"><rule id="r" score-attribute="weight">'
        '<expression id="e" attribute="weight" operation="defined"/></rule></rsc_location>'
    )
    status = node_state(1, attributes=nvpair("weight", "33")) + node_state(2, attributes=nvpair("weight", "x"))
    assert scores(constrained(rule, status=status), "a") == {"n1": 33, "n2": 0}


def test_patterns_and_inverted_patterns() -> None:
    ws = constrained(
        '<rsc_location id="1" rsc-pattern="^[ab]$" node="n1" score="1"/>'
        '<rsc_location id="2" rsc-pattern="!^a" node="n2" score="2"/>'
        '<rsc_location id="3" rsc-pattern="(" node="n2" score="2"/>'
    )
    found = [(each.id, each.rsc.id) for each in ws.location_constraints]
    assert found == [("1", "a"), ("1", "b"), ("2", "b"), ("2", "c")]
    assert ["'('" in str(message) for message in ws.messages] == [True]


def test_tags_become_sets() -> None:
    ws = constrained(
        '<rsc_location id="1" rsc="t" node="n1" score="5"/>'
        '<rsc_colocation id="2" rsc="t" with-rsc="c" score="9"/><rsc_order id="3" first="c" then="t"/>',
        extra=TAG,
    )
    assert [each.rsc.id for each in ws.location_constraints] == ["a", "b"]
    assert colocations(ws) == [("a", "c", 9), ("b", "c", 9)]
    assert [then for first, then, _ in orderings(ws) if first == "c_start_0"] == ["a_start_0", "b_start_0"]


def test_colocations_without_score_say_nothing_and_critical_decides_on_influence() -> None:
    ws = constrained(
        '<rsc_colocation id="1" rsc="a" with-rsc="b"/>'
        '<rsc_colocation id="2" rsc="c" with-rsc="b" score="1"/>'
        '<rsc_colocation id="3" rsc="c" with-rsc="a" score="1" influence="true"/>',
        ABC.replace(f'id="c" {DUMMY}/>', f'id="c" {DUMMY}>{meta(critical="false")}</primitive>'),
    )
    assert colocations(ws) == [("c", "b", 1), ("c", "a", 1)]
    assert [c.influence for c in ws.colocation_constraints] == [False, True]


def test_sets_of_colocations() -> None:
    def one(attributes: str) -> str:
        return (
            f'<rsc_colocation id="1" score="4"><resource_set id="s1" {attributes}><resource_ref id="a"/>'
            '<resource_ref id="b"/></resource_set><resource_set id="s2"><resource_ref id="c"/></resource_set>'
            "</rsc_colocation>"
        )

    assert colocations(constrained(one(""))) == [("b", "a", 4), ("a", "c", 4)]
    assert colocations(constrained(one('sequential="false"'))) == [("a", "c", 4), ("b", "c", 4)]


def test_resources_that_may_not_meet_are_ordered() -> None:
    ws = constrained('<rsc_colocation id="1" rsc="a" with-rsc="b" score="-INFINITY" rsc-role="Promoted"/>')
    assert orderings(ws) == [
        ("a_demote_0", "b_start_0", Order.IF_REQUIRED_ON_SAME_NODE),
        ("b_stop_0", "a_promote_0", Order.IF_REQUIRED_ON_SAME_NODE),
    ]


def test_an_order_is_symmetric_unless_told_otherwise() -> None:
    mandatory = Order.ORDERED | Order.FIRST_IMPLIES_THEN | Order.UNRUNNABLE_FIRST_BLOCKS
    assert orderings(constrained('<rsc_order id="1" first="a" then="b"/>')) == [
        ("a_start_0", "b_start_0", mandatory),
        ("b_stop_0", "a_stop_0", Order.ORDERED | Order.THEN_IMPLIES_FIRST),
    ]
    asymmetric = '<rsc_order id="1" first="a" then="b" symmetrical="false" first-action="promote" then-action="start"/>'
    assert orderings(constrained(asymmetric)) == [("a_promote_0", "b_start_0", Order.ORDERED | Order.ASYMMETRIC)]
    assert orderings(constrained('<rsc_order id="1" first="a" then="b" kind="Serialize"/>')) == [
        ("a_start_0", "b_start_0", Order.SERIALIZE)
    ]
    assert [flags for _, _, flags in orderings(constrained('<rsc_order id="1" first="a" then="b" score="0"/>'))] == [
        Order.ORDERED, Order.ORDERED,
    ]  # fmt: skip


def ordered_sets(attributes: str) -> list[tuple[str | None, str | None]]:
    ws = constrained(
        f'<rsc_order id="1" symmetrical="false"><resource_set id="s1" {attributes}><resource_ref id="a"/>'
        '<resource_ref id="b"/></resource_set><resource_set id="s2"><resource_ref id="c"/></resource_set></rsc_order>'
    )
    return [(first, then) for first, then, _ in orderings(ws)]


def test_between_sets_only_an_explicit_sequence_counts() -> None:
    inside, both = ("a_start_0", "b_start_0"), [("a_start_0", "c_start_0"), ("b_start_0", "c_start_0")]
    assert ordered_sets("") == [inside, *both]
    assert ordered_sets('sequential="true"') == [inside, both[1]]
    assert ordered_sets('sequential="false"') == both


def test_a_set_of_which_one_is_enough() -> None:
    gated = ordered_sets('require-all="false" sequential="false"')
    gate = "one-or-more:s1"
    assert gated == [("a_start_0", gate), ("b_start_0", gate), (gate, "c_start_0")]


def test_a_ticket_that_is_not_granted_stops_what_needs_it() -> None:
    ticket = '<rsc_ticket id="1" rsc="a" ticket="x" loss-policy="{}"/>'
    running = node_state(1, history("a", operation("start"))) + node_state(2)
    assert set(scores(constrained(ticket.format("stop"), status=running), "a").values()) == {-INF}
    frozen = resource(constrained(ticket.format("freeze"), status=running), "a")
    assert (frozen.blocked, frozen.managed) == (True, False)
    granted = '<tickets><ticket_state id="x" granted="true" last-granted="5"/></tickets>'
    ws = constrained(ticket.format("stop"), status=granted + running)
    assert ws.tickets["x"].last_granted == 5
    assert scores(ws, "a") == {"n1": 0, "n2": 0}


def test_unusable_constraints_are_reported_and_the_rest_counts() -> None:
    ws = constrained(
        '<rsc_colocation rsc="a" with-rsc="b" score="1"/><rsc_strange id="1"/><rsc_order id="2" first="a" then="zz"/>'
        '<rsc_colocation id="3" rsc="a" with-rsc="b" score="1" rsc-role="King"/>'
        '<rsc_order id="4" first="a" then="b" kind="mandatory"/>'
    )
    assert colocations(ws) == []
    assert len(orderings(ws)) == 2
    assert len(ws.messages) == 5
    assert ws.processing_error


def test_stickiness_thresholds_and_locks() -> None:
    sticky = f'<primitive id="a" {DUMMY}>{meta(resource_stickiness="40", migration_threshold="2")}</primitive>'
    running = history("a", operation("start"))
    ws = constrained("", sticky, node_state(1, running) + node_state(2))
    assert scores(ws, "a") == {"n1": 40, "n2": 0}
    failed = node_state(1, running, attributes=nvpair("fail-count-a#monitor_10000", "2")) + node_state(2)
    assert scores(constrained("", sticky, failed), "a") == {"n1": -INF, "n2": 0}
    leaving = node_state(1, running, attributes=nvpair("shutdown", "1600000000")) + node_state(2)
    locked = unpacked(sticky, leaving, options={"shutdown-lock": "true", "stonith-enabled": "false"})
    unpack_constraints(locked)
    assert scores(locked, "a")["n2"] == -INF
    assert resource(locked, "a").lock_time == 1600000000


def test_health_moves_resources() -> None:
    sick = node_state(1, attributes=nvpair("#health-disk", "red")) + node_state(2)
    ws = unpacked(ABC, sick, options={"node-health-strategy": "migrate-on-red", "stonith-enabled": "false"})
    unpack_constraints(ws)
    assert [each.id for each in ws.location_constraints] == ["migrate-on-red"] * 3
    assert scores(ws, "b") == {"n1": -INF, "n2": 0}


def test_a_role_filter_waits_for_the_role() -> None:
    ws = constrained('<rsc_location id="1" rsc="a" node="n1" score="9" role="Promoted"/>')
    assert ws.location_constraints[0].role_filter == Role.PROMOTED
    assert scores(ws, "a") == {"n1": 0, "n2": 0}
