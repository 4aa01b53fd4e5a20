"""Statements to elements, and what is said about statements that are not in order."""

from __future__ import annotations

import pytest

from hashell.grammar.parser import CrmParser
from hashell.model.xmltext import compact

PARSER = CrmParser()


def one(text: str) -> str:
    return compact(PARSER.parse_text(text, "t.crm").check()[0].element)


def complaint(text: str) -> str:
    outcome = PARSER.parse_text(text, "t.crm")
    assert not outcome.ok
    return "\n".join(str(d) for d in outcome.diagnostics)


def test_primitive_sections_stay_in_order_typed() -> None:
    xml = one("primitive p ocf:pacemaker:Dummy meta priority=1 op monitor interval=10s X=1 "
              "op start timeout=5s params a=b")
    assert xml == (
        '<primitive id="p" class="ocf" provider="pacemaker" type="Dummy"><meta_attributes>'
        '<nvpair name="priority" value="1"/></meta_attributes><operations><op name="monitor" interval="10s">'
        '<instance_attributes><nvpair name="X" value="1"/></instance_attributes></op>'
        '<op name="start" timeout="5s" interval="0s"/></operations>'
        '<instance_attributes><nvpair name="a" value="b"/></instance_attributes></primitive>'
    )


def test_rule_with_date_and_value_source() -> None:
    xml = one("location l p rule -inf: load gte param{limit} or date in start=2026-01-01 months=2")
    assert 'value="limit" value-source="param"' in xml
    assert '<date_expression operation="in_range" start="2026-01-01"><duration months="2"/></date_expression>' in xml
    assert '<rule score="-INFINITY" boolean-op="or">' in xml


@pytest.mark.parametrize(("text", "fragment"), [
    ("order o a ( b c ) [ d e ]", '<resource_set sequential="false"><resource_ref id="b"/>'),
    ("order o 0: a b", 'kind="Optional"'),
    ("order o -5: a b", 'kind="Mandatory"'),
    ("colocation c INF: a b:promoted", 'with-rsc-role="Promoted"'),
    ("rsc_ticket t T: a loss-policy=stop", 'loss-policy="stop" rsc="a"'),
    ("location l /web.*/ 10: n", 'rsc-pattern="web.*"'),
    ("fencing_topology n1: a,b c", '<fencing-level target="n1" index="2" devices="c"/>'),
    ("role r write meta:p:target-role", "meta_attributes/nvpair[@name='target-role']"),
    ("alert a /x to { me meta timeout=5s }", '<recipient id="a-recipient-1" value="me"><meta_attributes>'),
    ("tag t: a b", '<tag id="t"><obj_ref id="a"/>'),
])
def test_forms(text: str, fragment: str) -> None:
    assert fragment in one(text)


@pytest.mark.parametrize("text", [
    "bundle b docker image=x replicas=2 network ip-range-start=10.0.0.1 port-mapping id=pm range=100-200 @x",
    "bundle b docker image=x network ip-range-start=10.0.0.1 port-mapping \\ port=88",
    "bundle b docker image=x 1a=b", "bundle b docker image=x $i:a=b",
])
def test_a_part_of_a_bundle_takes_only_attributes(text: str) -> None:
    assert "name=value" in complaint(text) or "network" in complaint(text)


@pytest.mark.parametrize(("text", "parts"), [
    ("primitiv p Dummy", ["t.crm:1:1", "did you mean 'primitive'", "^^^^^^^^"]),
    ("location l p 10 node1", ["t.crm:1:14", "<score>: <node>", "'10'"]),
    ("primitive p Dummy pramas a=b", ["t.crm:1:19", "pramas"]),
    ("location l p rule a eq 1 and b eq 2 or c eq 3", ["cannot mix", ":37"]),
    ("order o Sometimes: a b", ["Mandatory, Optional, Serialize", "Sometimes"]),
    ("order o ( a b ] c", ["')'", "t.crm:1:15"]),
    ("role r read attr:x", ["type:"]),
    ("group g a a", ["only once"]),
    ("primitive 1p Dummy", ["not a valid object id", "t.crm:1:11"]),
    ("xml <primitive id='x'", ["xml:"]),
    ("node n:alien", ["node name"]),
])
def test_errors_say_where_and_what(text: str, parts: list[str]) -> None:
    message = complaint(text)
    for part in parts:
        assert part in message


def test_every_line_is_checked() -> None:
    outcome = PARSER.parse_text("primitive a\nprimitive b Dummy\nlocation l b x\n", "t.crm")
    assert [d.place.line for d in outcome.diagnostics if d.place] == [1, 3]
    assert [s.id for s in outcome.statements] == ["b"]


def test_doubles_are_refused_across_kinds_but_not_for_nodes() -> None:
    assert not PARSER.parse_text("primitive x Dummy\ntag x a").ok
    assert PARSER.parse_text("primitive x Dummy\nnode x").ok


def test_caret_stands_below_the_word() -> None:
    lines = complaint("order o1 Mandatory: a:jump b").splitlines()
    assert lines[1][lines[2].index("^"):].startswith("a:jump")
