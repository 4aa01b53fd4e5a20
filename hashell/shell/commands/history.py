"""Handlers of the history level: what the cluster did, from the nodes' saved scheduler inputs and logs."""

from __future__ import annotations

import difflib
import re
import time
from pathlib import Path

from hashell.grammar.configuration import Configuration
from hashell.model.xmltext import pretty
from hashell.shell.records import LogLine, PeInput, Records, failed, live_records, read_input, stored_records
from hashell.shell.session import Session

_LATEST_SECONDS = 60.0


def records(session: Session) -> Records:
    """The source in use: the cluster itself if no other was named."""
    found = session.history
    if not isinstance(found, Records):
        given = session.options.history
        found = stored_records(Path(given).expanduser()) if given else live_records(session)
        session.history = found
    return found


def parse_time(text: str, now: float) -> float:
    """`-2H`, `-30M`, `-1d`, `HH:MM`, `YYYY-MM-DD[ HH:MM[:SS]]` as epoch seconds. Raises HashellError."""
    match = re.fullmatch(r"-(\d+)([sSmMhHdDwW])", text)
    if match:
        return now - int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[match[2].lower()]
    today = time.strftime("%Y-%m-%d", time.localtime(now))
    for form, value in (("%Y-%m-%d %H:%M:%S", text), ("%Y-%m-%d %H:%M", text), ("%Y-%m-%dT%H:%M:%S", text),
                        ("%Y-%m-%d", text), ("%Y-%m-%d %H:%M:%S", f"{today} {text}"),
                        ("%Y-%m-%d %H:%M", f"{today} {text}")):
        try:
            return time.mktime(time.strptime(value, form))
        except (ValueError, OverflowError):
            continue
    raise failed(f"'{text}' is not a time", "write -2H, 14:30, or 2026-01-31 14:30")


def source(session: Session, words: list[str]) -> None:
    if words:
        session.history = None if words[0] == "live" else stored_records(Path(words[0]).expanduser())
    found = records(session)
    session.out(f"{found.source}: {len(found.inputs())} transitions of {', '.join(found.nodes())}")


def limit(session: Session, words: list[str]) -> None:
    found, now = records(session), time.time()
    found.start = parse_time(words[0], now) if words else 0.0
    found.end = parse_time(words[1], now) if len(words) > 1 else float("inf")
    session.note(_span(found))


def _span(found: Records) -> str:
    def stamp(when: float) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))

    start = stamp(found.start) if found.start else "the beginning"
    return f"from {start} to {stamp(found.end) if found.end != float('inf') else 'now'}"


def refresh(session: Session, words: list[str]) -> None:
    found = records(session)
    session.note(f"{len(found.inputs())} transitions; files are read anew for each command")


def info(session: Session, words: list[str]) -> None:
    found = records(session)
    inputs = found.inputs()
    session.out(f"Source: {found.source}\nPeriod: {_span(found)}\nNodes: {' '.join(found.nodes())}")
    session.out(f"Transitions: {' '.join(i.name.removeprefix('pe-') for i in inputs) or 'none'}")
    session.out(f"Log lines: {len(found.lines())}")


def exclude(session: Session, words: list[str]) -> None:
    found = records(session)
    if words[:1] == ["clear"]:
        found.exclude.clear()
    elif words:
        try:
            re.compile(words[0])
        except re.error as error:
            raise failed(f"'{words[0]}' is not a regular expression: {error}") from None
        found.exclude.append(words[0])
    session.out("\n".join(found.exclude) or "nothing is left out")


# -- transitions -------------------------------------------------------------------------------------------------


def peinputs(session: Session, words: list[str]) -> None:
    found = records(session)
    chosen = [found.choose(word) for word in words] if words else found.inputs()
    if not chosen:
        raise failed(f"no transitions in {found.source}", f"the period is {_span(found)}: history limit")
    for one in chosen:
        session.out(str(one.path))


def transitions(session: Session, words: list[str]) -> None:
    from hashell.shell.plans import plan_for

    for one in records(session).inputs():
        session.out(f"{_head(one)}  {plan_for(read_input(one.path)).summary()}")


def _head(one: PeInput) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(one.when))} {one.node:<10} {one.name:<14}"


def transition(session: Session, words: list[str]) -> None:
    """`transition [N|FILE] [scores]`: what was decided, and the log of the time."""
    found = records(session)
    known = ("scores", "nograph", "utilization", "actions")
    name = next((w for w in words if w not in known and w.strip("v")), "")
    _show_transition(session, found.choose(name), words)


def _show_transition(session: Session, one: PeInput, words: list[str]) -> None:
    from hashell.shell.plans import plan_for, score_lines

    cib = read_input(one.path)
    session.out(_head(one).rstrip())
    for line in plan_for(cib).lines():
        session.out(line)
    if {"scores", "utilization"} & set(words):
        for line in score_lines(cib, scores="scores" in words, utilization="utilization" in words):
            session.out(line)
    if "actions" in words:
        return
    for entry in _of_transition(records(session), one):
        session.out(f"  {entry}")


def _of_transition(found: Records, one: PeInput) -> list[LogLine]:
    """Events between the line that names the input and the one that ends its transition."""
    out: list[LogLine] = []
    inside = False
    for line in found.lines():
        if one.path.name in line.text:
            inside = True
        if inside:
            if re.search(r"result of|Result of|fenc", line.text):
                out.append(line)
            if re.search(r"[Tt]ransition \d+.*(complete|aborted)", line.text):
                break
    return out


def show(session: Session, words: list[str]) -> None:
    """`show N|FILE [status]`: the configuration of that time, or all of its XML."""
    cib = read_input(records(session).choose(words[0]).path)
    session.out(pretty(cib).rstrip("\n") if "status" in words else Configuration(cib).show())


def configuration_lines(session: Session, word: str, status: bool) -> list[str]:
    """The configuration of one time, or all of its XML, by lines; `live` is the present. Raises HashellError."""
    cib = session.run(session.cluster().cib()) if word == "live" else read_input(records(session).choose(word).path)
    return (pretty(cib) if status else Configuration(cib).show()).splitlines()


def diff(session: Session, words: list[str]) -> None:
    """`diff A B [status]`; `live` is the present."""
    before, after = (configuration_lines(session, word, "status" in words) for word in words[:2])
    for line in difflib.unified_diff(before, after, words[0], words[1], lineterm=""):
        session.out(line)


def graph(session: Session, words: list[str]) -> None:
    """`graph [N|FILE] [OUT]`: the transition as a Graphviz drawing."""
    from hashell.shell.commands.drawing import draw
    from hashell.shell.plans import run_engine
    from hashell.stack.pengine.graph.dot import build_dot

    one = records(session).choose(words[0] if words else "")
    text = build_dot(run_engine(read_input(one.path)).working_set)
    if len(words) < 2:
        session.out(text.rstrip("\n"))
        return
    draw(session, text, Path(words[1]))


# -- logs --------------------------------------------------------------------------------------------------------


def _print(session: Session, lines: list[LogLine]) -> None:
    for line in lines:
        session.out(str(line))


def _nodes(found: Records, words: list[str]) -> list[str]:
    for word in words:
        if word not in found.nodes():
            raise failed(f"no records of node {word}", f"there are those of {', '.join(found.nodes())}")
    return words


def log(session: Session, words: list[str]) -> None:
    found = records(session)
    _print(session, found.lines(_nodes(found, words)))


def events(session: Session, words: list[str]) -> None:
    found = records(session)
    _print(session, found.events(_nodes(found, words)))


def node(session: Session, words: list[str]) -> None:
    """Events about nodes, or logged by them."""
    found = records(session)
    pattern = re.compile("|".join(rf"\b{re.escape(w)}\b" for w in words))
    _print(session, [e for e in found.events() if pattern.search(e.text) and re.search(
        r"fenc|stonith|lost|joined|left|quorum|became|elected|member|shut", e.text, re.IGNORECASE)])


def resource(session: Session, words: list[str]) -> None:
    """Events about resources: their operations."""
    pattern = re.compile("|".join(rf"\b{re.escape(w)}(?=[_:\s]|$)" for w in words))
    _print(session, [line for line in records(session).events() if pattern.search(line.text)])


def latest(session: Session, words: list[str]) -> None:
    """The last transition that did something, with its events."""
    from hashell.shell.plans import plan_for

    inputs = records(session).inputs()
    for one in reversed(inputs):
        plan = plan_for(read_input(one.path))
        if len(plan.lines()) > 1:
            _show_transition(session, one, [])
            return
    session.out("no transition did anything")
