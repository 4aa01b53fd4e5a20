"""What would happen if a node were lost or a resource failed: the transition, and the board after it."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashell.client.diagnostics import Refused
from hashell.client.monitor.snapshot import Snapshot, snapshot_of
from hashell.client.simulation.run import Request, Simulation
from hashell.client.simulation.survive import Loss, Survival
from hashell.model.dates import local_now
from hashell.model.diagnostics import HashellError

if TYPE_CHECKING:
    from lxml import etree

@dataclass(frozen=True)
class Prospect:
    """One question and its answer: the text of the simulation, and what the cluster would look like."""

    question: str
    lines: tuple[str, ...]
    after: Snapshot


def lose_node(cib: etree._Element, node: str) -> Prospect:
    """The node vanishes without a word. The CIB is left alone."""
    return _answer(cib, Loss(nodes=(node,)))


def fail_resource(cib: etree._Element, resource: str, node: str) -> Prospect:
    """The monitor of a primitive finds it failed where it runs or is going to. The CIB is left alone.

    Raises HashellError when it is not there.
    """
    return _answer(cib, Loss(resource=resource, node=node))


def _answer(cib: etree._Element, loss: Loss) -> Prospect:
    seconds = int(time.time())
    now = local_now(seconds, time.localtime(seconds).tm_gmtoff)
    present = deepcopy(cib)
    present.attrib.pop("execution-date", "")
    survival = Survival(present, 0, now)
    if loss.resource and loss not in survival.losses:
        raise HashellError(Refused(what=f"the {loss.text()}", reason="it does not run there, or is not managed"))
    lost = survival.with_loss(loss)
    written: list[str] = []
    simulation = Simulation(lost, Request(schedule=True, execute=True), now, written.append)
    ws = simulation.status()
    written.clear()  # the present is on the board already
    simulation.decide(ws)
    simulation.show_summary()
    simulation.execute()
    lines = "".join(written).split("\n")
    cut = next((i for i, line in enumerate(lines) if line.startswith("Revised Cluster Status")), len(lines))
    shown = [line for line in lines[:cut] if line and "Pseudo action" not in line]
    title = f"after the {loss.text()}"
    return Prospect(loss.text(), tuple(shown), snapshot_of(simulation.cib, title=title))
