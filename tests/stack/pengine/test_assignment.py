"""Where resources go: locations, colocations, groups, utilization, limits of policy."""

from __future__ import annotations

from tests.stack.pengine.cibs import (
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
)


def location(rsc: str, node: int, score: str) -> str:
    return f'<rsc_location id="l-{rsc}-{node}-{score}" rsc="{rsc}" node="n{node}" score="{score}"/>'


def together(dependent: str, primary: str, score: str, **more: str) -> str:
    extra = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in more.items())
    names = f'id="c-{dependent}-{primary}" rsc="{dependent}" with-rsc="{primary}"'
    return f'<rsc_colocation {names} score="{score}"{extra}/>'


def test_the_best_score_wins() -> None:
    result = decide(cib(primitive("a"), location("a", 2, "100")))
    assert place(result, "a") == "n2"
    assert score_of(result, "a", "n2") == "100"


def test_spread_by_load() -> None:
    result = decide(cib(primitive("a") + primitive("b")))
    assert (place(result, "a"), place(result, "b")) == ("n1", "n2")


def test_minus_infinity_beats_infinity() -> None:
    result = decide(cib(primitive("a"), location("a", 1, "INFINITY") + location("a", 1, "-INFINITY")))
    assert score_of(result, "a", "n1") == "-INFINITY"
    assert place(result, "a") == "n2"


def test_stickiness_holds_until_a_stronger_preference() -> None:
    states = state(1) + state(2, ran("a"))
    for preference, expected in (("50", "n2"), ("500", "n1")):
        text = cib(primitive("a", resource_stickiness="100"), location("a", 1, preference), states=states)
        assert place(decide(text), "a") == expected


def test_a_mandatory_dependent_follows_and_stays_down_without_its_primary() -> None:
    text = cib(primitive("a") + primitive("b"), location("a", 2, "1") + together("b", "a", "INFINITY"))
    assert place(decide(text), "b") == "n2"
    down = cib(primitive("a", target_role="Stopped") + primitive("b"), together("b", "a", "INFINITY"))
    result = decide(down)
    assert place(result, "b") is None
    assert score_of(result, "b", "n1") == "-INFINITY"


def test_a_dependents_preference_moves_its_primary() -> None:
    text = cib(primitive("a") + primitive("b"), location("b", 2, "100") + together("b", "a", "INFINITY"))
    result = decide(text)
    assert score_of(result, "a", "n2") == "100"
    assert (place(result, "a"), place(result, "b")) == ("n2", "n2")


def test_no_influence_no_move() -> None:
    states = state(1, ran("a")) + state(2)
    constraints = location("b", 2, "100") + together("b", "a", "INFINITY", influence="false")
    result = decide(cib(primitive("a") + primitive("b"), constraints, states=states))
    assert score_of(result, "a", "n2") == "0"


def test_apart() -> None:
    text = cib(primitive("a") + primitive("b"), location("b", 1, "100") + together("b", "a", "-INFINITY"))
    result = decide(text)
    assert score_of(result, "a", "n1") == "-100"
    assert place(result, "a") == "n2"
    assert place(result, "b") == "n1"


def test_only_the_first_of_added_colocations_counts_and_as_often_as_there_are_any() -> None:
    resources = group("g", primitive("m1"), primitive("m2")) + primitive("A") + primitive("B") + primitive("C")
    constraints = (
        together("m1", "C", "10") + together("g", "A", "100") + together("g", "B", "1000")
        + location("A", 1, "INFINITY") + location("B", 2, "INFINITY") + location("C", 3, "INFINITY")
    )  # fmt: skip
    result = decide(cib(resources, constraints, nodes=3))
    assert [score_of(result, "m1", f"n{i}") for i in (1, 2, 3)] == ["200", "0", "10"]


def test_a_group_stays_together_and_stops_at_the_first_that_cannot_run() -> None:
    members = primitive("m1") + primitive("m2", target_role="Stopped") + primitive("m3")
    result = decide(cib(group("g", members)))
    assert place(result, "m1") == "n1"
    assert place(result, "m2") is None and place(result, "m3") is None


def test_instances_of_a_clone_stay_where_they_are() -> None:
    states = state(1) + state(2, ran("a")) + state(3, ran("a"))
    result = decide(cib(clone("c", primitive("a"), clone_max="2"), nodes=3, states=states))
    places = sorted(str(place(result, child.id)) for child in resource(result.working_set, "c").children)
    assert places == ["n2", "n3"]
    assert not any("_stop_" in key for key in planned(result))


def test_capacity_limits_what_runs() -> None:
    heavy = {"cpu": "2"}
    resources = "".join(primitive(name, utilization=heavy) for name in "abc")
    config = options(placement_strategy="utilization")
    result = decide(cib(resources, config=config, node_utilization={"cpu": "3"}))
    assert [place(result, name) for name in "abc"] == ["n1", "n2", None]


def test_unmanaged_resources_stay() -> None:
    states = state(1) + state(2, ran("a"))
    result = decide(cib(primitive("a", is_managed="false"), location("a", 1, "INFINITY"), states=states))
    assert place(result, "a") == "n2"
    assert planned(result) == ["a_monitor_0 n1"]


def test_stop_all() -> None:
    states = state(1, ran("a")) + state(2)
    result = decide(cib(primitive("a"), config=options(stop_all_resources="true"), states=states))
    assert place(result, "a") is None
    assert "a_stop_0 n1" in planned(result)


def test_failures_ban_the_node() -> None:
    states = state(1, attrs={"fail-count-a#monitor_10000": "3"}) + state(2)
    result = decide(cib(primitive("a", migration_threshold="3"), states=states))
    assert score_of(result, "a", "n1") == "-INFINITY"


def test_promotion_follows_the_promotion_score() -> None:
    states = state(1, ran("p"), attrs={"master-p": "5"}) + state(2, ran("p"), attrs={"master-p": "10"})
    result = decide(cib(clone("c", primitive("p"), promotable="true"), states=states))
    promoted = [line for line in result.scores if "promotion score" in line]
    assert promoted[0].endswith("on n2: 10")
    assert any(key.endswith("_promote_0 n2") for key in planned(result))


def test_nothing_is_promoted_without_a_reason_to() -> None:
    result = decide(cib(clone("c", primitive("p"), promotable="true")))
    assert not any("promote" in key for key in planned(result))
