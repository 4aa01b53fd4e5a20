"""Handlers of the cluster level: starting and stopping, on this machine or as an embedded cluster."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.machines import UNIT, has_unit, on_machines
from hashell.shell.diagnostics import CommandFailed, WrongArguments
from hashell.shell.session import Session

if TYPE_CHECKING:
    from hashell.stack.embedded.cluster import EmbeddedCluster

ALL = "--all"
_STOP_SECONDS = 180.0
_POLL_SECONDS = 0.2
_SERVING_POLLS = 150


def _folder(session: Session) -> Path:
    from hashell.stack.settings import embedded_dir

    return embedded_dir(session.environ())


def embedded(session: Session, nodes: int | None = None) -> EmbeddedCluster | None:
    """The embedded cluster of this user; None if there is none and no number of nodes is given."""
    from hashell.stack.embedded.cluster import EmbeddedCluster, NoCluster

    try:
        return EmbeddedCluster(_folder(session), nodes)
    except HashellError as error:
        said = error.diagnostics[0]
        if nodes is None and isinstance(said, NoCluster) and not said.reason:
            return None
        raise


def _running(session: Session) -> EmbeddedCluster | None:
    """The embedded cluster if one of its nodes runs."""
    cluster = embedded(session)
    return cluster if cluster is not None and any(n.running for n in cluster.status()) else None


def _arguments(words: list[str], command: str) -> tuple[int | None, list[str]]:
    """The number after --embedded (3 if it stands alone, None without it), and node names or --all.

    Raises HashellError.
    """
    usage = f"{command} [--embedded [N]] [--all|NODE…]"
    count: int | None = None
    names: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        if flag == "--embedded":
            text = value if equals else (rest.pop(0) if rest and not rest[0].startswith("n") else "3")
            if not text.isdigit():
                raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                                  problem=f"'{text}' is not a number of nodes"))
            count = int(text)
        elif word.startswith("-") and word != ALL:
            raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                              problem=f"'{word}' is not an option"))
        else:
            names.append(word)
    return count, names


def start(session: Session, words: list[str]) -> ExitCode:
    count, names = _arguments(words, "start")
    session.end_line()
    cluster = embedded(session, count) if count is not None or names else None
    if cluster is None:
        return on_machines(session, "start", _named(names), lambda: _start_machine(session)) if names else \
            _start_machine(session)
    names = _named(names)
    for name in names:
        session.run(cluster.start_node(name))
        session.note(f"{name} is started")
    if not names:
        session.run(cluster.start())
        session.run(_serving(cluster))
        session.note(f"{len(cluster.names)} embedded nodes run: {' '.join(cluster.names)}")
        session.note("next: status, monitor, or configure load update examples/web-cluster.crm")
    return ExitCode.OK


def _named(names: list[str]) -> list[str]:
    """The nodes that are named; none stands for all."""
    return [] if ALL in names else names


async def _serving(cluster: EmbeddedCluster) -> None:
    """Return when the CIB of every node can be read, so that the next command finds the cluster."""
    from hashell.client.source import is_running

    for name in cluster.names:
        for _ in range(_SERVING_POLLS):
            if is_running(cluster.node_settings(name)) or not cluster.node_running(name):
                break
            await asyncio.sleep(_POLL_SECONDS)


def _start_machine(session: Session) -> ExitCode:
    from hashell.stack.settings import NodeSettings
    from hashell.stack.supervisor.prepare import running_pid

    # What is started at boot is started in the same way by hand; systemd would not say that it runs already.
    unit = has_unit() and not running_pid(NodeSettings())
    words = ["systemctl", "start", UNIT] if unit else [sys.executable, "-m", "hashell.stack.hashelld"]
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode:
        if unit:
            # systemd says only that there is something in the journal.
            result = subprocess.run(["journalctl", "-u", UNIT, "-t", "hashelld", "-n", "1", "-o", "cat"],
                                    capture_output=True, text=True)
        reason = ((result.stderr if not unit else result.stdout).strip().splitlines() or ["no reason was given"])[-1]
        raise HashellError(
            CommandFailed(message=reason.removeprefix("hashelld: ").removeprefix("error: "),
                          hint=f"journalctl -u {UNIT} tells more" if unit else
                          "for a cluster to try out: hashell cluster start --embedded 3"),
            exit_code=_exit_code(result.returncode),
        )
    session.note("the cluster is started on this machine")
    return ExitCode.OK


def _exit_code(number: int) -> ExitCode:
    return ExitCode(number) if number in ExitCode._value2member_map_ else ExitCode.ERROR


def stop(session: Session, words: list[str]) -> ExitCode:
    _, names = _arguments(words, "stop")
    session.end_line()
    cluster = embedded(session) if names else _running(session)
    if cluster is None:
        return on_machines(session, "stop", _named(names), lambda: _stop_machine(session)) if names else \
            _stop_machine(session)
    names = _named(names)
    for name in names:
        session.run(cluster.stop_node(name))
        session.note(f"{name} is stopped")
    if not names:
        session.note(f"stopping {' '.join(cluster.names)}; resources are stopped first")
        session.run(cluster.stop())
        session.note("the embedded cluster is stopped; its configuration is kept")
    return ExitCode.OK


def _stop_machine(session: Session) -> ExitCode:
    from hashell.stack.settings import NodeSettings
    from hashell.stack.supervisor.prepare import running_pid

    settings = NodeSettings()
    pid = running_pid(settings)
    if not pid:
        raise HashellError(CommandFailed(message="no cluster of hashell runs on this machine",
                                         hint="`cluster status` shows what there is"),
                           exit_code=ExitCode.NOT_RUNNING)
    try:
        os.kill(pid, signal.SIGTERM)
    except PermissionError:
        raise HashellError(CommandFailed(message="stopping the cluster: permission denied",
                                         hint="run as root")) from None
    session.note(f"waiting for the cluster to stop, at most {_STOP_SECONDS:.0f} s; resources are moved away first")
    deadline = time.monotonic() + _STOP_SECONDS
    while running_pid(settings) == pid:
        if time.monotonic() > deadline:
            raise HashellError(CommandFailed(message=f"the cluster still runs after {_STOP_SECONDS:.0f} s",
                                             hint=f"see {settings.log_dir}"))
        time.sleep(_POLL_SECONDS)
    session.note("the cluster is stopped on this machine")
    return ExitCode.OK


def restart(session: Session, words: list[str]) -> ExitCode:
    cluster = _running(session)
    if cluster is None and words:
        def both() -> None:
            _stop_machine(session)
            _start_machine(session)

        return on_machines(session, "restart", _named(_arguments(words, "restart")[1]), both)
    stop(session, words)
    if cluster is None:
        return start(session, [])
    return start(session, words or ["--embedded", str(len(cluster.names))])


def kill(session: Session, words: list[str]) -> ExitCode:
    """Power loss of an embedded node."""
    cluster = embedded(session)
    if cluster is None:
        raise HashellError(CommandFailed(message="cluster kill is for embedded nodes, and there are none",
                                         hint="a real node is cut off with: node fence NODE"))
    session.end_line()
    session.run(cluster.kill_node(words[0]))
    session.note(f"{words[0]} lost its power; `status` shows what the others make of it")
    return ExitCode.OK


def destroy(session: Session, words: list[str]) -> ExitCode:
    cluster = embedded(session)
    if cluster is None:
        raise HashellError(CommandFailed(message="there is no embedded cluster", hint="nothing to delete"))
    session.end_line()
    if session.interactive and not session.ask(f"Delete the embedded cluster in {cluster.base} with its configuration"):
        return ExitCode.OK
    session.run(cluster.stop())
    cluster.remove()
    session.note("the embedded cluster and its configuration are deleted")
    return ExitCode.OK


def status(session: Session, words: list[str]) -> ExitCode:
    from hashell.client.source import is_running
    from hashell.stack.settings import NodeSettings

    cluster = embedded(session)
    running = is_running(NodeSettings())
    for node in cluster.status() if cluster is not None else []:
        state = f"running, {node.processes} processes" if node.running else "stopped"
        session.out(f"embedded {node.name} ({node.address}): {state}")
        running = running or node.running
    session.out(f"this machine: {'running' if is_running(NodeSettings()) else 'not running'}")
    return ExitCode.OK if running else ExitCode.NOT_RUNNING


def wait_for_startup(session: Session, words: list[str]) -> ExitCode:
    from hashell.shell.waiting import wait_for_transition

    text = words[0] if words else "60"
    if not text.isdigit():
        raise HashellError(WrongArguments(command="cluster.wait_for_startup", usage="wait_for_startup [SECONDS]",
                                          problem=f"'{text}' is not a number of seconds"))
    deadline = time.monotonic() + float(text)
    while True:
        try:
            session.cluster()
        except HashellError as error:
            if error.exit_code != ExitCode.DISCONNECT or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return wait_for_transition(session, max(1.0, deadline - time.monotonic()))
