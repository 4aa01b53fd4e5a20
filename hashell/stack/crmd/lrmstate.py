"""What this node's controller remembers of its resources: registrations, histories, operations under way.

Pure bookkeeping; the history it keeps is what a node uploads when it joins (daemons specification, section 3.4 step 6).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from hashell.model.outcomes import ExecStatus
from hashell.stack.crmd.history import AgentTraits, Operation, record


@dataclass(slots=True)
class Resource:
    """One resource as the executor knows it, with the results that matter."""

    id: str
    standard: str
    provider: str
    agent: str
    last: Operation | None = None
    failed: Operation | None = None
    recurring: dict[str, Operation] = field(default_factory=dict)
    traits: AgentTraits = field(default_factory=AgentTraits)

    def element(self) -> etree._Element:
        """An `<lrm_resource>` without operations."""
        element = etree.Element("lrm_resource", {"id": self.id, "class": self.standard})
        if self.provider:
            element.set("provider", self.provider)
        element.set("type", self.agent)
        return element

    def remember(self, op: Operation) -> None:
        """Keep a result for the history; a stop ends the recurring ones, a newer success leaves the failure."""
        if op.status == ExecStatus.CANCELLED:
            self.recurring.pop(op.op_key, None)
            return
        if op.failed:
            self.failed = op
        if op.interval_ms:
            self.recurring[op.op_key] = op
            return
        self.last = op
        if op.task == "stop" and not op.failed:
            self.recurring.clear()

    def history(self, node: str) -> etree._Element:
        """An `<lrm_resource>` with everything known, marked as an upload so that nothing is counted twice."""
        element = self.element()
        origin = "build_active_RAs"
        if self.failed:
            element.extend(record(self.failed, node, origin, self.traits, with_id=f"{self.id}_last_failure_0"))
        if self.last:
            element.extend(record(self.last, node, origin, self.traits, with_id=f"{self.id}_last_0"))
        for key in sorted(self.recurring):
            if not self.recurring[key].failed:
                element.extend(record(self.recurring[key], node, origin, self.traits, with_id=key))
        return element

    @property
    def active(self) -> bool:
        """False when the last result says the resource is stopped or was never started here."""
        if self.last is None:
            return False
        if self.last.task == "stop" and not self.last.failed:
            return False
        if self.last.task == "monitor" and self.last.rc == 7:
            return False
        return not (self.last.task == "migrate_to" and self.last.rc == 0)


class ExecutorState:
    """Resources and running operations of this node."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.running: dict[int, Operation] = {}

    def resource(self, rsc_id: str, standard: str, provider: str, agent: str) -> tuple[Resource, bool]:
        """The entry of a resource and whether it is new or has another agent than before."""
        known = self.resources.get(rsc_id)
        if known is not None and (known.standard, known.provider, known.agent) == (standard, provider, agent):
            return known, False
        self.resources[rsc_id] = Resource(rsc_id, standard, provider, agent)
        return self.resources[rsc_id], True

    def find(self, rsc_id: str, action: str, interval_ms: int, userdata: str) -> int | None:
        """The token of the running operation that a result belongs to."""
        for token, op in self.running.items():
            if (op.resource, op.task, op.interval_ms) == (rsc_id, action, interval_ms) and op.key == userdata:
                return token
        return None

    def operations_of(self, rsc_id: str) -> list[tuple[int, Operation]]:
        return [(token, op) for token, op in self.running.items() if op.resource == rsc_id]

    def forget(self, rsc_id: str) -> None:
        """Drop a resource with its history; results still to come are no longer recorded."""
        self.resources.pop(rsc_id, None)
        for _, op in self.operations_of(rsc_id):
            op.removed = True

    def active(self) -> list[str]:
        return [r.id for r in self.resources.values() if r.active]

    def history(self, node_id: str, node: str) -> etree._Element:
        """The `<lrm>` element of a join confirmation."""
        lrm = etree.Element("lrm", id=node_id)
        resources = etree.SubElement(lrm, "lrm_resources")
        for rsc_id in sorted(self.resources):
            resource = self.resources[rsc_id]
            if resource.last or resource.failed or resource.recurring:
                resources.append(resource.history(node))
        return lrm
