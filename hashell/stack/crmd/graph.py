"""A transition graph as data and the rules of its progress (daemons specification, section 3.9).

A graph is a list of synapses; each fires its actions once all its inputs are confirmed and none has failed. The graph
knows nothing of messages or timers: the transitioner asks `ready()` what may fire and reports what became of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from lxml import etree

from hashell.model.values import integer, integer_of, scan_integer
from hashell.stack.crmd.options import INFINITY, score, seconds


class Completion(IntEnum):
    """What follows when the graph is done; a stronger wish replaces a weaker one."""

    DONE = 0
    WAIT = 1
    RESTART = 2
    SHUTDOWN = 3


class GraphError(ValueError):
    """The scheduler's answer is not a usable graph."""


@dataclass(slots=True)
class Action:
    """One action of a graph. Timeouts and intervals in ms; `router` carries out what is meant for a remote node."""

    id: int
    kind: str
    task: str
    key: str
    node: str
    node_id: str
    router: str
    element: etree._Element
    attributes: dict[str, str]
    executed: bool = False
    confirmed: bool = False
    failed: bool = False
    asked_at: float = 0.0  #: when fencing was requested, seconds of the clock that nobody sets

    @property
    def runs_on(self) -> str:
        """The cluster node that is asked to carry the action out."""
        return self.router or self.node

    @property
    def timeout_ms(self) -> int:
        return integer(self.attributes.get("CRM_meta_timeout"))

    @property
    def start_delay_ms(self) -> int:
        return integer(self.attributes.get("CRM_meta_start_delay"))

    @property
    def interval_ms(self) -> int:
        return integer(self.attributes.get("CRM_meta_interval"))

    @property
    def target_rc(self) -> int:
        return integer(self.attributes.get("CRM_meta_op_target_rc"))

    @property
    def no_wait(self) -> bool:
        return self.attributes.get("CRM_meta_op_no_wait") == "true"

    @property
    def resource(self) -> etree._Element | None:
        """The resource element inside a resource action."""
        return next((c for c in self.element if c.tag in ("primitive", "group", "clone", "bundle")), None)


@dataclass(slots=True)
class Synapse:
    """Actions that fire together after their inputs."""

    id: int
    priority: int
    actions: list[Action]
    inputs: tuple[int, ...]
    executed: bool = False

    @property
    def confirmed(self) -> bool:
        return all(a.confirmed for a in self.actions)

    @property
    def failed(self) -> bool:
        return any(a.failed for a in self.actions)


@dataclass(slots=True)
class Transition:
    """A graph in execution. `cluster_delay` and `stonith_timeout` in seconds."""

    id: int
    synapses: list[Synapse]
    source: str = ""
    cluster_delay: float = 60.0
    stonith_timeout: float = 60.0
    batch_limit: int = 0
    migration_limit: int = -1
    failed_start_offset: str = "INFINITY"
    failed_stop_offset: str = "INFINITY"
    recheck_by: int = 0
    abort_priority: int = 0
    abort_reason: str = ""
    completion: Completion = Completion.DONE
    complete: bool = False
    refused: bool = False  #: a node would not carry out one of the actions in its present state
    actions: dict[int, Action] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Transition:
        """A graph that is already complete: the state between transitions."""
        return cls(-1, [], complete=True)

    def pending(self) -> list[Action]:
        return [a for a in self.actions.values() if a.executed and not a.confirmed]

    def incomplete(self) -> list[Synapse]:
        return [s for s in self.synapses if not s.confirmed and not s.failed]

    def abort(self, priority: int, completion: Completion, reason: str) -> None:
        """Let nothing below `priority` start any more; the strongest wish for what follows is kept."""
        if priority > self.abort_priority:
            self.abort_priority = priority
        if completion > self.completion:
            self.completion, self.abort_reason = completion, reason

    def ready(self, allowed: Callable[[Action], bool]) -> Iterator[Synapse]:
        """Synapses in document order that may fire now; a confirmation between two steps counts at once."""
        for synapse in self.synapses:
            if 0 < self.batch_limit <= len(self.pending()):
                return
            if synapse.executed or synapse.confirmed or synapse.failed or not self._inputs_met(synapse):
                continue
            real = [a for a in synapse.actions if a.kind != "pseudo_event"]
            if real and synapse.priority < self.abort_priority:
                continue
            if all(allowed(a) for a in real):
                yield synapse

    def skipped(self) -> int:
        """How many synapses would fire but for the abort."""
        return sum(
            1
            for s in self.incomplete()
            if not s.executed and s.priority < self.abort_priority and self._inputs_met(s)
            and any(a.kind != "pseudo_event" for a in s.actions)
        )

    def fail(self, action: Action) -> Synapse | None:
        """Mark an action failed; its dependents are not fired, unless of infinite priority."""
        action.failed = True
        return next((s for s in self.synapses if action in s.actions), None)

    def _inputs_met(self, synapse: Synapse) -> bool:
        for number in synapse.inputs:
            action = self.actions.get(number)
            if action is None or not action.confirmed:
                return False
            if action.failed and synapse.priority < INFINITY:
                return False
        return True


def unpack(element: etree._Element, source: str = "") -> Transition:
    """A `<transition_graph>` as a Transition. Raises GraphError with the place of what is wrong."""
    if element.tag != "transition_graph":
        raise GraphError(f"expected transition_graph, got {element.tag}")
    number, _ = scan_integer(element.get("transition_id"))
    if number is None:
        raise GraphError(f"transition_graph has no usable transition_id ({element.get('transition_id')!r})")
    transition = Transition(
        number,
        [],
        source=source,
        cluster_delay=seconds(element.get("cluster-delay"), 60),
        stonith_timeout=seconds(element.get("stonith-timeout"), 60),
        batch_limit=score(element.get("batch-limit"), 0),
        migration_limit=score(element.get("migration-limit"), -1),
        failed_start_offset=element.get("failed-start-offset", "INFINITY"),
        failed_stop_offset=element.get("failed-stop-offset", "INFINITY"),
        recheck_by=integer(element.get("recheck-by")),
    )
    for child in element.iterchildren("synapse"):
        synapse = _synapse(child)
        transition.synapses.append(synapse)
        transition.actions.update((a.id, a) for a in synapse.actions)
    return transition


def _synapse(element: etree._Element) -> Synapse:
    actions = [_action(a) for s in element.iterchildren("action_set") for a in s if isinstance(a.tag, str)]
    inputs = [
        _action_id(a) for i in element.iterchildren("inputs") for t in i.iterchildren("trigger") for a in t
    ]
    return Synapse(integer(element.get("id")), score(element.get("priority")), actions, tuple(inputs))


def _action(element: etree._Element) -> Action:
    if element.tag not in ("rsc_op", "pseudo_event", "crm_event"):
        raise GraphError(f"unknown kind of action {element.tag}")
    attributes = element.find("attributes")
    found = dict(attributes.items()) if attributes is not None else {}
    for extra in attributes.iterchildren("param") if attributes is not None else ():
        found[extra.get("name", "")] = extra.get("value", "")
    return Action(
        _action_id(element),
        str(element.tag),
        element.get("operation", ""),
        element.get("operation_key", ""),
        element.get("on_node", ""),
        element.get("on_node_uuid", ""),
        element.get("router_node", ""),
        element,
        {str(k): str(v) for k, v in found.items()},
    )


def _action_id(element: etree._Element) -> int:
    number = integer_of(element, "id", -1)
    if number < 0:
        raise GraphError(f"action {element.get('operation_key')} has no usable id ({element.get('id')!r})")
    return number
