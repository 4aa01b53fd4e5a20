"""Causes that are failures of operations: thresholds, failed stops, what on-fail made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.why.answer import Cause
from hashell.stack.pengine.ledger import Entry, Kind
from hashell.stack.pengine.unpack.failcounts import failcount

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.client.why.case import Case
    from hashell.stack.pengine.state import Node, Resource

_RC = {
    0: "ok", 1: "error", 2: "invalid parameter", 3: "not supported by the agent", 4: "insufficient privileges",
    5: "not installed", 6: "not configured", 7: "not running", 8: "running promoted", 9: "failed in the promoted role",
}
_TIMEOUT = "2"


def name_of(rsc: Resource) -> str:
    """The name that commands take: anonymous instances go by the name of what they are copies of."""
    return rsc.display_id()


def failure_causes(case: Case, rsc: Resource, entry: Entry, node: Node | None) -> list[Cause]:
    """The cause for an entry that a failure made, with the failed operation where it is known."""
    where = entry.node or node
    name = name_of(rsc)
    at = f" {where.name}" if where is not None else ""
    cleanup = f"resource cleanup {name}{at}"
    said = node.name if node is not None else ""
    if entry.kind == Kind.THRESHOLD and where is not None:
        return [_threshold(case, rsc, where, cleanup)]
    operation = case.elements.get(entry.id) if entry.id else _failed_operation(case, rsc, where)
    what = _describe(operation, where)
    id = (operation.get("id") or "") if operation is not None else entry.id
    if entry.kind == Kind.FAILED_STOP:
        text = f"{what}, so whether it still runs there is not known"
    elif entry.kind == Kind.FATAL_FAILURE:
        text, said = f"{what}, an error that would be the same on every node", ""
    elif entry.kind == Kind.ON_FAIL_STOP:
        text, said = f"{what}, and on-fail=stop wants it to stay stopped", ""
    elif entry.kind == Kind.ON_FAIL_BLOCK:
        text = what
    else:
        text = f"{what}, so it is not tried there again"
    return [Cause(kind=entry.kind, id=id, node=said, text=text, remedy=cleanup)]


def _threshold(case: Case, rsc: Resource, node: Node, cleanup: str) -> Cause:
    worst, count = rsc, 0
    for leaf in rsc.top().leaves() if not rsc.unique else rsc.leaves():
        failures, _ = failcount(case.ws, node, leaf)
        if failures > count:
            worst, count = leaf, failures
    name = name_of(worst)
    id, _ = case.node_pair(node, f"fail-count-{name}#", f"fail-count-{worst.id}#")
    limit = worst.ban_after_failures
    if count >= 1000000:
        failed = _failed_operation(case, worst, node)
        what = _describe(failed, node) if failed is not None else f"{name} failed to start on {node.name}"
        text = f"{what}; a failed start is not tried there again (start-failure-is-fatal)"
    else:
        times = "once" if count == 1 else f"{count} times"
        text = f"{name} failed {times} on {node.name}, migration-threshold={limit} is reached"
    remedy = cleanup if name == name_of(rsc) else f"resource cleanup {name} {node.name}"
    return Cause(kind=Kind.THRESHOLD, id=id, node=node.name, text=text, remedy=remedy)


def _failed_operation(case: Case, rsc: Resource, node: Node | None) -> _Element | None:
    """The last failed operation of the resource on the node."""
    names = (rsc.id, rsc.history_id, rsc.xml_id())
    found: _Element | None = None
    for operation in case.ws.failed:
        if operation.get("rsc_id") in names and (node is None or operation.get("uname") == node.name):
            found = operation
    return found


def _describe(operation: _Element | None, node: Node | None) -> str:
    where = f" on {node.name}" if node is not None else ""
    if operation is None:
        return f"an operation failed{where}"
    task = operation.get("operation") or "operation"
    if operation.get("op-status") == _TIMEOUT:
        result = "timed out"
    else:
        code = operation.get("rc-code") or "?"
        result = f"failed: {_RC.get(int(code), 'error ' + code) if code.isdigit() else code}"
    reason = operation.get("exit-reason")
    return f"its {task}{where} {result}" + (f" ({reason})" if reason else "")


def describe_last(case: Case, rsc: Resource, node: Node) -> str:
    """The failure that made the resource count as failed."""
    return _describe(_failed_operation(case, rsc, node), node)
