"""What a run writes down while it decides: entries about scores and blocks, and what actions lost to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hashell.stack.pengine.kinds import INF
from hashell.stack.pengine.ledger.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hashell.stack.pengine.relations import Action, Colocation, Location, Ordering
    from hashell.stack.pengine.state import Node, NodeCopy, Resource


class Entry:
    """One contribution. `node` None means every node, `value` None that no score is meant (a block or a fact)."""

    __slots__ = ("kind", "rsc", "node", "value", "id", "other", "after")

    def __init__(
        self,
        kind: str,
        rsc: Resource,
        node: Node | None,
        value: int | None,
        id: str = "",
        other: Resource | None = None,
        after: int | None = None,
    ) -> None:
        self.kind = kind
        self.rsc = rsc
        self.node = node
        self.value = value
        self.id = id  #: of the CIB element: constraint, rule, ticket constraint, operation record
        self.other = other  #: the resource that is to blame, if it is another one
        self.after = after  #: the score after the change, when the change was seen as a difference

    def __repr__(self) -> str:
        where = self.node.name if self.node is not None else "*"
        return f"<{self.kind} {self.id} {self.rsc.id}@{where} {self.value}>"


class Loss:
    """An action that is not runnable, not optional or not migratable any more because of another one."""

    __slots__ = ("action", "flag", "cause", "id")

    def __init__(self, action: Action, flag: int, cause: Action | None, id: str = "") -> None:
        self.action = action
        self.flag = flag  #: the bit of ActionFlag that was cleared
        self.cause = cause
        self.id = id  #: of the colocation, when that is the cause


class Ledger:
    """Entries in the order in which they were decided."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.losses: list[Loss] = []
        self.orders: list[tuple[str, Ordering]] = []  #: CIB id of the rsc_order and one relation it leads to
        self.order_id = ""  #: rsc_order that is being unpacked

    def add(
        self,
        kind: str,
        rsc: Resource,
        node: Node | None = None,
        value: int | None = None,
        id: str = "",
        other: Resource | None = None,
    ) -> None:
        """One contribution to the resource on the node."""
        self.entries.append(Entry(kind, rsc, node, value, id, other))

    def location(self, rsc: Resource, location: Location, health: str) -> None:
        """The scores of a location constraint; `health` is the id that stands for node health."""
        kind = Kind.HEALTH if health and location.id == health else Kind.LOCATION
        for copy in location.nodes:
            self.entries.append(Entry(kind, rsc, copy.node, copy.score, location.id))

    def colocation(self, kind: str, rsc: Resource, before: Mapping[str, int], coloc: Colocation) -> None:
        """What a colocation made of the table that had the scores `before` (by node id)."""
        other = coloc.primary if kind == Kind.COLOCATION else coloc.dependent
        for id, entry in rsc.allowed_nodes.items():
            old = before.get(id)
            if old is not None and old != entry.score:
                change = entry.score - old
                self.entries.append(Entry(kind, rsc, entry.node, change, coloc.id, other, entry.score))

    def promotion(self, instance: Resource, node: Node, before: int, coloc: Colocation) -> None:
        """What a colocation made of the promotion score of an instance; what ends at infinity counts as infinite."""
        change = instance.priority - before
        if abs(instance.priority) >= INF:
            change = instance.priority
        self.add(Kind.PROMOTED_WITH, instance, node, change, coloc.id, coloc.primary)

    def ordering(self, order: Ordering) -> None:
        """A relation that comes from the rsc_order being unpacked."""
        if self.order_id:
            self.orders.append((self.order_id, order))

    def lost(self, action: Action, flag: int, cause: Action | None, id: str = "") -> None:
        """The action lost a flag because of another one, or because of the colocation `id`."""
        self.losses.append(Loss(action, flag, cause, id))

    def mark(self) -> int:
        """A place to go back to with `forget`."""
        return len(self.entries)

    def forget(self, mark: int, rsc: Resource) -> None:
        """Drop what was written since the mark about the resource and its parts: a trial that is taken back."""
        parts = list(rsc.walk())
        self.entries[mark:] = [entry for entry in self.entries[mark:] if entry.rsc not in parts]


def scores_of(table: Mapping[str, NodeCopy]) -> dict[str, int]:
    """Node id -> score, as `Ledger.colocation` wants it."""
    return {id: entry.score for id, entry in table.items()}
