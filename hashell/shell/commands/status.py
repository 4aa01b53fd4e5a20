"""Handlers of the root level that look at the cluster: status, verify, why."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from hashell.client.statusreport.facts import Facts
from hashell.model.diagnostics import HashellError, Severity
from hashell.model.exitcodes import ExitCode
from hashell.shell.diagnostics import WrongArguments
from hashell.shell.session import Session

if TYPE_CHECKING:
    from hashell.client.view.display import Display

#: The words of the language specification (section 8) and what they are to crm_mon; options of crm_mon stand as well.
_OPTIONS: Mapping[str, str] = {
    "bynode": "-n", "inactive": "-r", "ops": "-o", "timing": "-t", "failcounts": "-f", "verbose": "", "quiet": "",
    "tickets": "-c", "noheaders": "-D", "detail": "-R", "brief": "-b", "full": "-ncrft",
}  # fmt: skip
_FORMS = ("xml", "json", "html")


def status(session: Session, words: list[str]) -> None:
    """The status in the form of crm_mon, and what needs attention."""
    form, options = session.options.form, []
    for word in words:
        if word.startswith("--output-as="):
            form = word.partition("=")[2]
        elif word in _FORMS:
            form = word
        elif word in _OPTIONS or word.startswith("-"):
            options.append(_OPTIONS.get(word, word))
        else:
            raise _unknown_option(f"'{word}' is not an option")
    display = _display([option for option in options if option] or ["-r"], form)
    request = " ".join(["hashell", "status", *words])
    try:
        facts = _facts(session, display, request)
    except HashellError as error:
        _show_last_known(session, display, request, form, error)
        raise
    _show(session, facts, form)


def _facts(session: Session, display: Display, request: str) -> Facts:
    cluster = session.cluster()
    facts = Facts(cib=session.run(cluster.cib()), display=display, now=int(time.time()), request=request)
    if cluster.live:
        from hashell.client.statusreport.gather import take_live

        session.run(take_live(facts, cluster))
    return facts


def _show_last_known(session: Session, display: Display, request: str, form: str, error: HashellError) -> None:
    """What was known of a cluster that does not answer, if anything was."""
    from hashell.client.lastknown import last_known
    from hashell.client.source import find_source
    from hashell.client.statusreport.gather import facts_then

    known = last_known(find_source(session.environ(), session.options.node), error)
    if known is not None:
        _show(session, facts_then(known, error, display, request), form)


def _display(options: list[str], form: str) -> Display:
    from hashell.client.statusreport.options import add_options, display_of

    parser = _Options(add_help=False, prog="status")
    add_options(parser.add_argument_group())
    return display_of(parser.parse_args(options), form)


class _Options(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _unknown_option(message)


def _unknown_option(problem: str) -> HashellError:
    usage = f"status [{'|'.join((*_OPTIONS, *_FORMS))}]"
    return HashellError(WrongArguments(command="status", problem=problem, usage=usage))


def _show(session: Session, facts: Facts, form: str) -> None:
    from hashell.client.boardbuilder import build_board
    from hashell.client.statusreport.gather import take_model
    from hashell.client.statusreport.report import status_report

    board = build_board(facts.cib, tuple(facts.fencing), facts.now, lambda ws: take_model(facts, ws))
    if not facts.ws.accepted:
        raise HashellError(*facts.ws.messages, exit_code=ExitCode.OLD)
    report = status_report(facts, form)
    if form == "json":
        session.out(json.dumps({**json.loads(report), "problems": list(board.problems)}, indent=2, ensure_ascii=False))
        return
    session.out(report.rstrip("\n"))
    if form != "text":
        return
    if board.problems:
        session.out("\n".join(["", "Needs Attention:", *(f"  * {problem}" for problem in board.problems)]))
    session.out("")


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
    if form not in ("text", "json", "xml") or not 1 <= len(names) <= 2:
        raise HashellError(WrongArguments(command="why", problem=f"'{' '.join(words)}' is no resource and node",
                                          usage="why RESOURCE [NODE] [--output-as=text|json|xml]"))
    cib = session.run(session.cluster().cib())
    for line in explain(cib, *names, form=form):
        session.out(line)
