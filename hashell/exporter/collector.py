"""Asks the cluster at each scrape; whatever does not answer in time is left out and said to have failed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from prometheus_client.core import GaugeMetricFamily

from hashell.client.cluster import open_cluster
from hashell.client.monitor.ring import read_ring
from hashell.client.source import LiveSource, Source
from hashell.client.statusreport.gather import facts_of
from hashell.client.view.display import Display
from hashell.exporter.families import PREFIX, corosync_families, pacemaker_families
from hashell.model.diagnostics import HashellError

#: Seconds that one part has; a scrape is answered after this time in any case.
PATIENCE = 5.0
_DISPLAY = Display(bans=True)


class ClusterCollector:
    """A collector for prometheus_client. `collect` never raises."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[GaugeMetricFamily]:
        success = GaugeMetricFamily(PREFIX + "scrape_success", "Whether a part could be read", labels=["collector"])
        duration = GaugeMetricFamily(PREFIX + "scrape_duration_seconds", "How long that took", labels=["collector"])
        for name, read in (("pacemaker", self._pacemaker), ("corosync", self._corosync)):
            began = time.monotonic()
            families = _attempt(read)
            yield from families
            success.add_metric([name], float(bool(families)))
            duration.add_metric([name], time.monotonic() - began)
        yield success
        yield duration

    async def _pacemaker(self) -> Iterable[GaugeMetricFamily]:
        cluster = await open_cluster(self._source)
        try:
            facts = facts_of(await cluster.cib(), _DISPLAY, int(time.time()))
        finally:
            await cluster.close()
        return list(pacemaker_families(facts)) if facts.ws.accepted else []

    async def _corosync(self) -> Iterable[GaugeMetricFamily]:
        if not isinstance(self._source, LiveSource):
            return []
        ring = await read_ring(self._source.settings)
        return [] if ring is None else list(corosync_families(ring, ring.total_votes >= ring.quorum > 0))


def _attempt(read: Callable[[], Coroutine[Any, Any, Iterable[GaugeMetricFamily]]]) -> list[GaugeMetricFamily]:
    async def limited() -> list[GaugeMetricFamily]:
        async with asyncio.timeout(PATIENCE):
            return list(await read())

    try:
        return asyncio.run(limited())
    except (HashellError, TimeoutError, OSError):
        return []
