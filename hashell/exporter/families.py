"""Metric families from what is known of a cluster: names, labels and values are those of ha_cluster_exporter 1.3."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily

from hashell.client.view.attributes import shown_attributes
from hashell.client.view.failures import node_histories
from hashell.client.view.primitives import agent_name, pending_word, shown_role
from hashell.model.scores import score
from hashell.stack.pengine.assign.queries import is_active
from hashell.stack.pengine.kinds import Role, Variant
from hashell.stack.pengine.unpack.failcounts import failcount

if TYPE_CHECKING:
    from hashell.client.monitor.ring import RingView
    from hashell.client.statusreport.facts import Facts
    from hashell.stack.pengine.state import Node, Resource

PREFIX = "ha_cluster_"


def pacemaker_families(facts: Facts) -> Iterator[GaugeMetricFamily]:
    """Everything about nodes, resources, attributes and constraints."""
    ws = facts.ws
    yield _nodes(facts)
    yield _attributes(facts)
    yield _resources(facts)
    yield _plain("pacemaker_stonith_enabled", "Whether fencing is enabled", float(ws.fencing_enabled))
    yield from _histories(facts)
    yield _constraints(facts)
    changed = facts.cib.get("cib-last-written") or ""
    try:
        moment = time.mktime(time.strptime(changed, "%a %b %d %H:%M:%S %Y"))
    except ValueError:
        moment = 0.0
    yield _plain("pacemaker_config_last_change", "When the configuration was last changed, epoch seconds", moment)


def _plain(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def _nodes(facts: Facts) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + "pacemaker_nodes", "The state of each node", labels=["node", "type", "status"])
    for node in facts.ws.nodes:
        kind = "remote" if node.is_pacemaker_remote() else "member"
        states = {
            "online": node.online, "standby": node.standby, "standby_onfail": node.fail_standby,
            "maintenance": node.maintenance, "pending": node.pending, "unclean": node.unclean,
            "shutdown": node.shutdown, "expected_up": node.expected_up, "dc": node is facts.ws.dc_node,
        }  # fmt: skip
        for status, holds in states.items():
            family.add_metric([node.name, kind, status], float(holds))
    return family


def _attributes(facts: Facts) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + "pacemaker_node_attributes", "Node attributes; 1 for each that is set",
                               labels=["node", "name", "value"])  # fmt: skip
    for node in facts.ws.nodes:
        for name, value in shown_attributes(node).items():
            family.add_metric([node.name, name, value], 1.0)
    return family


def _resources(facts: Facts) -> GaugeMetricFamily:
    labels = ["node", "resource", "role", "managed", "status", "agent", "group", "clone"]
    family = GaugeMetricFamily(PREFIX + "pacemaker_resources", "The state of each resource instance", labels=labels)
    seen: set[tuple[str, ...]] = set()
    for top in facts.ws.resources:
        for rsc in top.leaves():
            if rsc.removed and not rsc.active_nodes:
                continue
            nodes: list[Node | None] = [*rsc.active_nodes] or [None]
            for node in nodes:
                for status, holds in _statuses(rsc).items():
                    values = _labels(rsc, node, status)
                    if tuple(values) not in seen:  # spare instances of a clone are alike
                        seen.add(tuple(values))
                        family.add_metric(values, float(holds))
    return family


def _statuses(rsc: Resource) -> dict[str, bool]:
    return {"active": is_active(rsc), "orphaned": rsc.removed, "blocked": rsc.blocked, "failed": rsc.failed,
            "failure_ignored": rsc.ignore_failure}  # fmt: skip


def _labels(rsc: Resource, node: Node | None, status: str) -> list[str]:
    group = clone = ""
    above = rsc.parent
    while above is not None:
        if above.variant == Variant.GROUP:
            group = above.xml_id()
        elif above.variant in (Variant.CLONE, Variant.BUNDLE):
            clone = above.id
        above = above.parent
    role = (pending_word(rsc) or Role.TEXT[shown_role(rsc)]).lower()
    return [node.name if node else "", rsc.display_id(), role, str(rsc.managed).lower(), status, agent_name(rsc),
            group, clone]  # fmt: skip


def _histories(facts: Facts) -> Iterator[GaugeMetricFamily]:
    ws = facts.ws
    counts = GaugeMetricFamily(PREFIX + "pacemaker_fail_count", "Failures of a resource on a node",
                               labels=["node", "resource"])  # fmt: skip
    limits = GaugeMetricFamily(PREFIX + "pacemaker_migration_threshold", "Failures that make a resource leave a node",
                               labels=["node", "resource"])  # fmt: skip
    for node in ws.nodes:
        if not node.online:
            continue
        for name, rsc, _ in node_histories(ws, node):
            count, _last = failcount(ws, node, rsc, effective=False)
            counts.add_metric([node.name, name], float("inf") if count >= 1_000_000 else float(count))
            limits.add_metric([node.name, name], float(rsc.ban_after_failures))
    yield counts
    yield limits


def _constraints(facts: Facts) -> GaugeMetricFamily:
    """As they are written: a rule's node and score are not in the labels, and a set has no resource of its own."""
    family = GaugeMetricFamily(PREFIX + "pacemaker_location_constraints", "Scores of location constraints",
                               labels=["constraint", "node", "resource", "role"])  # fmt: skip
    for element in facts.cib.iterfind("configuration/constraints/rsc_location"):
        number = float(score(element.get("score")))
        if abs(number) >= 1_000_000:
            number = math.copysign(math.inf, number)
        labels = [element.get(name, "") for name in ("id", "node", "rsc")]
        family.add_metric([*labels, element.get("role", "").lower()], number)
    return family


def corosync_families(ring: RingView, quorate: bool) -> Iterator[GaugeMetricFamily]:
    """Votes, members and links."""
    yield _plain("corosync_quorate", "Whether the ring has quorum", float(quorate))
    votes = GaugeMetricFamily(PREFIX + "corosync_quorum_votes", "Votes of the ring", labels=["type"])
    for kind, value in (("expected_votes", ring.expected_votes), ("highest_expected", ring.expected_votes),
                        ("total_votes", ring.total_votes), ("quorum", ring.quorum)):  # fmt: skip
        votes.add_metric([kind], float(value))
    yield votes
    members = GaugeMetricFamily(PREFIX + "corosync_member_votes", "Votes of each member",
                                labels=["node_id", "node", "local"])  # fmt: skip
    for member in ring.members:
        local = str(member.state == "this node").lower()
        members.add_metric([str(member.id), member.node, local], float(member.votes))
    yield members
    rings = GaugeMetricFamily(PREFIX + "corosync_rings", "Links of each member; 1 while it is healthy",
                              labels=["ring_id", "node_id", "number", "address"])  # fmt: skip
    facts = dict(ring.facts)
    ids = {member.node: str(member.id) for member in ring.members}
    for link in ring.links:
        address = link.ends.rpartition(" ")[2]
        rings.add_metric([facts.get("srp.ring_id", ""), ids.get(link.node, ""), str(link.link), address],
                         float(link.connected))  # fmt: skip
    yield rings
    yield _plain("corosync_ring_errors", "Links that are not connected",
                 float(sum(not link.connected for link in ring.links)))  # fmt: skip


