"""Lenient integers, booleans, scores and time spans, value by value."""

from __future__ import annotations

import pytest

from hashell.model.durations import (
    history_interval,
    interval_ms,
    iso_seconds,
    milliseconds,
    ms_to_s,
    parse_interval,
    readable_interval,
)
from hashell.model.options import option_value
from hashell.model.scores import INFINITY, add_scores, parse_score, score, score_text
from hashell.model.values import boolean, in_64_bits, integer, is_true, min_integer


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("  -7x", -7), ("", 5), ("x", 5), (None, 5), ("+3", 3), ("9" * 30, 2**63 - 1)],
)
def test_integers_ignore_what_follows(text: str | None, value: int) -> None:
    assert integer(text, 5) == value


def test_counts_have_a_floor_and_invalid_ones_are_the_floor() -> None:
    assert [min_integer(text, 1) for text in ("0", "-3", "x", None, "7", "99999999999")] == [1, 1, 1, 1, 7, 2147483647]


def test_booleans() -> None:
    assert [boolean(text) for text in ("Yes", "on", "1", "OFF", "n", "maybe", None)] == [
        True, True, True, False, False, None, None,
    ]  # fmt: skip
    assert not is_true("maybe")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("INFINITY", INFINITY), ("-INFINITY", -INFINITY), ("+INFINITY", INFINITY), ("infinity", None), ("100abc", 100),
        ("2000000", INFINITY), ("-2000000", -INFINITY), ("", None), ("Red", -7),
    ],
)  # fmt: skip
def test_scores(text: str, value: int | None) -> None:
    assert parse_score(text, {"red": -7, "yellow": 0, "green": 0}) == value


def test_invalid_scores_are_the_default_and_absent_ones_too() -> None:
    assert score("x", 3) == 3
    assert score(None, 3) == 3


def test_minus_infinity_wins() -> None:
    assert add_scores(INFINITY, -INFINITY) == -INFINITY
    assert add_scores(INFINITY, -5) == INFINITY
    assert add_scores(999999, 999999) == INFINITY
    assert add_scores(2, -5) == -3
    assert [score_text(value) for value in (INFINITY, -INFINITY, 4)] == ["INFINITY", "-INFINITY", "4"]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("10", 10000), ("1.9s", 1000), ("15 min", 900000), ("2month", 120000), ("300ms", 300), ("5000us", 5),
        ("1h", 3600000), ("3x", None), ("-1", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_time_spans(text: str | None, ms: int | None) -> None:
    assert milliseconds(text) == ms


def test_intervals() -> None:
    assert parse_interval(None) == 0
    assert parse_interval("P2D") == 86400000
    assert parse_interval("P1D") == 0
    assert parse_interval("PT1M30S") == 90000
    assert parse_interval("nonsense") is None
    assert interval_ms("nonsense") == 0
    assert parse_interval("9999999h") == 4294967295
    assert history_interval("10000") == 10000
    assert history_interval("-1") == 0


def test_iso_durations_count_days_and_years_from_one() -> None:
    assert iso_seconds("P1Y") == 0
    assert iso_seconds("P2Y") == 365 * 86400
    assert iso_seconds("P1M") == 30 * 86400
    assert iso_seconds("P1W") == 6 * 86400
    assert iso_seconds("P") is None
    assert iso_seconds("P1X") is None


def test_seconds_from_milliseconds() -> None:
    assert [ms_to_s(ms) for ms in (0, 1, 999, 1499, 1500)] == [0, 1, 1, 1, 2]


def test_readable_intervals() -> None:
    assert [readable_interval(ms) for ms in (0, 200, 1500, 61000, 90061000)] == [
        "0s", "200ms", "1.500s", "1m1s", "1d1h1m1s",
    ]  # fmt: skip


def test_options_with_invalid_values_are_at_their_default() -> None:
    assert option_value({"stonith-action": "Off"}, "stonith-action") == "reboot"
    assert option_value({"no-quorum-policy": "FREEZE"}, "no-quorum-policy") == "FREEZE"
    assert option_value({"stonith-enabled": "perhaps"}, "stonith-enabled") == "true"
    assert option_value({}, "cluster-name") is None


@pytest.mark.parametrize("text", ["9" * 5000, "-" + "9" * 5000, "0" * 5000 + "7", "²", "--5"])
def test_no_number_is_too_long_or_too_odd(text: str) -> None:
    bound = {"9" * 5000: 2**63 - 1, "-" + "9" * 5000: -(2**63), "0" * 5000 + "7": 7}
    assert integer(text, 5) == bound.get(text, 5)
    assert in_64_bits(text) is (text.startswith("0"))
