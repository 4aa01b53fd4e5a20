"""The structural checks of a CIB and their messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashell.model.ids import free_id, is_id, sanitize_id, sanitize_nvpair_id
from hashell.model.schema import is_valid, problems, schema_names, schema_rank, upgrade_target
from hashell.model.xmltext import parse

CASES = Path(__file__).resolve().parents[2] / "../shared/scheduler-cases/xml"


def cib(resources: str = "", constraints: str = "", more: str = "", schema: str = "pacemaker-4.0") -> str:
    return (
        f'<cib validate-with="{schema}"><configuration><crm_config/><nodes/><resources>{resources}</resources>'
        f"<constraints>{constraints}</constraints>{more}</configuration><status/></cib>"
    )


GOOD = '<primitive id="a" class="ocf" provider="p" type="D"/>'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<crm/>", "H301"),
        (cib(schema="pacemaker-9.9"), "H302"),
        ('<cib validate-with="pacemaker-4.0"/>', "H303"),
        (cib().replace("<nodes/>", ""), "H303"),
        (cib('<group id="g"/>'), "H303"),
        (cib('<clone id="c"/>'), "H303"),
        (cib(more="<bananas/>"), "H304"),
        (cib(GOOD + "<bananas/>"), "H304"),
        (cib(GOOD.replace("/>", "><nvpair id='x'/></primitive>")), "H304"),
        (cib().replace("<status/>", "<status/><state/>"), "H304"),
        (cib('<primitive class="ocf" type="D"/>'), "H305"),
        (cib('<primitive id="a" class="ocf"/>'), "H305"),
        (cib(GOOD.replace("/>", "><meta_attributes/></primitive>")), "H305"),
        (cib(GOOD + GOOD), "H306"),
        (cib(schema="none"), "H307"),
        (cib(GOOD, '<rsc_location id="l" rsc="b"/>'), "H308"),
        (cib('<primitive id="b" template="t"/>'), "H308"),
        (cib(GOOD.replace("/>", '><meta_attributes id-ref="m"/></primitive>')), "H308"),
        (cib(GOOD.replace('"a"', '"1a"')), "H309"),
    ],
)
def test_each_fault_is_named_with_a_remedy(text, code):
    found = problems(parse(text))
    assert [p.code for p in found] == [code]
    assert found[0].text() and found[0].remedy() and found[0].as_json()["code"] == code
    assert is_valid(parse(text)) is (code == "H307")


def test_faults_tell_their_line():
    text = cib(GOOD + "\n" + GOOD)
    assert "2: error: the id 'a'" in str(problems(parse(text))[0])


def test_free_ids_may_repeat():
    more = (
        '<tags><tag id="t"><obj_ref id="a"/><obj_ref id="gone"/></tag></tags>'
        '<acls><acl_role id="r"/><acl_target id="a"><role id="r"/></acl_target></acls>'
    )
    text = cib(GOOD, '<rsc_order id="o" first="a" then="a"/>', more)
    text = text.replace("<nodes/>", '<nodes><node id="1" uname="a"/></nodes>')
    assert problems(parse(text)) == []


@pytest.mark.skipif(not CASES.is_dir(), reason="the scheduler cases are not beside this checkout")
def test_no_real_configuration_is_refused():
    refused = [file.name for file in sorted(CASES.glob("*.xml"))[::4] if not is_valid(parse(file.read_bytes()))]
    assert refused == []


def test_schemas_are_ordered():
    names = schema_names()
    assert names[0] == "pacemaker-1.0" and names[-1] == "pacemaker-4.0"
    assert schema_rank("pacemaker-2.9") < schema_rank("pacemaker-2.10") < schema_rank("pacemaker-3.0")
    assert upgrade_target("pacemaker-4.0", None) is None
    with pytest.raises(ValueError, match="older release"):
        upgrade_target("pacemaker-2.10", None)
    with pytest.raises(ValueError, match="unknown schema"):
        upgrade_target("pacemaker-4.0", "pacemaker-8")


def test_ids():
    assert is_id("a-1.b_c") and is_id("_x") and not is_id("1a") and not is_id("") and not is_id("a b")
    assert sanitize_id("fail-count-r#start_0") == "fail-count-r.start_0" and sanitize_id("1:2") == "_1.2"
    assert sanitize_nvpair_id("#health-x y") == ".health-x.y"
    assert free_id("a", ["b"]) == "a" and free_id("a", ["a", "a-0"]) == "a-1"
