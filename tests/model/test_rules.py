"""Dates, rules and name/value blocks."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from hashell.model.dates import add_units, from_epoch, parse_date
from hashell.model.nvpairs import expand
from hashell.model.rules import Context, compare_versions, evaluate, substitute

NOW = from_epoch(1_700_000_000)  # 2023-11-14 22:13:20Z, a Tuesday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2005-020", "2005-01-20 00:00:00Z"),
        ("2005-020T12:30", "2005-01-20 12:30:00Z"),
        ("20240229", "2024-02-29 00:00:00Z"),
        ("2023-02-29", None),
        ("2024-W01-1", "2024-01-01 00:00:00Z"),
        ("2024-01-01 10:00:00 +02:00", "2024-01-01 10:00:00 +02:00"),
        ("2024-01-01T24:00:00Z", "2024-01-02 00:00:00Z"),
        ("2024-01-01T25:00", None),
        ("T01:02:03Z", "2023-11-14 01:02:03Z"),
        ("epoch", "1970-01-01 00:00:00Z"),
        ("20240101T101112Z", "2024-01-01 10:11:12Z"),
        ("whatever", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: str | None) -> None:
    parsed = parse_date(text, NOW)
    assert (parsed.text() if parsed else None) == expected


def test_a_time_without_zone_is_the_hosts() -> None:
    parsed = parse_date("2024-01-01T10:00", from_epoch(1_700_000_000, host_offset=3600))
    assert parsed is not None
    assert parsed.epoch() == 1704099600


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({"months": "1"}, "2024-02-29 00:00:00Z"),
        ({"years": "1"}, "2025-01-31 00:00:00Z"),
        ({"days": "1", "hours": "25"}, "2024-02-02 01:00:00Z"),
        ({"minutes": "x"}, None),
    ],
)
def test_durations_are_added_unit_by_unit(units: dict[str, str], expected: str | None) -> None:
    start = parse_date("2024-01-31", NOW)
    assert start is not None
    result = add_units(start, units.get)
    assert (result.text() if result else None) == expected


def rule(conditions: str, mode: str = "and") -> etree._Element:
    return etree.fromstring(f'<rule id="r" boolean-op="{mode}">{conditions}</rule>')


def expression(attribute: str, operation: str, value: str | None = None, **more: str) -> str:
    extra = "".join(f' {name.replace("_", "-")}="{text}"' for name, text in more.items())
    given = f' value="{value}"' if value is not None else ""
    return f'<expression id="e" attribute="{attribute}" operation="{operation}"{given}{extra}/>'


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (expression("a", "eq", "10"), True),
        (expression("a", "ne", "x"), True),
        (expression("none", "ne", "x"), True),
        (expression("none", "lt", "x"), False),
        (expression("a", "gt", "9"), True),
        (expression("a", "gt", "9", type="string"), False),
        (expression("a", "lt", "10.5"), True),
        (expression("v", "lt", "1.10", type="version"), True),
        (expression("a", "defined"), True),
        (expression("a", "defined", "x"), False),
        (expression("none", "not_defined"), True),
        (expression("a", "eq"), False),
        (expression("a", "about", "10"), False),
        (expression("a", "eq", "p", value_source="param"), True),
        (expression("a", "eq", "m", value_source="meta"), False),
    ],
)
def test_expressions(condition: str, holds: bool) -> None:
    context = Context(NOW, node_attrs={"a": "10", "v": "1.9"}, params={"p": "10"}, meta={"m": "11"})
    assert evaluate(rule(condition), context) is holds


def test_an_or_rule_stops_at_the_first_success_and_an_empty_rule_holds() -> None:
    context = Context(NOW, node_attrs={"a": "1"})
    assert evaluate(rule(expression("a", "eq", "1") + expression("a", "eq", "2"), "or"), context)
    assert not evaluate(rule(expression("a", "eq", "1") + expression("a", "eq", "2")), context)
    assert evaluate(rule(""), context)
    assert not evaluate(rule("", "xor"), context)
    assert not evaluate(etree.fromstring("<rule/>"), context)


@pytest.mark.parametrize(
    ("attributes", "children", "holds", "change"),
    [
        ('start="2023-01-01" end="2023-11-15"', "", True, 1700006401),
        ('start="2024-01-01"', "", False, 1704067200),
        ('end="2023-01-01"', "", False, None),
        ('start="2023-11-14"', '<duration id="d" days="1"/>', True, 1700006401),
        ('operation="gt" start="2024-01-01"', "", False, 1704067201),
        ('operation="lt" end="2024-01-01"', "", True, 1704067200),
        ('operation="date_spec"', '<date_spec id="d" weekdays="1-5" hours="20-"/>', True, None),
        ('operation="date_spec"', '<date_spec id="d" weekdays="6-7"/>', False, None),
        ('operation="date_spec"', '<date_spec id="d" hours="x"/>', False, None),
        ("", "", False, None),
        ('start="nonsense"', "", False, None),
    ],
)
def test_date_expressions(attributes: str, children: str, holds: bool, change: int | None) -> None:
    context = Context(NOW)
    assert evaluate(rule(f'<date_expression id="x" {attributes}>{children}</date_expression>'), context) is holds
    assert context.next_change == change


def test_agents_and_operations() -> None:
    context = Context(NOW, agent=("ocf", "heartbeat", "IPaddr2"), operation=("monitor", 10000))
    assert evaluate(rule('<rsc_expression id="a" class="ocf" type="IPaddr2"/>'), context)
    assert not evaluate(rule('<rsc_expression id="a" type="ipaddr2"/>'), context)
    assert evaluate(rule('<op_expression id="o" name="monitor" interval="10s"/>'), context)
    assert not evaluate(rule('<op_expression id="o" name="start"/>'), context)
    assert not evaluate(rule('<op_expression id="o" name="monitor"/>'), Context(NOW))


def test_submatches_and_versions() -> None:
    match = re.search("(web)-([0-9]+)", "web-12")
    assert substitute("%1.%2.%9", match) == "web.12."
    assert substitute("%1", None) == "%1"
    assert [compare_versions("1.10", other) for other in ("1.9", "1.10.0", "2")] == [1, 0, -1]


def blocks(text: str) -> dict[str, str]:
    table: dict[str, str] = {}
    expand(etree.fromstring(f"<p>{text}</p>"), "m", Context(NOW), table)
    return table


def test_among_blocks_of_equal_score_the_last_wins_and_a_higher_score_beats_it() -> None:
    first = '<m id="1"><nvpair id="a" name="x" value="1"/><nvpair id="b" name="y" value="1"/></m>'
    second = '<m id="2"><nvpair id="c" name="x" value="2"/></m>'
    assert blocks(first + second) == {"x": "2", "y": "1"}
    assert blocks(first.replace('id="1">', 'id="1" score="5">', 1) + second) == {"x": "1", "y": "1"}


def test_default_removes_and_references_resolve() -> None:
    assert blocks('<m id="1"><nvpair id="a" name="x" value="1"/><nvpair id="b" name="x" value="#default"/></m>') == {}
    shared = '<m id="1"><nvpair id="a" name="x" value="1"/></m>'
    assert blocks(f'<q>{shared}</q><m id-ref="1"/>') == {"x": "1"}
    assert blocks('<m id-ref="nowhere"/>') == {}


def test_a_block_whose_rule_fails_is_left_out() -> None:
    text = '<m id="1"><rule id="r"><expression id="e" attribute="a" operation="defined"/></rule>'
    assert blocks(text + '<nvpair id="a" name="x" value="1"/></m>') == {}
