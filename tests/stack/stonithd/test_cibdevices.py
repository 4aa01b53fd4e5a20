"""Fencing as the CIB configures it."""

from __future__ import annotations

import pytest

from hashell.model.xmltext import compact, parse
from hashell.stack.stonithd.cibdevices import FencingConfiguration, concerns_fencing, read_configuration
from hashell.stack.stonithd.hosts import delay_base_seconds, parse_host_list, parse_host_map, seconds
from hashell.stack.stonithd.topology import LevelKey

CIB = """<cib validate-with="pacemaker-4.0" crm_feature_set="3.20.0" epoch="1" num_updates="0" admin_epoch="0">
<configuration><crm_config>{config}</crm_config>
<nodes><node id="1" uname="n1"><instance_attributes id="a"><nvpair id="a1" name="rack" value="left"/>
</instance_attributes></node><node id="2" uname="N2"/></nodes>
<resources><primitive id="F" class="stonith" type="fence_x">
<meta_attributes id="fm">{meta}</meta_attributes>
<instance_attributes id="fa" score="5"><rule id="r" boolean-op="and">
<expression id="e" attribute="#uname" operation="eq" value="n1"/></rule><nvpair id="f1" name="ip" value="one"/>
</instance_attributes><instance_attributes id="fb"><nvpair id="f2" name="ip" value="other"/>
<nvpair id="f3" name="pcmk_host_list" value="n1 n2"/></instance_attributes></primitive>
<clone id="C"><primitive id="G" class="stonith" type="fence_y"/></clone>
<primitive id="D" class="ocf" provider="pacemaker" type="Dummy"/></resources>
<constraints>{constraints}</constraints>
<fencing-topology>
<fencing-level id="l1" index="1" target="n2" devices="F, G"/>
<fencing-level id="l2" index="2" target-pattern="n.*" devices="G"/>
<fencing-level id="l3" index="1" target-attribute="rack" target-value="left" devices="F"/>
<fencing-level id="l4" index="1" devices="F"/>
</fencing-topology></configuration>
<status><node_state id="1" uname="n1"/></status></cib>"""
BAN = '<rsc_location id="c" rsc="F" node="n1" score="-INFINITY"/>'


def read(local: str = "n1", config: str = "", meta: str = "", constraints: str = "") -> FencingConfiguration:
    cib = parse(CIB.format(config=config, meta=meta, constraints=constraints))
    before = compact(cib)
    found = read_configuration(cib, local, 1_700_000_000.0)
    assert compact(cib) == before
    return found


def test_devices_with_parameters_for_this_node() -> None:
    f, g = read("n1").devices
    assert (f.id, f.agent, f.params) == ("F", "fence_x", {"ip": "one", "pcmk_host_list": "n1 n2"})
    assert (g.id, g.agent) == ("G", "fence_y")
    assert read("n2").devices[0].params["ip"] == "other"


@pytest.mark.parametrize(
    ("local", "options", "expected"),
    [
        ("n1", {"constraints": BAN}, ["G"]),
        ("n2", {"constraints": BAN}, ["F", "G"]),
        ("n1", {"constraints": BAN.replace("-INFINITY", "-1")}, ["G"]),
        ("n1", {"constraints": BAN.replace("-INFINITY", "0")}, ["F", "G"]),
        ("n1", {"constraints": BAN.replace('rsc="F"', 'rsc="C"')}, ["F"]),
        ("n1", {"meta": '<nvpair id="m" name="target-role" value="Stopped"/>'}, ["G"]),
        ("n1", {"meta": '<nvpair id="m" name="target-role" value="Started"/>'}, ["F", "G"]),
        ("n3", {}, []),
        ("n1", {"config": '<cluster_property_set id="p"><nvpair id="p1" name="symmetric-cluster" value="false"/>'
                          "</cluster_property_set>", "constraints": BAN.replace("-INFINITY", "5")}, ["F"]),
    ],
)  # fmt: skip
def test_where_a_device_may_be_used(local: str, options: dict[str, str], expected: list[str]) -> None:
    assert [device.id for device in read(local, **options).devices] == expected


def test_levels_and_nodes() -> None:
    found = read()
    assert found.levels == [
        (LevelKey("target", "n2"), 1, ["F", "G"]),
        (LevelKey("pattern", "n.*"), 2, ["G"]),
        (LevelKey("attribute", "rack=left"), 1, ["F"]),
    ]
    assert found.nodeids == {"n1": "1", "n2": "2"} and found.attributes["n1"] == {"rack": "left"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ('<change operation="modify" path="/cib/configuration/resources/primitive[@id=&apos;F&apos;]"/>', True),
        ('<change operation="create" path="/cib/configuration/constraints" position="0"/>', True),
        ('<change operation="move" path="/cib/configuration/resources/primitive" position="0"/>', False),
        ('<change operation="modify" path="/cib/status/node_state"/>', False),
        ('<change operation="modify" path="/cib"/>', False),
        ('<change operation="create" path="/cib" position="0"/>', True),
        ('<change operation="modify" path="/cib/configuration/op_defaults"/>', False),
    ],
)
def test_which_changes_matter(change: str, expected: bool) -> None:
    assert concerns_fencing(parse(f"<notify><diff>{change}</diff></notify>")) is expected


def test_host_lists() -> None:
    assert parse_host_list("n1 n2,n3;n4\tn5") == ["n1", "n2", "n3", "n4", "n5"]
    assert parse_host_list("n1,alias\\nn2:7\ninvalid line\nvariable x\non off n3!x") == ["n1", "alias", "n2", "n3"]
    assert parse_host_list("") == []


def test_host_maps() -> None:
    assert parse_host_map("N1:1;n2=2,3 n3:x\\;y\tn4:") == {"n1": "1", "n2": "2,3", "n3": "x;y"}
    assert parse_host_map("no pair at all") == {}
    assert parse_host_map("a:b:c;\\ x:1") == {"a": "b:c", " x": "1"}


def test_durations_and_delays() -> None:
    assert [seconds(t) for t in ("5", "5s", "2min", "1500ms", "1h")] == [5, 5, 120, 1, 3600]
    assert [seconds(t) for t in ("x", "", None)] == [None] * 3
    assert delay_base_seconds("7s", "n1") == 7
    assert delay_base_seconds("n1:5;n2:10s", "N2") == 10
    assert delay_base_seconds("n1:5", "n9") == 0
