"""Handlers of the configure level: show, load, save, edit, commit and changing objects by command."""

from __future__ import annotations

import sys

from hashell.grammar.check import property_value
from hashell.grammar.selection import select
from hashell.model.diagnostics import Diagnostic, HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.model.xmltext import pretty
from hashell.shell.diagnostics import CommandFailed, UnreadableFile, Warned, WrongArguments
from hashell.shell.session import Session


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


# -- looking -----------------------------------------------------------------------------------------------------


def show(session: Session, words: list[str]) -> None:
    space = session.workspace
    as_xml = "xml" in words[:1]
    specs = [w for w in (words[1:] if as_xml else words) if not w.startswith("obscure:")]
    hidden = tuple(w[8:] for w in words if w.startswith("obscure:"))
    space.config.obscure = (*space.config.obscure, *hidden)
    try:
        if specs == ["changed"] and not as_xml:
            diff(session, [])
            return
        elements = select(space.config, specs, space.original)
        if as_xml:
            session.out('<?xml version="1.0" ?>\n' + pretty(space.config.show_xml(elements)).rstrip("\n"))
            return
        text = space.config.show(elements)
    finally:
        if hidden:
            space.config.obscure = space.config.obscure[:-len(hidden)]
    if text:
        from hashell.shell.colour import colour_statements

        coloured = session.output.coloured(session.output.stdout)
        session.page(colour_statements(text, session.preferences.get("color.scheme")) if coloured else text)


def diff(session: Session, words: list[str]) -> None:
    for line in session.workspace.diff():
        session.out(line)
        if line.startswith("@@"):
            session.out()


def verify(session: Session, words: list[str]) -> ExitCode:
    refused, found = session.workspace.findings(everything=True)
    session.tell(*refused, *found)
    bad = [d for d in (*refused, *found) if d.severity is Severity.ERROR]
    return ExitCode.CONFIG if bad else ExitCode.OK


def get_property(session: Session, words: list[str]) -> None:
    from hashell.model.options import CLUSTER_OPTIONS

    truth = "-t" in words
    for name in (w for w in words if w != "-t"):
        value = property_value(session.workspace.config, name)
        option = CLUSTER_OPTIONS.get(name)
        if value is None and option is not None:
            value = option.default
        if value is None:
            raise failed(f"configure.get_property: {name}: property not set", "`show type:property` lists what is set")
        if truth:
            value = "true" if value.lower() in ("true", "yes", "on", "1", "y") else "false"
        session.out(value)


def validate_all(session: Session, words: list[str]) -> ExitCode:
    from hashell.ra.agent import AgentId, AgentJob

    element = session.workspace.config.get(words[0])
    if element.tag != "primitive":
        raise failed(f"{words[0]} is not a primitive", "validate-all asks the agent of a primitive")
    params = {p.get("name", ""): p.get("value", "") for p in element.findall("instance_attributes/nvpair")}
    agent = AgentId(element.get("class", ""), element.get("provider", ""), element.get("type", ""))
    job = AgentJob(agent, words[0], "validate-all", 60.0, params=params)
    result = session.run(session.workspace.agents.registry.run(job))
    if int(result.rc) == 0:
        session.note(f"{agent} accepts the parameters of {words[0]}")
        return ExitCode.OK
    raise failed(f"{agent} refuses {words[0]}: {result.reason or result.output.strip() or f'rc={int(result.rc)}'}",
                 f"see: ra info {agent}")


def schema(session: Session, words: list[str]) -> None:
    from hashell.model.schema import schema_names

    space = session.workspace
    if not words:
        session.out(space.config.schema)
        return
    if words[0] == space.config.schema:
        session.note(f"already using schema {words[0]}")
        return
    if words[0] not in schema_names():
        raise failed(f"schema {words[0]} does not exist", f"the newest is {schema_names()[-1]}")
    space.config.root.set("validate-with", words[0])


def upgrade(session: Session, words: list[str]) -> None:
    from hashell.model.schema import schema_names

    if words != ["force"]:
        raise failed("configure.upgrade: the word 'force' is required", "an upgrade cannot be undone: upgrade force")
    newest = schema_names()[-1]
    session.workspace.config.root.set("validate-with", newest)
    session.note(f"Current schema version is {newest}")


# -- changing ----------------------------------------------------------------------------------------------------


def _edit(session: Session, name: str, *args: object) -> None:
    space = session.workspace
    before = space.config.snapshot()
    editor = space.editor()
    try:
        getattr(editor, name)(*args)
    except HashellError:
        space.config.restore(before)
        raise
    space.remember(before)
    session.tell(*editor.notes)


def delete(session: Session, words: list[str]) -> None:
    force = any(w in ("-f", "--force") for w in words)
    names = [w for w in words if w not in ("-f", "--force")]
    if not names:
        raise HashellError(WrongArguments(command="configure.delete", usage="delete [--force] ID…",
                                          problem="no object named"))
    missing: list[Diagnostic] = []
    for name in names:
        try:
            session.workspace.config.get(name)
        except HashellError as error:
            missing += error.diagnostics
    names = [name for name in names if session.workspace.config.find(name) is not None]
    if not force and not session.options.force:
        running = _running(session, names)
        if running:
            raise failed(f"resource {running[0]} is running, can't delete it",
                         f"stop it first: resource stop {running[0]}; or: delete --force {running[0]}")
    if names:
        _edit(session, "delete", names)
    if missing:
        raise HashellError(*missing)


def _running(session: Session, names: list[str]) -> list[str]:
    """Those of the resources that are active somewhere, judged by the recorded operations."""
    root = session.workspace.config.root
    if root.find("status/node_state") is None:
        return []
    board = session.run(session.cluster().board())
    return [r.id for r in board.resources if r.id in names and r.nodes]


def rename(session: Session, words: list[str]) -> None:
    _edit(session, "rename", words[0], words[1])


def modgroup(session: Session, words: list[str]) -> None:
    if len(words) == 4:
        raise HashellError(WrongArguments(command="configure.modgroup", given=4,
                                          usage="modgroup GROUP add RESOURCE [after|before MEMBER]"))
    _edit(session, "modgroup", *words)


def set_value(session: Session, words: list[str]) -> None:
    _edit(session, "set_value", words[0], words[1])


def default_timeouts(session: Session, words: list[str]) -> None:
    _edit(session, "default_timeouts", words)


def erase(session: Session, words: list[str]) -> None:
    if words not in ([], ["nodes"]):
        raise failed(f"configure.erase: expected 'nodes' (found '{words[0]}')")
    _edit(session, "erase", bool(words))


def refresh(session: Session, words: list[str]) -> None:
    if session.pending and session.interactive and "force" not in words and not session.ask(
        "All changes will be dropped. Do you want to proceed?"
    ):
        return
    session.workspace.reload()


def undo(session: Session, words: list[str]) -> None:
    if not session.workspace.undo():
        raise failed("there is no change to take back", "changes are undone until they are committed")
    left = session.workspace.diff()
    session.note("undone; `diff` shows what is still pending" if left else "undone; nothing is pending any more")


# -- commit ------------------------------------------------------------------------------------------------------


def commit(session: Session, words: list[str]) -> None:
    unknown = [w for w in words if w not in ("force", "replace", "--plan", "plan")]
    if unknown:
        raise HashellError(WrongArguments(command="configure.commit", usage="commit [force] [replace] [--plan]",
                                          problem=f"'{unknown[0]}' is not an option of commit"))
    space = session.workspace
    if "--plan" in words or "plan" in words:
        _show_plan(session)
        space.mark_planned()
        return
    if not space.pending:
        session.note("apparently there is nothing to commit")
        session.note("try changing something first")
        return
    if _disturbs(session) and session.interactive and not session.ask("Do you want to commit this?"):
        session.note("not committed; the changes are still pending")
        return
    space.commit(force="force" in words, replace="replace" in words)


def _show_plan(session: Session) -> None:
    from hashell.shell.plans import plan_of

    for line in plan_of(session).lines():
        session.out(line)


def _disturbs(session: Session) -> bool:
    """Whether what is pending would stop, move or restart something that runs; the plan is shown then."""
    from hashell.shell.plans import plan_of

    space = session.workspace
    if space.config.root.find("status/node_state") is None or space.only_planned:
        return False
    try:
        plan = plan_of(session)
    except HashellError as error:
        session.tell(*error.diagnostics)
        return False
    if plan.disturbs:
        for line in plan.lines():
            session.out(line)
    return plan.disturbs


def leave(session: Session) -> bool:
    """On leaving the level: commit what is pending; interactively ask first. False: stay."""
    if not session.pending:
        session.drop_workspace()
        return True
    if session.interactive:
        session.out("There are changes pending:")
        diff(session, [])
        _disturbs(session)
        answer = ""
        while answer not in ("y", "n", "c"):
            try:
                answer = input("Do you want to commit them, or cancel the operation?  (y/n/c)? ").strip().lower()[:1]
            except EOFError:
                answer = "n"
        if answer == "c":
            return False
        if answer == "n":
            session.drop_workspace()
            return True
    elif session.workspace.was_refused:
        session.drop_workspace()  # the refusal was said, and gave the script its exit code
        return True
    elif session.workspace.only_planned:
        session.note("nothing was committed: the last word was `commit --plan`; a `commit` after it makes the change")
        session.drop_workspace()
        return True
    else:
        _disturbs(session)
    try:
        session.workspace.commit(last=True)
    finally:
        if not session.interactive:
            session.drop_workspace()
    session.drop_workspace()
    if session.options.wait:
        from hashell.shell.waiting import wait_for_transition

        wait_for_transition(session)
    return True


def ptest(session: Session, words: list[str]) -> None:
    known = ("nograph", "scores", "utilization", "actions")
    for word in words:
        if word not in known and word.strip("v"):
            raise HashellError(WrongArguments(command="configure.ptest", usage="ptest [scores] [utilization] [actions]",
                                              problem=f"'{word}' is not an option"))
    from hashell.shell.plans import plan_of, score_lines

    plan = plan_of(session)
    if "actions" in words and len(plan.lines()) == 1:
        session.tell(Warned(message="no actions found", hint="nothing would change"))
    for line in plan.lines():
        session.out(line)
    if {"scores", "utilization"} & set(words):
        for line in score_lines(session.workspace.config.root, scores="scores" in words,
                                utilization="utilization" in words):
            session.out(line)


# -- files -------------------------------------------------------------------------------------------------------


def load(session: Session, words: list[str]) -> None:
    from hashell.shell.commands import loading

    loading.load(session, words)


def save(session: Session, words: list[str]) -> None:
    from pathlib import Path

    from hashell.atomicfile import write_atomically

    as_xml = words[0] == "xml" and len(words) > 1
    specs, path = words[1 if as_xml else 0:-1], words[-1]
    space = session.workspace
    elements = select(space.config, specs, space.original)
    if as_xml:
        text = '<?xml version="1.0" ?>\n' + pretty(space.config.show_xml(elements))
    else:
        text = space.config.show(elements, reveal=True) + "\n"
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        write_atomically(Path(path), text)
    except OSError as error:
        raise HashellError(UnreadableFile(path=path, reason=error.strerror or str(error))) from None


def edit(session: Session, words: list[str]) -> None:
    from hashell.shell.commands import editing

    editing.edit(session, words)


def filter_(session: Session, words: list[str]) -> None:
    from hashell.shell.commands import editing

    editing.filter_(session, words)
