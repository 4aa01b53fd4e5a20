"""An operation that a transition may carry out, and the relations between two of them (scheduler actions §10, §11).

Lists that the original prepends to (relations, a resource's and the scheduler's actions) are kept in creation
order here and walked with `reversed()`, which like the original does not visit what is added during the walk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hashell.stack.pengine.order.flags import Act

if TYPE_CHECKING:
    from lxml import etree

    from hashell.stack.pengine.state import NodeCopy, Resource


@dataclass(slots=True, eq=False)
class Relation:
    """One side's view of an ordering: the other action and the relation flags (`Rel`), which may be zeroed later."""

    action: Action
    flags: int
    graphed: bool = False  #: listed as a trigger of the transition graph


@dataclass(slots=True, eq=False)
class Action:
    """`key` is `<rsc>_<task>_<interval ms>`; `node` a copy of the target, None while unknown."""

    id: int
    key: str
    task: str
    rsc: Resource | None
    node: NodeCopy | None
    flags: int = Act.RUNNABLE
    meta: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)  #: operation instance attributes
    op_xml: etree._Element | None = None
    interval_ms: int = 0  #: as in the `interval` meta attribute
    needs: Any = None  #: Requires
    on_fail: Any = None  #: OnFail
    fail_role: Any = None  #: Role
    reason: str | None = None
    priority: int = 0
    cancel_task: str | None = None  #: task of the cancelled recurring operation
    required_runnable: int = 0  #: how many firsts must be runnable (min_runnable)
    runnable_count: int = 0
    before: list[Relation] = field(default_factory=list)  #: what this waits for, newest last
    after: list[Relation] = field(default_factory=list)  #: what waits for this, newest last
    after_flags: dict[int, int] = field(default_factory=dict)  #: id of a later action -> flags of all relations to it

    @property
    def optional(self) -> bool:
        return bool(self.flags & Act.OPTIONAL)

    @property
    def runnable(self) -> bool:
        return bool(self.flags & Act.RUNNABLE)

    @property
    def pseudo(self) -> bool:
        return bool(self.flags & Act.PSEUDO)

    def __repr__(self) -> str:
        where = f" on {self.node.name}" if self.node else ""
        return f"<{self.id} {self.key}{where} {self.flags:#x}>"
