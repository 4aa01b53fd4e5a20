"""Handlers of the script level: wizards that make configuration of a few values, shown as a plan before commit."""

from __future__ import annotations

import json
from dataclasses import asdict

from hashell.grammar.apply import Mode
from hashell.model.diagnostics import HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.shell.diagnostics import NotCommitted, WrongArguments
from hashell.shell.session import Session
from hashell.shell.wizards import Wizard, WizardParameter, failed, load_wizard, wizard_names


def list_(session: Session, words: list[str]) -> None:
    names_only = words[:1] == ["names"]
    for name in wizard_names():
        session.out(name if names_only else f"{name:<22}{load_wizard(name).summary}")


def show(session: Session, words: list[str]) -> None:
    wizard = load_wizard(words[0])
    session.out(f"{wizard.name}: {wizard.summary}\n\n{wizard.about}\n")
    for parameter in wizard.parameters:
        session.out(f"  {parameter.name:<14}{parameter.about}{_remark(parameter)}")
    needed = " ".join(f"{p.name}=…" for p in wizard.parameters if p.required)
    session.out(f"\nscript run {wizard.name} {needed}".rstrip())


def _remark(parameter: WizardParameter) -> str:
    if parameter.required:
        return " (required)"
    return f" (default {parameter.default})" if parameter.default else ""


def json_(session: Session, words: list[str]) -> None:
    """All wizards, or one, as JSON."""
    wizards = [load_wizard(name) for name in (words or wizard_names())]
    session.out(json.dumps([asdict(w) for w in wizards], indent=2))


def pairs(words: list[str], usage: str) -> dict[str, str]:
    """`name=value` words. Raises HashellError."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise HashellError(WrongArguments(command="script", usage=usage, problem=f"'{word}' is not NAME=VALUE"))
        found[name] = value
    return found


def verify(session: Session, words: list[str]) -> ExitCode:
    """What a run would make, checked and not committed."""
    return _run(session, words, commit=False)


def run(session: Session, words: list[str]) -> ExitCode:
    return _run(session, words, commit=True)


def _run(session: Session, words: list[str], *, commit: bool) -> ExitCode:
    if session.pending:
        raise failed("there are uncommitted changes in the configure level", "commit or refresh there first")
    wizard = load_wizard(words[0])
    given = pairs(words[1:], "run SCRIPT NAME=VALUE…")
    if commit and session.interactive:
        _ask_missing(wizard, given)
    text = wizard.generate(given)
    session.out(text.rstrip("\n"))
    session.out()
    try:
        return apply_text(session, text, wizard.name, commit=commit)
    finally:
        session.drop_workspace()


def _ask_missing(wizard: Wizard, given: dict[str, str]) -> None:
    """Ask for required values that were not given, as long as they are wrong."""
    for parameter in wizard.parameters:
        while parameter.required and not given.get(parameter.name):
            answer = input(f"{parameter.name} ({parameter.about}): ").strip()
            problem = parameter.problem(answer) if answer else ""
            if problem:
                print(f"{answer} {problem}")
            else:
                given[parameter.name] = answer


def apply_text(session: Session, text: str, origin: str, *, commit: bool, mode: Mode = Mode.CREATE) -> ExitCode:
    """Apply generated statements to the working copy, show the plan, ask, commit."""
    space = session.workspace
    space.apply(space.parser.parse_text(text, f"({origin})").check(), mode)
    refused, found = space.findings()
    bad = [d for d in (*refused, *found) if d.severity is Severity.ERROR]
    if not commit or bad:
        session.tell(*refused, *found)
    if bad and not (commit and session.options.force and not refused):
        raise HashellError(NotCommitted(errors=len(bad), forcible=not refused))
    for line in _plan(session):
        session.out(line)
    if not commit:
        return ExitCode.OK
    if session.interactive and not session.ask("Do you want to commit this?"):
        session.note("not committed")
        return ExitCode.OK
    if session.options.decline:
        session.note("not committed")
        return ExitCode.OK
    space.commit()
    return ExitCode.OK


def _plan(session: Session) -> list[str]:
    """The plan in words; a CIB without state has none."""
    from hashell.shell.plans import plan_of

    if session.workspace.config.root.find("status/node_state") is None:
        return []
    return plan_of(session).lines()
