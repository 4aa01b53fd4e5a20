"""The peer cache, driven by confchgs and quorum views."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.wire.peers import LOST, MEMBER, PeerCache


def names(peers) -> list[int]:
    return [peer.nodeid for peer in peers]


def test_join_and_leave_with_reaping():
    cache = PeerCache(1, "node1")
    change = cache.confchg([(1, 10), (2, 20)], [], 5.0)
    assert (names(change.members), names(change.joined), change.left, change.evicted) == ([1, 2], [1, 2], [], False)
    assert names(cache.active()) == [1, 2]
    change = cache.confchg([(1, 10)], [(2, 20)], 6.0)
    assert names(change.left) == [2] and change.left[0].state == LOST and not change.left[0].online
    assert cache.find(2) is None


def test_without_reaping_the_quorum_decides_the_state():
    cache = PeerCache(1, "node1", auto_reap=False)
    cache.confchg([(1, 10), (2, 20)], [], 1.0)
    assert cache.get(2).online and cache.get(2).state == "" and not cache.active()
    assert names(cache.quorum_view(8, [2, 1], 2.0)) == [1, 2]
    assert names(cache.active()) == [1, 2]
    assert names(cache.quorum_view(12, [1], 3.0)) == [2]
    assert cache.get(2).state == LOST and cache.get(2).when_lost == 3.0
    cache.confchg([(1, 10), (2, 20)], [], 62.0)
    assert cache.get(2).state == LOST
    cache.confchg([(1, 10), (2, 20)], [], 63.5)
    assert cache.get(2).state == MEMBER


def test_empty_first_quorum_view_is_ignored():
    cache = PeerCache(1, "node1", auto_reap=False)
    assert cache.quorum_view(4, [], 1.0) == []
    cache.quorum_view(4, [1], 1.0)
    assert names(cache.quorum_view(8, [], 2.0)) == [1]


def test_restarted_daemon_is_not_gone():
    cache = PeerCache(1, "node1")
    cache.confchg([(1, 10), (2, 20)], [], 1.0)
    change = cache.confchg([(1, 10), (2, 21)], [(2, 20)], 2.0)
    assert change.left == [] and cache.get(2).online


def test_eviction_is_told():
    cache = PeerCache(1, "node1")
    cache.confchg([(1, 10), (2, 20)], [], 1.0)
    assert cache.confchg([(2, 20)], [(1, 10)], 2.0).evicted


def test_names_are_learnt_and_compared_without_case():
    cache = PeerCache(1, "node1")
    cache.learn_name(2, "Node2")
    assert cache.name_of(2) == "Node2" and cache.by_name("node2") is None
    cache.confchg([(1, 10), (2, 20)], [], 1.0)
    assert cache.by_name("NODE2") is cache.get(2) and cache.get(2).xml_id == "2"
    cache.learn_name(2, "")
    assert cache.get(2).name == "Node2"


def test_a_message_renames_no_listed_node_and_takes_no_name_of_another():
    cache = PeerCache(1, "node1", listed={1: "node1", 2: "node2"})
    cache.confchg([(1, 10), (2, 20), (3, 30)], [], 1.0)
    assert not cache.learn_name(2, "someone-else") and not cache.learn_name(1, "node2")
    assert cache.learn_name(2, "NODE2") and cache.learn_name(3, "node3") and not cache.learn_name(3, "Node1")
    assert [peer.name for peer in cache.peers()] == ["node1", "node2", "node3"]
    assert cache.confchg([(1, 10), (3, 30)], [(2, 20)], 2.0).left[0].name == "node2"
    cache.forget(2)
    assert cache.name_of(2) == "node2"


def test_a_new_node_list_gives_names_and_takes_none():
    cache = PeerCache(1, "node1", listed={1: "node1", 2: "node2", 3: "node3"})
    cache.confchg([(1, 10), (3, 30), (4, 40)], [], 1.0)
    assert names(cache.list_names({1: "other", 3: "rome1", 4: "node4"})) == [3, 4]
    assert [peer.name for peer in cache.peers()] == ["node1", "rome1", "node4"]
    assert cache.name_of(2) == "node2" and not cache.learn_name(4, "node5")
    assert cache.list_names({1: "node1", 3: "rome1", 4: "node4"}) == []


def test_forget_spares_active_nodes_and_ourselves():
    cache = PeerCache(1, "node1", auto_reap=False)
    cache.learn_name(2, "node2")
    cache.confchg([(1, 10), (2, 20)], [], 1.0)
    cache.quorum_view(4, [1, 2], 1.0)
    assert cache.forget(2) == [] and cache.forget(1) == []
    cache.confchg([(1, 10)], [(2, 20)], 2.0)
    assert names(cache.forget(0, "NODE2")) == [2]
    assert cache.find(2) is None and cache.name_of(2) == ""


NODES = st.lists(st.integers(1, 4), max_size=4, unique=True)


@given(st.booleans(), st.lists(st.tuples(st.booleans(), NODES), max_size=12))
def test_invariants_hold_for_any_history(reap, history):
    cache = PeerCache(1, "node1", auto_reap=reap)
    group: list[int] = []
    for step, (is_group, nodes) in enumerate(history):
        if is_group:
            left = [(n, n) for n in group if n not in nodes]
            change = cache.confchg([(n, n) for n in nodes], left, float(step))
            assert names(change.left) == [n for n, _ in left]
            assert names(change.joined) == [n for n in nodes if n not in group]
            group = nodes
            assert sorted(p.nodeid for p in cache.peers() if p.online) == sorted(nodes)
        else:
            cache.quorum_view(step, nodes, float(step))
        cache.check_invariants()
