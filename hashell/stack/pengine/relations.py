"""Constraints and orderings between resources: the edges of the policy engine's model (model spec 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import Role

if TYPE_CHECKING:
    from hashell.stack.pengine.actions.action import Action
    from hashell.stack.pengine.state import NodeCopy, Resource, Ticket


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
