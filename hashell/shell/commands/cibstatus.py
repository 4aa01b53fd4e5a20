"""Handlers of the cibstatus level: a state of the cluster made up, and what would be done in it.

The made-up state lives in the session. `run` puts it under the configuration of the working copy.
"""

from __future__ import annotations

import copy
import difflib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from lxml import etree

from hashell.atomicfile import write_atomically
from hashell.model.diagnostics import HashellError
from hashell.model.values import is_true
from hashell.model.xmltext import parse, pretty
from hashell.shell.commands.cib import shadow_path
from hashell.shell.commands.resource import failed
from hashell.shell.diagnostics import UnreadableFile, WrongArguments
from hashell.shell.session import Session

Element = etree._Element
_RCS = {"success": 0, "unknown": 1, "args": 2, "unimplemented": 3, "perm": 4, "installed": 5, "configured": 6,
        "not_running": 7, "promoted": 8, "failed_promoted": 9}

#: Status words and their numbers in the CIB.
_STATUS = {"pending": -1, "done": 0, "cancelled": 1, "timeout": 2, "notsupported": 3, "error": 4}


@dataclass
class MadeUp:
    """The state being made up: a whole CIB of which status and quorum count, and where it came from."""

    cib: Element
    original: Element
    origin: str


def _state(session: Session) -> MadeUp:
    """The state of this session, that of the cluster if none was loaded."""
    found = session.made_up
    if not isinstance(found, MadeUp):
        cib = session.run(session.cluster().cib())
        found = session.made_up = MadeUp(copy.deepcopy(cib), cib, session.cib_name())
    return found


def _file(session: Session, name: str) -> Path:
    return shadow_path(session, name.partition(":")[2]) if name.startswith("shadow:") else Path(name)


def load(session: Session, words: list[str]) -> None:
    session.made_up = None
    if words[0] != "live":
        path = _file(session, words[0])
        try:
            cib = parse(path.read_bytes())
        except (OSError, ValueError, etree.XMLSyntaxError) as error:
            raise HashellError(UnreadableFile(path=str(path), reason=getattr(error, "strerror", None) or str(error))
                               ) from None
        if cib.tag != "cib":
            raise HashellError(UnreadableFile(path=str(path), reason=f"its root is <{cib.tag}>, not <cib>"))
        session.made_up = MadeUp(copy.deepcopy(cib), cib, words[0])
    session.note(f"the state is that of {_state(session).origin}")


def save(session: Session, words: list[str]) -> None:
    made = _state(session)
    path = _file(session, words[0] if words else made.origin)
    if not words and not path.exists():
        raise failed(f"the state came from {made.origin}, which is no file", "name one: cibstatus save FILE")
    try:
        write_atomically(path, pretty(_merged(session)))
    except OSError as error:
        raise failed(f"cannot write {path}: {error.strerror}") from None
    session.note(f"{path} written")


def origin(session: Session, words: list[str]) -> None:
    session.out(_state(session).origin)


def _text(cib: Element) -> str:
    status = cib.find("status")
    return pretty(status) if status is not None else ""


def show(session: Session, words: list[str]) -> None:
    made = _state(session)
    if words == ["changed"]:
        before, after = _text(made.original).splitlines(), _text(made.cib).splitlines()
        for line in list(difflib.unified_diff(before, after, lineterm=""))[2:]:
            session.out(line)
        return
    session.out(f"quorum: {made.cib.get('have-quorum', '0')}")
    session.out(_text(made.cib).rstrip("\n"))


def _inject(session: Session, **changes: object) -> None:
    from hashell.client.simulation.inject import Injections, inject
    from hashell.client.simulation.record import Recorder
    from hashell.client.view.outline import Outline
    from hashell.model.dates import local_now
    from hashell.stack.pengine import new_working_set
    from hashell.stack.pengine.unpack import unpack_cluster

    made = _state(session)
    seconds = int(time.time())
    merged = _merged(session)
    work = new_working_set(copy.deepcopy(merged), now=local_now(seconds, time.localtime(seconds).tm_gmtoff))
    unpack_cluster(work)
    out = Outline()
    inject(work, Recorder(merged, seconds), replace(Injections(), **changes), out,  # type: ignore[arg-type]
           lambda text: session.note(text))
    made.cib = merged
    for line in str(out).splitlines()[1:]:
        session.note(line.strip(" *"))


def quorum(session: Session, words: list[str]) -> None:
    if words[0].lower() not in ("true", "yes", "on", "1", "false", "no", "off", "0"):
        raise failed(f"'{words[0]}' is not a truth value", "quorum true|false")
    _inject(session, quorum=str(is_true(words[0])).lower())


def node(session: Session, words: list[str]) -> None:
    kinds = {"online": "up", "offline": "down", "unclean": "fail"}
    if words[1] not in kinds:
        raise HashellError(WrongArguments(command="cibstatus.node", usage="node NODE online|offline|unclean",
                                          problem=f"'{words[1]}' is no state of a node"))
    known = [n.get("uname") for n in _merged(session).iterfind("configuration/nodes/node")]
    if words[0] not in known:
        raise failed(f"node {words[0]} does not exist", f"nodes: {' '.join(str(n) for n in known)}")
    _inject(session, **{kinds[words[1]]: (words[0],)})


def ticket(session: Session, words: list[str]) -> None:
    if words[1] not in ("grant", "revoke", "activate", "standby"):
        raise HashellError(WrongArguments(command="cibstatus.ticket", problem=f"'{words[1]}' is no state of a ticket",
                                          usage="ticket TICKET grant|revoke|activate|standby"))
    _inject(session, **{words[1]: (words[0],)})


def op(session: Session, words: list[str]) -> None:
    """`op OPERATION[:INTERVAL] RESOURCE RESULT [STATUS] [NODE]`."""
    from hashell.client.simulation.inject import parse_injection
    from hashell.model.durations import milliseconds

    name, _, interval = words[0].partition(":")
    resource, result = words[1], words[2]
    rc = _RCS.get(result, int(result) if result.isdigit() else -1)
    if rc < 0:
        raise failed(f"'{result}' is no result of an operation", f"results: {' '.join(_RCS)}, or a number")
    merged = _merged(session)
    element = next((e for e in merged.iter("primitive") if e.get("id") == resource), None)
    if element is None:
        raise failed(f"primitive {resource} does not exist", "`resource status` lists all")
    configured = next((o.get("interval") for o in element.iterfind("operations/op") if o.get("name") == name), "0")
    span = 0 if name == "probe" else milliseconds(interval or configured or "0") or 0
    nodes = [n.get("uname", "") for n in merged.iterfind("configuration/nodes/node")]
    rest = words[3:]
    state = _STATUS.get(rest.pop(0)) if rest and rest[0] in _STATUS else None
    target = rest[0] if rest else nodes[0] if len(nodes) == 1 else ""
    if target not in nodes:
        raise failed(f"node {target} does not exist" if target else "on which node?", f"nodes: {' '.join(nodes)}")
    task = "monitor" if name == "probe" else name
    injection = parse_injection(f"{resource}_{task}_{span}@{target}={rc}")
    if injection is None:
        raise failed(f"'{words[0]}' is no operation", "OPERATION[:INTERVAL], such as monitor:10s")
    _inject(session, operations=(injection,))
    if state is not None:
        _set_status(_state(session).cib, target, resource, task, str(span), str(state))


def _set_status(cib: Element, node_name: str, resource: str, task: str, span: str, state: str) -> None:
    """Give the recorded operation another status than done."""
    for entry in cib.iterfind("status/node_state"):
        if entry.get("uname") == node_name:
            for made in entry.iterfind(f".//lrm_resource[@id='{resource}']/lrm_rsc_op"):
                if made.get("operation") == task and made.get("interval") == span:
                    made.set("op-status", state)


def _merged(session: Session) -> Element:
    """The configuration of the working copy with the made-up state."""
    made = _state(session)
    cib = session.workspace.config.snapshot()
    old, new = cib.find("status"), made.cib.find("status")
    if old is not None:
        cib.remove(old)
    cib.append(copy.deepcopy(new) if new is not None else etree.Element("status"))
    for name in ("have-quorum", "dc-uuid"):
        if (value := made.cib.get(name)) is not None:
            cib.set(name, value)
    return cib


def run(session: Session, words: list[str]) -> None:
    """`run [nograph] [v…] [scores] [utilization]`: the plan of the working copy in the made-up state."""
    from hashell.shell.plans import plan_for, score_lines

    _known(words, "run")
    cib = _merged(session)
    for line in plan_for(cib).lines():
        session.out(line)
    if {"scores", "utilization"} & set(words):
        for line in score_lines(cib, utilization="utilization" in words, scores="scores" in words):
            session.out(line)


def _known(words: list[str], command: str) -> None:
    for word in words:
        if word not in ("nograph", "scores", "utilization") and word.strip("v"):
            raise HashellError(WrongArguments(command=f"cibstatus.{command}", problem=f"'{word}' is not an option",
                                              usage=f"{command} [nograph] [v…] [scores] [utilization]"))


def simulate(session: Session, words: list[str]) -> None:
    """`simulate …`: every action in order, and the state after them."""
    from hashell.client.simulation.run import Request, Simulation
    from hashell.model.dates import local_now

    _known(words, "simulate")
    seconds = int(time.time())
    pieces: list[str] = []
    request = Request(schedule=True, execute=True, show_scores="scores" in words,
                      show_utilization="utilization" in words)
    now = local_now(seconds, time.localtime(seconds).tm_gmtoff)
    work = Simulation(_merged(session), request, now, pieces.append, pieces.append)
    work.decide(work.status())
    work.show_summary()
    work.execute()
    session.out("".join(pieces).strip("\n"))
