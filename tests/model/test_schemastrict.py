"""What the schemas restrict beyond the structure, by the exit codes that the original was seen to give."""

from __future__ import annotations

import pytest
from lxml import etree

from hashell.model.schemastrict import strict_problems

_CIB = """<cib validate-with="{}"><configuration><crm_config/><nodes>{}</nodes><resources>
<primitive id="d" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="e" class="lsb" type="x"/>{}</resources>
<constraints>{}</constraints></configuration></cib>"""
_RULE = '<rsc_location id="l" rsc="d"><rule id="r" score="5">{}</rule></rsc_location>'


def problems(constraint: str = "", resource: str = "", node: str = "", schema: str = "pacemaker-3.10") -> int:
    return len(strict_problems(etree.fromstring(_CIB.format(schema, node, resource, constraint))))


@pytest.mark.parametrize(
    "constraint",
    [
        '<rsc_order id="l" first="d" then="e" kind="Whatever"/>',
        '<rsc_order id="l" first="d" then="e" first-action="dance"/>',
        '<rsc_order id="l" first="d" then="e" symmetrical="perhaps"/>',
        '<rsc_order id="l" first="d"/>',
        '<rsc_order id="l"><resource_set id="s"/></rsc_order>',
        '<rsc_order id="l" first="d"><resource_set id="s"><resource_ref id="d"/></resource_set></rsc_order>',
        '<rsc_colocation id="l" rsc="d" with-rsc="e" score="5" rsc-role="Boss"/>',
        '<rsc_ticket id="l" rsc="d" ticket="t" loss-policy="cry"/>',
        '<rsc_location id="l" rsc="d" node="n"/>',
        '<rsc_location id="l" node="n" score="1"/>',
        '<rsc_location id="l" rsc="d" rsc-pattern="e" node="n" score="1"/>',
        _RULE.format('<expression id="x" operation="eq" value="b"/>'),
        _RULE.format('<date_expression id="x" operation="gt"/>'),
    ],
)
def test_constraints_that_are_refused(constraint: str) -> None:
    assert problems(constraint) == 1
    assert problems(constraint, schema="none") == 0


@pytest.mark.parametrize(
    "resource",
    [
        '<primitive id="q" class="ocf" type="Dummy"/>',
        '<primitive id="q" class="weird" type="Dummy"/>',
        '<primitive id="q" class="lsb" type="x"><operations><op id="o" name="start"/></operations></primitive>',
        '<primitive id="q" class="lsb" type="x"><operations><op id="o" name="start" interval="0" on-fail="explode"/>'
        "</operations></primitive>",
    ],
)
def test_resources_that_are_refused(resource: str) -> None:
    assert problems(resource=resource) == 1


def test_nodes_of_old_schemas() -> None:
    node = '<node id="1" uname="n" type="normal"/>'
    assert problems(node=node) == 1
    assert problems(node=node, schema="pacemaker-1.2") == 0


def test_what_is_right_passes() -> None:
    assert problems('<rsc_order id="l" first="d" then="e" kind="Serialize" then-action="promote"/>'
                    '<rsc_location id="m" rsc="d" node="n" score="1" role="Promoted"/>'
                    '<rsc_colocation id="c" rsc="d" with-rsc="e" score="1" influence="perhaps"/>') == 0  # fmt: skip
