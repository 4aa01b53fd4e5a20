"""Handlers of `site ticket`: tickets granted and taken by hand, where no ticket manager does it."""

from __future__ import annotations

import time

from lxml import etree

from hashell.model.diagnostics import HashellError
from hashell.shell.commands.resource import failed
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.session import Session

_CHANGES = {"grant": "granted", "revoke": "granted", "standby": "standby", "activate": "standby"}
_VERBS = (*_CHANGES, "show", "time", "delete")


def ticket(session: Session, words: list[str]) -> None:
    """`ticket grant|revoke|standby|activate|show|time|delete TICKET`."""
    verb, name = words
    if verb not in _VERBS:
        raise HashellError(WrongArguments(command="site.ticket", usage=f"ticket {'|'.join(_VERBS)} TICKET",
                                          problem=f"'{verb}' is no action on tickets"))
    cib = session.run(session.cluster().cib())
    state = next((t for t in cib.iterfind("status/tickets/ticket_state") if t.get("id") == name), None)
    if verb in ("show", "time"):
        _look(session, verb, name, state)
        return
    used = [c.get("id", "") for c in cib.iterfind("configuration/constraints/rsc_ticket") if c.get("ticket") == name]
    if state is None and not used and verb != "grant" and not session.options.force:
        raise failed(f"there is no ticket {name}", _known(cib))
    if verb == "delete":
        if state is not None and state.get("granted") == "true" and not session.options.force:
            raise failed(f"ticket {name} is granted", f"revoke it first: site ticket revoke {name}")
        session.run(session.cluster().set_ticket(name, None))
        session.note(f"ticket {name} deleted")
        return
    if verb in ("revoke", "standby") and used and session.interactive and not session.ask(
            f"Resources bound to {name} by {', '.join(used)} will be stopped or demoted. Go on"):
        return
    values = {_CHANGES[verb]: "true" if verb in ("grant", "standby") else "false"}
    if verb == "grant":
        values["last-granted"] = str(int(time.time()))
    session.run(session.cluster().set_ticket(name, values))
    done = {"grant": "granted", "revoke": "revoked", "standby": "on standby", "activate": "active"}[verb]
    session.note(f"ticket {name} is {done}" + ("" if used else "; no rsc_ticket constraint uses it"))


def _known(cib: etree._Element) -> str:
    names = {t.get("id", ""): None for t in cib.iterfind("status/tickets/ticket_state")}
    names |= {c.get("ticket", ""): None for c in cib.iterfind("configuration/constraints/rsc_ticket")}
    return f"tickets: {' '.join(names)}" if names else "configure rsc_ticket defines what depends on a ticket"


def _look(session: Session, verb: str, name: str, state: etree._Element | None) -> None:
    if state is None:
        raise failed(f"ticket {name} was never granted here", f"site ticket grant {name}")
    when = state.get("last-granted", "")
    shown = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(when))) if when.isdigit() else "never"
    if verb == "time":
        session.out(shown)
        return
    word = "granted" if state.get("granted") == "true" else "revoked"
    standby = ", standby" if state.get("standby") == "true" else ""
    session.out(f"{name}: {word}{standby}, last granted {shown}")
