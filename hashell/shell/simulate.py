"""`hashell simulate`: what the cluster would do, with the options of crm_simulate."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hashell.atomicfile import write_atomically
from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode
from hashell.model.values import boolean
from hashell.shell.whatif import answer, asked, question_options

if TYPE_CHECKING:
    from lxml.etree import _Element

    from hashell.client.simulation.run import Request, Simulation
    from hashell.model.dates import DateTime
    from hashell.stack.pengine.state import WorkingSet

_NO_VALIDATION = (
    'Schema validation of configuration is disabled (support for validate-with set to "none" is deprecated and '
    "will be removed in a future release)"
)


@dataclass(frozen=True, kw_only=True)
class SimulationProblem(Diagnostic):
    """Input or option that a simulation cannot work with."""

    code: ClassVar[str] = "H710"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    subject: str
    problem: str
    advice: str = ""

    def text(self) -> str:
        return f"{self.subject}: {self.problem}"

    def remedy(self) -> str:
        return self.advice


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hashell simulate", description="Show what the cluster would do in a situation.", allow_abbrev=False,
        formatter_class=_Formatter,
    )  # fmt: skip
    parser.add_argument("-Q", "--quiet", action="store_true", help="show only what was asked for by other options")
    parser.add_argument("-V", "--verbose", action="count", default=0, help="show problems of the configuration")
    _operation_options(parser.add_argument_group("operations"))
    question_options(parser.add_argument_group("questions"))
    _event_options(parser.add_argument_group("synthetic events"))
    files = parser.add_argument_group("files to write")
    files.add_argument("-I", "--save-input", metavar="FILE", help="the input as it was read")
    files.add_argument("-O", "--save-output", metavar="FILE", help="the CIB after the simulation")
    files.add_argument("-G", "--save-graph", metavar="FILE", help="the transition graph as XML")
    files.add_argument("-D", "--save-dotfile", metavar="FILE", help="the transition graph for Graphviz")
    files.add_argument("-a", "--all-actions", action="store_true", help="all possible actions in the dot file")
    source = parser.add_argument_group("input").add_mutually_exclusive_group()
    source.add_argument("-L", "--live-check", action="store_true", help="the CIB of the running cluster")
    source.add_argument("-x", "--xml-file", metavar="FILE", help="a CIB file")
    source.add_argument("-p", "--xml-pipe", action="store_true", help="a CIB on standard input")
    return parser


class _Formatter(argparse.HelpFormatter):
    """Help in the width of the terminal's environment: asking the terminal would load more than the whole parser."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        super().__init__(prog, width=int(columns) - 2 if columns.isdecimal() and len(columns) < 5 else 100)


def _operation_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("-R", "--run", action="store_true", help="show what is going to be done")
    group.add_argument("-S", "--simulate", action="store_true", help="and carry it out on a copy")
    group.add_argument("-X", "--in-place", action="store_true", help="and write the result to the input file")
    group.add_argument("-A", "--show-attrs", action="store_true", help="show node attributes")
    group.add_argument("-c", "--show-failcounts", action="store_true", help="show fail counts")
    group.add_argument("-s", "--show-scores", action="store_true", help="show assignment scores")
    group.add_argument("-U", "--show-utilization", action="store_true", help="show capacities and their use")
    group.add_argument("-j", "--pending", action="store_true", help=argparse.SUPPRESS)


def _event_options(group: argparse._ArgumentGroup) -> None:
    def several(short: str, long: str, metavar: str, text: str) -> None:
        group.add_argument(short, long, metavar=metavar, action="append", default=[], help=text)

    several("-u", "--node-up", "NODE", "bring a node online")
    several("-d", "--node-down", "NODE", "take a node offline")
    several("-f", "--node-fail", "NODE", "lose a node")
    several("-i", "--op-inject", "RSC_OP_INTERVAL@NODE=RC", "add an operation result to the history")
    several("-F", "--op-fail", "RSC_OP_INTERVAL@NODE=RC", "let an operation fail during the simulation")
    group.add_argument("-t", "--set-datetime", metavar="DATE", help="simulate at a date (ISO 8601)")
    group.add_argument("-q", "--quorum", metavar="BOOL", help="whether there is quorum")
    group.add_argument("-w", "--watchdog", metavar="BOOL", help="whether there is a watchdog")
    several("-g", "--ticket-grant", "TICKET", "grant a ticket")
    several("-r", "--ticket-revoke", "TICKET", "revoke a ticket")
    several("-b", "--ticket-standby", "TICKET", "make a ticket standby")
    several("-e", "--ticket-activate", "TICKET", "activate a ticket")


def main(argv: list[str]) -> int:
    """Run with the options of crm_simulate; an exit code of ExitCode."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return int(ExitCode.USAGE) if end.code else int(ExitCode.OK)
    from hashell.stack.pengine.collector import collector_paused

    try:
        with collector_paused():
            return int(_run(options))
    except HashellError as error:
        for diagnostic in error.diagnostics:
            print(diagnostic, file=sys.stderr)
        return int(error.exit_code)
    except BrokenPipeError:
        return int(ExitCode.OK)


def _fail(subject: str, problem: str, advice: str = "", code: ExitCode = ExitCode.USAGE) -> HashellError:
    return HashellError(SimulationProblem(subject=subject, problem=problem, advice=advice), exit_code=code)


def _read_input(options: argparse.Namespace) -> _Element:
    from lxml import etree

    from hashell.model.diagnostics import Severity
    from hashell.model.schema import NotACib, UnknownSchema, problems
    from hashell.model.schemastrict import strict_problems
    from hashell.model.xmltext import parse

    name = options.xml_file
    if options.xml_pipe or name == "-":
        name, data = "standard input", sys.stdin.buffer.read()
    elif name is None:
        return _live_cib()
    else:
        try:
            with open(name, "rb") as file:
                data = file.read()
        except OSError as error:
            raise _fail(name, error.strerror or str(error), "name a readable CIB file", ExitCode.DATAERR) from None
    try:
        cib = parse(data)
    except etree.XMLSyntaxError as error:
        raise _fail(name, f"not well-formed: {error.msg}", "correct the XML", ExitCode.DATAERR) from None
    errors = [problem for problem in problems(cib) if problem.severity is Severity.ERROR]
    if errors:
        unreadable = isinstance(errors[0], NotACib | UnknownSchema)
        raise HashellError(*errors, exit_code=ExitCode.ERROR if unreadable else ExitCode.CONFIG)
    errors = list(strict_problems(cib))
    if errors:
        raise HashellError(*errors, exit_code=ExitCode.CONFIG)
    return cib


def _live_cib() -> _Element:
    """The CIB of whatever cluster commands work on here: a file or shadow named by the environment, or a live one."""
    import asyncio

    from hashell.client.cluster import open_cluster
    from hashell.client.source import find_source

    async def fetch() -> _Element:
        cluster = await open_cluster(find_source())
        try:
            return await cluster.cib()
        finally:
            await cluster.close()

    return asyncio.run(fetch())


def _host_now() -> DateTime:
    from hashell.model.dates import local_now

    seconds = int(time.time())
    return local_now(seconds, time.localtime(seconds).tm_gmtoff)


def _request(options: argparse.Namespace, now: DateTime) -> Request:
    from hashell.client.simulation.inject import Injections, parse_failure, parse_injection
    from hashell.client.simulation.run import Request
    from hashell.model.dates import parse_date

    date = None
    if options.set_datetime is not None:
        date = parse_date(options.set_datetime, now)
        if date is None:
            raise _fail("--set-datetime", f"'{options.set_datetime}' is no date", "use ISO 8601")
    form = "use RESOURCE_OPERATION_INTERVAL@NODE=RC"
    injected, failures = [], []
    for text in options.op_inject:
        injection = parse_injection(text)
        if injection is None:
            raise _fail("--op-inject", f"'{text}' names no operation result", form)
        injected.append(injection)
    for text in options.op_fail:
        failure = parse_failure(text)
        if failure is None:
            raise _fail("--op-fail", f"'{text}' names no operation result", form)
        failures.append(failure)
    execute = bool(options.simulate or options.in_place or failures)
    return Request(
        schedule=options.run or execute or _wants_graph(options),
        execute=execute,
        show_scores=options.show_scores,
        show_utilization=options.show_utilization,
        show_attributes=options.show_attrs,
        show_failures=options.show_failcounts,
        quiet=options.quiet or asked(options),
        sanitized=options.xml_file is not None or options.xml_pipe,
        date=date,
        date_text=options.set_datetime or "",
        injections=Injections(
            quorum=_quorum(options.quorum),
            watchdog=_boolean("--watchdog", options.watchdog),
            up=options.node_up,
            down=options.node_down,
            fail=options.node_fail,
            grant=options.ticket_grant,
            revoke=options.ticket_revoke,
            standby=options.ticket_standby,
            activate=options.ticket_activate,
            operations=injected,
        ),
        failures=failures,
        keep=bool(options.save_output or options.in_place or asked(options)),
    )


def _boolean(option: str, text: str | None) -> str | None:
    """The text of a boolean as it was typed. Raises HashellError for any other."""
    if text is not None and boolean(text) is None:
        raise _fail(option, f"'{text}' is no boolean", "use true or false")
    return text


def _quorum(text: str | None) -> str | None:
    """The text of `have-quorum`, whose schema knows fewer words than other booleans."""
    value = boolean(_boolean("--quorum", text))
    return text if value is None or text in ("0", "1", "true", "false") else str(value).lower()


def _wants_graph(options: argparse.Namespace) -> bool:
    return bool(
        options.save_graph or options.save_dotfile or options.show_scores or options.show_utilization
    )  # fmt: skip


def _run(options: argparse.Namespace) -> ExitCode:
    cib = _read_input(options)
    now = _host_now()
    request = _request(options, now)

    from hashell.client.simulation.run import Simulation
    from hashell.model.xmltext import pretty

    if cib.get("validate-with") == "none":
        print(_NO_VALIDATION, file=sys.stderr, flush=True)
    if options.save_input:
        write_file(options.save_input, pretty(cib))
    simulation = Simulation(cib, request, now, _write, _warn)
    for line in simulation.dropped:
        print(line, file=sys.stderr, flush=True)
    ws = simulation.status()
    if not ws.accepted:
        raise HashellError(*ws.messages, exit_code=ExitCode.OLD)
    if asked(options):
        answer(options, simulation.cib, ws.now)
    complete = _decide(options, request, simulation, ws) if request.schedule else True
    _show_problems(ws, options)
    for name in (options.save_output, options.xml_file if options.in_place else None):
        if name:
            write_file(name, pretty(simulation.cib))
    return ExitCode.OK if complete else ExitCode.ERROR


def _decide(options: argparse.Namespace, request: Request, simulation: Simulation, ws: WorkingSet) -> bool:
    """Schedule and perhaps execute; whether the transition could be completed."""
    result = simulation.decide(ws)
    if options.save_graph and result.graph is not None:
        from hashell.model.xmltext import pretty

        write_file(options.save_graph, pretty(result.graph))
    if options.save_dotfile:
        from hashell.stack.pengine.graph.dot import build_dot

        write_file(options.save_dotfile, build_dot(ws, options.all_actions))
    simulation.show_summary()
    return not request.execute or simulation.execute()


def _show_problems(ws: WorkingSet, options: argparse.Namespace) -> None:
    if options.verbose:
        sys.stdout.flush()
        for message in ws.messages:
            print(message, file=sys.stderr)


def _write(text: str) -> None:
    sys.stdout.write(text)


def _warn(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(text)
    sys.stderr.flush()


def write_file(name: str, text: str) -> None:
    """Replace a file in one step. Raises HashellError when that is not possible."""
    from pathlib import Path

    try:
        write_atomically(Path(name), text)
    except OSError as error:
        raise _fail(name, error.strerror or str(error), "choose another place", ExitCode.CANTCREAT) from None
