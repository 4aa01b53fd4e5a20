"""A transition graph carried out on a CIB in memory, every action succeeding unless told otherwise (spec 18.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.client.simulation.record import Recorder
from hashell.model.values import integer
from hashell.stack.pengine.unpack.lookup import find_resource

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.client.view.outline import Outline
    from hashell.stack.pengine.state import WorkingSet

_INFINITY = 1000000


@dataclass(frozen=True, slots=True)
class FailSpec:
    """`<rsc>_<op>_<interval>@<node>=<rc>` of an operation that is to fail."""

    operation: str  #: <rsc>_<op>_<interval>
    node: str
    rc: int


class _Synapse:
    __slots__ = ("action", "inputs", "priority", "confirmed")

    def __init__(self, element: _Element) -> None:
        actions = element.find("action_set")
        self.action = next(iter(actions)) if actions is not None and len(actions) else None
        self.inputs = [int(trigger[0].get("id") or 0) for trigger in element.iterfind("inputs/trigger")]
        self.priority = integer(element.get("priority"))
        self.confirmed = False


class Executor:
    """Runs the synapses of one graph in passes until nothing fires any more."""

    def __init__(
        self, ws: WorkingSet, graph: _Element, recorder: Recorder, out: Outline, failures: Sequence[FailSpec] = ()
    ) -> None:
        self.ws = ws
        self.recorder = recorder
        self.out = out
        self.failures = failures
        self.offsets = graph.get("failed-start-offset"), graph.get("failed-stop-offset")
        self.synapses = [_Synapse(element) for element in graph.iterchildren("synapse")]
        self.confirmed: dict[int, bool] = {}  #: action id -> whether it succeeded
        self.abort_priority = 0

    def run(self) -> bool:
        """Whether every synapse that had to could be carried out."""
        fired = True
        while fired:
            fired = False
            for synapse in self.synapses:
                if not synapse.confirmed and self._ready(synapse):
                    self._fire(synapse)
                    fired = True
        return all(synapse.confirmed for synapse in self.synapses) or self.abort_priority > 0

    def _ready(self, synapse: _Synapse) -> bool:
        if synapse.action is None:
            synapse.confirmed = True
            return False
        if any(number not in self.confirmed for number in synapse.inputs):
            return False
        if synapse.priority >= self.abort_priority:
            return True
        return synapse.action.tag == "pseudo_event" and all(self.confirmed[number] for number in synapse.inputs)

    def _fire(self, synapse: _Synapse) -> None:
        action = synapse.action
        assert action is not None
        number = int(action.get("id") or 0)
        synapse.confirmed = True
        succeeded = True
        if action.tag == "pseudo_event":
            node = action.get("on_node")
            place = f" on {node}" if node else ""
            self.out.item(f"Pseudo action:   {action.get('operation_key')}{place}")
        elif action.get("operation") == "stonith":
            self._fence(action)
        elif action.tag == "crm_event":
            primitive = action.find("primitive")
            rsc = f" for {primitive.get('id')}" if primitive is not None else ""
            self.out.item(f"Cluster action:  {action.get('operation')}{rsc} on {action.get('on_node')}")
        else:
            succeeded = self._resource_operation(action)
        self.confirmed[number] = succeeded

    def _fence(self, action: _Element) -> None:
        attributes = action.find("attributes")
        operation = attributes.get("CRM_meta_stonith_action") if attributes is not None else None
        target = action.get("on_node") or ""
        self.out.item(f"Fencing {target} ({operation})")
        if operation != "on":
            self.recorder.fence(target, action.get("on_node_uuid") or target)

    def _name(self, primitive: _Element) -> str | None:
        for id in (primitive.get("id"), primitive.get("long-id")):
            if id and find_resource(self.ws, id) is not None:
                return id
        return primitive.get("id")

    def _resource_operation(self, action: _Element) -> bool:
        """Whether the operation succeeded. What waits for a failed one goes on only when it is important enough."""
        primitive = action.find("primitive")
        if primitive is None:
            return True
        attributes = action.find("attributes")
        params: dict[str, str] = {str(k): str(v) for k, v in attributes.items()} if attributes is not None else {}
        operation, node = action.get("operation") or "", action.get("on_node") or ""
        name = self._name(primitive) or ""
        interval = params.get("CRM_meta_interval")
        suffix = f"={interval}" if interval is not None else ""
        self.out.item(f"Resource action: {name:<15} {operation}{suffix} on {node}")
        if operation in ("delete", "meta-data"):
            return True
        target_rc = integer(params.get("CRM_meta_op_target_rc"))
        failure = self._failure(primitive, name, operation, interval or "0", node)
        if failure is not None:
            named = failure.operation.removesuffix(f"_{operation}_{interval or '0'}")
            self._pretend(failure, action, named, operation, interval or "0", node)
        self.recorder.record(action, primitive, name, params, target_rc if failure is None else failure.rc, target_rc)
        return failure is None

    def _failure(
        self, primitive: _Element, name: str, operation: str, interval: str, node: str
    ) -> FailSpec | None:
        names = (name, primitive.get("id"), primitive.get("long-id"))
        keys = {f"{each}_{operation}_{interval}" for each in names if each}
        matching = (f for f in self.failures if f.node.lower() == node.lower() and f.operation in keys)
        return next(matching, None)

    def _pretend(
        self, failure: FailSpec, action: _Element, name: str, operation: str, interval: str, node: str
    ) -> None:
        """A failure aborts the transition: real actions that are not important enough start no more."""
        self.abort_priority = _INFINITY
        self.out.info(f"Pretending action {action.get('id')} failed with rc={failure.rc}")
        start_offset, stop_offset = self.offsets
        fatal = (operation == "start" and start_offset == "INFINITY") or (
            operation == "stop" and stop_offset == "INFINITY"
        )
        for text in self.recorder.add_failcount(node, name, operation, interval, failure.rc, fatal):
            self.out.item(text)
