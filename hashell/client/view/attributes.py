"""Node attributes and fail counts of a status display, as `crm_simulate -A -c` shows them."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from hashell.model.outcomes import attempt_words, exit_words
from hashell.model.values import integer
from hashell.stack.pengine.unpack.entry import Entry
from hashell.stack.pengine.unpack.failcounts import base_name, failcount

if TYPE_CHECKING:
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Node, WorkingSet

_HIDDEN = frozenset({"shutdown", "terminate", "standby"})
_HIDDEN_PREFIXES = ("#", "fail-count", "last-failure")


def write_attributes(ws: WorkingSet, out: Outline) -> None:
    """The attributes of every node that is online, without those that only daemons use."""
    start = out.begin_some("Node Attributes", blank=True)
    for node in ws.nodes:
        shown = {
            name: value
            for name, value in sorted(node.attrs.items())
            if name not in _HIDDEN and not name.startswith(_HIDDEN_PREFIXES)
        }
        if node.online and shown:
            out.begin(f"{_title(node)}")
            for name, value in shown.items():
                out.item(f"{name:<32}\t: {value:<10}")
            out.end()
    out.end_some(start)


def _title(node: Node) -> str:
    return f"Node: {node.name}"


def write_failcounts(ws: WorkingSet, out: Outline) -> None:
    """How often each resource has failed on each node that is online; nothing when there is no such node."""
    known_states = {state.get("uname") for state in ws.cib.iterfind("status/node_state")}
    histories = [(node, _histories(ws, node)) for node in ws.nodes if node.online and node.name in known_states]
    if not histories:
        return
    out.blank()
    out.begin("Migration Summary")
    for node, known in histories:
        lines = []
        for rsc in (leaf for top in ws.resources for leaf in top.leaves() if not leaf.removed):
            if base_name(rsc.history_id or rsc.id) not in known:
                continue
            count, last = failcount(ws, node, rsc, effective=False)
            name = rsc.display_id()
            text = f"{name}: migration-threshold={rsc.ban_after_failures} fail-count={count}"
            if last:
                text += f" last-failure='{_when(ws, last)}'"
            if count and text not in lines:
                lines.append(text)
        if lines:
            out.begin(_title(node))
            for line in lines:
                out.item(line)
            out.end()
    out.end()


def _histories(ws: WorkingSet, node: Node) -> frozenset[str]:
    """The resources that have a history on the node, without instance numbers; fail counts of others are not shown."""
    states = (state for state in ws.cib.iterfind("status/node_state") if state.get("uname") == node.name)
    return frozenset(base_name(lrm.get("id") or "") for state in states for lrm in state.iter("lrm_resource"))


def write_failed_actions(ws: WorkingSet, out: Outline) -> None:
    """The failed operations that the history still holds."""
    out.begin("Failed Resource Actions")
    for entry in (Entry(xml) for xml in ws.failed):
        xml = entry.xml
        if entry.is_masked_probe():
            continue
        text = f"{entry.key} on {xml.get('uname')} '{exit_words(entry.xml_rc)}' ({entry.xml_rc}): "
        text += f"call={entry.call_id}, status='{attempt_words(entry.xml_status)}'"
        if xml.get("exit-reason"):
            text += f", exitreason='{xml.get('exit-reason')}'"
        if entry.last_change >= 0:
            text += f", last-rc-change='{_when(ws, entry.last_change)}'"
        for word, name in (("queued", "queue-time"), ("exec", "exec-time")):
            if xml.get(name) is not None:
                text += f", {word}={integer(xml.get(name))}ms"
        out.item(text)
    out.end()


def _when(ws: WorkingSet, epoch: int) -> str:
    zone = datetime.timezone(datetime.timedelta(seconds=ws.now.host_offset))
    return datetime.datetime.fromtimestamp(epoch, zone).strftime("%a %b %e %H:%M:%S %Y")
