"""Handlers of the node level."""

from __future__ import annotations

import os

from hashell.client import changes
from hashell.model.diagnostics import HashellError
from hashell.shell.commands.resource import change, failed
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.session import Session


def _names(session: Session, words: list[str]) -> list[str]:
    """The nodes meant; without a name, this machine or the only node."""
    if words:
        return words
    known = changes.Cib(session.run(session.cluster().cib())).nodes()
    here = session.options.node or os.uname().nodename
    for name in (here, here.split(".")[0]):
        if name in known:
            return [name]
    raise failed("which node? this machine is not one of the cluster", f"nodes: {' '.join(known)}")


def show(session: Session, words: list[str]) -> None:
    cib = changes.Cib(session.run(session.cluster().cib()))
    names = words or cib.nodes()
    states = {}
    if not session.is_file:
        states = {n.name: n.state for n in session.run(session.cluster().board()).nodes}
    for name in names:
        node = cib.node(name)
        state = f", {states[name]}" if name in states else ""
        session.out(f"{node.get('uname')}({node.get('id')}): {node.get('type', 'member')}{state}")
        pairs = [(p.get("name"), p.get("value")) for p in node.iter("nvpair")]
        if pairs:
            session.out("\t" + "\n\t".join(f"{k}={v}" for k, v in pairs))


def _set(session: Session, words: list[str], attribute: str, value: str | None) -> list[str]:
    names = _names(session, words)

    def work(cib: changes.Cib) -> None:
        for name in names:
            cib.set_node_attribute(name, attribute, value)

    change(session, work)
    return names


def standby(session: Session, words: list[str]) -> None:
    until_reboot = "reboot" in words[-1:]
    names = [w for w in words if w not in ("reboot", "forever")]
    if until_reboot:
        for name in _names(session, names):
            session.run(session.cluster().set_attribute(name, "standby", "on"))
        return
    for name in _set(session, names, "standby", "on"):
        session.note(f"standby node {name}")


def online(session: Session, words: list[str]) -> None:
    names = _set(session, words, "standby", None)
    for name in names:
        if not session.is_file:
            session.run(session.cluster().set_attribute(name, "standby", None))
        session.note(f"online node {name}")


def maintenance(session: Session, words: list[str]) -> None:
    _set(session, words, "maintenance", "true")


def ready(session: Session, words: list[str]) -> None:
    _set(session, words, "maintenance", None)


def fence(session: Session, words: list[str]) -> None:
    changes.Cib(session.run(session.cluster().cib())).node(words[0])
    if session.interactive and not session.ask(f"Fencing {words[0]} cuts it off or restarts it. Do it"):
        return
    session.run(session.cluster().fence(words[0]))
    session.note(f"{words[0]} was fenced")


def clearstate(session: Session, words: list[str]) -> None:
    name = _names(session, words)[0]
    question = f"Confirm only if {name} is really down: its resources are started elsewhere. Is it down"
    if not session.ask(question, default=False):
        raise failed(f"{name} was not confirmed as down", "at a terminal you are asked; in scripts use -F")
    session.run(session.cluster().confirm_fenced(name))
    session.note(f"{name} is taken as down")


def delete(session: Session, words: list[str]) -> None:
    name = words[0]
    if not session.is_file:
        state = next((n.state for n in session.run(session.cluster().board()).nodes if n.name == name), "")
        if state not in ("", "offline"):
            raise failed(f"node {name} is {state}", "stop the cluster on it first")
    change(session, lambda cib: cib.delete_node(name))
    if not session.is_file:
        session.run(session.cluster().forget_node(name))
    session.note(f"node {name} deleted")


def server(session: Session, words: list[str]) -> None:
    """The ring addresses of nodes, out of the ring's own map."""
    from hashell.shell.commands.corosync import ring_addresses

    known = changes.Cib(session.run(session.cluster().cib())).nodes()
    for name in words:
        if name not in known:
            raise failed(f"node {name} does not exist", f"nodes: {' '.join(known)}")
    addresses = ring_addresses(session)
    for name in words or known:
        session.out(f"{name}: {' '.join(addresses.get(name, [])) or 'not in the node list of the ring'}")


def _attribute(session: Session, words: list[str], tag: str, label: str) -> None:
    name, verb, attribute = words[0], words[1], words[2]
    if verb == "set" and len(words) == 4:
        change(session, lambda c: c.set_node_attribute(name, attribute, words[3], tag))
    elif verb == "delete" and len(words) == 3:
        change(session, lambda c: c.set_node_attribute(name, attribute, None, tag))
    elif verb == "show" and len(words) == 3:
        value = changes.Cib(session.run(session.cluster().cib())).node_attribute(name, attribute, tag)
        if value is None:
            raise failed(f"{label} '{attribute}' of {name} is not set")
        session.out(f"scope=nodes name={attribute} value={value}")
    else:
        raise HashellError(WrongArguments(command=f"node.{label}", given=len(words),
                                          usage=f"{label} NODE set NAME VALUE | show NAME | delete NAME"))


def attribute(session: Session, words: list[str]) -> None:
    _attribute(session, words, "instance_attributes", "attribute")


def utilization(session: Session, words: list[str]) -> None:
    _attribute(session, words, "utilization", "utilization")


def status_attr(session: Session, words: list[str]) -> None:
    name, verb, attribute = words[0], words[1], words[2]
    if verb == "show":
        value = session.run(session.cluster().attributes(attribute)).get(name)
        if value is None:
            raise failed(f"status attribute '{attribute}' of {name} is not set")
        session.out(f"scope=status name={attribute} value={value}")
        return
    if verb == "set" and len(words) == 4:
        session.run(session.cluster().set_attribute(name, attribute, words[3]))
    elif verb == "delete":
        session.run(session.cluster().set_attribute(name, attribute, None))
    else:
        raise HashellError(WrongArguments(command="node.status-attr", given=len(words),
                                          usage="status-attr NODE set NAME VALUE | show NAME | delete NAME"))
