"""CIBs that the monitor is tried on."""

from __future__ import annotations

from lxml import etree

_CIB = """\
<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" admin_epoch="0" epoch="7" num_updates="3" have-quorum="1"
     dc-uuid="1" cib-last-written="Tue Nov 14 22:00:00 2023">
  <configuration>
    <crm_config><cluster_property_set id="options">
      <nvpair id="o1" name="cluster-name" value="lab"/>
      <nvpair id="o2" name="stonith-enabled" value="false"/>
    </cluster_property_set></crm_config>
    <nodes>
      <node id="1" uname="node1"/><node id="2" uname="node2"/><node id="3" uname="node3"/>
    </nodes>
    <resources>
      <group id="web">
        <primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"><operations>
          <op id="ip-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive>
        <primitive id="www" class="ocf" provider="heartbeat" type="apache"><operations>
          <op id="www-s" name="start" interval="0" timeout="40s"/></operations></primitive>
      </group>
      <clone id="disk-clone">
        <meta_attributes id="dm"><nvpair id="dm1" name="promotable" value="true"/></meta_attributes>
        <primitive id="disk" class="ocf" provider="linbit" type="drbd"/></clone>
      <primitive id="db" class="ocf" provider="pacemaker" type="Dummy"><operations>
        <op id="db-m" name="monitor" interval="10s" timeout="20s"/></operations></primitive>
    </resources>
    <constraints>
      <rsc_location id="cli-prefer-db" rsc="db" node="node2" score="INFINITY" role="Started"/>
      <rsc_colocation id="web-with-disk" rsc="web" with-rsc="disk-clone" with-rsc-role="Promoted" score="INFINITY"/>
      <rsc_order id="web-after-disk" first="disk-clone" first-action="promote" then="web" then-action="start"/>
      <rsc_ticket id="db-needs" rsc="db" ticket="paris" loss-policy="freeze"/>
    </constraints>
  </configuration>
  <status>
    <tickets><ticket_state id="paris" granted="true" standby="false" last-granted="1700000000"/></tickets>
    {states}
  </status>
</cib>
"""


def _op(rsc: str, task: str, call: int, rc: int = 0, interval: int = 0, took: int = 120, name: str = "last") -> str:
    return (
        f'<lrm_rsc_op id="{rsc}_{name}_{interval if name == task else 0}" operation_key="{rsc}_{task}_{interval}" '
        f'operation="{task}" crm_feature_set="3.20.0" transition-key="{call}:1:{0 if rc else rc}:u" '
        f'transition-magic="0:{rc};{call}:1:0:u" call-id="{call}" rc-code="{rc}" op-status="0" interval="{interval}" '
        f'last-rc-change="{1_700_000_000 + call}" exec-time="{took}" queue-time="1" op-digest="d"'
        + (' exit-reason="the database is gone"' if rc == 1 else "") + "/>"
    )  # fmt: skip


def _lrm(rsc: str, provider: str, kind: str, *ops: str) -> str:
    return f'<lrm_resource id="{rsc}" class="ocf" provider="{provider}" type="{kind}">{"".join(ops)}</lrm_resource>'


def _state(number: int, *resources: str, online: bool = True, attributes: str = "") -> str:
    words = 'in_ccm="true" crmd="online" join="member" expected="member"'
    if not online:
        words = 'in_ccm="false" crmd="offline" join="down" expected="down"'
    return (
        f'<node_state id="{number}" uname="node{number}" {words}><lrm id="{number}"><lrm_resources>'
        f'{"".join(resources)}</lrm_resources></lrm><transient_attributes id="{number}">'
        f'<instance_attributes id="s{number}">{attributes}</instance_attributes></transient_attributes></node_state>'
    )


def cluster(*, db_failed: bool = False, web_on: int = 1, lost: int = 0, standby: int = 0) -> etree._Element:
    """Three nodes: a group and the promoted disk on `web_on`, db on node2 (perhaps failed), one node perhaps lost."""
    states = []
    for number in (1, 2, 3):
        rows = []
        if number != lost:
            promote = [_op("disk", "promote", 12)] if number == web_on else []
            rows.append(_lrm("disk", "linbit", "drbd", *(promote or [_op("disk", "start", 11)])))
            if number == web_on:
                rows.append(_lrm("ip", "heartbeat", "IPaddr2", _op("ip", "start", 14, took=40),
                                 _op("ip", "monitor", 15, interval=10_000, took=15_500, name="monitor")))
                rows.append(_lrm("www", "heartbeat", "apache", _op("www", "start", 16, took=4_000)))
            if number == 2:
                failed = _op("db", "monitor", 20, 1, 10_000, name="last_failure")
                rows.append(_lrm("db", "pacemaker", "Dummy", _op("db", "start", 18), *([failed] if db_failed else [])))
        attributes = f'<nvpair id="m{number}" name="master-disk" value="100"/>'
        if number == 2 and db_failed:
            attributes += '<nvpair id="fc" name="fail-count-db#monitor_10000" value="1"/>'
        states.append(_state(number, *rows, online=number != lost, attributes=attributes))
    root = etree.fromstring(_CIB.format(states="".join(states)))
    if standby:
        node = root.find(f"configuration/nodes/node[@id='{standby}']")
        assert node is not None
        block = etree.SubElement(node, "instance_attributes", id=f"n{standby}")
        etree.SubElement(block, "nvpair", id=f"n{standby}-standby", name="standby", value="on")
    return root
