"""Comparison of nodes, and the hash table order that ties fall back to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.pengine.assign.gtable import iteration_order, string_hash
from hashell.stack.pengine.assign.nodes import compare_capacity, name_key, node_ok, single, sort_entries
from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.state import Node, NodeCopy


class Strategy:
    def __init__(self, name: str = "default") -> None:
        self.placement_strategy = name


def node(name: str, online: bool = True, load: int = 0, **utilization: str) -> Node:
    made = Node(name, name)
    made.online = online
    made.num_resources = load
    made.utilization = dict(utilization)
    return made


def names(entries: list[NodeCopy], strategy: str = "default", active: Node | None = None) -> list[str]:
    return [e.node.name for e in sort_entries(Strategy(strategy), entries, active)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("less", "more"),
    [("node2", "node10"), ("node7", "node07"), ("Node1", "node2"), ("a", "a1"), ("n9-x", "n10-a"), ("a-b", "a1")],
)
def test_names_sort_by_number(less: str, more: str) -> None:
    assert name_key(less) < name_key(more)


def test_score_then_load_then_active_then_name() -> None:
    a, b, c = node("a"), node("b"), node("c")
    assert names([NodeCopy(a, 0), NodeCopy(b, 5), NodeCopy(c, INF)]) == ["c", "b", "a"]
    a.num_resources = 1
    assert names([NodeCopy(a), NodeCopy(c), NodeCopy(b)]) == ["b", "c", "a"]
    assert names([NodeCopy(a), NodeCopy(c), NodeCopy(b)], active=c) == ["c", "b", "a"]
    assert names([NodeCopy(c), NodeCopy(b), NodeCopy(a)], "minimal", active=c) == ["a", "b", "c"]


def test_unavailable_nodes_go_last_whatever_their_score() -> None:
    assert names([NodeCopy(node("down", online=False), INF), NodeCopy(node("up"), -5)]) == ["up", "down"]


def test_balanced_prefers_capacity() -> None:
    small, large = node("a", cpu="1"), node("b", cpu="4")
    assert compare_capacity(large, small) < 0 < compare_capacity(small, large)
    assert names([NodeCopy(small), NodeCopy(large)], "balanced") == ["b", "a"]
    assert names([NodeCopy(small), NodeCopy(large)], "utilization") == ["a", "b"]


def test_values_that_are_no_numbers_are_less_than_any_number() -> None:
    assert compare_capacity(node("a", cpu="many"), node("b", cpu="0")) > 0
    assert compare_capacity(node("a", cpu="many"), node("b")) > 0


@pytest.mark.parametrize("flag", ["shutdown", "unclean", "standby", "maintenance"])
def test_what_makes_a_node_unavailable(flag: str) -> None:
    one = node("a")
    assert node_ok(one)
    setattr(one, flag, True)
    assert not node_ok(one)


def test_pending_nodes_count_as_available() -> None:
    one = node("a")
    one.pending = True
    assert node_ok(one)


def test_single_precision() -> None:
    assert single(0.1) != 0.1
    assert single(single(0.1) * 1000) == pytest.approx(100, abs=1e-4)
    assert single(0.5) == 0.5


def test_string_hash_is_signed_and_never_small() -> None:
    assert string_hash("") == 2
    assert string_hash("a") == 97
    assert string_hash("ab") == 97 * 31 + 98
    assert string_hash("é") == (((0xC3 - 256) * 31 + (0xA9 - 256)) & 0xFFFFFFFF)


def test_collisions_walk_to_the_next_free_slot() -> None:
    # 2 and 9 share bucket 22 mod 7 = 99 mod 7 = 1 of a table of eight.
    assert iteration_order(["\x02", "\x09"]) == ["\x02", "\x09"]
    assert iteration_order(["\x09", "\x02"]) == ["\x09", "\x02"]


@given(st.lists(st.text(min_size=1, max_size=6), max_size=60, unique=True))
def test_iteration_loses_nothing(keys: list[str]) -> None:
    assert sorted(iteration_order(keys)) == sorted(keys)
