"""Changes made to a cluster before it is simulated: nodes, tickets, quorum, failures (actions spec chapter 23)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from hashell.client.simulation.execute import FailSpec
from hashell.client.simulation.record import Recorder
from hashell.model.options import option_value
from hashell.model.values import is_true
from hashell.stack.pengine.unpack.lookup import find_resource

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import WorkingSet

_SPEC = re.compile(
    r"(?P<operation>(?P<rsc>.+?)_(?P<task>migrate_to|migrate_from|[^_]+)_(?P<interval>\d+))@(?P<node>.+)=(?P<rc>\d+)"
)


@dataclass(frozen=True, slots=True)
class Injection:
    """An operation result put into the history before the run."""

    text: str
    rsc: str
    task: str
    interval: str
    node: str
    rc: int


def parse_injection(text: str) -> Injection | None:
    """`<rsc>_<op>_<interval ms>@<node>=<rc>`; None when the text is something else."""
    match = _SPEC.fullmatch(text)
    if match is None:
        return None
    return Injection(text, match["rsc"], match["task"], match["interval"], match["node"], int(match["rc"]))


def parse_failure(text: str) -> FailSpec | None:
    """The same form, for an operation that fails during the simulation."""
    match = _SPEC.fullmatch(text)
    return FailSpec(match["operation"], match["node"], int(match["rc"])) if match is not None else None


@dataclass(slots=True)
class Injections:
    """Everything to change, in the order of the fields."""

    quorum: str | None = None
    watchdog: str | None = None
    up: Sequence[str] = ()
    down: Sequence[str] = ()
    fail: Sequence[str] = ()
    grant: Sequence[str] = ()
    revoke: Sequence[str] = ()
    standby: Sequence[str] = ()
    activate: Sequence[str] = ()
    operations: Sequence[Injection] = field(default_factory=tuple)

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in self.__slots__ if name != "quorum")  # it counts beside others only


def inject(
    ws: WorkingSet, recorder: Recorder, changes: Injections, out: Outline, refuse: Callable[[str], None]
) -> None:
    """Make the changes in the recorder's CIB and say so; `refuse` is told what cannot be done, and the rest is."""
    cib = recorder.cib
    out.begin("Performing Requested Modifications")
    if changes.quorum is not None:
        out.item(f"Setting quorum: {changes.quorum}")
        cib.set("have-quorum", changes.quorum)
    if changes.watchdog is not None:
        out.item(f"Setting watchdog: {changes.watchdog}")
        _set_option(cib, "have-watchdog", changes.watchdog)
    recorder.new_nodes = bool(changes.up)
    for name in changes.up:
        out.item(f"Bringing node {name} online")
        recorder.set_up(name)
    for name in changes.down:
        out.item(f"Taking node {name} offline")
        recorder.set_down(name)
    for name in changes.fail:
        out.item(f"Failing node {name}")
        recorder.set_failed(name)
    for words, tickets, attribute, value in (
        ("Granting ticket {}", changes.grant, "granted", "true"),
        ("Revoking ticket {}", changes.revoke, "granted", "false"),
        ("Making ticket {} standby", changes.standby, "standby", "true"),
        ("Activating ticket {}", changes.activate, "standby", "false"),
    ):
        for ticket in tickets:
            out.item(words.format(ticket))
            _set_ticket(recorder, ticket, attribute, value)
    for operation in changes.operations:
        _inject_operation(ws, recorder, operation, out, refuse)
    out.end()


def _set_option(cib: _Element, name: str, value: str) -> None:
    section = cib.find("configuration/crm_config")
    if section is None:
        return
    block = section.find("cluster_property_set")
    if block is None:
        block = etree.SubElement(section, "cluster_property_set", id="cib-bootstrap-options")
    for pair in section.iter("nvpair"):
        if pair.get("name") == name:
            pair.set("value", value)
            return
    etree.SubElement(block, "nvpair", id=f"{block.get('id')}-{name}", name=name, value=value)


def _set_ticket(recorder: Recorder, id: str, attribute: str, value: str) -> None:
    status = recorder.status()
    tickets = status.find("tickets")
    if tickets is None:
        tickets = etree.SubElement(status, "tickets")
    state = next((s for s in tickets.iterchildren("ticket_state") if s.get("id") == id), None)
    if state is None:
        state = etree.SubElement(tickets, "ticket_state", id=id)
    state.set(attribute, value)


def _inject_operation(
    ws: WorkingSet, recorder: Recorder, operation: Injection, out: Outline, refuse: Callable[[str], None]
) -> None:
    rsc = find_resource(ws, operation.rsc)
    out.item(f"Injecting {operation.text} into the configuration")
    if rsc is None:
        refuse(f"Invalid resource name: {operation.rsc}")
        return
    name = operation.rsc
    fatal = operation.task == "stop" or (
        operation.task == "start" and is_true(option_value(ws.options, "start-failure-is-fatal"))
    )
    for text in recorder.add_failcount(
        operation.node, name, operation.task, operation.interval, operation.rc, fatal
    ):
        out.item(text)
    resource, only = recorder.lrm_resource(operation.node, None, name, rsc.xml, name)
    params = {"CRM_meta_interval": operation.interval}
    recorder.write_entry(resource, name, operation.node, operation.task, params, operation.rc, 0, only, injected=True)
