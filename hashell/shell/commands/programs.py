"""Commands that are programs of their own, and the completion scripts."""

from __future__ import annotations

from hashell.model.exitcodes import ExitCode
from hashell.shell.session import Session


def _run(session: Session, name: str, words: list[str]) -> ExitCode:
    from hashell.cli import run_program

    session.end_line()
    code = run_program(name, words)
    return ExitCode(code) if code in ExitCode._value2member_map_ else ExitCode.ERROR


def monitor(session: Session, words: list[str]) -> ExitCode:
    return _run(session, "monitor", words)


def simulate(session: Session, words: list[str]) -> ExitCode:
    return _run(session, "simulate", words)


def demo(session: Session, words: list[str]) -> ExitCode:
    return _run(session, "demo", words)


def completion(session: Session, words: list[str]) -> None:
    from hashell.model.diagnostics import HashellError
    from hashell.shell.diagnostics import WrongArguments
    from hashell.shell.scripts import SHELLS, completion_script

    if words[0] not in SHELLS:
        raise HashellError(WrongArguments(command="completion", usage="completion bash|zsh|fish",
                                          problem=f"no completion for {words[0]}"))
    session.out(completion_script(words[0]).rstrip("\n"))
