"""Handlers of the maintenance level."""

from __future__ import annotations

import shlex
import sys

from lxml import etree

from hashell.grammar.apply import Mode
from hashell.grammar.check import property_value
from hashell.grammar.lines import split_words, words_as_line
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.resource import change, failed
from hashell.shell.session import Session

_TRUE = ("true", "yes", "on", "1", "y")


def _switch(session: Session, words: list[str], value: str) -> None:
    if words:
        change(session, lambda cib: cib.set_meta(words[0], "maintenance", value))
        return
    space = session.workspace
    line = words_as_line(["property", f"maintenance-mode={value}"])
    space.apply([space.parser.parse_words(split_words(line))], Mode.CREATE)
    space.commit(force=True)


def on(session: Session, words: list[str]) -> None:
    _switch(session, words, "true")
    session.note(f"{words[0] if words else 'the cluster'} is in maintenance; `maintenance off` ends it")


def off(session: Session, words: list[str]) -> None:
    _switch(session, words, "false")


def _in_maintenance(session: Session, element: etree._Element) -> bool:
    if (property_value(session.workspace.config, "maintenance-mode") or "").lower() in _TRUE:
        return True
    above: etree._Element | None = element
    while above is not None:
        for pair in above.findall("meta_attributes/nvpair"):
            if pair.get("name") == "maintenance" and pair.get("value", "").lower() in _TRUE:
                return True
        above = above.getparent()
    return False


def action(session: Session, words: list[str]) -> ExitCode:
    """Run one action of an agent here and now, with the configured parameters."""
    from hashell.ra.agent import AgentId, AgentJob

    name, what = words[0], words[1]
    if words[2:] == ["ssh"]:
        return _everywhere(session, name, what)
    element = session.workspace.config.get(name)
    if element.tag != "primitive":
        raise failed(f"{name} is not a primitive", "actions are run for primitives")
    if not session.options.force and what not in ("monitor", "validate-all") and not _in_maintenance(session, element):
        raise failed("not in maintenance mode", f"maintenance on {name}; or force it with -F")
    params = {p.get("name", ""): p.get("value", "") for p in element.findall("instance_attributes/nvpair")}
    agent = AgentId(element.get("class", ""), element.get("provider", ""), element.get("type", ""))
    job = AgentJob(agent, name, what, 60.0, params=params)
    result = session.run(session.workspace.agents.registry.run(job))
    for text in (result.output.strip(), result.reason):
        if text:
            session.out(text)
    session.out(f"{name} {what}: rc={int(result.rc)}")
    return ExitCode.OK if int(result.rc) == 0 else ExitCode(int(result.rc)) if int(result.rc) < 10 else ExitCode.ERROR


def _everywhere(session: Session, name: str, what: str) -> ExitCode:
    """The action on every node where the resource is active."""
    from hashell.shell.commands.hostfiles import run
    from hashell.shell.commands.resource import where

    nodes = where(session, name)
    if not nodes:
        raise failed(f"{name} is not running", f"on this machine: maintenance action {name} {what}")
    force = "-F " if session.options.force else ""
    return run(session, [shlex.join([sys.executable, "-m", "hashell.cli"]) + f" {force}maintenance action "
                         f"{shlex.quote(name)} {shlex.quote(what)}", *nodes])
