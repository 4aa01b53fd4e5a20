"""`hashell monitor --once`: one look, printed as crm_mon prints it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from hashell.client.cluster import open_cluster
from hashell.client.statusreport import status_report
from hashell.client.statusreport.gather import gather
from hashell.client.statusreport.options import display_of
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode

if TYPE_CHECKING:
    from hashell.client.source import Source


def print_once(source: Source, options: argparse.Namespace, request: str) -> int:
    """Print the status of a cluster or file. Raises HashellError when there is none to be had."""
    form = options.output_as

    async def look() -> str:
        cluster = await open_cluster(source)
        try:
            facts = await gather(cluster, display_of(options, form), request)
        finally:
            await cluster.close()
        if not facts.ws.accepted:
            raise HashellError(*facts.ws.messages, exit_code=ExitCode.OLD)
        return status_report(facts, form)

    sys.stdout.write(asyncio.run(look()))
    return 0
