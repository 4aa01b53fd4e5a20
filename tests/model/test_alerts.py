"""Alerts of a CIB: who is told of what, and in which environment."""

from __future__ import annotations

from lxml import etree

from hashell.model.alerts import ATTRIBUTE, FENCING, NODE, RESOURCE, AlertEvent, read_alerts, timestamp
from hashell.model.dates import from_epoch

NOW = from_epoch(1795804096)
ALERTS = """<alerts>
 <alert id="a1" path="/bin/one">
  <instance_attributes id="i"><nvpair id="i1" name="color" value="blue"/><nvpair id="i2" name="no-name" value="x"/></instance_attributes>
  <meta_attributes id="m"><nvpair id="m1" name="timestamp-format" value="%s.%02N"/><nvpair id="m2" name="timeout" value="5s"/></meta_attributes>
  <recipient id="r1" value="first"/>
  <recipient id="r2" value="second">
   <instance_attributes id="ri"><nvpair id="ri1" name="color" value="red"/></instance_attributes>
   <meta_attributes id="rm"><nvpair id="rm1" name="timeout" value="7s"/></meta_attributes>
  </recipient>
  <recipient id="r3" value="third"><meta_attributes id="r3m"><nvpair id="r3m1" name="enabled" value="false"/></meta_attributes></recipient>
 </alert>
 <alert id="a2" path="/bin/two"><select><select_attributes><attribute id="x" name="mood"/></select_attributes><select_nodes/></select></alert>
 <alert id="a3" path="/bin/three"><select><select_attributes/><select_fencing/></select></alert>
</alerts>"""  # noqa: E501


def read():
    return read_alerts(etree.fromstring(ALERTS), NOW)


def event(kind: str, **values: str) -> AlertEvent:
    return AlertEvent(kind, values)


def test_each_recipient_is_one_alert_unless_switched_off():
    assert [(a.ident, a.recipient, a.timeout_ms) for a in read()] == [
        ("a1", "first", 5000), ("a1", "second", 7000), ("a2", "", 30000), ("a3", "", 30000)
    ]  # fmt: skip
    assert read_alerts(None, NOW) == []


def test_who_is_told_of_what():
    def told(kind: str, **values: str) -> list[str]:
        return [a.ident for a in read() if a.wants(event(kind, **values))]

    assert told(NODE) == ["a1", "a1", "a2"]
    assert told(RESOURCE) == ["a1", "a1"]
    assert told(FENCING) == ["a1", "a1", "a3"]
    assert told(ATTRIBUTE, attribute_name="mood") == ["a2", "a3"]
    assert told(ATTRIBUTE, attribute_name="other") == ["a3"]


def test_environment():
    first, second, bare = read()[:3]
    env = first.environment(event(NODE, node="node2", desc="lost"), 1795804096.784378)
    assert env["CRM_alert_kind"] == "node" and env["CRM_alert_node"] == "node2" and env["CRM_alert_desc"] == "lost"
    assert env["CRM_alert_timestamp"] == "1795804096.78" and env["CRM_alert_recipient"] == "first"
    assert (env["CRM_alert_timestamp_epoch"], env["CRM_alert_timestamp_usec"]) == ("1795804096", "784378")
    assert env["color"] == "blue" and "no-name" not in env
    assert second.environment(event(NODE), 0.0)["color"] == "red"
    assert bare.environment(event(NODE), 0.0)["CRM_alert_recipient"] == ""


def test_fractions_of_a_second():
    assert timestamp("%06N|%3N|%N|%09N", 16378) == "016378|016|016378|016378000"
