"""A board is what an administrator must see: states, roles, failures and what was left behind."""

from __future__ import annotations

import copy

import pytest
from lxml import etree

from hashell.client.boardbuilder import build_board
from hashell.model.xmltext import compact, parse

CIB = """
<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" admin_epoch="0" epoch="7" num_updates="2" have-quorum="1"
     dc-uuid="1">
 <configuration>
  <crm_config><cluster_property_set id="o">
   <nvpair id="o-n" name="cluster-name" value="lab"/><nvpair id="o-s" name="stonith-enabled" value="true"/>
  </cluster_property_set></crm_config>
  <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/><node id="3" uname="node3"/></nodes>
  <resources>
   <group id="web">
    <primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"/>
    <primitive id="site" class="ocf" provider="hashell" type="webserver"/>
   </group>
   <primitive id="db" class="ocf" provider="pacemaker" type="Dummy"/>
  </resources>
  <constraints><rsc_location id="cli-prefer-web" rsc="web" node="node1" score="INFINITY"/></constraints>
 </configuration>
 <status>
  <node_state id="1" uname="node1" in_ccm="1" crmd="1" join="member" expected="member"><lrm id="1"><lrm_resources>
   <lrm_resource id="ip" class="ocf" provider="heartbeat" type="IPaddr2">
    <lrm_rsc_op id="ip_last_0" operation_key="ip_start_0" operation="start" call-id="5" rc-code="0" op-status="0"
      interval="0" transition-key="1:1:0:u" transition-magic="0:0;1:1:0:u" on_node="node1"/></lrm_resource>
   <lrm_resource id="db" class="ocf" provider="pacemaker" type="Dummy">
    <lrm_rsc_op id="db_last_0" operation_key="db_start_0" operation="start" call-id="8" rc-code="0" op-status="0"
      interval="0" transition-key="4:1:0:u" transition-magic="0:0;4:1:0:u" on_node="node1"/>
    <lrm_rsc_op id="db_last_failure_0" operation_key="db_monitor_10000" operation="monitor" call-id="9" rc-code="7"
      op-status="0" interval="10000" transition-key="5:1:0:u" transition-magic="0:7;5:1:0:u" on_node="node1"
      exit-reason="it went away" last-rc-change="1700000000"/></lrm_resource>
  </lrm_resources></lrm></node_state>
  <node_state id="2" uname="node2" in_ccm="1" crmd="1" join="member" expected="member"/>
  <node_state id="3" uname="node3" in_ccm="0" crmd="0" join="down" expected="down"/>
 </status>
</cib>"""


@pytest.fixture
def cib() -> etree._Element:
    return parse(CIB)


def test_nodes(cib: etree._Element) -> None:
    board = build_board(cib, now=1700000100)
    assert [(n.name, n.state, n.dc) for n in board.nodes] == [
        ("node1", "online", True), ("node2", "online", False), ("node3", "offline", False),
    ]  # fmt: skip
    assert (board.cluster_name, board.dc, board.have_quorum, board.version) == ("lab", "node1", True, (0, 7, 2))


def test_resources(cib: etree._Element) -> None:
    rows = {r.id: r for r in build_board(cib, now=1700000100).resources}
    assert list(rows) == ["web", "ip", "site", "db"]
    assert (rows["web"].kind, rows["web"].role) == ("group", "Partial 1/2")
    assert (rows["ip"].depth, rows["ip"].role, rows["ip"].nodes) == (1, "Started", ("node1",))
    assert (rows["site"].role, rows["site"].nodes) == ("Stopped", ())
    assert rows["db"].failed


def test_failures_and_problems(cib: etree._Element) -> None:
    board = build_board(cib, now=1700000100)
    (failure,) = board.failures
    assert (failure.resource, failure.node) == ("db", "node1")
    assert (failure.operation, failure.interval_ms) == ("monitor", 10000)
    assert (failure.rc_text, failure.reason) == ("not running", "it went away")
    text = "\n".join(board.problems)
    assert "db failed" in text
    assert "node3 is offline" in text
    assert "cli-prefer-web is left over" in text


def test_the_cib_is_left_alone(cib: etree._Element) -> None:
    before = compact(copy.deepcopy(cib))
    build_board(cib, now=1700000100)
    assert compact(cib) == before
