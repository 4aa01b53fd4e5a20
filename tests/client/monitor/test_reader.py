"""Looks that read only what changed are the same as looks that read everything."""

from __future__ import annotations

import random
from copy import deepcopy

import pytest

from hashell.client.monitor.reader import Reader
from hashell.client.monitor.snapshot import snapshot_of
from tests.benchmarks.monitor import big_cluster, flip
from tests.tui.clusters import cluster

NOW = 1_700_000_100.0


@pytest.mark.parametrize("seed", range(3))
def test_random_changes(seed: int) -> None:
    generator, reader, cib = random.Random(seed), Reader(), big_cluster(4, 60)
    reader.read(deepcopy(cib), when=NOW)
    for _ in range(6):
        for _ in range(generator.randint(0, 4)):
            flip(cib, generator)
        assert reader.read(deepcopy(cib), when=NOW).board == snapshot_of(cib, when=NOW).board
    assert reader.whole == 1


def test_what_reaches_further_is_read_as_a_whole() -> None:
    reader = Reader()
    cibs = (cluster(), cluster(db_failed=True), cluster(), cluster(lost=1), cluster(web_on=3))
    for number, cib in enumerate(cibs, 1):
        assert reader.read(cib, when=NOW).board == snapshot_of(cib, when=NOW).board
        assert reader.whole == number


def test_the_counters_alone_change_nothing_but_the_version() -> None:
    reader, cib = Reader(), cluster()
    first = reader.read(cib, when=NOW)
    later = deepcopy(cib)
    later.set("num_updates", "99")
    second = reader.read(later, when=NOW)
    assert second.board.version == (0, 7, 99) and second.board.resources is first.board.resources
    assert second.changed == frozenset()
