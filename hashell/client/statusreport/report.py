"""One status report in one of its forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.client.statusreport.facts import Facts
from hashell.client.statusreport.fencing import write_fencing
from hashell.client.statusreport.sections import write_bans, write_operations, write_tickets
from hashell.client.statusreport.summary import write_summary
from hashell.client.view.attributes import write_attributes
from hashell.client.view.failures import shown_failures, write_failcounts, write_failed_actions
from hashell.client.view.html import HtmlOutline
from hashell.client.view.nodelist import write_nodes
from hashell.client.view.outline import Outline
from hashell.client.view.resourcelist import write_resources

if TYPE_CHECKING:
    from hashell.client.view.display import Display

__all__ = ["FORMS", "Facts", "status_report"]

FORMS = ("text", "html", "xml", "json")


def status_report(facts: Facts, form: str) -> str:
    """The whole report; `form` is one of FORMS."""
    if form == "text":
        return str(_written(facts, Outline()))
    if form == "html":
        return str(_written(facts, HtmlOutline()))
    from hashell.client.statusreport.xmlform import report_xml
    from hashell.model.xmltext import pretty

    root = report_xml(facts)
    if form == "xml":
        return pretty(root)
    from hashell.client.statusreport.jsonform import report_json

    return report_json(root)


def _written(facts: Facts, out: Outline) -> Outline:
    ws, display = facts.ws, facts.display
    if facts.stale:
        out.begin("STALE")
        out.item(facts.stale, css="warning")
        out.end()
        out.blank()
    write_summary(facts, out)
    write_nodes(ws, out, display)
    _write_resource_list(facts, out)
    if display.attributes:
        write_attributes(ws, out, display)
    if display.operations:
        write_operations(facts, out)
    elif display.failcounts:
        write_failcounts(ws, out, display)
    if shown_failures(ws):
        out.blank()
        write_failed_actions(ws, out, detail=display.detail)
    write_fencing(facts, out)
    if display.tickets:
        write_tickets(facts, out)
    if display.bans:
        write_bans(facts, out)
    return out


def _write_resource_list(facts: Facts, out: Outline) -> None:
    display: Display = facts.display
    if display.by_node and not display.inactive:
        return
    out.blank()
    out.begin("Inactive Resources" if display.by_node else "Full List of Resources" if display.inactive
              else "Active Resources")  # fmt: skip
    write_resources(facts.ws, out, display)
    out.end()
