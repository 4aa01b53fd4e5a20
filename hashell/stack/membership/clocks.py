"""The clocks of this process, for telling why it did not run."""

from __future__ import annotations

import time
from pathlib import Path

from hashell.stack.membership.stalls import Clocks

_SCHEDSTAT = Path("/proc/self/schedstat")


def read_clocks(steady: float) -> Clocks:
    """`steady` is the running loop's time in seconds."""
    ran = time.process_time()
    waited = 0.0
    try:
        waited = int(_SCHEDSTAT.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        # A kernel without these statistics: a wait for the processor is then taken for a stop.
        pass
    return Clocks(steady, time.clock_gettime(time.CLOCK_BOOTTIME), waited, ran)

