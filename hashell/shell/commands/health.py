"""Handlers of `cluster health`, checks of the whole, and `cluster crash_test`, which breaks something and watches."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.model.diagnostics import HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.resource import failed
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.session import Session

if TYPE_CHECKING:
    from hashell.client.board import Board

#: Daemons by the original's option: ours and the original's process name.
_DAEMONS = {"--kill-corosync": ("hashelld-membership", "corosync"),
            "--kill-pacemakerd": ("hashelld", "pacemakerd"),
            "--kill-controld": ("hashelld-crmd", "pacemaker-contr"),
            "--kill-based": ("hashelld-cib", "pacemaker-based")}
_CRASH = "crash_test --kill-corosync|--kill-pacemakerd|--kill-controld|--kill-based|--fence-node NODE [NODE]"
_SECONDS = 180.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    remedy: str = ""


def findings(session: Session) -> list[Finding]:
    """Every check, in the order of the layers. Raises HashellError when the cluster cannot be asked."""
    board = session.run(session.cluster().board())
    refused, found = session.workspace.findings(everything=True)
    errors = [d for d in (*refused, *found) if d.severity is Severity.ERROR]
    config = session.workspace.config
    devices = [e.get("id", "") for e in config.objects() if e.tag == "primitive" and e.get("class") == "stonith"]
    bad = [n.name for n in board.nodes if not n.healthy]
    left = [e.get("id", "") for e in config.objects() if e.get("id", "").startswith(("cli-prefer-", "cli-ban-"))]
    checks = [
        Finding(f"the configuration has {len(errors)} errors" if errors else "the configuration is valid", not errors,
                "verify"),
        Finding(f"not online: {', '.join(bad)}" if bad else "every node is online", not bad, "status"),
        Finding("there is a fencing device" if devices else "no fencing device is defined", bool(devices),
                "configure primitive ID stonith:AGENT …"),
        Finding(f"left over: {', '.join(left)}" if left else "no constraint of move or ban is left over", not left,
                "resource clear RESOURCE"),
    ]
    return checks + ([] if session.is_file else _running(board))


def _running(board: Board) -> list[Finding]:
    """What only a running cluster has."""
    failures = len(board.failures)
    return [
        Finding(f"the DC is {board.dc}" if board.dc else "there is no DC", bool(board.dc), "status"),
        Finding("the partition has quorum" if board.have_quorum else "there is NO quorum", board.have_quorum,
                "corosync status quorum"),
        Finding(f"{failures} operations failed" if failures else "no operation failed", not failures,
                "resource cleanup, once the cause is gone"),
    ]


def health(session: Session, words: list[str]) -> ExitCode:
    """All checks; OK if all are good."""
    if words and words != ["--fix"]:
        raise failed(f"there are no checks of '{words[0]}' here", "cluster health checks the whole")
    checks = findings(session)
    for one in checks:
        session.out(f"{'ok     ' if one.good else 'PROBLEM'} {one.what}" + (
            f"    (see: {one.remedy})" if not one.good else ""))
    bad = sum(not one.good for one in checks)
    session.out(f"{len(checks) - bad} of {len(checks)} checks are good")
    return ExitCode.OK if not bad else ExitCode.ERROR


# -- crash test --------------------------------------------------------------------------------------------------


def crash_test(session: Session, words: list[str]) -> ExitCode:
    """Break something and tell how the cluster gets over it, at most three minutes."""
    options = [w for w in words if w.startswith("-") and w not in ("-y", "--force")]
    names = [w for w in words if not w.startswith("-")]
    if len(options) != 1 or options[0] not in (*_DAEMONS, "--fence-node") or len(names) > 1:
        raise HashellError(WrongArguments(command="cluster.crash_test", usage=_CRASH,
                                          problem="say what is to break"))
    board = session.run(session.cluster().board())
    if options[0] == "--fence-node" and not names:
        raise HashellError(WrongArguments(command="cluster.crash_test", usage=_CRASH, problem="which node?"))
    if session.interactive and not session.ask("This breaks something on purpose. Go on"):
        return ExitCode.OK
    if options[0] == "--fence-node":
        session.run(session.cluster().fence(names[0]))
        session.note(f"{names[0]} was fenced")
    else:
        _kill(session, options[0], names)
    before = {r.key: r.nodes for r in board.resources if r.nodes}
    return _watch(session, before)


def _kill(session: Session, option: str, names: list[str]) -> None:
    from hashell.client.source import LiveSource, find_source
    from hashell.shell.hosts import chosen_hosts
    from hashell.stack.supervisor.panic import marked_processes

    host = chosen_hosts(session, names)[0] if names else None
    source = find_source(session.base_environ(), session.options.node)
    settings = host.settings if host is not None else source.settings if isinstance(source, LiveSource) else None
    if settings is None:
        raise failed("a CIB file has no daemons", "crash_test needs a running cluster")
    if host is not None and not host.local:
        raise failed(f"{host.name} is another machine", f"run crash_test there: ssh {host.name}")
    marker = settings.ipc_prefix.removesuffix("-")
    everybody = marked_processes(marker) if settings.embedded else [int(p) for p in os.listdir("/proc") if p.isdigit()]
    wanted = tuple(name[:15] for name in _DAEMONS[option])
    found = [pid for pid in everybody if _name(pid) in wanted]
    if not found:
        raise failed(f"no process of {', '.join(_DAEMONS[option])} runs here", "cluster status")
    killed = " ".join(f"{_name(pid) or option[7:]} ({pid})" for pid in found)
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    session.note(f"killed {killed} of {settings.name or 'this node'}")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _watch(session: Session, before: dict[str, tuple[str, ...]]) -> ExitCode:
    """Tell each new state until everything is as well as before."""
    began = time.monotonic()
    seen = ""
    calm = 0
    while time.monotonic() - began < _SECONDS:
        state, well = _look(session, before)
        if state != seen:
            seen = state
            session.note(f"{time.monotonic() - began:5.1f} s  {state}")
        calm = calm + 1 if well else 0
        if calm >= 10 and time.monotonic() - began > 5:
            session.out(f"recovered after at most {time.monotonic() - began:.0f} s")
            return ExitCode.OK
        time.sleep(0.3)
    session.out(f"not recovered after {_SECONDS:.0f} s: {seen}")
    return ExitCode.ERROR


def _look(session: Session, before: dict[str, tuple[str, ...]]) -> tuple[str, bool]:
    look: Callable[[], Board] = lambda: session.run(session.cluster().board())  # noqa: E731
    try:
        board = look()
    except HashellError as error:
        session.end_line()
        return error.diagnostics[0].text(), False
    bad = [f"{n.name} {n.state}" for n in board.nodes if not n.healthy]
    running = {r.key for r in board.resources if r.nodes}
    stopped = [key for key in before if key not in running]
    state = "; ".join(filter(None, (f"DC {board.dc or 'none'}", ", ".join(bad) or "all nodes online",
                                    f"stopped: {', '.join(stopped)}" if stopped else "")))
    return state, bool(board.dc) and not bad and not stopped
