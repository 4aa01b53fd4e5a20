"""Handlers of the root level that look at the cluster: status, verify, why."""

from __future__ import annotations

import json

from hashell.model.diagnostics import HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.model.xmltext import pretty
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.session import Session

_WORDS = ("bynode", "inactive", "ops", "timing", "failcounts", "verbose", "quiet", "xml", "json", "tickets",
          "noheaders", "detail", "brief", "full", "html")


def status(session: Session, words: list[str]) -> None:
    form = session.options.form
    for word in words:
        if word.startswith("--output-as="):
            form = word.partition("=")[2]
        elif word in ("xml", "json"):
            form = word
        elif word not in _WORDS:
            raise HashellError(WrongArguments(command="status", problem=f"'{word}' is not an option",
                                              usage=f"status [{'|'.join(_WORDS)}]"))
    board = session.run(session.cluster().board())
    if form == "json":
        session.out(json.dumps(board.as_json(), indent=2))
        return
    if form == "xml":
        from hashell.shell.statustext import board_xml

        session.out(pretty(board_xml(board)).rstrip("\n"))
        return
    from hashell.shell.statustext import operation_lines, status_lines

    lines = status_lines(board, brief="brief" in words, headers="noheaders" not in words, bynode="bynode" in words,
                         verbose="verbose" in words or "full" in words)
    if {"ops", "timing", "full"} & set(words):
        lines += ["", "Operations:"]
        lines += [f"  * {line}" for line in operation_lines(session.run(session.cluster().cib()))]
    session.out("\n".join(lines))


def verify(session: Session, words: list[str]) -> ExitCode:
    """Check the configuration of the cluster, and with `scores` list them."""
    refused, found = session.workspace.findings(everything=True)
    session.tell(*refused, *found)
    session.drop_workspace()
    if words == ["scores"]:
        from hashell.shell.plans import score_lines

        for line in score_lines(session.run(session.cluster().cib())):
            session.out(line)
    bad = [d for d in (*refused, *found) if d.severity is Severity.ERROR]
    return ExitCode.CONFIG if bad else ExitCode.OK


def why(session: Session, words: list[str]) -> None:
    """In words of the policy engine's ledger, why a resource is where it is."""
    from hashell.client.why import explain

    form = session.options.form
    names = [word for word in words if not word.startswith("--output-as=")]
    for word in words:
        if word.startswith("--output-as="):
            form = word.partition("=")[2]
    if form not in ("text", "json") or not 1 <= len(names) <= 2:
        raise HashellError(WrongArguments(command="why", problem=f"'{' '.join(words)}' is no resource and node",
                                          usage="why RESOURCE [NODE] [--output-as=text|json]"))
    cib = session.run(session.cluster().cib())
    for line in explain(cib, *names, form=form):
        session.out(line)
