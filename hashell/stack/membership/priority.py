"""The ring daemon runs before everything else: a token that waits for a CPU looks like a dead node.

As with Corosync, `system.sched_rr` (yes unless it says no) asks for real-time scheduling and `system.priority` for its
priority: max, min, or a nice value that is used without real-time scheduling.
"""

from __future__ import annotations

import logging
import os

log = logging.getLogger(__name__)


def raise_priority(sched_rr: bool, priority: str) -> str:
    """Take the best scheduling that this process may have; which one it is now."""
    if sched_rr:
        level = (os.sched_get_priority_min if priority == "min" else os.sched_get_priority_max)(os.SCHED_RR)
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(level))
            return f"SCHED_RR {level}"
        except OSError as error:
            log.warning("Could not set SCHED_RR at priority %d: %s", level, error.strerror)
    if priority.lstrip("-").isdigit():
        try:
            os.setpriority(os.PRIO_PROCESS, 0, int(priority))
        except OSError as error:
            log.warning("Could not set priority %s: %s", priority, error.strerror)
    return f"nice {os.getpriority(os.PRIO_PROCESS, 0)}"
