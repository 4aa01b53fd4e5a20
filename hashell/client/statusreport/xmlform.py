"""A status report as XML, in the form of Pacemaker's tools."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from lxml import etree

from hashell.client.statusreport.fencing import add_fencing
from hashell.client.statusreport.sections import bans, histories
from hashell.client.statusreport.summary import head_of
from hashell.client.statusreport.xmlresources import add_primitive, add_resources, word
from hashell.client.view.attributes import expected_value, shown_attributes
from hashell.client.view.failures import nodes_with_state, shown_failures, when
from hashell.client.view.nodelist import feature_set
from hashell.model.exitcodes import ExitCode
from hashell.model.outcomes import attempt_words, exit_words
from hashell.model.values import integer
from hashell.stack.pengine.unpack.failcounts import failcount
from hashell.stack.pengine.unpack.health import health_class

if TYPE_CHECKING:
    from hashell.client.statusreport.facts import Facts
    from hashell.stack.pengine.unpack.entry import Entry

#: The version of the result format that these elements belong to.
API_VERSION = "2.38"


def report_xml(facts: Facts) -> etree._Element:
    """`<pacemaker-result>` with every section that has something in it."""
    root = etree.Element("pacemaker-result", {"api-version": API_VERSION, "request": facts.request})
    _add_summary(facts, root)
    _add_nodes(facts, root)
    add_resources(facts, root)
    _add_attributes(facts, root)
    _add_histories(facts, root)
    _add_failures(facts, root)
    add_fencing(facts, root)
    _add_tickets(facts, root)
    _add_bans(facts, root)
    _add_outcome(facts, root)
    return root


def _add_outcome(facts: Facts, root: etree._Element) -> None:
    if not facts.stale:
        etree.SubElement(root, "status", code="0", message="OK")
        return
    status = etree.SubElement(root, "status", code=str(int(ExitCode.TIMEOUT)), message="Timeout occurred")
    etree.SubElement(etree.SubElement(status, "errors"), "error").text = facts.stale


def _add_summary(facts: Facts, root: etree._Element) -> None:
    summary = etree.SubElement(root, "summary")
    if facts.display.headers:
        _add_head(facts, summary)
    elif facts.ws.dc_node is None:
        etree.SubElement(summary, "current_dc", present="false")
    ws = facts.ws
    etree.SubElement(summary, "cluster_options", {
        "stonith-enabled": word(ws.fencing_enabled), "symmetric-cluster": word(ws.symmetric_cluster),
        "no-quorum-policy": str(ws.no_quorum_policy), "maintenance-mode": word(ws.in_maintenance),
        "stop-all-resources": word(ws.stop_all), "stonith-timeout-ms": str(ws.fence_timeout_ms),
        "priority-fencing-delay-ms": str(ws.priority_fencing_ms),
    })  # fmt: skip


def _add_head(facts: Facts, summary: etree._Element) -> None:
    ws, head = facts.ws, head_of(facts)
    stack = etree.SubElement(summary, "stack", type=head.stack)
    if head.daemons:
        stack.set("pacemakerd-state", head.daemons)
    if head.dc:
        etree.SubElement(summary, "current_dc", {
            "present": "true", "version": head.dc_version, "name": head.dc, "id": head.dc_id,
            "with_quorum": word(head.quorum), "mixed_version": word(head.mixed),
        })  # fmt: skip
    else:
        etree.SubElement(summary, "current_dc", present="false")
    updated = etree.SubElement(summary, "last_update", time=head.updated)
    if facts.host:
        updated.set("origin", facts.host)
    etree.SubElement(summary, "last_change", time=head.changed, user=head.user, client=head.client, origin=head.origin)
    etree.SubElement(summary, "nodes_configured", number=str(len(ws.nodes)))
    etree.SubElement(summary, "resources_configured", number=str(ws.ninstances),
                     disabled=str(ws.disabled_resources), blocked=str(ws.blocked_resources))  # fmt: skip


def _add_nodes(facts: Facts, root: etree._Element) -> None:
    ws = facts.ws
    if not ws.nodes:
        return
    nodes = etree.SubElement(root, "nodes")
    for node in ws.nodes:
        attributes = {
            "name": node.name, "id": node.id, "online": word(node.online), "standby": word(node.standby),
            "standby_onfail": word(node.fail_standby), "maintenance": word(node.maintenance),
            "pending": word(node.pending), "unclean": word(node.unclean),
            "health": {-1: "red", 0: "yellow"}.get(health_class(ws, node), "green"),
        }  # fmt: skip
        version = feature_set(node)
        if version:
            attributes["feature_set"] = version
        attributes |= {
            "shutdown": word(node.shutdown), "expected_up": word(node.expected_up), "is_dc": word(node is ws.dc_node),
            "resources_running": str(len(node.running_rsc)),
            "type": "remote" if node.is_pacemaker_remote() else "member",
        }  # fmt: skip
        if node.is_guest():
            assert node.remote is not None and node.remote.launcher is not None
            attributes["id_as_resource"] = node.remote.launcher.id
        element = etree.SubElement(nodes, "node", attributes)
        if facts.display.by_node:
            for rsc in node.running_rsc:
                add_primitive(facts, element, rsc, described=True)


def _add_attributes(facts: Facts, root: etree._Element) -> None:
    section = etree.Element("node_attributes")
    for node in facts.ws.nodes:
        shown = shown_attributes(node)
        if not node.online or not shown:
            continue
        element = etree.SubElement(section, "node", name=node.name)
        for name, value in shown.items():
            attribute = etree.SubElement(element, "attribute", name=name, value=value)
            expected = expected_value(facts.ws, node, name)
            if expected is not None:
                attribute.set("expected", str(expected))
    if len(section):
        root.append(section)


def _add_histories(facts: Facts, root: etree._Element) -> None:
    ws = facts.ws
    if not nodes_with_state(ws):
        return
    section = etree.SubElement(root, "node_history")
    for node, lines in histories(facts):
        element = etree.SubElement(section, "node", name=node.name)
        for line in lines:
            rsc = line.rsc
            count, last = failcount(ws, node, rsc, effective=False)
            attributes = {"id": line.name if rsc.unique else rsc.xml_id(), "orphan": "false",
                          "migration-threshold": str(rsc.ban_after_failures)}  # fmt: skip
            if count:
                attributes["fail-count"] = str(count)
            if last:
                attributes["last-failure"] = when(ws, last)
            history = etree.SubElement(element, "resource_history", attributes)
            for entry in line.entries:
                _add_operation(facts, history, entry)


def _add_operation(facts: Facts, parent: etree._Element, entry: Entry) -> None:
    xml = entry.xml
    element = etree.SubElement(parent, "operation_history", {
        "call": xml.get("call-id") or "", "task": "probe" if entry.is_probe() else entry.task,
        "rc": str(entry.xml_rc), "rc_text": exit_words(entry.xml_rc),
    })  # fmt: skip
    if entry.interval:
        element.set("interval", f"{entry.interval}ms")
    if entry.last_change > 0:
        element.set("last-rc-change", when(facts.ws, entry.last_change))
    for name in ("exec-time", "queue-time"):
        if xml.get(name) is not None:
            element.set(name, f"{integer(xml.get(name))}ms")


def _add_failures(facts: Facts, root: etree._Element) -> None:
    entries = shown_failures(facts.ws)
    if not entries:
        return
    section = etree.SubElement(root, "failures")
    for entry in entries:
        xml = entry.xml
        reason = xml.get("exit-reason")
        element = etree.SubElement(section, "failure", {
            "op_key" if xml.get("operation_key") else "id": entry.key, "node": xml.get("uname") or "",
            "exitstatus": exit_words(entry.xml_rc), "exitreason": "none" if reason is None else reason,
            "exitcode": str(entry.xml_rc), "call": xml.get("call-id") or "",
            "status": attempt_words(entry.xml_status),
        })  # fmt: skip
        if entry.last_change > 0:
            element.set("last-rc-change", _iso(facts, entry.last_change))
            for name, source in (("queued", "queue-time"), ("exec", "exec-time")):
                if xml.get(source) is not None:
                    element.set(name, str(integer(xml.get(source))))
            element.set("interval", str(entry.interval))
            element.set("task", entry.task)


def _iso(facts: Facts, epoch: int) -> str:
    offset = facts.ws.now.host_offset
    moment = datetime.datetime.fromtimestamp(epoch, datetime.timezone(datetime.timedelta(seconds=offset)))
    zone = "Z" if not offset else moment.strftime(" %z")[:4] + ":" + moment.strftime("%z")[3:]
    return moment.strftime("%Y-%m-%d %H:%M:%S") + zone


def _add_tickets(facts: Facts, root: etree._Element) -> None:
    tickets = sorted(facts.ws.tickets.values(), key=lambda ticket: ticket.id)
    if not tickets:
        return
    section = etree.SubElement(root, "tickets")
    for ticket in tickets:
        element = etree.SubElement(section, "ticket", id=ticket.id, status="granted" if ticket.granted else "revoked",
                                   standby=word(ticket.standby))  # fmt: skip
        if ticket.last_granted > -1:
            element.set("last-granted", when(facts.ws, ticket.last_granted))
        for name, value in ticket.state.items():
            if name not in ("standby", "last-granted", "id"):
                element.set(name, value)


def _add_bans(facts: Facts, root: etree._Element) -> None:
    section = etree.Element("bans")
    for id, rsc, node, score, promoted in bans(facts):
        etree.SubElement(section, "ban", {
            "id": id, "resource": rsc.id, "node": node.name, "weight": str(score), "promoted-only": word(promoted),
            "master_only": word(promoted),
        })  # fmt: skip
    if len(section):
        root.append(section)


