"""Collects what a status report needs from a cluster or a CIB file."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from hashell.client.boardbuilder import read_status
from hashell.client.statusreport.facts import Facts
from hashell.model.diagnostics import HashellError
from hashell.stack.pengine.unpack.constraints import unpack_constraint_section

if TYPE_CHECKING:
    from lxml import etree

    from hashell.client.cluster import Cluster
    from hashell.client.lastknown import LastKnown
    from hashell.client.view.display import Display
    from hashell.stack.pengine.state import WorkingSet


async def gather(cluster: Cluster, display: Display, request: str) -> Facts:
    """Facts of a connected cluster; without a fencer its part is empty.

    Raises HashellError when the CIB cannot be had.
    """
    facts = facts_of(await cluster.cib(), display, int(time.time()), request)
    await take_live(facts, cluster)
    return facts


async def take_live(facts: Facts, cluster: Cluster) -> None:
    """Give the facts what only a running cluster knows: its host, its daemons, and the fencer's history."""
    if not cluster.live:
        return
    settings = getattr(cluster, "settings", None)  # of an embedded node, which is not what the machine is called
    facts.daemons, facts.host = "running", (settings.name if settings else "") or socket.gethostname()
    try:
        facts.fencing = await cluster.fencing_history()
    except HashellError:
        facts.fencing = []


def facts_then(known: LastKnown, why: HashellError, display: Display, request: str) -> Facts:
    """Facts of what was last known of a cluster that does not answer, marked as such."""
    facts = facts_of(known.cib, display, known.when, request)
    facts.stale = known.words(why.diagnostics[0].text())
    return facts


def facts_of(cib: etree._Element, display: Display, now: int, request: str = "hashell monitor --once") -> Facts:
    """Facts of a CIB alone. now: epoch seconds."""
    facts = Facts(cib=cib, display=display, now=now, request=request)
    take_model(facts, read_status(cib, now))
    return facts


def take_model(facts: Facts, ws: WorkingSet) -> None:
    """Give the facts the model of their CIB, whose status is unpacked, with as much more as the display needs."""
    if ws.accepted and (facts.display.bans or facts.display.tickets):
        unpack_constraint_section(ws)  # as the original does: what lost tickets fence is unclean only then
    facts.ws = ws
