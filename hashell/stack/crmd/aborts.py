"""What a change of the CIB means for the transition under way (daemons specification, section 3.9).

`findings(diff, expected_down)` walks a patchset and tells, in order, which operation results it carries, which records
vanished and whether it is a reason to compute anew. The first reason ends the walk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

_NODE = re.compile(r"/node_state\[@id='([^']*)'\]")
_RESOURCE = re.compile(r"/lrm_resource\[@id='([^']*)'\]")
_OPERATION = re.compile(r"/lrm_rsc_op\[@id='([^']*)'\]")
_HISTORY_TAGS: Final = frozenset(
    {"cib", "status", "node_state", "lrm", "lrm_resources", "lrm_resource", "lrm_rsc_op"}
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Compute anew, because of `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """The record of an operation appeared or changed on a node."""

    node_id: str
    record: etree._Element


@dataclass(frozen=True, slots=True)
class Removed:
    """The record of an operation vanished; `key` is its id."""

    node_id: str
    resource: str
    key: str


Finding = Reason | Result | Removed


def findings(diff: etree._Element, expected_down: Callable[[str], bool], *, busy: bool) -> list[Finding]:
    """The findings of a v2 patchset; `expected_down` tells by node id, `busy` whether actions are pending."""
    found: list[Finding] = []
    for change in diff.iterchildren("change"):
        for finding in _of_change(change, expected_down, busy):
            found.append(finding)
            if isinstance(finding, Reason):
                return found
    return found


def _of_change(change: etree._Element, expected_down: Callable[[str], bool], busy: bool) -> Iterator[Finding]:
    operation, path = change.get("operation", ""), change.get("path", "")
    element = _element(change)
    tag = element.tag if element is not None else ""
    if operation == "move" and "/resources" not in path:
        return
    if "/cib/configuration" in path or (path == "/cib" and tag == "configuration"):
        yield Reason("Configuration change")
    elif "/tickets" in path or tag in ("tickets", "ticket_state"):
        yield Reason("Ticket attribute change")
    elif "/transient_attributes[" in path or tag == "transient_attributes":
        if operation != "delete" or not expected_down(_match(_NODE, path)):
            yield Reason("Transient attribute change")
    elif operation == "delete":
        yield from _of_delete(path, expected_down)
    elif tag in _HISTORY_TAGS and element is not None:
        yield from _of_history(element, _match(_NODE, path), busy)


def _of_delete(path: str, expected_down: Callable[[str], bool]) -> Iterator[Finding]:
    node_id = _match(_NODE, path)
    if "/lrm_rsc_op[" in path:
        yield Removed(node_id, _match(_RESOURCE, path), _match(_OPERATION, path))
    elif ("/lrm[" in path or "/node_state[" in path) and not expected_down(node_id):
        yield Reason("Resource operation removal")


def _of_history(element: etree._Element, node_id: str, busy: bool) -> Iterator[Finding]:
    resources = [element] if element.tag == "lrm_resource" else list(element.iter("lrm_resource"))
    if len(resources) > 1 and not busy:
        yield Reason("History refresh")
        return
    for record in element.iter("lrm_rsc_op"):
        owner = next((a.get("id", "") for a in record.iterancestors("node_state")), node_id)
        yield Result(owner, record)
    if element.tag in ("cib", "status", "node_state") and next(element.iter("transient_attributes"), None) is not None:
        yield Reason("Transient attribute change")


def _element(change: etree._Element) -> etree._Element | None:
    """What stands at the path after the change: the created element, or the attributes of a modified one."""
    if change.get("operation") == "create":
        return change[0] if len(change) else None
    result = change.find("change-result")
    return result[0] if result is not None and len(result) else None


def _match(pattern: re.Pattern[str], path: str) -> str:
    match = pattern.search(path)
    return match.group(1) if match else ""


def touches(diff: etree._Element, *sections: str) -> bool:
    """True when a change lies in (or creates, or removes) one of the configuration sections or top-level parts."""
    for change in diff.iterchildren("change"):
        path, element = change.get("path", ""), _element(change)
        if any(f"/{section}" in path for section in sections):
            return True
        if element is None or change.get("operation") != "create":
            continue
        if any(next(element.iter(section), None) is not None for section in sections):
            return True
    return False
