"""Handlers of the resource level. Configuration changes are pure functions of `changes`, committed as one patch."""

from __future__ import annotations

import time
from collections.abc import Callable

from lxml import etree

from hashell.client import changes
from hashell.model.diagnostics import HashellError
from hashell.shell.diagnostics import CommandFailed, WrongArguments
from hashell.shell.session import Session

Element = etree._Element


def failed(message: str, hint: str = "") -> HashellError:
    return HashellError(CommandFailed(message=message, hint=hint))


def change(session: Session, work: Callable[[changes.Cib], None]) -> changes.Cib:
    """Read the CIB, let `work` change it, and commit the difference."""
    cluster = session.cluster()
    old = session.run(cluster.cib())
    cib = changes.Cib(old)
    work(cib)
    session.run(cluster.commit(old, cib.root))
    for note in cib.notes:
        session.note(note)
    return cib


def _check_not_pending(session: Session) -> None:
    if session.pending:
        raise failed("there are uncommitted changes in the configure level", "commit or refresh there first")


def _members_follow(session: Session, cib: changes.Cib, name: str, role: str) -> bool:
    """Whether members that contradict give way, as the option manage_children says."""
    wanted = session.preferences.get("core.manage_children")
    against = [e.get("id", "") for e in cib.contradicting(name, role)]
    if wanted != "ask" or not against or not session.interactive:
        return wanted != "never"
    return session.ask(f"{', '.join(against)} say otherwise. Shall they follow {name}", default=True)


def _set_target_role(session: Session, names: list[str], role: str) -> None:
    def work(cib: changes.Cib) -> None:
        for name in names:
            cib.set_target_role(name, role, follow=_members_follow(session, cib, name, role))

    change(session, work)


def start(session: Session, words: list[str]) -> None:
    _set_target_role(session, words, "Started")


def stop(session: Session, words: list[str]) -> None:
    _set_target_role(session, words, "Stopped")


def promote(session: Session, words: list[str]) -> None:
    change(session, lambda cib: cib.set_promotion(words[0], "Promoted"))


def demote(session: Session, words: list[str]) -> None:
    change(session, lambda cib: cib.set_promotion(words[0], "Unpromoted"))


def manage(session: Session, words: list[str]) -> None:
    change(session, lambda cib: cib.set_meta(words[0], "is-managed", "true"))


def unmanage(session: Session, words: list[str]) -> None:
    change(session, lambda cib: cib.set_meta(words[0], "is-managed", "false"))


def maintenance(session: Session, words: list[str]) -> None:
    value = words[1] if len(words) > 1 else "on"
    if value not in ("on", "off"):
        raise HashellError(WrongArguments(command="resource.maintenance", usage="maintenance RESOURCE [on|off]",
                                          problem=f"'{value}' is neither on nor off"))
    change(session, lambda cib: cib.set_meta(words[0], "maintenance", "true" if value == "on" else "false"))


def where(session: Session, name: str) -> list[str]:
    """The nodes on which a resource or an instance of it is active."""
    board = session.run(session.cluster().board())
    nodes: list[str] = []
    depth = -1
    for view in board.resources:
        if depth >= 0 and view.depth <= depth:
            depth = -1
        if view.id == name and depth < 0:
            depth = view.depth
        if depth >= 0 or view.id == name:
            nodes += [n for n in view.nodes if n not in nodes]
    return nodes


def clear(session: Session, words: list[str]) -> None:
    node = words[1] if len(words) > 1 else ""
    change(session, lambda cib: cib.clear(words[0], node))


def trace(session: Session, words: list[str]) -> None:
    operation, interval, folder = (*words[1:], "", "", "")[:3]
    change(session, lambda cib: cib.trace(words[0], operation, interval, folder))


def untrace(session: Session, words: list[str]) -> None:
    operation, interval = (*words[1:], "", "")[:2]
    change(session, lambda cib: cib.untrace(words[0], operation, interval))


# -- what needs the daemons --------------------------------------------------------------------------------------


def cleanup(session: Session, words: list[str]) -> None:
    names = [w for w in words if w != "force"]
    session.run(session.cluster().cleanup(*names[:2]))
    session.note(f"cleaned up {names[0] if names else 'all resources'}{f' on {names[1]}' if len(names) > 1 else ''}")


def refresh(session: Session, words: list[str]) -> None:
    names = [w for w in words if w != "force"]
    session.run(session.cluster().refresh(*names[:2]))
    session.note(f"probing {names[0] if names else 'all resources'} again")


# -- looking -----------------------------------------------------------------------------------------------------


def status(session: Session, words: list[str]) -> None:
    """All resources with their states, or where each of those named runs."""
    for word in words:
        locate(session, [word])
    if not words:
        from hashell.client.boardbuilder import read_status
        from hashell.client.view.display import Display
        from hashell.client.view.outline import Outline
        from hashell.client.view.resourcelist import write_resources

        out = Outline()
        out.begin("Full List of Resources")
        write_resources(read_status(session.run(session.cluster().cib()), time.time()), out, Display())
        session.out(str(out).rstrip("\n"))


def locate(session: Session, words: list[str]) -> None:
    nodes = where(session, words[0])
    if not nodes:
        changes.Cib(session.run(session.cluster().cib())).resource(words[0])
        session.out(f"resource {words[0]} is NOT running")
    for node in nodes:
        session.out(f"resource {words[0]} is running on: {node}")


def constraints(session: Session, words: list[str]) -> None:
    from hashell.grammar.selection import related

    space = session.workspace
    space.config.get(words[0])
    found = [e for e in related(space.config, words[0]) if e.tag.startswith("rsc_")]
    session.out(space.config.show(found) if found else f"no constraints on {words[0]}")


def operations(session: Session, words: list[str]) -> None:
    from hashell.shell.operationtext import operation_lines

    cib = session.run(session.cluster().cib())
    for line in operation_lines(cib, *words[:2]):
        session.out(line)


def failcount(session: Session, words: list[str]) -> None:
    """`failcount R show|delete NODE` and `failcount R set NODE VALUE [OPERATION [INTERVAL]]`."""
    from hashell.model.durations import milliseconds
    from hashell.shell.operationtext import failcount_of

    name, verb, node = words[0], words[1], words[2]
    usage = "failcount RESOURCE show|delete NODE | set NODE VALUE [OPERATION [INTERVAL]]"
    cib = changes.Cib(session.run(session.cluster().cib()))
    element = cib.resource(name)
    cib.node(node)
    if verb == "show" and len(words) == 3:
        session.out(f"scope=status  name=fail-count-{name} value={failcount_of(cib.root, name, node)}")
    elif verb == "delete":
        session.run(session.cluster().cleanup(name, node, *words[4:6]))
    elif verb == "set" and len(words) > 3:
        if words[3] != "INFINITY" and not words[3].isdigit():
            raise failed(f"'{words[3]}' is not a number of failures", "it is a number or INFINITY")
        operation = words[4] if len(words) > 4 else "monitor"
        configured = next((op.get("interval") for op in element.findall("operations/op")
                           if op.get("name") == operation), None)
        interval = milliseconds(words[5] if len(words) > 5 else configured or "0") or 0
        session.run(session.cluster().set_attribute(node, f"fail-count-{name}#{operation}_{interval}", words[3]))
    else:
        raise HashellError(WrongArguments(command="resource.failcount", usage=usage,
                                          problem=f"'{verb}' is not show, delete, or set with a value"))


def scores(session: Session, words: list[str]) -> None:
    from hashell.shell.plans import score_lines

    for line in score_lines(session.run(session.cluster().cib())):
        session.out(line)


# -- attributes --------------------------------------------------------------------------------------------------


def _attribute(session: Session, tag: str, label: str, words: list[str]) -> None:
    name, verb, attribute = words[0], words[1], words[2]
    if verb == "set" and len(words) == 4:
        cib = change(session, lambda c: c.set_attribute(name, tag, attribute, words[3]))
        pair = cib.pair(name, tag, attribute)
        holder = pair.getparent() if pair is not None else None
        if pair is not None and holder is not None:
            session.out(f"Set '{name}' option: id={pair.get('id')} set={holder.get('id')} name={attribute} "
                        f"value={words[3]}")
    elif verb == "show" and len(words) == 3:
        pair = changes.Cib(session.run(session.cluster().cib())).pair(name, tag, attribute)
        if pair is None:
            session.note(f"{label} '{attribute}' of {name} is not set")
            return
        session.out(pair.get("value", ""))
    elif verb == "delete" and len(words) == 3:
        change(session, lambda c: c.delete_attribute(name, tag, attribute))
        session.out(f"Deleted '{name}' option: name={attribute}")
    else:
        raise HashellError(WrongArguments(command=f"resource.{label}", given=len(words),
                                          usage=f"{label} RESOURCE set NAME VALUE | show NAME | delete NAME"))


def meta(session: Session, words: list[str]) -> None:
    _attribute(session, "meta_attributes", "meta", words)


def param(session: Session, words: list[str]) -> None:
    _attribute(session, "instance_attributes", "param", words)


def utilization(session: Session, words: list[str]) -> None:
    _attribute(session, "utilization", "utilization", words)
