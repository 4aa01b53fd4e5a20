"""The state of the cluster as text, in the form that users of crm_mon know (language specification, section 9.1)."""

from __future__ import annotations

import time

from lxml import etree

from hashell.client.board import Board, FailureView, NodeView, ResourceView

_ACTIVE = ("Started", "Promoted", "Unpromoted", "Starting", "Stopping", "Promoting", "Demoting", "Migrating")


def status_lines(board: Board, *, inactive: bool = True, brief: bool = False, headers: bool = True,
                 bynode: bool = False, verbose: bool = False) -> list[str]:
    """The whole status."""
    lines = [*_summary(board, short=not headers), "", "Node List:", *_node_lines(board.nodes), ""]
    heading = "Full List of Resources:" if inactive else "Active Resources:"
    if bynode:
        lines += ["Resources by Node:", *_by_node(board)]
    elif board.resources:
        lines += [heading, *resource_lines(board, inactive=inactive)]
    else:
        lines += [heading, "  * No resources"]
    if board.failures and not brief:
        lines += ["", "Failed Resource Actions:", *(f"  * {failure_text(f)}" for f in board.failures)]
    fencing = [f for f in board.fencing if f.state != "success" or verbose]
    if fencing:
        lines += ["", "Fencing Actions:"]
        lines += [f"  * {f.action} of {f.target} {f.state}: client={f.client}, origin={f.origin}" for f in fencing]
    problems = board.problems
    if problems:
        lines += ["", "Needs Attention:", *(f"  * {p}" for p in problems)]
    return lines


def _summary(board: Board, short: bool) -> list[str]:
    quorum = "partition with quorum" if board.have_quorum else "partition WITHOUT quorum"
    dc = f"  * Current DC: {board.dc or 'NONE'} - {quorum}"
    if short:
        return ["Cluster Summary:", dc]
    lines = ["Cluster Summary:", *([f"  * Cluster Name: {board.cluster_name}"] if board.cluster_name else []), dc]
    if board.last_change:
        lines.append(f"  * Last change:  {board.last_change}")
    count = sum(r.kind == "primitive" for r in board.resources)
    disabled = sum(r.kind == "primitive" and "disabled" in r.flags() for r in board.resources)
    lines.append(f"  * {len(board.nodes)} node{'s' * (len(board.nodes) != 1)} configured")
    lines.append(f"  * {count} resource instance{'s' * (count != 1)} configured"
                 + (f" ({disabled} DISABLED)" if disabled else ""))
    if board.maintenance:
        lines += ["", "              *** Resource management is DISABLED ***",
                  "  The cluster will not attempt to start, stop or recover services"]
    return lines


def _node_lines(nodes: tuple[NodeView, ...]) -> list[str]:
    lines = [f"  * Node {n.name}: {n.state}" for n in nodes if n.state not in ("online", "offline")]
    for state, word in (("online", "Online"), ("offline", "OFFLINE")):
        names = [n.name for n in nodes if n.state == state and n.kind == "member"]
        if names:
            lines.append(f"  * {word}: [ {' '.join(names)} ]")
        remote = [n.name for n in nodes if n.state == state and n.kind != "member"]
        if remote:
            lines.append(f"  * Remote{word.capitalize()}: [ {' '.join(remote)} ]")
    return lines


def _members(resources: tuple[ResourceView, ...], index: int) -> list[int]:
    """Positions of everything below the resource at `index`."""
    out = []
    for position in range(index + 1, len(resources)):
        if resources[position].depth <= resources[index].depth:
            break
        out.append(position)
    return out


def resource_lines(board: Board, *, inactive: bool = True, only: list[str] | None = None) -> list[str]:
    """One line for each resource, indented by depth; clones of primitives are summed up."""
    lines: list[str] = []
    skip: set[int] = set()
    for index, view in enumerate(board.resources):
        if index in skip or (only and view.id not in only):
            continue
        below = _members(board.resources, index)
        if only:
            skip.update(below)
            base = view.depth
        else:
            base = 0
        indent = "  " * (view.depth - base + 1) + "* "
        if view.kind in ("clone", "promotable") and all(board.resources[i].kind == "primitive" for i in below):
            skip.update(below)
            lines += _clone_lines(view, [board.resources[i] for i in below], indent, board)
        elif view.kind == "group":
            lines.append(f"{indent}Resource Group: {view.id}{_marks(view)}:")
            if only:
                lines += [line for i in below for line in _one(board.resources[i], "    * ", inactive)]
        elif view.kind in ("clone", "promotable", "bundle"):
            name = "Container bundle" if view.kind == "bundle" else "Clone Set"
            lines.append(f"{indent}{name}: {view.id}{_marks(view)}:")
        else:
            lines += _one(view, indent, inactive)
    return lines


def _marks(view: ResourceView) -> str:
    marks = view.flags()
    return f" ({', '.join(marks)})" if marks else ""


def _one(view: ResourceView, indent: str, inactive: bool) -> list[str]:
    if not inactive and not view.nodes:
        return []
    flags = view.flags()
    state = f"FAILED {view.role}" if view.failed and view.role != "Stopped" else view.role
    where = f" {' '.join(view.nodes)}" if view.nodes else ""
    rest = [f for f in flags if f != "FAILED"]
    return [f"{indent}{view.id}\t({view.agent}):\t {state}{where}" + (f" ({', '.join(rest)})" if rest else "")]


def _clone_lines(view: ResourceView, members: list[ResourceView], indent: str, board: Board) -> list[str]:
    child = f" [{members[0].id.split(':')[0]}]" if members else ""
    kind = " (promotable)" if view.kind == "promotable" else ""
    lines = [f"{indent}Clone Set: {view.id}{child}{kind}{_marks(view)}:"]
    inner = "  " + indent
    used: list[str] = []
    for role in ("Promoted", "Unpromoted", "Started"):
        nodes = [n for m in members if m.role == role and not m.problem for n in m.nodes]
        if nodes:
            lines.append(f"{inner}{role}: [ {' '.join(sorted(nodes))} ]")
            used += nodes
    for member in members:
        if member.problem or (member.nodes and member.role not in ("Promoted", "Unpromoted", "Started")):
            lines += _one(member, inner, True)
            used += list(member.nodes)
    stopped = [n.name for n in board.nodes if n.name not in used and n.kind == "member"]
    if stopped:
        lines.append(f"{inner}Stopped: [ {' '.join(stopped)} ]")
    return lines


def _by_node(board: Board) -> list[str]:
    lines = []
    for node in board.nodes:
        lines.append(f"  * Node {node.name}: {node.state}:")
        running = [r for r in board.resources if r.kind == "primitive" and node.name in r.nodes]
        lines += [f"    * {r.id}\t({r.agent}):\t {r.role}" for r in running] or ["    * No active resources"]
    idle = [r for r in board.resources if r.kind == "primitive" and not r.nodes]
    if idle:
        lines += ["", "Inactive Resources:", *(line for r in idle for line in _one(r, "  * ", True))]
    return lines


def failure_text(failure: FailureView) -> str:
    """`p1 10s-interval monitor on node1 returned 'not running' (reason) at DATE`."""
    interval = f" {failure.interval_ms // 1000}s-interval" if failure.interval_ms else ""
    reason = f" ({failure.reason})" if failure.reason else ""
    when = f" at {time.strftime('%a %b %e %H:%M:%S %Y', time.localtime(failure.when))}" if failure.when else ""
    how = f"returned '{failure.rc_text}'" if failure.status == "complete" else f"{failure.status}"
    return f"{failure.resource}{interval} {failure.operation} on {failure.node} {how}{reason}{when}"


def operation_lines(cib: etree._Element, resource: str = "", node: str = "") -> list[str]:
    """The recorded operations, in the order they were done."""
    lines = []
    for state in cib.findall("status/node_state"):
        if node and state.get("uname") != node:
            continue
        for history in state.findall("lrm/lrm_resources/lrm_resource"):
            name = history.get("id", "")
            if resource and name.split(":")[0] != resource:
                continue
            for op in sorted(history.findall("lrm_rsc_op"), key=_call_id):
                interval = op.get("interval", "0")
                every = f" every {int(interval) // 1000}s" if interval.isdigit() and int(interval) else ""
                lines.append(f"{state.get('uname')}: {name} {op.get('operation')}{every}: rc={op.get('rc-code')}, "
                             f"status={op.get('op-status')}, call={op.get('call-id')}, exec={op.get('exec-time')}ms")
    return lines


def _call_id(op: etree._Element) -> int:
    text = op.get("call-id", "0")
    return int(text) if text.lstrip("-").isdigit() else 0


def failcount_of(cib: etree._Element, resource: str, node: str) -> str:
    """The sum of the failures of a resource on a node."""
    total = 0
    for state in cib.findall("status/node_state"):
        if state.get("uname") != node:
            continue
        for pair in state.iter("nvpair"):
            name, value = pair.get("name", ""), pair.get("value", "0")
            if name == f"fail-count-{resource}" or name.startswith(f"fail-count-{resource}#"):
                if value == "INFINITY":
                    return value
                total += int(value) if value.isdigit() else 0
    return str(total)


def board_xml(board: Board) -> etree._Element:
    """The board as `<pacemaker-result>`, for programs that read crm_mon's XML."""
    root = etree.Element("pacemaker-result", {"api-version": "2.38", "request": "hashell status"})
    summary = etree.SubElement(root, "summary")
    etree.SubElement(summary, "current_dc", {"present": str(bool(board.dc)).lower(), "name": board.dc,
                                             "with_quorum": str(board.have_quorum).lower()})
    etree.SubElement(summary, "last_change", {"time": board.last_change})
    etree.SubElement(summary, "nodes_configured", {"number": str(len(board.nodes))})
    count = sum(r.kind == "primitive" for r in board.resources)
    etree.SubElement(summary, "resources_configured", {"number": str(count)})
    nodes = etree.SubElement(root, "nodes")
    for node in board.nodes:
        etree.SubElement(nodes, "node", {
            "name": node.name, "id": node.id, "online": str(node.state not in ("offline", "UNCLEAN")).lower(),
            "standby": str(node.state == "standby").lower(), "maintenance": str(node.state == "maintenance").lower(),
            "pending": str(node.state == "pending").lower(), "unclean": str(node.state == "UNCLEAN").lower(),
            "is_dc": str(node.dc).lower(), "resources_running": str(node.running), "type": node.kind,
        })
    resources = etree.SubElement(root, "resources")
    parents = [resources]
    for view in board.resources:
        parents = parents[:view.depth + 1]
        parents.append(_resource_xml(parents[-1], view))
    etree.SubElement(root, "status", {"code": "0", "message": "OK"})
    return root


def _resource_xml(parent: etree._Element, view: ResourceView) -> etree._Element:
    tag = {"primitive": "resource", "promotable": "clone"}.get(view.kind, view.kind)
    attrs = {"id": view.id, "managed": str(view.managed).lower(), "maintenance": str(view.maintenance).lower()}
    if tag == "resource":
        attrs = {"id": view.id, "resource_agent": view.agent, "role": view.role,
                 "active": str(view.role in _ACTIVE).lower(), "orphaned": str(view.orphan).lower(),
                 "blocked": str(view.blocked).lower(), "managed": str(view.managed).lower(),
                 "failed": str(view.failed).lower(), "nodes_running_on": str(len(view.nodes))}
    element = etree.SubElement(parent, tag, attrs)
    if tag == "resource":
        for node in view.nodes:
            etree.SubElement(element, "node", {"name": node})
    return element
