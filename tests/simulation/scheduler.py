"""A small stand-in for the policy engine: probes, one active copy of each primitive, fencing, shutdown.

It is deliberately simple, so that a simulated cluster has something to do whose correctness is easy to judge.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree


@dataclass
class _Node:
    id: str
    name: str
    online: bool = False
    unclean: bool = False
    leaving: bool = False
    active: list[str] = field(default_factory=list)
    probed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    monitored: list[str] = field(default_factory=list)


class _Graph:
    def __init__(self, number: int) -> None:
        self.root = etree.Element("transition_graph", transition_id=str(number))
        self.root.set("cluster-delay", "60s")
        self.root.set("stonith-timeout", "60s")
        self.count = 0

    def add(self, tag: str, task: str, key: str, node: _Node | None, after: list[int], **attributes: str) -> int:
        self.count += 1
        resource = attributes.pop("resource", "")
        synapse = etree.SubElement(self.root, "synapse", id=str(self.count - 1))
        action = etree.SubElement(etree.SubElement(synapse, "action_set"), tag, id=str(self.count))
        action.set("operation", task)
        action.set("operation_key", key)
        if node is not None:
            action.set("on_node", node.name)
            action.set("on_node_uuid", node.id)
        if resource:
            primitive = etree.SubElement(action, "primitive", id=resource)
            primitive.set("class", "ocf")
            primitive.set("provider", "heartbeat")
            primitive.set("type", "Dummy")
        details = etree.SubElement(action, "attributes", CRM_meta_timeout="20000", crm_feature_set="3.20.0")
        for name, value in attributes.items():
            details.set(f"CRM_meta_{name}", value)
        inputs = etree.SubElement(synapse, "inputs")
        for number in after:
            etree.SubElement(etree.SubElement(inputs, "trigger"), "pseudo_event", id=str(number))
        return self.count


def compute(cib: etree._Element, number: int) -> etree._Element:
    """The transition graph for a CIB."""
    options = {p.get("name"): p.get("value") for p in cib.iterfind("configuration/crm_config//nvpair")}
    fencing = options.get("stonith-enabled", "false") == "true"
    quorate = cib.get("have-quorum") == "true"
    primitives = [p.get("id", "") for p in cib.iterfind("configuration/resources/primitive")]
    nodes = _nodes(cib, primitives)
    graph = _Graph(number)
    barrier: list[int] = []
    unclean = [n for n in nodes if n.unclean]
    if fencing:
        for node in unclean if quorate else []:
            key = f"stonith-{node.name}-reboot"
            barrier.append(graph.add("crm_event", "stonith", key, node, [], stonith_action="reboot"))
            node.active = []
    online = [n for n in nodes if n.online and not n.unclean]
    if fencing and unclean and not quorate:
        online = []
    for node in online:
        for name in primitives:
            if name not in node.probed:
                key = f"{name}_monitor_0"
                barrier.append(
                    graph.add("rsc_op", "monitor", key, node, [], resource=name, op_target_rc="7", interval="0")
                )
    stops: dict[str, list[int]] = {node.id: [] for node in nodes}
    for name in primitives:
        _place(graph, name, nodes, online, barrier, stops, quorate)
    for node in online:
        if node.leaving:
            after = barrier + stops[node.id]
            graph.add("crm_event", "do_shutdown", f"do_shutdown-{node.name}", node, after, op_no_wait="true")
    return graph.root


def _place(
    graph: _Graph,
    name: str,
    nodes: list[_Node],
    online: list[_Node],
    barrier: list[int],
    stops: dict[str, list[int]],
    quorate: bool,
) -> None:
    staying = [n for n in online if not n.leaving] if quorate else []
    candidates = [n for n in staying if name not in n.failed] or staying
    holders = [n for n in nodes if name in n.active]
    wanted = next((n for n in candidates if n in holders), None)
    if wanted is None and candidates:
        wanted = candidates[0]
    stopped = []
    for holder in holders:
        if holder in online and (holder is not wanted or len(holders) > 1):
            number = graph.add("rsc_op", "stop", f"{name}_stop_0", holder, barrier, resource=name, interval="0")
            stopped.append(number)
            stops[holder.id].append(number)
    if wanted is None or any(h not in online for h in holders):
        return
    start = barrier + stopped
    if wanted not in holders or stopped:
        start = [*start, graph.add("rsc_op", "start", f"{name}_start_0", wanted, start, resource=name, interval="0")]
    elif name in wanted.monitored:
        return
    key = f"{name}_monitor_10000"
    graph.add("rsc_op", "monitor", key, wanted, start, resource=name, interval="10000", op_target_rc="0")


def _nodes(cib: etree._Element, primitives: list[str]) -> list[_Node]:
    """The nodes as the policy engine sees them; one that was never seen may be alive and is unclean."""
    states = {state.get("id", ""): state for state in cib.iterfind("status/node_state")}
    found = []
    for entry in cib.iterfind("configuration/nodes/node"):
        node = _Node(entry.get("id", ""), entry.get("uname", ""))
        found.append(node)
        state = states.get(node.id)
        if state is None:
            node.unclean = True
            continue
        attributes = {p.get("name"): p.get("value") for p in state.iterfind("transient_attributes//nvpair")}
        node.leaving = attributes.get("shutdown", "0") != "0"
        member, process = state.get("in_ccm"), state.get("crmd", "0") != "0"
        if node.leaving:
            node.online = process
        elif member is None:
            node.unclean = True
        elif state.get("expected", "down") == "down":
            pass
        elif member == "0" or not process:
            node.unclean = True
        else:
            node.online = state.get("join") == "member"
        for resource in state.iterfind("lrm/lrm_resources/lrm_resource"):
            if resource.get("id") in primitives:
                _history(node, resource)
    return sorted(found, key=lambda n: int(n.id))


def _history(node: _Node, resource: etree._Element) -> None:
    name = resource.get("id", "")
    latest, active = -2, False
    for op in resource.iterfind("lrm_rsc_op"):
        task, rc, call = op.get("operation"), op.get("rc-code"), int(op.get("call-id", "-1"))
        if op.get("op-status") == "-1":
            active = active or task == "start"
            continue
        if task == "monitor" and op.get("interval") != "0":
            node.monitored.append(name)
            if rc == "0":
                continue
            node.failed.append(name)
        if call > latest:
            latest = call
            active = (task == "start") or (task == "monitor" and rc in ("0", "8"))
        if task == "start" and rc != "0":
            node.failed.append(name)
    node.probed.append(name)
    if active:
        node.active.append(name)
