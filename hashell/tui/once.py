"""`hashell monitor --once`: one look, printed as crm_mon prints it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from hashell.client.cluster import open_cluster
from hashell.client.lastknown import last_known
from hashell.client.statusreport import status_report
from hashell.client.statusreport.gather import facts_then, gather
from hashell.client.statusreport.options import display_of
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode

if TYPE_CHECKING:
    from hashell.client.source import Source
    from hashell.client.statusreport.facts import Facts


def print_once(source: Source, options: argparse.Namespace, request: str) -> int:
    """Print the status of a cluster or file, or what was last known of it. Returns the exit code.

    Raises HashellError when there is none to be had.
    """
    form = options.output_as
    display = display_of(options, form)

    async def look() -> Facts:
        cluster = await open_cluster(source)
        try:
            return await gather(cluster, display, request)
        finally:
            await cluster.close()

    silence: HashellError | None = None
    try:
        facts = asyncio.run(look())
    except HashellError as error:
        known = last_known(source, error)
        if known is None:
            raise
        facts, silence = facts_then(known, error, display, request), error
    if not facts.ws.accepted:
        raise HashellError(*facts.ws.messages, exit_code=ExitCode.OLD)
    sys.stdout.write(status_report(facts, form))
    if silence is None:
        return 0
    print(silence, file=sys.stderr)
    return int(silence.exit_code)
