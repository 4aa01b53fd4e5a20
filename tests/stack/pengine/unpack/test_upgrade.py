"""Older schemas brought to the newest."""

from __future__ import annotations

from lxml import etree
from smallcib import DUMMY, cib

from hashell.stack.pengine.unpack.upgrade import NEWEST, upgrade


def upgraded(root: etree._Element, version: str = "pacemaker-3.10") -> etree._Element:
    root.set("validate-with", version)
    upgrade(root)
    return root


def ids(root: etree._Element, path: str) -> list[str | None]:
    return [element.get("id") for element in root.iterfind(path)]


def test_masters_become_promotable_clones() -> None:
    root = upgraded(cib(f'<master id="m"><meta_attributes id="x"/><primitive id="p" {DUMMY}/></master>'))
    clone = root.find("configuration/resources/clone")
    assert clone is not None and root.get("validate-with") == NEWEST
    block = clone[0]
    assert (block.tag, block.get("score")) == ("meta_attributes", "INFINITY")
    assert block[0].get("name") == "promotable"


def test_several_rules_become_several_constraints() -> None:
    rules = '<rule id="r1" score="1"/><rule id="r2" score="2"/>'
    root = upgraded(cib(constraints=f'<rsc_location id="l" rsc="a" role="Promoted">{rules}</rsc_location>'))
    found = root.findall("configuration/constraints/rsc_location")
    assert [each.get("id") for each in found] == ["pcmk__3_10_upgrade-l-1", "pcmk__3_10_upgrade-l-2"]
    assert [[rule.get("id") for rule in each] for each in found] == [["r1"], ["r2"]]
    assert all(each.get("role") == "Promoted" for each in found)


def test_lifetimes_end_in_rules() -> None:
    lifetime = '<lifetime><rule id="r"><date_expression id="d" operation="lt" end="2030-01-01"/></rule></lifetime>'
    root = upgraded(
        cib(
            constraints=f'<rsc_location id="l" rsc="a" node="n1" score="5">{lifetime}</rsc_location>'
            f'<rsc_order id="o" first="a" then="b">{lifetime}</rsc_order>'
        )
    )
    rule = root.find("configuration/constraints/rsc_location/rule")
    assert rule is not None and rule.get("score") is None
    assert [child.get("id") for child in rule] == ["pcmk__3_10_upgrade-l-node-score-rule", "r"]
    assert root.find("configuration/constraints/rsc_order/lifetime") is None


def test_classes_that_are_gone_take_their_constraints_along() -> None:
    root = upgraded(
        cib(
            '<primitive id="n" class="nagios" type="check"/><group id="g"><primitive id="u" class="Upstart" type="x"/>'
            f'</group><primitive id="a" {DUMMY}/>',
            constraints='<rsc_order id="1" first="n" then="a"/><rsc_order id="2" first="g" then="a"/>'
            '<rsc_colocation id="3" score="1"><resource_set id="s"><resource_ref id="a"/><resource_ref id="u"/>'
            "</resource_set></rsc_colocation>",
        )
    )
    assert ids(root, "configuration/resources/*") == ["a"]
    assert ids(root, "configuration/constraints/*") == ["3"]
    assert ids(root, "configuration/constraints/*/*/*") == ["a"]


def test_ping_nodes_run_nothing() -> None:
    root = cib()
    next(root.iter("node")).set("type", "ping")
    ban = upgraded(root).find("configuration/constraints/rsc_location")
    assert ban is not None
    assert (ban.get("rsc-pattern"), ban.get("node"), ban.get("score")) == (".*", "n1", "-INFINITY")


def test_old_options_are_renamed_or_become_defaults() -> None:
    options = {
        "no_quorum_policy": "freeze",
        "default-resource-stickiness": "5",
        "default_action_timeout": "70s",
        "stonith_action": "poweroff",
        "remove_after_stop": "true",
        "cluster-infrastructure": "cman",
    }
    root = upgraded(cib(options=options), "pacemaker-2.10")
    names = {pair.get("name"): pair.get("value") for pair in root.iterfind("configuration/crm_config//nvpair")}
    assert names == {"no-quorum-policy": "freeze", "stonith-action": "off"}
    defaults = {
        pair.get("name"): pair.get("value")
        for section in ("rsc_defaults", "op_defaults")
        for pair in root.iterfind(f"configuration/{section}//nvpair")
    }
    assert defaults == {"resource-stickiness": "5", "timeout": "70s"}


def test_old_operations_give_up_requires_and_meta_names() -> None:
    primitive = (
        f'<primitive id="a" {DUMMY}><operations><op id="o" name="start" interval="0" requires="quorum">'
        '<instance_attributes id="i"><nvpair id="x" name="timeout" value="9"/><nvpair id="y" name="z" value="1"/>'
        "</instance_attributes></op></operations></primitive>"
    )
    root = upgraded(cib(primitive), "pacemaker-2.10")
    op = next(root.iter("op"))
    assert op.get("requires") is None
    assert [pair.get("name") for pair in op.iterfind("meta_attributes/nvpair")] == ["timeout"]
    requires = root.find("configuration/resources/primitive/meta_attributes/nvpair")
    assert requires is not None and (requires.get("name"), requires.get("value")) == ("requires", "quorum")


def test_a_cib_without_validation_stays_as_it_is() -> None:
    root = cib(f'<master id="m"><primitive id="p" {DUMMY}/></master>')
    before = etree.tostring(root).replace(NEWEST.encode(), b"none")
    assert etree.tostring(upgraded(root, "none")) == before
