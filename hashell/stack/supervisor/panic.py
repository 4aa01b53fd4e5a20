"""Taking a node down at once, as fencing would (daemons.md section 7): the machine, or just its processes."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from pathlib import Path

from hashell.stack.settings import NodeSettings

#: Inode of the first process id namespace of a Linux machine; inside any other one the machine is not ours.
_FIRST_PID_NAMESPACE = "pid:[4026531836]"
_ACTIONS = {"reboot": "b", "crash": "c", "off": "o"}

NODE_VARIABLE = "HASHELL_NODE"

log = logging.getLogger(__name__)


def panic(settings: NodeSettings, reason: str) -> None:
    """Stop everything of this node without asking it. Returns only if something survived."""
    log.critical("panic: %s", reason)
    logging.shutdown()
    if not settings.embedded and os.getuid() == 0 and owns_machine():
        action = os.environ.get("PCMK_panic_action", "reboot")  # noqa: SIM112
        if action.startswith("sync-"):
            os.sync()
        with contextlib.suppress(OSError):
            Path("/proc/sysrq-trigger").write_text(_ACTIONS.get(action.removeprefix("sync-"), "b"))
    marker = os.environ.get(NODE_VARIABLE)
    if marker:
        kill_marked(marker)
    with contextlib.suppress(OSError):
        os.killpg(os.getpgrp(), signal.SIGKILL)


def owns_machine() -> bool:
    """We run on the machine itself and not in a container."""
    try:
        return os.readlink("/proc/self/ns/pid") == _FIRST_PID_NAMESPACE
    except OSError:
        return False


def marked_processes(marker: str) -> list[int]:
    """Ids of living processes whose environment carries HASHELL_NODE=marker, ascending; we are not among them."""
    wanted = f"{NODE_VARIABLE}={marker}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if wanted in Path("/proc", entry, "environ").read_bytes().split(b"\0"):
                found.append(int(entry))
        except OSError:
            continue
    return sorted(found)


def kill_marked(marker: str, rounds: int = 50) -> bool:
    """SIGKILL every process of the node, also those forked meanwhile; True when none is left."""
    for _ in range(rounds):
        pids = marked_processes(marker)
        if not pids:
            return True
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        os.sched_yield()
    return not marked_processes(marker)
