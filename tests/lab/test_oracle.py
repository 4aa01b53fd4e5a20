"""The oracle itself: it sees what must not be, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import oracle
from tests.lab.oracle import DIARIES, Oracle
from tests.lab.peerlab import Host


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(oracle, "HOME", tmp_path)
    return tmp_path


def write(home: Path, number: int, name: str, *lines: str) -> None:
    file = home / "nodes" / str(number) / "upper" / DIARIES.lstrip("/") / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{line}\n" for line in lines))


def watcher() -> Oracle:
    return Oracle([Host(1), Host(2)])


def test_a_move_is_no_double(home: Path) -> None:
    write(home, 1, "journal", "1.0 w start begin", "2.0 w start end", "4.0 w stop begin", "5.0 w stop end")
    write(home, 2, "journal", "5.0 w start begin", "6.0 w start end", "6.5 w monitor 0")
    assert watcher().active_twice() == []
    assert watcher().where("w") == [2]
    assert watcher().actions(3.0) == ["w stop node1", "w start node2"]


@pytest.mark.parametrize("other", [
    ("3.0 w start begin", "6.0 w start end"),
    ("4.5 w start begin", "6.0 w start end"),
    ("0.5 w start begin", "1.5 w start end", "9.0 w stop begin", "9.1 w stop end"),
])  # fmt: skip
def test_overlaps_are_seen(home: Path, other: tuple[str, ...]) -> None:
    write(home, 1, "journal", "1.0 w start begin", "2.0 w start end", "4.0 w stop begin", "5.0 w stop end")
    write(home, 2, "journal", *other)
    assert len(watcher().active_twice()) == 1
    assert watcher().active_twice(since=20) == []


def test_power_loss_ends_what_was_active_and_an_unfinished_start_activates_nothing(home: Path) -> None:
    write(home, 1, "journal", "1.0 w start begin", "2.0 w start end", "2.5 v start begin")
    write(home, 2, "journal", "3.5 w start begin", "4.0 w start end", "4.0 v start begin", "5.0 v start end")
    found = watcher()
    assert len(found.active_twice()) == 1
    found.losses = {1: [3.0]}
    assert found.active_twice() == [] and found.where("w") == found.where("v") == [2]


def test_versions_that_fall_are_seen_but_not_a_new_life(home: Path) -> None:
    write(home, 1, "cib", "1.0 life", "1.1 version 0.7.3", "1.2 version 0.8.0", "2.0 life", "2.1 version 0.7.0")
    assert watcher().went_back((0, 8)) == []
    assert len(watcher().went_back((0, 7))) == 1
    write(home, 2, "cib", "1.0 life", "1.1 version 0.8.3", "1.2 version 0.8.2")
    assert len(watcher().went_back((0, 8))) == 1


def test_acknowledged_changes_but_for_those_that_had_no_time_to_spread(home: Path) -> None:
    write(home, 1, "cib", "1.0 life", "5.0 acknowledged a", "6.0 refused b why", "9.5 acknowledged c", "12.0 cut o")
    found = watcher()
    assert found.acknowledged() == ["a", "c"]
    found.losses = {1: [10.0], 2: [5.1]}
    assert found.acknowledged() == ["a"]


def test_a_line_that_is_being_written_waits(home: Path) -> None:
    write(home, 1, "journal", "1.0 w start begin", "2.0 w start end")
    file = home / "nodes/1/upper" / DIARIES.lstrip("/") / "journal"
    file.write_text(file.read_text() + "3.0 w st")
    assert watcher().where("w") == [1]
