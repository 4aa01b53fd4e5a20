"""Resources, templates, clones, groups and bundles as the engine understands them."""

from __future__ import annotations

import pytest
from smallcib import DUMMY, meta, resource, unpacked

from hashell.stack.pengine.kinds import INF, OnFail, ProbeMode, Role
from hashell.stack.pengine.unpack.lookup import parameters
from hashell.stack.pengine.unpack.operations import find_op, op_meta, parse_on_fail


def test_clone_instances_have_stickiness_one_unless_defaults_say_otherwise() -> None:
    clone = f'<clone id="c"><primitive id="p" {DUMMY}/></clone>'
    ws = unpacked(clone)
    assert [child.id for child in resource(ws, "c").children] == ["p:0", "p:1"]
    assert resource(ws, "p:0").stickiness == 1
    assert resource(ws, "c").stickiness == 0
    defaults = f'<rsc_defaults>{meta(resource_stickiness="7")}</rsc_defaults>'
    assert resource(unpacked(clone, extra=defaults), "p:0").stickiness == 7


def test_meta_attributes_of_parents_beat_defaults_and_own_ones_beat_both() -> None:
    members = f'<primitive id="a" {DUMMY}/><primitive id="b" {DUMMY}>{meta(priority="4")}</primitive>'
    defaults = f'<rsc_defaults>{meta(priority="9", critical="no")}</rsc_defaults>'
    ws = unpacked(f'<group id="g">{meta(priority="3")}{members}</group>', extra=defaults)
    assert [child.priority for child in resource(ws, "g").children] == [3, 4]
    assert not resource(ws, "a").critical
    assert resource(ws, "a").meta["class"] == "ocf"


def test_resources_are_ordered_by_priority_and_stay_in_order_otherwise() -> None:
    important = f'<primitive id="b" {DUMMY}>{meta(priority="5")}</primitive>'
    ws = unpacked(f'<primitive id="a" {DUMMY}/>{important}<primitive id="c" {DUMMY}/>')
    assert [rsc.id for rsc in ws.resources] == ["b", "a", "c"]


def test_a_template_gives_class_and_operations_but_not_those_of_the_same_role() -> None:
    template = f"""<template id="t" {DUMMY}>{meta(priority="1")}<operations>
        <op id="t1" name="monitor" interval="10s"/><op id="t2" name="monitor" interval="20s" role="Stopped"/>
        </operations></template>"""
    own = '<operations><op id="a1" name="monitor" interval="33s"/></operations>'
    ws = unpacked(f'{template}<primitive id="a" template="t">{own}</primitive>')
    rsc = resource(ws, "a")
    assert rsc.xml.get("type") == "Dummy"
    assert rsc.priority == 1
    assert find_op(rsc, "monitor", 33000) is not None
    assert find_op(rsc, "monitor", 10000) is None
    assert find_op(rsc, "monitor", 20000) is not None
    assert ws.templates["t"] is not None and ws.templates["t"].refs == ["a"]


@pytest.mark.parametrize("bad", ['template="none"', 'template="a"'])
def test_an_unusable_template_drops_the_resource_with_a_message(bad: str) -> None:
    ws = unpacked(f'<primitive id="a" {bad}/><primitive id="b" {DUMMY}/>')
    assert [rsc.id for rsc in ws.resources] == ["b"]
    assert any("template" in str(message) for message in ws.messages)


def test_a_clone_of_a_class_without_instances_is_made_anonymous() -> None:
    ws = unpacked(
        f'<clone id="c">{meta(globally_unique="true", clone_max="5", clone_node_max="3")}'
        '<primitive id="p" class="lsb" type="x"/></clone>'
    )
    clone = resource(ws, "c")
    assert not clone.unique
    assert clone.clone.clone_node_max == 1
    assert clone.clone.clone_max == len(clone.children) == 2


def test_a_promotable_clone_needs_an_agent_that_can_be_promoted() -> None:
    ws = unpacked(f'<clone id="c">{meta(promotable="true")}<primitive id="p" class="systemd" type="x"/></clone>')
    assert ws.resources == []


def test_clone_max_zero_leaves_one_orphan() -> None:
    ws = unpacked(f'<clone id="c">{meta(clone_max="0")}<primitive id="p" {DUMMY}/></clone>')
    assert [child.removed for child in resource(ws, "c").children] == [True]


def test_target_roles() -> None:
    ws = unpacked(
        f'<primitive id="a" {DUMMY}>{meta(target_role="stopped")}</primitive>'
        f'<primitive id="b" {DUMMY}>{meta(target_role="Promoted")}</primitive>'
        f'<clone id="c">{meta(promotable="1", target_role="Slave")}<primitive id="p" {DUMMY}/></clone>'
    )
    assert resource(ws, "a").next_role == Role.STOPPED
    assert resource(ws, "b").next_role == Role.UNKNOWN
    assert resource(ws, "p:0").next_role == Role.UNPROMOTED
    assert any("target-role" in str(message) for message in ws.messages)


def test_what_a_resource_requires_depends_on_fencing_and_quorum() -> None:
    device = '<primitive id="f" class="stonith" type="x"/>'
    ws = unpacked(f'{device}<primitive id="a" {DUMMY}/>')
    assert (resource(ws, "a").needs_fencing, resource(ws, "f").needs_quorum) == (True, True)
    off = unpacked(f'<primitive id="a" {DUMMY}/>', options={"stonith-enabled": "false"})
    assert resource(off, "a").needs_quorum
    ignoring = {"stonith-enabled": "false", "no-quorum-policy": "ignore"}
    assert not resource(unpacked(f'<primitive id="a" {DUMMY}/>', options=ignoring), "a").needs_quorum


def test_guests_get_a_connection_and_a_node() -> None:
    ws = unpacked(f'<primitive id="vm" {DUMMY}>{meta(remote_node="guest1", remote_addr="10.0.0.9")}</primitive>')
    connection, node = resource(ws, "guest1"), ws.find_node("GUEST1")
    assert node is not None and node.is_guest()
    assert connection.launcher is resource(ws, "vm")
    assert parameters(ws, connection, None) == {"addr": "10.0.0.9"}
    assert node.attrs["#kind"] == "container"


def bundle(network: str = '<network ip-range-start="10.0.0.250" host-netmask="24"/>', container: str = "") -> str:
    return (
        f'<bundle id="b"><docker image="img" replicas="2" {container}/>{network}<storage><storage-mapping id="s" '
        f'source-dir-root="/srv" target-dir="/data" options="rw"/></storage><primitive id="p" {DUMMY}/></bundle>'
    )


def test_a_bundle_implies_containers_addresses_connections_and_a_clone() -> None:
    ws = unpacked(bundle())
    rsc = resource(ws, "b")
    assert [child.id for child in rsc.children] == [
        "b-docker-0", "b-ip-10.0.0.250", "b-0", "b-docker-1", "b-ip-10.0.0.251", "b-1", "b-clone",
    ]  # fmt: skip
    container = parameters(ws, resource(ws, "b-docker-1"), None)
    assert container["run_opts"] == (
        " --restart=no -h b-1 -e PCMK_stderr=1 -e PCMK_remote_port=3121 -v /srv/b-1:/data:rw"
        " -v /etc/pacemaker/authkey:/etc/pacemaker/authkey -v /var/log/pacemaker/bundles/b-1:/var/log"
        " -p 10.0.0.251:3121:3121  --add-host=b-0:10.0.0.250 --add-host=b-1:10.0.0.251"
    )
    assert container["run_cmd"] == "/usr/sbin/pacemaker-remoted"
    node = ws.find_node("b-0")
    assert node is not None
    assert (node.score, node.probe_mode) == (-INF, ProbeMode.NEVER)
    entry = resource(ws, "p:0").allowed_nodes
    assert [(each.node.name, each.score) for each in entry.values()] == [("b-0", 500)]


def test_a_bundle_without_network_is_refused_when_something_runs_in_it() -> None:
    ws = unpacked(bundle(network="") + f'<primitive id="q" {DUMMY}/>')
    assert [rsc.id for rsc in ws.resources] == ["q"]


def test_operation_meta_attributes() -> None:
    ws = unpacked(
        f'<primitive id="a" {DUMMY}><operations><op id="o" name="monitor" interval="10s" timeout="7"/>'
        '<op id="s" name="stop" interval="0" on-fail="standby"/></operations></primitive>',
        extra=f'<op_defaults>{meta(timeout="90s")}</op_defaults>',
    )
    rsc = resource(ws, "a")
    assert op_meta(ws, rsc, None, "monitor", 0, None)["timeout"] == "7000"
    assert op_meta(ws, rsc, None, "start", 0, None)["timeout"] == "90000"
    assert "on-fail" not in op_meta(ws, rsc, None, "stop", 0, find_op(rsc, "stop", 0))
    assert parse_on_fail(ws, rsc, "stop", 0, None) == OnFail.FENCE_NODE
    assert parse_on_fail(ws, rsc, "monitor", 10000, "nonsense") == OnFail.RESTART


def test_a_newer_cib_is_refused() -> None:
    ws = unpacked()
    assert ws.accepted
    root = ws.cib
    root.set("crm_feature_set", "3.99.0")
    newer = unpacked(root)
    assert not newer.accepted
    assert "3.99.0" in str(newer.messages[0])
