"""Alert agents are told the same, in the same environment, by the real Pacemaker and by ours."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

AGENT = """#!/bin/sh
{ echo ---; id -un; env | grep -E '^(CRM_alert_|color=)' | sort; } >/tmp/alert.$$
cat /tmp/alert.$$ >>/tmp/alerts.log
"""
FENCE = """#!/bin/sh
A=; while read l; do case "$l" in action=*) A=${l#action=};; esac; done
[ "$1" = -o ] && A=$2
case "$A" in
metadata) cat <<M
<?xml version="1.0"?><resource-agent name="fence_fake" shortdesc="x"><longdesc>x</longdesc><parameters>
<parameter name="plug"><content type="string"/></parameter><parameter name="action"><content type="string"/></parameter>
</parameters><actions><action name="on" automatic="0"/><action name="off"/><action name="reboot"/>
<action name="list"/><action name="monitor"/><action name="metadata"/></actions></resource-agent>
M
;;
list) echo node1,; echo node2,;;
esac
"""
ALERTS = """<alerts><alert id="al1" path="/usr/local/bin/tell"><instance_attributes id="i">
<nvpair id="i1" name="color" value="blue"/></instance_attributes><meta_attributes id="m">
<nvpair id="m1" name="timestamp-format" value="%Y-%m-%d %H:%M:%S.%02N"/></meta_attributes>
<recipient id="r1" value="one"/><recipient id="r2" value="two"/></alert>
<alert id="al2" path="/usr/local/bin/tell"><select><select_attributes><attribute id="a" name="mood"/>
</select_attributes></select></alert></alerts>"""
RESOURCES = """<resources><primitive id="f" class="stonith" type="fence_fake"/>
<primitive id="d" class="ocf" provider="pacemaker" type="Dummy"><operations>
<op id="d-m" name="monitor" interval="10s"/></operations></primitive></resources>"""
_VARYING = re.compile(r"(timestamp(_epoch|_usec)?|node_sequence|exec_time)=.*")
Told = frozenset[str]


def _told(host: Host) -> list[Told]:
    """The environments of all runs on a host, without what differs from run to run."""
    runs = host.read("/tmp/alerts.log").split("---\n")[1:]
    return [frozenset(_plain(line) for line in run.splitlines()) for run in runs]


def _plain(line: str) -> str:
    line = _VARYING.sub(r"\1=", line)
    return re.sub(r"stonith_admin\.\d+|ref=[0-9a-f-]+", "X", line)


def _happened(hosts: list[Host], *wanted: str) -> bool:
    return any(set(wanted) <= told for host in hosts for told in _told(host))


def _play(up: Callable[[int], list[Host]]) -> set[Told]:
    """Bring every kind of event about, and return what was told."""
    peerlab.down()
    hosts = up(2)
    first = hosts[0]
    wait_for("both nodes online", lambda: "Online: [ node1 node2 ]" in first.run("crm_mon", "-1").stdout, 240)
    for host in hosts:
        host.write("/usr/local/bin/tell", AGENT)
        host.write("/usr/sbin/fence_fake", FENCE)
        host.run("sh", "-c", "chmod 755 /usr/local/bin/tell /usr/sbin/fence_fake; touch /tmp/alerts.log; "
                 "chmod 666 /tmp/alerts.log", check=True)  # fmt: skip
    first.run("cibadmin", "-C", "-o", "configuration", "-X", ALERTS, check=True)
    first.run("cibadmin", "-M", "--allow-create", "-o", "resources", "-X", RESOURCES, check=True)
    wait_for("d is watched", lambda: _happened(hosts, "CRM_alert_rsc=d", "CRM_alert_task=monitor"))
    first.run("attrd_updater", "-n", "mood", "-U", "fine", "-N", "node1", check=True)
    wait_for("the attribute told", lambda: _happened(hosts, "CRM_alert_attribute_value=fine"))
    place = first.run("crm_resource", "-W", "-r", "d").stdout.split()[-1]
    first.run("crm_resource", "-F", "-r", "d", "-N", place, check=True)
    wait_for("d stopped", lambda: _happened(hosts, "CRM_alert_rsc=d", "CRM_alert_task=stop"))
    first.run("crm_resource", "--wait", timeout=120)
    first.run("stonith_admin", "-B", "node2", timeout=120)
    wait_for("the fencing told", lambda: _happened(hosts[:1], "CRM_alert_kind=fencing"))
    hosts[1].kill()
    wait_for("the loss told", lambda: _happened(hosts[:1], "CRM_alert_kind=node", "CRM_alert_desc=lost"))
    # The controller then fences the lost node, which one stack has told by now and the other has not.
    told = {one for one in _told(first)
            if not any(" for crmd." in word or " for pacemaker-controld." in word for word in one)}
    assert any("CRM_alert_kind=fencing" in one for one in told)
    peerlab.down()
    return told


@pytest.mark.timeout(1200)
def test_the_same_is_told(lab: None) -> None:
    theirs, ours = _play(peerlab.up_real), _play(peerlab.up_ours)
    kinds = {line for told in theirs for line in told if line.startswith("CRM_alert_kind")}
    assert len(kinds) == 4 or "CRM_alert_kind=attribute" not in kinds  # the writer may be the other node
    for kind in ("fencing", "node"):
        mine = {told for told in ours if f"CRM_alert_kind={kind}" in told}
        assert mine == {told for told in theirs if f"CRM_alert_kind={kind}" in told}
    for kind in ("resource", "attribute"):
        names = [
            {frozenset(line.split("=")[0] for line in told) for told in side if f"CRM_alert_kind={kind}" in told}
            for side in (theirs, ours)
        ]
        assert not all(names) or names[0] == names[1]
