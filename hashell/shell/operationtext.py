"""The history of resources in short lines: recorded operations, and fail counts."""

from __future__ import annotations

from lxml import etree


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
