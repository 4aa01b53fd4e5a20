"""Fencing in a status report: what is pending, what failed, what succeeded."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from hashell.client.board import FencingView
    from hashell.client.statusreport.facts import Facts
    from hashell.client.view.outline import Outline

_WORDS = {"reboot": "reboot", "off": "turning off", "on": "unfencing"}


def write_fencing(facts: Facts, out: Outline) -> None:
    """Failed, pending and, from level 2 on, successful actions; level 1 and 2 have the newest of each kind only."""
    level = facts.display.fencing_level
    if not level:
        return
    events = facts.fencing if level > 2 else _newest(facts.fencing)
    for heading, state in (("Failed Fencing Actions", "failed"), ("Pending Fencing Actions", "pending"),
                           ("Fencing History", "success")):  # fmt: skip
        chosen = [event for event in events if event.state == state]
        if not chosen or (state == "success" and level < 2):
            continue
        out.blank()
        out.begin(heading)
        for event in chosen:
            css = "successful" if state == "success" else state
            out.item(_line(facts, event, last=level == 1), item_css=f"{css}-stonith-event")
        out.end()


def _newest(events: list[FencingView]) -> list[FencingView]:
    """Of actions that are alike in target, action, state and who did it for whom, only the newest."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for event in events:
        kind = (event.target, event.action, event.state, event.delegate, event.origin, event.client)
        if event.state == "pending" or kind not in seen:
            kept.append(event)
        seen.add(kind)
    return kept


def _line(facts: Facts, event: FencingView, last: bool) -> str:
    text = f"{_WORDS.get(event.action, event.action)} of {event.target}"
    if event.state == "pending":
        return f"{text} pending: client={event.client}, origin={event.origin}"
    by = f" by {event.delegate}" if event.delegate else ""
    text += f"{by} for {event.client}@{event.origin} {'last ' if last else ''}"
    text += "successful" if event.state == "success" else "failed"
    if event.reason:
        text += f" ({event.reason})"
    return f"{text} at {_moment(facts, event)}"


def _moment(facts: Facts, event: FencingView) -> str:
    offset = facts.ws.now.host_offset
    moment = datetime.datetime.fromtimestamp(event.when, datetime.timezone(datetime.timedelta(seconds=offset)))
    zone = moment.strftime(" %z") if offset else "Z"
    return moment.strftime("%Y-%m-%d %H:%M:%S") + f".{event.microseconds:06d}" + (
        f"{zone[:4]}:{zone[4:]}" if offset else zone
    )


def add_fencing(facts: Facts, root: etree._Element) -> None:
    """The section `fence_history`; only where a fencer was asked and has something to say."""
    if not facts.fencing:
        return
    section = etree.SubElement(root, "fence_history")
    for event in facts.fencing:
        element = etree.SubElement(section, "fence_event", action=event.action, target=event.target,
                                   client=event.client, origin=event.origin, status=event.state)  # fmt: skip
        if event.reason:
            element.set("exit-reason", event.reason)
        if event.delegate:
            element.set("delegate", event.delegate)
        if event.state != "pending":
            element.set("completed", _moment(facts, event))
