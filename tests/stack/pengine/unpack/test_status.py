"""Node states and the history of resources."""

from __future__ import annotations

import pytest
from lxml import etree
from smallcib import DUMMY, NOW, history, meta, node_state, nvpair, operation, resource, unpacked

from hashell.stack.pengine.kinds import INF, Role
from hashell.stack.pengine.mergesort import merge_sort
from hashell.stack.pengine.unpack.entry import Entry, active_range
from hashell.stack.pengine.unpack.failcounts import base_name, failcount

A = f'<primitive id="a" {DUMMY}/>'
FENCE = '<primitive id="f" class="stonith" type="x"/>'


@pytest.mark.parametrize(
    ("state", "online", "unclean", "pending"),
    [
        ({}, True, False, False),
        ({"in_ccm": "false"}, False, True, False),
        ({"crmd": "offline"}, True, True, False),
        ({"join": "pending"}, True, False, True),
        ({"join": "banned"}, True, True, False),
        ({"expected": "down", "join": "down", "in_ccm": "false", "crmd": "offline"}, False, False, False),
        ({"expected": "down", "join": "down"}, True, False, True),
        ({"join": "strange"}, True, True, False),
    ],
)
def test_nodes_with_fencing(state: dict[str, str], online: bool, unclean: bool, pending: bool) -> None:
    ws = unpacked(FENCE, node_state(1) + node_state(2, **state))
    node = ws.find_node("n2")
    assert node is not None
    assert (node.online, node.unclean, node.pending) == (online, unclean, pending)


def test_nodes_without_fencing_are_just_offline() -> None:
    off = {"stonith-enabled": "false"}
    ws = unpacked("", node_state(1) + node_state(2, in_ccm="false"), options=off)
    node = ws.find_node("n2")
    assert node is not None
    assert (node.online, node.unclean, node.score) == (False, False, -INF)


def test_a_node_nothing_is_known_of_is_unclean_unless_startup_fencing_is_off() -> None:
    assert unpacked(FENCE, node_state(1)).nodes[1].unclean
    assert not unpacked(FENCE, node_state(1), options={"startup-fencing": "false"}).nodes[1].unclean


def test_standby_counts_only_with_a_node_state() -> None:
    root = unpacked(A).cib
    for node in root.iter("node"):
        block = etree.SubElement(node, "instance_attributes", id=f"i{node.get('id')}")
        block.append(etree.fromstring(nvpair("standby", "on")))
    ws = unpacked(root)
    assert all(node.standby for node in ws.nodes)
    status = root.find("status")
    assert status is not None
    status.clear()
    assert not any(node.standby for node in unpacked(root).nodes)


def role_after(*operations: str) -> int:
    ws = unpacked(FENCE + A, node_state(1, history("a", *operations)) + node_state(2))
    return resource(ws, "a").orig_role


def test_roles_follow_the_history() -> None:
    assert role_after(operation("start")) == Role.STARTED
    assert role_after(operation("start"), operation("stop", call=2)) == Role.STOPPED
    assert role_after(operation("stop", call=2), operation("start")) == Role.STOPPED
    assert role_after(operation("monitor", rc=7, expected=7)) == Role.STOPPED
    assert role_after(operation("monitor", rc=0, expected=7)) == Role.STARTED
    assert role_after(operation("monitor", rc=8, expected=7)) == Role.PROMOTED
    assert role_after(operation("start"), operation("promote", call=2)) == Role.PROMOTED
    assert role_after(operation("start"), operation("cancel", call=2)) == Role.STARTED


def test_a_failed_start_stops_and_counts_as_failed() -> None:
    ws = unpacked(A, node_state(1, history("a", operation("start", rc=1, expected=0))) + node_state(2))
    rsc = resource(ws, "a")
    assert rsc.failed and rsc.stop_if_failed
    assert [action.key for action in ws.actions] == ["a_stop_0"]
    assert not ws.actions[0].optional
    assert [xml.get("uname") for xml in ws.failed] == ["n1"]


def test_a_masked_probe_bans_the_node_without_failing_the_resource() -> None:
    ws = unpacked(A, node_state(1, history("a", operation("monitor", rc=5, expected=7))) + node_state(2))
    rsc = resource(ws, "a")
    assert not rsc.failed
    assert rsc.allowed_nodes["1"].score == -INF
    assert rsc.orig_role == Role.STOPPED


def test_a_failed_stop_on_a_clean_node_asks_for_fencing() -> None:
    ws = unpacked(FENCE + A, node_state(1, history("a", operation("stop", rc=1, expected=0))) + node_state(2))
    assert ws.nodes[0].unclean
    assert any(action.key == "stonith-n1-reboot" for action in ws.actions)


def test_a_failed_stop_without_fencing_blocks() -> None:
    off = {"stonith-enabled": "false"}
    failed = history("a", operation("stop", rc=1, expected=0))
    ws = unpacked(A, node_state(1, failed) + node_state(2), options=off)
    assert resource(ws, "a").blocked and not resource(ws, "a").managed
    assert (ws.ninstances, ws.blocked_resources) == (1, 1)


def test_anonymous_instances_are_given_out_in_order_of_node_states() -> None:
    clone = f'<clone id="c"><primitive id="a" {DUMMY}/></clone>'
    started = history("a", operation("start"))
    ws = unpacked(FENCE + clone, node_state(2, started) + node_state(1, started))
    first, second = resource(ws, "c").children
    assert ([n.name for n in first.active_nodes], [n.name for n in second.active_nodes]) == (["n2"], ["n1"])
    assert first.history_id == "a"


def test_unconfigured_resources_become_orphans_at_the_end() -> None:
    ws = unpacked(A, node_state(1, history("gone", operation("start"))) + node_state(2))
    orphan = ws.resources[-1]
    assert (orphan.id, orphan.removed, orphan.orig_role) == ("gone", True, Role.STARTED)
    assert {entry.score for entry in orphan.allowed_nodes.values()} == {-INF}
    states = node_state(1, history("gone", operation("start"))) + node_state(2)
    kept = unpacked(A, states, options={"stop-orphan-resources": "false"})
    assert not kept.resources[-1].managed


def migration(task: str, call: int) -> str:
    return operation(task, call=call, migrate_source="n1", migrate_target="n2")


def test_a_finished_migration_leaves_a_dangling_source() -> None:
    ws = unpacked(
        f'<primitive id="a" {DUMMY}>{meta(allow_migrate="true")}</primitive>',
        node_state(1, history("a", operation("start"), migration("migrate_to", 2)))
        + node_state(2, history("a", migration("migrate_from", 1))),
    )
    rsc = resource(ws, "a")
    assert [node.name for node in rsc.dangling_migration_sources] == ["n1"]
    assert [node.name for node in rsc.active_nodes] == ["n2"]


def test_an_unfinished_migration_is_partial() -> None:
    ws = unpacked(
        f'<primitive id="a" {DUMMY}>{meta(allow_migrate="true")}</primitive>',
        node_state(1, history("a", operation("start"), migration("migrate_to", 2)))
        + node_state(2, history("a", operation("monitor", rc=7, expected=7))),
    )
    rsc = resource(ws, "a")
    assert rsc.partial_migration_source is ws.nodes[0]
    assert rsc.partial_migration_target is ws.nodes[1]


def test_fail_counts_expire_and_add_up() -> None:
    attributes = (
        nvpair("fail-count-a#start_0", "2") + nvpair("fail-count-a#monitor_10000", "1")
        + nvpair("last-failure-a#start_0", str(NOW - 100)) + nvpair("fail-count-ab#start_0", "9")
    )  # fmt: skip
    primitive = f'<primitive id="a" {DUMMY}>{meta(failure_timeout="TIMEOUT")}</primitive>'
    for timeout, effective in (("30s", 0), ("200s", 3)):
        ws = unpacked(primitive.replace("TIMEOUT", timeout), node_state(1, attributes=attributes) + node_state(2))
        rsc = resource(ws, "a")
        assert failcount(ws, ws.nodes[0], rsc)[0] == effective
        assert failcount(ws, ws.nodes[0], rsc, effective=False) == (3, NOW - 100)


def test_an_expired_failure_is_cleared() -> None:
    changed = {"last-rc-change": str(NOW - 100), "id": "a_last_failure_0"}
    entry = operation("monitor", interval=10000, rc=7, expected=0, call=2, **changed)
    counted = nvpair("fail-count-a#monitor_10000", "1") + nvpair("last-failure-a#monitor_10000", str(NOW - 100))
    ws = unpacked(
        f'<primitive id="a" {DUMMY}>{meta(failure_timeout="10s")}</primitive>',
        node_state(1, history("a", operation("start"), entry), attributes=counted) + node_state(2),
    )
    assert not resource(ws, "a").failed
    assert "a_clear_failcount_0" in [action.key for action in ws.actions]


def test_unusable_entries_are_reported_and_ignored() -> None:
    entries = operation("start"), operation("start", rc=999, call=3)
    ws = unpacked(A, node_state(1, history("a", *entries)) + node_state(2))
    assert resource(ws, "a").orig_role == Role.STARTED
    assert any("unusable" in str(message) for message in ws.messages)


def test_base_names() -> None:
    assert [base_name(id) for id in ("a:0", "a", "a:b", "a:", "a:1:2")] == ["a", "a", "a:b", "a:", "a:1"]


def test_the_range_of_active_operations() -> None:
    def entries(*tasks: tuple[str, int]) -> list[Entry]:
        texts = [operation(task, interval=interval, call=call) for call, (task, interval) in enumerate(tasks)]
        return [Entry(etree.fromstring(text)) for text in texts]

    assert active_range(entries(("start", 0), ("monitor", 10000))) == (0, -1)
    assert active_range(entries(("start", 0), ("stop", 0))) == (0, 1)
    assert active_range(entries(("monitor", 0), ("monitor", 10000))) == (0, -1)
    assert active_range(entries(("promote", 0), ("monitor", 10000))) == (0, -1)


def test_the_sort_is_stable_and_splits_in_the_middle() -> None:
    seen: list[tuple[int, int]] = []

    def compare(a: int, b: int) -> int:
        seen.append((a, b))
        return 0

    assert merge_sort([1, 2, 3], compare) == [1, 2, 3]
    assert seen == [(2, 3), (1, 2)]
