"""What a cluster survives: every loss of up to N nodes and every failure of one resource, decided one by one.

Each case is a copy of the CIB with the loss put in, scheduled once. The places that the scheduler gives are compared
with those it gives without a loss. Quorum is lost when no more than half of the nodes are left; of two nodes, one is
enough, as with Corosync's two_node.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from hashell.client.simulation.record import Recorder
from hashell.model.durations import interval_ms
from hashell.stack.pengine import new_working_set, run
from hashell.stack.pengine.changes import resource_changes
from hashell.stack.pengine.kinds import Role, Variant
from hashell.stack.pengine.unpack.digests import operation_digests
from hashell.stack.pengine.unpack.lookup import find_resource
from hashell.stack.pengine.unpack.upgrade import upgrade

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.model.dates import DateTime
    from hashell.stack.pengine.state import Resource, WorkingSet

Places = dict[str, tuple[str, ...]]  #: unit -> nodes where it runs; `ID (promoted)` is a unit of its own


@dataclass(frozen=True)
class Loss:
    """One thing that goes wrong: nodes that are gone, or a resource that fails on a node."""

    nodes: tuple[str, ...] = ()
    resource: str = ""
    node: str = ""

    def text(self) -> str:
        if self.resource:
            return f"failure of {self.resource} on {self.node}"
        return f"loss of {' and '.join(self.nodes)}"


@dataclass
class Outcome:
    """What one loss leads to."""

    loss: Loss
    quorum: bool = True
    down: list[str] = field(default_factory=list)
    moved: list[tuple[str, str, str]] = field(default_factory=list)  #: unit, from, to
    fewer: list[tuple[str, int, int]] = field(default_factory=list)  #: clone, instances left, instances before
    restarted: list[str] = field(default_factory=list)
    worst: bool = False

    def harmful(self) -> bool:
        """Whether more happens than a restart of what failed, in its place."""
        beyond = [name for name in self.restarted if name != self.loss.resource]
        return bool(self.down or self.moved or self.fewer or beyond)

    def severity(self) -> tuple[int, int, int, int]:
        """Grows with the harm done."""
        return (len(self.down), len(self.moved), len(self.restarted), len(self.fewer))

    def as_json(self) -> dict[str, Any]:
        return {
            "nodes": list(self.loss.nodes), "resource": self.loss.resource, "node": self.loss.node,
            "quorum": self.quorum, "down": self.down,
            "moved": [{"resource": unit, "from": old, "to": new} for unit, old, new in self.moved],
            "fewer": [{"resource": unit, "instances": now, "before": before} for unit, now, before in self.fewer],
            "restarted": self.restarted, "worst": self.worst,
        }


class Survival:
    """The cases of one CIB, which is left alone. now: the effective date."""

    def __init__(self, cib: _Element, most: int, now: DateTime) -> None:
        self.cib = deepcopy(cib)
        upgrade(self.cib)
        self.now = now
        self.usual = self._decide(deepcopy(self.cib))
        self.places = places(self.usual)
        self.names = [node.name for node in self.usual.nodes if not node.is_pacemaker_remote()]
        online = [node.name for node in self.usual.nodes if not node.is_pacemaker_remote() and node.online]
        self.losses = [Loss(nodes=gone) for count in range(1, min(most, len(online)) + 1)
                       for gone in combinations(online, count)]
        self.losses += self._failures()

    def _failures(self) -> Iterator[Loss]:
        """Every resource that runs, or is going to, once on each of its nodes; fence devices are left out."""
        for leaf in self._leaves():
            special = leaf.fence_device or leaf.removed or leaf.is_remote_connection
            node = at(leaf)
            if node and leaf.managed and not special:
                yield Loss(resource=leaf.display_id(), node=node)

    def _leaves(self) -> Iterator[Resource]:
        for top in self.usual.resources:
            yield from top.leaves()

    def outcomes(self) -> Iterator[Outcome]:
        """One outcome a loss, in the order of `losses`."""
        for loss in self.losses:
            yield self._outcome(loss)

    def with_loss(self, loss: Loss) -> _Element:
        """A copy of the CIB in which the loss has happened and nothing was done about it yet."""
        cib = deepcopy(self.cib)
        recorder = Recorder(cib, self.now.epoch())
        for name in loss.nodes:
            recorder.set_failed(name)
        left = len([node for node in self.usual.nodes if node.online and not node.is_pacemaker_remote()])
        left -= len(loss.nodes)
        enough = left > len(self.names) // 2 or (len(self.names) == 2 and left == 1)
        if loss.nodes and not enough:
            cib.set("have-quorum", "0")
        if loss.resource:
            self._fail(recorder, loss)
        return cib

    def _outcome(self, loss: Loss) -> Outcome:
        ws = self._decide(self.with_loss(loss))
        outcome = Outcome(loss, quorum=ws.quorate)
        compare(self.places, places(ws), outcome)
        outcome.restarted = restarted(ws, loss)
        return outcome

    def _fail(self, recorder: Recorder, loss: Loss) -> None:
        """Let the monitor of the resource fail, after it has been started where it only is going to be."""
        rsc = next(leaf for leaf in self._leaves() if leaf.display_id() == loss.resource and at(leaf) == loss.node)
        resource, only = recorder.lrm_resource(loss.node, None, rsc.id, rsc.xml)
        interval = next(
            (str(interval_ms(op.get("interval"))) for op in rsc.xml.iter("op")
             if op.get("name") == "monitor" and interval_ms(op.get("interval"))), "10000",
        )
        name, written = loss.resource, [f"{loss.resource}_last_failure_0", f"{loss.resource}_monitor_{interval}"]
        if all(node.name != loss.node for node in rsc.active_nodes):
            recorder.write_entry(resource, name, loss.node, "start", {"CRM_meta_interval": "0"}, 0, 0, only)
            written.append(f"{name}_last_0")
        recorder.add_failcount(loss.node, name, "monitor", interval, 1, False)
        recorder.write_entry(resource, name, loss.node, "monitor", {"CRM_meta_interval": interval}, 1, 0, only)
        self._adapt(rsc, loss, [op for op in resource.iterchildren("lrm_rsc_op") if op.get("id") in written],
                    all(op.get("on_node") is not None for op in resource.iterchildren("lrm_rsc_op")))

    def _adapt(self, rsc: Resource, loss: Loss, written: list[_Element], with_node: bool) -> None:
        """Make new entries look as if they had been recorded by the node.

        The digest of other parameters would look like a change of the configuration, which forgives failures; and
        beside entries of old versions, which have no on_node, those with it are taken for another node's.
        """
        node = self.usual.find_node(loss.node)
        assert node is not None
        for entry in written:
            task, interval = entry.get("operation") or "", int(entry.get("interval") or 0)
            entry.set("op-digest", operation_digests(self.usual, rsc, task, interval, node, None).digest_all)
            if not with_node and "on_node" in entry.attrib:
                del entry.attrib["on_node"]

    def _decide(self, cib: _Element) -> WorkingSet:
        """Schedule a CIB, which is modified by that."""
        ws = new_working_set(cib, now=self.now)
        run(ws)
        return ws


def rank(outcomes: list[Outcome]) -> list[Outcome]:
    """The least harmful first, the worst last and marked."""
    ranked = sorted(outcomes, key=lambda outcome: (outcome.harmful(), outcome.severity()))
    if ranked and ranked[-1].harmful():
        top = ranked[-1].severity()
        for outcome in ranked:
            outcome.worst = outcome.severity() == top
    return ranked


def places(ws: WorkingSet) -> Places:
    """Where every unit will run when the transition is done."""
    found: Places = {}
    for top in ws.resources:
        if top.removed:
            continue
        clone = top.variant == Variant.CLONE
        for leaf in top.leaves():
            unit = top.id if clone and top.children and leaf.parent is top else leaf.display_id()
            node = place(leaf)
            found[unit] = found.get(unit, ()) + ((node,) if node else ())
            if top.promotable:
                promoted = leaf.next_role == Role.PROMOTED and node and not _blocked(leaf, "promote")
                role = f"{unit} (promoted)"
                found[role] = found.get(role, ()) + ((node,) if promoted else ())
    return found


def place(leaf: Resource) -> str:
    """The node where a primitive will run, "" for none."""
    if not leaf.managed or leaf.blocked:
        return next((node.name for node in leaf.active_nodes if node.online and not node.unclean), "")
    if leaf.assigned_node is None or _blocked(leaf, "start"):
        return ""
    return leaf.assigned_node.node.name


def at(leaf: Resource) -> str:
    """Where a primitive can fail: where it runs, else where it is going to."""
    return next((node.name for node in leaf.active_nodes if node.online and not node.unclean), "") or place(leaf)


def _blocked(leaf: Resource, task: str) -> bool:
    actions = [a for a in leaf.actions_by_task.get(task, ()) if not a.optional and not a.interval_ms]
    return any(not action.runnable for action in actions)


def compare(before: Places, after: Places, outcome: Outcome) -> None:
    """Write what is different into the outcome."""
    for unit, old in before.items():
        new = after.get(unit, ())
        if not old or sorted(old) == sorted(new):
            continue
        if not new:
            outcome.down.append(unit)
        elif len(old) == 1 and len(new) == 1:
            outcome.moved.append((unit, old[0], new[0]))
        elif len(new) < len(old):
            outcome.fewer.append((unit, len(new), len(old)))
        else:
            gone = [node for node in old if node not in new]
            come = [node for node in new if node not in old]
            outcome.moved.append((unit, ", ".join(gone), ", ".join(come)))


def restarted(ws: WorkingSet, loss: Loss) -> list[str]:
    """Resources that are stopped and started again where they are."""
    kinds = ("Restart", "Recover", "Re-promote")
    found = [line.id for line in resource_changes(ws) if line.change in kinds and "->" not in line.details]
    names = [rsc.display_id() for id in found if (rsc := find_resource(ws, id)) is not None]
    return list(dict.fromkeys(names))
