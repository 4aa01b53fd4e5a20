"""The policy engine: a CIB in, a transition graph out; pure, one run a call.

Stages, each visiting everything before the next starts (actions spec chapter 1):

| stage | module | function |
| --- | --- | --- |
| configuration and status into the model | `unpack` | `unpack_cluster(ws)` |
| node health, constraints, node criteria | `unpack` | `unpack_constraints(ws)`, `apply_criteria(ws)` |
| internal constraints, digest checks, assignment | `assign` | `assign(ws)` |
| probes, actions, remote orderings, fencing, shutdown | `actions` | `create_actions(ws)` |
| orderings applied and propagated | `order` | `apply_orderings(ws)` |
| the graph | `graph` | `collect_steps(ws)`, `graph_element(ws, transition_id)` |

Unpacking already creates actions and orderings, because failed resources must be stopped whatever comes later. It
calls `actions.create.new_action(ws, rsc, key, task, node, optional)`, `actions.create.pseudo_singleton(ws, name)`,
`actions.create.fencing_op(ws, node, action, optional, reason, priority_delay)` and
`order.create.new_ordering(ws, rsc1, task1, action1, rsc2, task2, action2, flags)`. Nodes are given as Node.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.model.dates import DateTime
    from hashell.model.diagnostics import Diagnostic
    from hashell.stack.pengine.state import WorkingSet


@dataclass
class Schedule:
    """What one run decided. `decided` is False when the input was refused (see `messages`)."""

    working_set: WorkingSet
    decided: bool = False
    transition_id: int = 1

    @property
    def messages(self) -> list[Diagnostic]:
        """Errors and warnings about the configuration, in order."""
        return self.working_set.messages

    @cached_property
    def graph(self) -> _Element | None:
        """The transition graph, made when it is first asked for; None when nothing was decided."""
        if not self.decided:
            return None
        from hashell.stack.pengine.graph.build import graph_element

        return graph_element(self.working_set, self.transition_id)

    @property
    def scores(self) -> list[str]:
        """Lines of the score listing, in the order they were produced."""
        return self.working_set.scores


def new_working_set(
    cib: _Element,
    *,
    now: DateTime,
    output_scores: bool = False,
    show_utilization: bool = False,
    sanitized: bool = False,
) -> WorkingSet:
    """An empty model over a CIB in the newest schema series. The CIB tree is modified by the run: hand in a copy.

    now: the effective date; see `unpack.effective_now` for the `execution-date` of stored inputs.
    """
    from hashell.stack.pengine.state import WorkingSet

    ws = WorkingSet(cib, now)
    ws.output_scores = output_scores
    ws.show_utilization = show_utilization
    ws.sanitized = sanitized
    return ws


def run(ws: WorkingSet, *, transition_id: int = 1) -> Schedule:
    """All stages after `unpack.unpack_cluster(ws)`, which is done here when it has not been done before."""
    from hashell.stack.pengine import unpack

    if not ws.unpacked:
        unpack.unpack_cluster(ws)
    if not ws.accepted:
        return Schedule(ws)
    unpack.unpack_constraints(ws)
    if ws.validate_only:
        return Schedule(ws)
    unpack.apply_criteria(ws)
    if ws.location_only:
        return Schedule(ws)
    from hashell.stack.pengine.actions import create_actions
    from hashell.stack.pengine.assign import assign
    from hashell.stack.pengine.changes import resource_changes
    from hashell.stack.pengine.depth import recursion_room
    from hashell.stack.pengine.graph.build import collect_steps
    from hashell.stack.pengine.order import apply_orderings

    with recursion_room(sum(1 for top in ws.resources for _ in top.walk())):
        assign(ws)
        create_actions(ws)
        apply_orderings(ws)
        resource_changes(ws)
        collect_steps(ws)
    return Schedule(ws, True, transition_id)


def schedule(
    cib: _Element,
    *,
    now: DateTime,
    output_scores: bool = False,
    show_utilization: bool = False,
    transition_id: int = 1,
) -> Schedule:
    """One complete run over a CIB already in the newest schema series (`unpack.upgrade.upgrade`)."""
    ws = new_working_set(cib, now=now, output_scores=output_scores, show_utilization=show_utilization)
    return run(ws, transition_id=transition_id)
