"""One simulation from input to revised status, as text (actions spec chapter 18)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.client.simulation.execute import Executor, FailSpec
from hashell.client.simulation.inject import Injections, inject
from hashell.client.simulation.record import Recorder
from hashell.client.simulation.summary import write_summary
from hashell.client.view.outline import Outline
from hashell.client.view.status import write_status
from hashell.model.dates import DateTime, from_epoch
from hashell.model.values import scan_integer
from hashell.stack.pengine import Schedule, new_working_set, run
from hashell.stack.pengine.unpack import unpack_cluster
from hashell.stack.pengine.unpack.upgrade import upgrade

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.stack.pengine.state import WorkingSet


@dataclass(slots=True)
class Request:
    """What to do with one input."""

    schedule: bool = False  #: compute what is to be done
    execute: bool = False  #: and carry it out on a copy
    show_scores: bool = False
    show_utilization: bool = False
    show_attributes: bool = False
    show_failures: bool = False
    quiet: bool = False
    sanitized: bool = False  #: secrets may be masked in the input, as they are in saved ones
    date: DateTime | None = None
    date_text: str = ""
    injections: Injections = field(default_factory=Injections)
    failures: Sequence[FailSpec] = ()
    keep: bool = True  #: the CIB is wanted afterwards as the input and the events made it


class Simulation:
    """Runs a request and writes what it finds through `write`, piece by piece.

    The CIB given is upgraded and, by injections and execution, changed in place: it is the output afterwards.
    now: the host's time, used when neither the request nor the input says another.
    """

    def __init__(
        self,
        cib: _Element,
        request: Request,
        now: DateTime,
        write: Callable[[str], None],
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.cib = cib
        self.request = request
        self.host_now = now
        self.write = write
        self.warn = warn  #: for what is wrong with the input or the transition
        self.result: Schedule | None = None
        self.dropped = upgrade(cib)  #: what the newest schema knows no more

    def status(self) -> WorkingSet:
        """Unpack the input, show its status, make the requested changes; the model to schedule with."""
        request = self.request
        last = not (request.keep or request.execute or request.injections)
        ws = self._model(self.cib if last else deepcopy(self.cib))
        if not request.quiet:
            self._show_status(ws, "Current cluster status", pending=True)
        if request.injections:
            self._inject(ws)
            return self._model(deepcopy(self.cib))
        return ws

    def _inject(self, ws: WorkingSet) -> None:
        out = Outline()
        out.blank()

        def show() -> None:
            if not self.request.quiet:
                self.write(str(out))
            out.lines.clear()

        def refuse(text: str) -> None:
            show()
            self.warn(f"{text}\n")

        inject(ws, Recorder(self.cib, self.host_now.epoch()), self.request.injections, out, refuse)
        show()

    def decide(self, ws: WorkingSet) -> Schedule:
        """Run the scheduler; shows scores when asked for."""
        request = self.request
        ws.output_scores = request.show_scores
        ws.show_utilization = request.show_utilization
        self.result = run(ws)
        if request.show_scores or request.show_utilization:
            out = Outline(fancy=not (request.quiet and request.show_scores))
            out.blank()
            out.begin(_score_heading(request))
            for note in ws.notes if not request.quiet else ():
                out.info(note)
            for line in ws.scores:
                out.item(line)
            out.end()
            self.write(str(out))
        return self.result

    def show_summary(self) -> None:
        """What is going to be done."""
        out = Outline()
        out.blank()
        assert self.result is not None
        write_summary(self.result.working_set, out)
        if not self.request.quiet:
            self.write(str(out))

    def execute(self) -> bool:
        """Carry the graph out on the CIB and show the state after it; whether the graph could be completed."""
        assert self.result is not None and self.result.graph is not None
        ws = self.result.working_set
        out = Outline()
        out.blank()
        out.begin("Executing Cluster Transition")
        recorder = Recorder(self.cib, self.host_now.epoch(), new_nodes=bool(self.request.injections.up))
        executor = Executor(ws, self.result.graph, recorder, out, self.request.failures)
        complete = executor.run()
        out.end()
        started = len(out.lines) > 2
        texts: list[tuple[Callable[[str], None], str]] = [] if self.request.quiet else [(self.write, str(out))]
        if not complete:
            # A heading without items is written when its list ends, and that is after the verdict.
            verdict = (self.warn, "Transition failed: terminated\nAn invalid transition was produced\n")
            texts.insert(len(texts) if started else 0, verdict)
        for write, text in texts:
            write(text)
        revised = self._model(deepcopy(self.cib) if self.request.keep else self.cib)
        if not self.request.quiet:
            out = Outline()
            out.blank()
            self._write_status(revised, out, "Revised Cluster Status", False)
            self.write(str(out))
        return complete

    def _model(self, cib: _Element) -> WorkingSet:
        """A fresh model of the CIB, which is changed by what follows."""
        ws = new_working_set(cib, now=self._now(), sanitized=self.request.sanitized)
        unpack_cluster(ws)
        if not self.request.quiet:
            self.write("".join(f"{note}\n" for note in ws.notes))
        ws.notes.clear()
        return ws

    def _now(self) -> DateTime:
        request = self.request
        recorded, _ = scan_integer(self.cib.get("execution-date"))
        if request.date is not None:
            if not request.quiet:
                self.write(f"Setting effective cluster time: {request.date_text}\n")
            return request.date
        if recorded is None:
            return self.host_now
        now = from_epoch(recorded, self.host_now.host_offset)
        if not request.quiet:
            self.write(f"Using the original execution date of: {now.text()}\n")
        return now

    def _show_status(self, ws: WorkingSet, heading: str, *, pending: bool) -> None:
        out = Outline()
        if ws.in_maintenance:
            out.text("\n              *** Resource management is DISABLED ***")
            out.text("  The cluster will not attempt to start, stop or recover services")
            out.blank()
        if ws.disabled_resources or ws.blocked_resources:
            out.text(
                f"{ws.disabled_resources} of {ws.ninstances} resource instances DISABLED and "
                f"{ws.blocked_resources} BLOCKED from further action due to failure"
            )
            out.blank()
        self._write_status(ws, out, heading, pending)
        self.write(str(out))

    def _write_status(self, ws: WorkingSet, out: Outline, heading: str, pending: bool) -> None:
        attributes, failures = self.request.show_attributes, self.request.show_failures
        write_status(ws, out, heading, pending=pending, attributes=attributes, failures=failures)


def _score_heading(request: Request) -> str:
    if request.show_scores and request.show_utilization:
        return "Assignment Scores and Utilization Information"
    return "Assignment Scores" if request.show_scores else "Utilization Information"
