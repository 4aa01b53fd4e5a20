"""Handlers of move, ban and restart: constraints and target roles that are taken back when their work is done.

On a running cluster `move` and `ban` wait until the resource has moved and then remove their constraint, unless
--keep or a lifetime was given, or unless the resource would go back without it. An interrupt removes it as well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from lxml import etree

from hashell.client import changes
from hashell.model.exitcodes import ExitCode
from hashell.shell.commands.resource import change, failed, where
from hashell.shell.diagnostics import Note, Warned
from hashell.shell.session import Session
from hashell.shell.waiting import wait_for_transition

Element = etree._Element
_SECONDS = 300.0


class Target:
    """NODE, LIFETIME, force and --keep out of the optional words of move and ban."""

    def __init__(self, words: list[str], nodes: list[str]) -> None:
        self.node = self.lifetime = ""
        self.force = self.keep = False
        rest = list(words)
        while rest:
            word = rest.pop(0)
            if word == "force":
                self.force = True
            elif word == "--keep":
                self.keep = True
            elif word.startswith("--lifetime"):
                _, equals, value = word.partition("=")
                if not equals and not rest:
                    raise failed("--lifetime needs a duration", "PT10M is ten minutes")
                self.lifetime = value if equals else rest.pop(0)
            elif word in nodes:
                self.node = word
            elif word[:1] in "Pp" and any(c.isdigit() for c in word):
                self.lifetime = word
            else:
                raise failed(f"node {word} does not exist", f"nodes: {' '.join(nodes)}; a lifetime looks like PT10M")

    @property
    def stays(self) -> bool:
        return self.keep or bool(self.lifetime)


def move(session: Session, words: list[str]) -> ExitCode | None:
    old = session.run(session.cluster().cib())
    target = Target(words[1:], changes.Cib(old).nodes())
    current = where(session, words[0]) if old.find("status/node_state") is not None else []
    if not target.node and not current:
        raise failed(f"{words[0]} is not running, so there is nowhere to move it from",
                     f"name a node: move {words[0]} NODE")
    if target.node and current == [target.node]:
        raise failed(f"{words[0]} is already running on {target.node}", "")

    def work(cib: changes.Cib) -> None:
        top = cib.movable(words[0])
        if target.node:
            cib.prefer(top, target.node, target.lifetime)
        if not target.node or target.force:
            for name in current:
                cib.ban(top, name, target.lifetime)

    def done(nodes: list[str]) -> bool:
        return target.node in nodes if target.node else bool(nodes) and not set(nodes) & set(current)

    goal = target.node or f"away from {' '.join(current)}"
    return _settled(session, words[0], target, work, done if current else None, goal)


def ban(session: Session, words: list[str]) -> ExitCode | None:
    old = session.run(session.cluster().cib())
    target = Target(words[1:], changes.Cib(old).nodes())
    current = where(session, words[0]) if old.find("status/node_state") is not None else []
    if not target.node:
        if len(current) != 1:
            raise failed(f"{words[0]} runs on {len(current)} nodes", f"name the node: ban {words[0]} NODE")
        target.node = current[0]
    return _settled(session, words[0], target, lambda cib: cib.ban(cib.movable(words[0]), target.node, target.lifetime),
                    (lambda nodes: target.node not in nodes) if target.node in current else None,
                    f"away from {target.node}")


def _settled(session: Session, name: str, target: Target, work: Callable[[changes.Cib], None],
             done: Callable[[list[str]], bool] | None, goal: str) -> ExitCode | None:
    """Make the constraint; where it has something to do and shall not stay, wait and take it back."""
    if session.is_file or target.stays or done is None:
        change(session, work)
        if not session.is_file and not target.stays:
            session.note(f"there is nothing to wait for, so the constraint stays until `resource clear {name}`")
        return None
    before = _constraints(session.run(session.cluster().cib()))
    made: list[str] = []
    try:
        cib = _quietly(session, work)
        made = [i for i in _constraints(cib.root) if i not in before]
        session.note(f"moving {name} {goal if goal.startswith('away') else 'to ' + goal}")
        code = wait_for_transition(session, _SECONDS)
        nodes = where(session, name)
    except BaseException as error:
        _remove(session, made or _new(session, before))
        if isinstance(error, KeyboardInterrupt):
            session.note(f"interrupted: the constraint is removed; {name} stays where the cluster has it now")
        raise
    if not done(nodes):
        _remove(session, made)
        reason = "in time" if code is not ExitCode.OK else "there"
        place = " ".join(nodes) or "no node"
        raise failed(f"{name} did not move {reason}: it is on {place}; the constraint is removed",
                     f"`why {name}{' ' + target.node if target.node else ''}` tells the reason")
    _finish(session, name, made, nodes)
    return None


def _quietly(session: Session, work: Callable[[changes.Cib], None]) -> changes.Cib:
    """Commit a change without its notes, which speak of constraints that stay."""
    cluster = session.cluster()
    old = session.run(cluster.cib())
    cib = changes.Cib(old)
    work(cib)
    session.run(cluster.commit(old, cib.root))
    return cib


def _constraints(cib: Element) -> list[str]:
    return [e.get("id", "") for e in cib.iterfind("configuration/constraints/rsc_location")
            if e.get("id", "").startswith(("cli-prefer-", "cli-ban-"))]


def _new(session: Session, before: list[str]) -> list[str]:
    return [i for i in _constraints(session.run(session.cluster().cib())) if i not in before]


def _without(cib: Element, names: list[str]) -> Element:
    result = copy.deepcopy(cib)
    for element in result.findall("configuration/constraints/rsc_location"):
        if element.get("id") in names and (parent := element.getparent()) is not None:
            parent.remove(element)
    return result


def _remove(session: Session, names: list[str]) -> None:
    if not names:
        return

    def work(cib: changes.Cib) -> None:
        cib.root = _without(cib.root, names)

    _quietly(session, work)


def _finish(session: Session, name: str, made: list[str], nodes: list[str]) -> None:
    """Remove the constraint, unless the resource would move again without it."""
    from hashell.shell.plans import plan_for

    cib = session.run(session.cluster().cib())
    plan = plan_for(_without(cib, made))
    session.note(f"{name} runs on {' '.join(nodes)}" if nodes else f"{name} is stopped")
    if plan.disturbs or plan.starts:
        session.tell(Warned(message=f"without its constraint {name} would move again, so {' '.join(made)} stays",
                            hint=f"resource clear {name}; rsc_defaults resource-stickiness=100 keeps things in place"))
        return
    _remove(session, made)
    session.tell(Note(message=f"the constraint {' '.join(made)} has done its work and is removed"))


# -- restart -----------------------------------------------------------------------------------------------------


def restart(session: Session, words: list[str]) -> ExitCode | None:
    """Stop, wait, start, wait. Whatever happens between, the target roles of before come back."""
    for name in words:
        session.note(f"ordering {name} to stop")
    if session.is_file:
        change(session, lambda cib: _roles(cib, words, "Stopped"))
        change(session, lambda cib: _roles(cib, words, "Started"))
        return None
    cib = changes.Cib(session.run(session.cluster().cib()))
    before = {name: _target_roles(cib, name) for name in words}
    idle = [name for name in words if not where(session, name)]
    if idle:
        raise failed(f"{idle[0]} is not running", f"start it: resource start {idle[0]}")
    try:
        _quietly(session, lambda cib: _roles(cib, words, "Stopped"))
        code = wait_for_transition(session, _SECONDS)
        left = [f"{name} on {' '.join(nodes)}" for name in words if (nodes := where(session, name))]
    except BaseException as error:
        _quietly(session, lambda cib: _restore(cib, before))
        if isinstance(error, KeyboardInterrupt):
            session.note(f"interrupted: {' '.join(words)} started again")
        raise
    for name in words:
        session.note(f"ordering {name} to start")
    _quietly(session, lambda cib: _restore(cib, before))
    if code is not ExitCode.OK or left:
        raise failed(f"not everything stopped: {', '.join(left) or ' '.join(words)}", "`status` shows failed actions")
    return wait_for_transition(session, _SECONDS)


def _roles(cib: changes.Cib, names: list[str], role: str) -> None:
    for name in names:
        cib.set_target_role(name, role)


def _target_roles(cib: changes.Cib, name: str) -> list[tuple[str, str]]:
    """(resource id, target-role) of everything in the resource's container that has one."""
    owner = cib.top(cib.resource(name))
    return [(e.get("id", ""), p.get("value", "")) for e in owner.iter(*changes.RESOURCES)
            for p in e.findall("meta_attributes/nvpair") if p.get("name") == "target-role"]


def _restore(cib: changes.Cib, before: dict[str, list[tuple[str, str]]]) -> None:
    for name, roles in before.items():
        kept = {ident for ident, _ in roles}
        for ident, _ in _target_roles(cib, name):
            if ident not in kept:
                cib.delete_attribute(ident, "meta_attributes", "target-role", keep=False)
        for ident, role in roles:
            cib.set_attribute(ident, "meta_attributes", "target-role", role)
