"""The lists of a status report behind the resources: operations, fencing, tickets and bans."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from hashell.client.view.failures import failcount_text, node_histories, nodes_with_state, when
from hashell.client.view.nodelist import node_title
from hashell.model.outcomes import exit_words
from hashell.model.values import integer
from hashell.stack.pengine.unpack.entry import Entry, compare_entries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from hashell.client.statusreport.facts import Facts
    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import Node, Resource


class HistoryLine:
    """What the history of one node knows about one resource, as far as it is shown."""

    def __init__(self, node: Node, name: str, rsc: Resource, entries: list[Entry]) -> None:
        self.node, self.name, self.rsc, self.entries = node, name, rsc, entries


def histories(facts: Facts) -> Iterator[tuple[Node, list[HistoryLine]]]:
    """The nodes that are online and have something to show, in the order of the status section."""
    for node in nodes_with_state(facts.ws):
        lines = []
        for name, rsc, lrm in node_histories(facts.ws, node):
            entries = _shown_entries(lrm)
            if entries:
                lines.append(HistoryLine(node, name, rsc, entries))
        if lines:
            yield node, lines


def _shown_entries(lrm: etree._Element) -> list[Entry]:
    """Without probes that found nothing, notifications and operations that failed later on."""
    entries = [Entry(xml) for xml in lrm.iterchildren("lrm_rsc_op")]
    entries.sort(key=cmp_to_key(compare_entries))
    return [e for e in entries if e.task != "notify" and not (e.is_probe() and e.xml_rc == 7)]


def write_operations(facts: Facts, out: Outline) -> None:
    ws, display = facts.ws, facts.display
    if not nodes_with_state(ws):
        return
    out.blank()
    out.begin("Operations")
    for node, lines in histories(facts):
        title = node_title(node, display)
        out.begin(f"Node: {title}", html=f"{title}:")
        for line in lines:
            out.begin(failcount_text(ws, node, line.rsc, line.name if line.rsc.unique else "")[0])
            for entry in line.entries:
                out.item(_operation(facts, entry))
            out.end()
        out.end()
    out.end()


def _operation(facts: Facts, entry: Entry) -> str:
    xml = entry.xml
    text = f"({xml.get('call-id')}) {'probe' if entry.is_probe() else entry.task}"
    words = []
    if entry.interval:
        words.append(f'interval="{entry.interval}ms"')
    if facts.display.timing:
        if entry.last_change > 0 and xml.get("last-rc-change"):
            words.append(f'last-rc-change="{when(facts.ws, entry.last_change)}"')
        for name in ("exec-time", "queue-time"):
            if xml.get(name) is not None:
                words.append(f'{name}="{integer(xml.get(name))}ms"')
        words.append(f"rc={entry.xml_rc} ({exit_words(entry.xml_rc)})")
    return text + (f": {' '.join(words)}" if words else "")


def write_tickets(facts: Facts, out: Outline) -> None:
    start = out.begin_some("Tickets", blank=True)
    for ticket in sorted(facts.ws.tickets.values(), key=lambda t: t.id):
        text = f"{ticket.id}\t{'granted' if ticket.granted else 'revoked'}"
        if ticket.standby:
            text += " [standby]"
        if ticket.last_granted > -1:
            text += f" last-granted=\"{when(facts.ws, ticket.last_granted)}\""
        out.item(text)
    out.end_some(start)


def bans(facts: Facts) -> Iterator[tuple[str, Resource, Node, int, bool]]:
    """Constraints that keep a resource from a node: id, resource, node, score, only in the promoted role."""
    from hashell.stack.pengine.kinds import Role

    for location in reversed(facts.ws.location_constraints):
        if not location.id.startswith(facts.display.ban_prefix):
            continue
        for entry in location.nodes:
            if entry.score < 0:
                yield location.id, location.rsc, entry.node, entry.score, location.role_filter == Role.PROMOTED


def write_bans(facts: Facts, out: Outline) -> None:
    start = out.begin_some("Negative Location Constraints", blank=True)
    for id, rsc, node, _score, promoted in bans(facts):
        how = "running in Promoted role" if promoted else "running"
        out.item(f"{id}\tprevents {rsc.id} from {how} on {node_title(node, facts.display)}")
    out.end_some(start)
