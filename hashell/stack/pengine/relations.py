"""Constraints, actions and the orderings between them: the edges of the policy engine's model (model spec 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashell.stack.pengine.kinds import ActionFlag, Needs, OnFail, Role

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import Node, NodeCopy, Resource, Ticket


class Location:
    __slots__ = ("id", "rsc", "role_filter", "probe_mode", "nodes")

    def __init__(self, id: str, rsc: Resource, role_filter: int, probe_mode: int, nodes: list[NodeCopy]) -> None:
        self.id = id
        self.rsc = rsc
        self.role_filter = role_filter
        self.probe_mode = probe_mode
        self.nodes = nodes


class Colocation:
    __slots__ = (
        "id", "dependent", "primary", "dependent_role", "primary_role", "score", "node_attribute", "explicit",
        "influence",
    )  # fmt: skip

    def __init__(self, id: str, dependent: Resource, primary: Resource, score: int) -> None:
        self.id = id
        self.dependent = dependent
        self.primary = primary
        self.dependent_role = Role.UNKNOWN
        self.primary_role = Role.UNKNOWN
        self.score = score
        self.node_attribute = "#uname"
        self.explicit = False
        self.influence = False


class Ordering:
    """One ordering relation before it is applied to actions. Tasks are action keys or None."""

    __slots__ = ("id", "flags", "rsc1", "task1", "action1", "rsc2", "task2", "action2")

    def __init__(self, id: int, flags: int) -> None:
        self.id = id
        self.flags = flags
        self.rsc1: Resource | None = None
        self.task1: str | None = None
        self.action1: Action | None = None
        self.rsc2: Resource | None = None
        self.task2: str | None = None
        self.action2: Action | None = None


class TicketConstraint:
    __slots__ = ("id", "rsc", "ticket", "role", "loss_policy")

    def __init__(self, id: str, rsc: Resource, ticket: Ticket, role: int, loss_policy: str) -> None:
        self.id = id
        self.rsc = rsc
        self.ticket = ticket
        self.role = role
        self.loss_policy = loss_policy


class Relation:
    """One end of an applied ordering, in Action.before (inputs) or Action.after."""

    __slots__ = ("action", "flags", "graphed")

    def __init__(self, action: Action, flags: int) -> None:
        self.action = action
        self.flags = flags
        self.graphed = False


class Action:
    """A planned, possible or implied action."""

    __slots__ = (
        "id", "key", "task", "node", "rsc", "flags", "meta", "extra", "needs", "on_fail", "fail_role", "reason",
        "priority", "before", "after", "after_flags", "runnable_before", "required_runnable_before", "cancel_task",
        "op_xml", "interval_ms", "dedup_done", "synapse", "scratch",
    )  # fmt: skip

    def __init__(self, id: int, key: str, task: str, rsc: Resource | None, node: Node | None) -> None:
        self.id = id
        self.key = key  #: operation key, the "uuid" of the reference
        self.task = task
        self.node = node
        self.rsc = rsc
        self.flags = ActionFlag.RUNNABLE
        self.meta: dict[str, str] = {}
        self.extra: dict[str, str] = {}  #: evaluated operation instance attributes
        self.needs = Needs.NOTHING
        self.on_fail = OnFail.IGNORE
        self.fail_role = Role.UNKNOWN
        self.reason: str | None = None
        self.priority = 0
        self.before: list[Relation] = []  #: what this waits for, in creation order
        self.after: list[Relation] = []  #: what waits for this, in creation order
        self.after_flags: dict[int, int] = {}  #: id of a later action -> flags of all relations to it
        self.required_runnable_before = 0  #: how many firsts must be runnable (min_runnable)
        self.runnable_before = 0
        self.cancel_task: str | None = None  #: task of the cancelled recurring operation
        self.op_xml: _Element | None = None
        self.interval_ms = 0
        self.dedup_done = False
        self.synapse: int | None = None
        self.scratch: dict[str, Any] = {}

    @property
    def optional(self) -> bool:
        return bool(self.flags & ActionFlag.OPTIONAL)

    @property
    def runnable(self) -> bool:
        return bool(self.flags & ActionFlag.RUNNABLE)

    @property
    def pseudo(self) -> bool:
        return bool(self.flags & ActionFlag.PSEUDO)

    def __repr__(self) -> str:
        return f"<Action {self.id} {self.key} on {self.node.name if self.node else None}>"
