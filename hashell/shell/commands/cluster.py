"""Handlers of the cluster level: starting and stopping, on this machine or as an embedded cluster."""

from __future__ import annotations

import importlib
from types import ModuleType

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.shell.diagnostics import CommandFailed, WrongArguments
from hashell.shell.session import Session

EMBEDDED = "hashell.stack.embedded.control"
MACHINE = "hashell.stack.machine"


def _part(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise HashellError(CommandFailed(message=f"{what} is not part of this installation ({error.name})")) from None


def _count(words: list[str], command: str) -> int | None:
    """The number after --embedded, 3 if it stands alone, None without it. Raises HashellError."""
    usage = f"{command} [--embedded N]"
    if not words:
        return None
    flag, equals, value = words[0].partition("=")
    if flag != "--embedded" or len(words) > (1 if equals else 2):
        raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                          problem=f"'{words[0]}' is not an option"))
    text = value if equals else (words[1] if len(words) > 1 else "3")
    if not text.isdigit() or not 1 <= int(text) <= 32:
        raise HashellError(WrongArguments(command=f"cluster.{command}", usage=usage,
                                          problem=f"'{text}' is not a number of nodes (1 to 32)"))
    return int(text)


def start(session: Session, words: list[str]) -> ExitCode:
    count = _count(words, "start")
    session.end_line()
    if count is None:
        _part(MACHINE, "starting a production node").start(session.note)
    else:
        _part(EMBEDDED, "the embedded cluster").start(count, session.note)
    return ExitCode.OK


def stop(session: Session, words: list[str]) -> ExitCode:
    session.end_line()
    embedded = _part(EMBEDDED, "the embedded cluster")
    if embedded.running():
        embedded.stop(session.note)
    else:
        _part(MACHINE, "stopping a production node").stop(session.note)
    return ExitCode.OK


def restart(session: Session, words: list[str]) -> ExitCode:
    embedded = _part(EMBEDDED, "the embedded cluster")
    count = _count(words, "restart") or len(embedded.running())
    stop(session, [])
    return start(session, ["--embedded", str(count)] if count else [])


def status(session: Session, words: list[str]) -> ExitCode:
    from hashell.client.source import embedded_dir, embedded_nodes, is_running
    from hashell.stack.settings import NodeSettings

    found = embedded_nodes(embedded_dir(session._environ()))
    for settings in found:
        session.out(f"embedded node {settings.name}: {'running' if is_running(settings) else 'stopped'}")
    here = is_running(NodeSettings())
    session.out(f"the cluster of this machine: {'running' if here else 'not running'}")
    return ExitCode.OK if here or any(is_running(s) for s in found) else ExitCode.NOT_RUNNING


def wait_for_startup(session: Session, words: list[str]) -> ExitCode:
    from hashell.shell.waiting import wait_for_transition

    text = words[0] if words else "60"
    if not text.isdigit():
        raise HashellError(WrongArguments(command="cluster.wait_for_startup", usage="wait_for_startup [SECONDS]",
                                          problem=f"'{text}' is not a number of seconds"))
    return wait_for_transition(session, float(text))
