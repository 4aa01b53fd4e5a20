"""What the cluster would do with a CIB: the policy engine's transition in words, before a commit makes it real."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from hashell.shell.session import Session
    from hashell.stack.pengine import Schedule

_KINDS = {"Stop": "stops", "Move": "moves", "Migrate": "moves", "Restart": "restarts", "Recover": "restarts",
          "Start": "starts"}


@dataclass
class Plan:
    """Changes by kind, each as text."""

    stops: list[str] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)
    starts: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    fencing: list[str] = field(default_factory=list)

    @property
    def disturbs(self) -> bool:
        """Whether something that runs would stop, move or restart, or a node be fenced."""
        return bool(self.stops or self.moves or self.restarts or self.fencing)

    def summary(self) -> str:
        """`stops 1, moves 2, restarts 0, starts 3`; other changes and fencing only if there are any."""
        text = (f"stops {len(self.stops)}, moves {len(self.moves)}, restarts {len(self.restarts)}, "
                f"starts {len(self.starts)}")
        if self.others:
            text += f", other changes {len(self.others)}"
        return text + (f", FENCES {len(self.fencing)}" if self.fencing else "")

    def lines(self) -> list[str]:
        every = [*self.fencing, *self.stops, *self.moves, *self.restarts, *self.others, *self.starts]
        return [self.summary(), *(f"  {line}" for line in every)]


def run_engine(cib: etree._Element, *, scores: bool = False, utilization: bool = False) -> Schedule:
    """One run of the policy engine over a copy of a CIB, at the present time."""
    from hashell.model.dates import local_now
    from hashell.stack.pengine import schedule
    from hashell.stack.pengine.unpack.upgrade import upgrade

    now = time.time()
    newest = copy.deepcopy(cib)
    upgrade(newest)
    return schedule(newest, now=local_now(int(now), time.localtime(now).tm_gmtoff), output_scores=scores,
                    show_utilization=utilization)


def plan_for(cib: etree._Element) -> Plan:
    """The plan of a CIB with its status section."""
    from hashell.client.simulation.summary import node_actions, resource_changes

    working_set = run_engine(cib).working_set
    plan = Plan(fencing=node_actions(working_set))
    for line in resource_changes(working_set):
        kind = next((kind for word, kind in _KINDS.items() if line.change.startswith(word)), "others")
        reason = f"  {line.reason}" if line.reason else ""
        getattr(plan, kind).append(f"{line.change.lower():<8} {line.id}  ({line.details.strip()}){reason}")
    return plan


def plan_of(session: Session) -> Plan:
    """The plan of the working copy, on the status as it is now."""
    return plan_for(session.workspace.config.root)


def score_lines(cib: etree._Element, *, scores: bool = True, utilization: bool = False) -> list[str]:
    """The score listing of a CIB, and what nodes have left of their capacity."""
    return list(run_engine(cib, scores=scores, utilization=utilization).scores)
