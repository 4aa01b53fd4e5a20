"""Failures in a status display: fail counts, and the failed operations that the history still holds."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from hashell.client.view.nodelist import node_title
from hashell.model.outcomes import attempt_words, exit_words
from hashell.model.values import integer
from hashell.stack.pengine.unpack.entry import Entry
from hashell.stack.pengine.unpack.failcounts import failcount
from hashell.stack.pengine.unpack.lookup import find_resource

if TYPE_CHECKING:
    from lxml import etree

    from hashell.client.view.display import Display
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Node, Resource, WorkingSet


def failcount_text(ws: WorkingSet, node: Node, rsc: Resource, name: str = "") -> tuple[str, int]:
    """`migration-threshold=3 fail-count=1 last-failure='…'` behind the name of a resource, and the count."""
    count, last = failcount(ws, node, rsc, effective=False)
    text = f"{name or rsc.display_id()}: migration-threshold={rsc.ban_after_failures}"
    if count:
        text += f" fail-count={count}"
    if last:
        text += f" last-failure='{when(ws, last)}'"
    return text, count


def write_failcounts(ws: WorkingSet, out: Outline, display: Display) -> None:
    """How often each resource has failed on each node that is online."""
    nodes = nodes_with_state(ws)
    if not nodes:
        return
    out.blank()
    out.begin("Migration Summary")
    for node in nodes:
        lines = _failcount_lines(ws, node)
        if lines:
            title = node_title(node, display)
            out.begin(f"Node: {title}", html=f"{title}:")
            for line in lines:
                out.item(line)
            out.end()
    out.end()


def nodes_with_state(ws: WorkingSet) -> list[Node]:
    """The nodes that are online, in the order of the status section."""
    by_id = {node.id: node for node in ws.nodes if node.online}
    states = (state.get("id") or "" for state in ws.cib.iterfind("status/node_state"))
    return [by_id[id] for id in states if id in by_id]


def node_histories(ws: WorkingSet, node: Node) -> list[tuple[str, Resource, etree._Element]]:
    """The histories of a node in document order: name, resource, element. Those of unknown resources are left out."""
    found = []
    for state in ws.cib.iterfind("status/node_state"):
        if state.get("id") != node.id:
            continue
        for lrm in state.iterfind("lrm/lrm_resources/lrm_resource"):
            name = lrm.get("id") or ""
            rsc = find_resource(ws, name)
            if rsc is not None:
                found.append((name, rsc, lrm))
    return found


def _failcount_lines(ws: WorkingSet, node: Node) -> list[str]:
    lines = []
    for name, rsc, _ in node_histories(ws, node):
        text, count = failcount_text(ws, node, rsc, name)
        if count:
            lines.append(text)
    return lines


def shown_failures(ws: WorkingSet) -> list[Entry]:
    """The failed operations, without probes that only say that an agent is not there."""
    return [entry for entry in map(Entry, ws.failed) if not entry.is_masked_probe()]


def write_failed_actions(ws: WorkingSet, out: Outline, *, detail: bool = True) -> None:
    """The failed operations that the history still holds."""
    out.begin("Failed Resource Actions")
    for entry in shown_failures(ws):
        out.item(_technical(ws, entry) if detail else _friendly(ws, entry))
    out.end()


def _technical(ws: WorkingSet, entry: Entry) -> str:
    xml = entry.xml
    text = f"{entry.key} on {xml.get('uname')} '{exit_words(entry.xml_rc)}' ({entry.xml_rc}): "
    text += f"call={xml.get('call-id')}, status='{attempt_words(entry.xml_status)}'"
    if xml.get("exit-reason"):
        text += f", exitreason='{xml.get('exit-reason')}'"
    if entry.last_change >= 0:
        text += f", last-rc-change='{when(ws, entry.last_change)}'"
    for word, name in (("queued", "queue-time"), ("exec", "exec-time")):
        if xml.get(name) is not None:
            text += f", {word}={integer(xml.get(name))}ms"
    return text


def _friendly(ws: WorkingSet, entry: Entry) -> str:
    xml = entry.xml
    rsc, task, interval = _parts(entry)
    text = f"{rsc} {interval_words(interval)}-interval " if interval else f"{rsc} "
    text += "probe" if task == "monitor" and not interval else task
    text += f" on {xml.get('uname')}"
    reason = xml.get("exit-reason")
    if entry.xml_status == 0:
        text += f" returned '{exit_words(entry.xml_rc)}'" + (f" ({reason})" if reason else "")
    else:
        text += f" could not be executed ({attempt_words(entry.xml_status)}" + (f": {reason}" if reason else "") + ")"
    if entry.last_change >= 0:
        text += f" at {when(ws, entry.last_change)}"
    exec_ms = integer(xml.get("exec-time"))
    return text + (f" after {duration_words(exec_ms)}" if exec_ms > 0 else "")


def _parts(entry: Entry) -> tuple[str, str, int]:
    """Resource, operation and interval in ms, as the key of the operation has them."""
    head, _, interval = entry.key.rpartition("_")
    for task in (entry.task, head.rpartition("_")[2]):
        if task and head.endswith(f"_{task}"):
            return head.removesuffix(f"_{task}"), task, integer(interval)
    return entry.key, entry.task, entry.interval


def interval_words(ms: int) -> str:
    """An interval as short as it can be said: `10s`, `1m30s`, `1500ms`."""
    if ms % 1000:
        return duration_words(ms)
    return duration_words(ms)


def duration_words(ms: int) -> str:
    """A time in ms: `309ms`, `15s`, `2m5s`, `1h`."""
    out = ""
    for size, unit in ((86_400_000, "d"), (3_600_000, "h"), (60_000, "m")):
        if ms >= size:
            out += f"{ms // size}{unit}"
            ms %= size
    if ms >= 1000:
        out += f"{ms // 1000}" + (f".{ms % 1000:03d}" if ms % 1000 else "") + "s"
    elif ms or not out:
        out += f"{ms}ms" if ms else "0s"
    return out


def when(ws: WorkingSet, epoch: int) -> str:
    """A time of the history in words, in the zone of the machine."""
    zone = datetime.timezone(datetime.timedelta(seconds=ws.now.host_offset))
    return datetime.datetime.fromtimestamp(epoch, zone).strftime("%a %b %e %H:%M:%S %Y")
