"""The story of one thing: why it is as it is, what its agent said last, what was logged, and what would help."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hashell.client.monitor.operations import configured_timeouts, runs_of
from hashell.client.why import Case, explain_resource
from hashell.client.why.answer import Cause
from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import exit_words
from hashell.model.xmltext import pretty

if TYPE_CHECKING:
    from lxml import etree

    from hashell.client.monitor.snapshot import Snapshot

#: Log lines that a story has at most, and how far from a failure they are looked for, in seconds.
LOG_LINES = 30
AROUND = 120.0


@dataclass
class Story:
    """`sections` are headings with lines; `commands` are those of the shell that would help, most helpful first."""

    title: str
    sections: list[tuple[str, list[str]]] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def add(self, heading: str, lines: Iterable[str]) -> None:
        kept = list(lines)
        if kept:
            self.sections.append((heading, kept))

    def help_with(self, *commands: str) -> None:
        self.commands += [command for command in commands if command and command not in self.commands]

    def text(self) -> str:
        parts = [f"{heading}\n" + "\n".join(f"  {line}" for line in lines) for heading, lines in self.sections]
        return "\n\n".join(parts)


#: (words that a line must have one of, epoch seconds or 0 for the newest) -> lines
LogReader = Callable[[tuple[str, ...], float], list[str]]


def no_logs(_words: tuple[str, ...], _when: float) -> list[str]:
    """For sources without logs."""
    return []


def resource_story(shot: Snapshot, name: str, node: str = "", logs: LogReader = no_logs) -> Story:
    """Why a resource is where it is (on a node: why there or not there)."""
    story = Story(f"{name} on {node}" if node else name)
    assert shot.cib is not None
    try:
        explanation = explain_resource(Case(shot.cib), name, node)
        story.add("Why", explanation.lines())
        for answer in explanation.answers:
            story.help_with(*_remedies(answer.causes))
    except HashellError as error:
        story.add("Why", str(error).splitlines())
    failures = [f for f in shot.board.failures if f.resource.partition(":")[0] == name.partition(":")[0]]
    story.add("Failures", [f"{_at(f.when)} {f.operation} on {f.node}: {f.rc_text} ({f.status})"
                           + (f", it said: {f.reason}" if f.reason else "") for f in failures])
    story.add("Last operations", _operations(shot.cib, name, node))
    if failures:
        story.help_with(f"resource cleanup {name}")
    story.add("Configuration", _configuration(shot.cib, name))
    when = max((f.when for f in failures), default=0)
    story.add("Log", logs((name.partition(":")[0],), float(when)))
    story.help_with(f"resource refresh {name}")
    return story


def node_story(shot: Snapshot, name: str, logs: LogReader = no_logs) -> Story:
    """What state a node is in and what it does."""
    story = Story(f"node {name}")
    view = next((node for node in shot.board.nodes if node.name == name), None)
    if view is None:
        story.add("State", ["this node is not known"])
        return story
    what = {"UNCLEAN": "it may still run resources: it has to be fenced before they start elsewhere",
            "offline": "it is not in the cluster", "pending": "it is joining the cluster",
            "standby": "it runs nothing until it is online again",
            "maintenance": "its resources are left alone"}  # fmt: skip
    lines = [view.state + (f": {what[view.state]}" if view.state in what else ""),
             f"id {view.id}" + (", the DC" if view.dc else "")]
    story.add("State", lines)
    story.add("Runs here", [f"{r.id}: {r.role}" + (f" ({', '.join(r.flags())})" if r.flags() else "")
                            for r in shot.board.resources if r.kind == "primitive" and name in r.nodes])
    story.add("Failures here", [f"{_at(f.when)} {f.resource} {f.operation}: {f.rc_text} {f.reason}".rstrip()
                                for f in shot.board.failures if f.node == name])
    events = [f for f in shot.board.fencing if f.target == name]
    story.add("Fencing", [f"{_at(f.when)} {f.action} {f.state} by {f.delegate or 'nobody yet'}, asked for by "
                          f"{f.client}@{f.origin}{': ' + f.reason if f.reason else ''}" for f in events])
    story.add("Attributes", [f"{a.name} = {a.value}" for a in shot.attributes if a.node == name])
    story.add("Log", logs((name,), float(max((f.when for f in events), default=0))))
    if view.state == "standby":
        story.help_with(f"node online {name}")
    if view.state == "maintenance":
        story.help_with(f"node ready {name}")
    if view.state == "UNCLEAN":
        story.help_with(f"node fence {name}", f"node clearstate {name}")
    if view.state == "offline":
        story.help_with(f"cluster start {name}")
    if any(f.node == name for f in shot.board.failures):
        story.help_with(f"resource cleanup '' {name}")
    return story


def element_story(shot: Snapshot, id: str) -> Story:
    """An element of the configuration, such as a constraint."""
    story = Story(id)
    assert shot.cib is not None
    element = next((e for e in shot.cib.iter("*") if e.get("id") == id), None)
    story.add("Configuration", pretty(element).splitlines() if element is not None else ["it does not exist any more"])
    if element is not None:
        named = [value for key, value in element.attrib.items() if key in ("rsc", "with-rsc", "first", "then")]
        story.add("Between", [str(value) for value in named])
        if id.startswith(("cli-ban-", "cli-prefer-")) and element.get("rsc"):
            story.help_with(f"resource clear {element.get('rsc')}")
        story.help_with(f"configure delete {id}")
    return story


def text_story(title: str, lines: list[str], logs: LogReader, words: tuple[str, ...], when: float) -> Story:
    """Something that happened, with the log around it."""
    story = Story(title)
    story.add("What", lines)
    story.add("Log", logs(words, when))
    return story


def _remedies(causes: Iterable[Cause]) -> Iterator[str]:
    for cause in causes:
        if cause.remedy:
            yield cause.remedy
        yield from _remedies(cause.because)


def _operations(cib: etree._Element, name: str, node: str) -> list[str]:
    base = name.partition(":")[0]
    runs = [run for run in runs_of(cib, configured_timeouts(cib))
            if run.resource.partition(":")[0] == base and (not node or run.node == node)]
    runs.sort(key=lambda run: (run.when, run.call))
    return [f"{_at(run.when)} {run.task}{f' every {run.interval // 1000}s' if run.interval else ''} on {run.node}: "
            f"{exit_words(run.rc)}, took {run.took} ms of {run.timeout} ms" for run in runs[-12:]]


def _configuration(cib: etree._Element, name: str) -> list[str]:
    base = name.partition(":")[0]
    for element in cib.iterfind("configuration/resources//*"):
        if element.get("id") == base:
            return pretty(element).splitlines()[:40]
    return []


def _at(epoch: float) -> str:
    return datetime.datetime.fromtimestamp(epoch).strftime("%Y-%m-%d %H:%M:%S") if epoch else "-"
