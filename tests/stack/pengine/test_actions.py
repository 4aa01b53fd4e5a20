"""What is done: steps of primitives, recurring operations, migration, fencing, shutdown, notifications."""

from __future__ import annotations

import pytest

from hashell.stack.pengine.actions.primitive import _STEP
from hashell.stack.pengine.kinds import Role
from tests.stack.pengine.cibs import (
    action,
    cib,
    clone,
    decide,
    entry,
    group,
    monitor,
    options,
    planned,
    primitive,
    ran,
    state,
    triggers,
)

FENCING = '<primitive id="fence" class="stonith" type="fence_dummy"/>'


def test_ids_and_order_of_a_group_that_starts() -> None:
    result = decide(cib(group("g", *(primitive(f"m{i}") for i in (1, 2, 3)))))
    keys = [a.key for a in result.working_set.actions]
    assert keys == [
        "m1_monitor_0", "m2_monitor_0", "m3_monitor_0", "m1_monitor_0", "m2_monitor_0", "m3_monitor_0",
        "m1_start_0", "m2_start_0", "m3_start_0", "g_start_0", "g_running_0", "g_stop_0", "g_stopped_0",
    ]  # fmt: skip
    assert planned(result) == [
        "g_running_0", "g_start_0",
        "m1_start_0 n1", "m1_monitor_0 n2", "m1_monitor_0 n1",
        "m2_start_0 n1", "m2_monitor_0 n2", "m2_monitor_0 n1",
        "m3_start_0 n1", "m3_monitor_0 n2", "m3_monitor_0 n1",
    ]  # fmt: skip
    assert triggers(result, "m2_start_0") == ["m2_monitor_0", "m2_monitor_0", "m1_start_0", "g_start_0"]
    assert triggers(result, "g_running_0") == ["m1_start_0", "m2_start_0", "m3_start_0", "g_start_0"]


@pytest.mark.parametrize("role", [Role.STOPPED, Role.STARTED, Role.UNPROMOTED, Role.PROMOTED])
def test_every_role_leads_to_every_other_in_few_steps(role: int) -> None:
    for goal in (Role.STOPPED, Role.STARTED, Role.UNPROMOTED, Role.PROMOTED):
        at, steps = role, 0
        while at != goal:
            at, steps = _STEP[at][goal], steps + 1
            assert steps <= 3


def test_a_move_is_stop_and_start() -> None:
    states = state(1) + state(2, ran("a"))
    text = cib(
        primitive("a", ops=monitor("m")),
        '<rsc_location id="l" rsc="a" node="n1" score="INFINITY"/>',
        states=states,
    )
    result = decide(text)
    assert triggers(result, "a_start_0") == ["a_monitor_0", "a_stop_0"]
    assert triggers(result, "a_monitor_10000") == ["a_start_0"]


def test_a_live_migration_takes_the_place_of_stop_and_start() -> None:
    states = state(1, ran("a", "monitor", 7)) + state(2, ran("a"))
    resources = primitive("a", allow_migrate="true")
    text = cib(resources, '<rsc_location id="l" rsc="a" node="n1" score="INFINITY"/>', states=states)
    result = decide(text)
    assert planned(result) == ["a_migrate_from_0 n1", "a_migrate_to_0 n2", "a_start_0", "a_stop_0 n2"]
    assert triggers(result, "a_migrate_from_0") == ["a_migrate_to_0"]
    assert "a_migrate_from_0" in triggers(result, "a_stop_0")
    assert action(result, "a_migrate_to_0").meta["migrate_target"] == "n1"


def test_two_equal_recurring_operations_cancel_each_other_out() -> None:
    ops = monitor("m1") + monitor("m2") + monitor("m3", "20s")
    result = decide(cib(primitive("a", ops=ops)))
    assert [key for key in planned(result) if "monitor" in key and not key.startswith("a_monitor_0")] == [
        "a_monitor_20000 n1"
    ]


def test_the_monitor_of_the_role_that_is_left_is_cancelled() -> None:
    ops = monitor("m1", "10s", "Promoted") + monitor("m2", "11s", "Unpromoted")
    states = state(1, ran("p", more=entry("p", "monitor", 0, 2, 11000)), attrs={"master-p": "5"})
    result = decide(cib(clone("c", primitive("p", ops=ops), promotable="true"), nodes=1, states=states))
    assert "p_monitor_11000 n1" in planned(result)
    assert action(result, "p:0_monitor_11000").task == "cancel"
    assert "p_monitor_11000" in triggers(result, "p_promote_0")
    assert action(result, "p:0_monitor_10000").meta["op_target_rc"] == "8"


def test_a_lost_node_is_fenced_before_its_resources_start_elsewhere() -> None:
    states = state(1) + state(2, ran("a"), online=False)
    config = options(stonith_enabled="true")
    result = decide(cib(FENCING + primitive("a"), config=config, states=states))
    assert "stonith-n2-reboot n2" in planned(result)
    assert action(result, "stonith-n2-reboot").reason == "peer is no longer part of the cluster"
    assert "stonith-n2-reboot" in triggers(result, "a_start_0")
    assert action(result, "a_stop_0").pseudo


def test_nothing_starts_without_quorum() -> None:
    result = decide(cib(primitive("a"), quorum=False))
    assert action(result, "a_start_0").reason == "no quorum"
    assert planned(result) == ["a_monitor_0 n2", "a_monitor_0 n1"]


def test_what_runs_on_a_node_that_leaves_stops_first() -> None:
    states = state(1) + state(2, ran("a"), attrs={"shutdown": "1699999999"})
    result = decide(cib(primitive("a"), states=states))
    assert triggers(result, "do_shutdown-n2") == ["a_stop_0"]


def test_a_changed_parameter_restarts() -> None:
    changed = ran("a").replace('op-digest="f', 'op-digest="0')
    result = decide(cib(primitive("a"), nodes=1, states=state(1, changed)))
    assert planned(result) == ["a_stop_0 n1", "a_start_0 n1"]
    assert action(result, "a_start_0").reason == "resource definition change"


def test_a_reloadable_parameter_reloads() -> None:
    changed = ran("a").replace('op-digest="f', 'op-restart-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8" op-digest="0')
    changed = changed.replace("op-restart-digest", 'op-force-restart="  " op-restart-digest')
    result = decide(cib(primitive("a"), nodes=1, states=state(1, changed)))
    assert planned(result) == ["a_reload-agent_0 n1"]


def test_instances_are_told_before_and_after() -> None:
    states = state(1, ran("p")) + state(2, ran("p", "monitor", 7))
    result = decide(cib(clone("c", primitive("p"), notify="true"), states=states))
    keys = planned(result)
    assert "p_pre_notify_start_0 n1" in keys
    assert "p_post_notify_start_0 n1" in keys and "p_post_notify_start_0 n2" in keys
    told = action(result, "p:0_pre_notify_start_0").meta
    assert told["notify_start_resource"] == "p:1" and told["notify_start_uname"] == "n2"
    assert told["notify_stop_resource"] == " "
    assert "c_confirmed-pre_notify_start_0" in triggers(result, "c_start_0")


def test_maintenance_does_nothing_but_watch() -> None:
    states = state(1, ran("a")) + state(2)
    result = decide(cib(primitive("a"), config=options(maintenance_mode="true"), states=states))
    assert [key for key in planned(result) if "monitor" not in key] == []
