"""The questions that `hashell simulate` answers beyond its model: --why RSC[@NODE] and --survive N."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.etree import _Element

    from hashell.client.simulation.survive import Outcome
    from hashell.model.dates import DateTime

_FORMS = ("text", "json", "xml")


def question_options(group: argparse._ArgumentGroup) -> None:
    """Declare the options."""
    group.add_argument("--why", metavar="RSC[@NODE]", action="append", default=[],
                       help="say in words why a resource is where it is, stopped, moved or waiting")
    group.add_argument("--survive", metavar="N", type=_count,
                       help="try every loss of up to N nodes and every failure of one resource")
    group.add_argument("--output-as", metavar="FORM", choices=_FORMS, default="text",
                       help="form of the answers: text, json or xml")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of nodes; use 1 or more")
    return int(text)


def asked(options: argparse.Namespace) -> bool:
    return bool(options.why) or options.survive is not None


def answer(options: argparse.Namespace, cib: _Element, now: DateTime) -> None:
    """Print the answers about the CIB, with all changes made to it. Raises HashellError on unknown names."""
    for question in options.why:
        from hashell.client.why import explain

        print("\n".join(explain(cib, question, form=options.output_as, now=now)))
    if options.survive is not None:
        _survive(options, cib, now)


def _survive(options: argparse.Namespace, cib: _Element, now: DateTime) -> None:
    from hashell.client.simulation.survive import Survival, rank
    from hashell.client.simulation.survivetext import table_data, table_lines

    survival = Survival(cib, options.survive, now)
    ranked = rank(_followed(survival.outcomes(), len(survival.losses)))
    if options.output_as == "json":
        print(json.dumps(table_data(survival, ranked), indent=2, ensure_ascii=False))
    elif options.output_as == "xml":
        from hashell.client.xmlof import xml_of

        names = {"places": "resource", "resource": "node", "cases": "case", "nodes": "node", "moved": "move",
                 "down": "resource", "restarted": "resource", "fewer": "resource"}  # fmt: skip
        print(xml_of("survival", table_data(survival, ranked), names))
    else:
        print("\n".join(table_lines(survival, ranked)))


def _followed(outcomes: Iterable[Outcome], total: int) -> list[Outcome]:
    """All outcomes; on a terminal with a bar that says how far it is."""
    if not sys.stderr.isatty():
        return list(outcomes)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    found: list[Outcome] = []
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("losses tried", total=total)
        for outcome in outcomes:
            found.append(outcome)
            progress.advance(bar)
    return found
