"""The original's own tools against its cluster and against ours: reading, changing, attributes, watching clients.

    python -m tests.benchmarks.wire

Three hosts each, in the same run; every line is what a loop of the tool takes on node1, without what the lab takes to
enter the host. `ratio` is ours by theirs. The watchers are twenty `crm_mon` that write a page at each change; for the
last line one of them is stopped (SIGSTOP), as a client that reads no more.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.lab import peerlab
from tests.lab.peerlab import Host, wait_for

_CONFIG = "property stonith-enabled=false\n" + "".join(
    f"primitive d{number} ocf:pacemaker:Dummy op monitor interval=30s\n" for number in range(20)
)
_CHANGE = ("cibadmin -M -c -o crm_config -X '<cluster_property_set id=\"cib-bootstrap-options\">"
           "<nvpair id=\"cib-bootstrap-options-lab\" name=\"lab\" value=\"'$i'\"/>"
           "</cluster_property_set>'")  # fmt: skip
_WATCH = ("for i in $(seq 20); do "
          "crm_mon -d -i 1 --output-as=html --output-to=/run/watch$i.html -p /run/watch$i.pid; done")  # fmt: skip
_RUNS = 3


@dataclass(frozen=True)
class Measure:
    """One line of the table: a command with `$i` in it, how often it is run, and what prepares it."""

    name: str
    command: str
    count: int
    before: str = ""
    after: Callable[[Host, int], None] | None = None  #: waits for what the loop has caused


def _attribute_everywhere(host: Host, count: int) -> None:
    wanted = f'name="lab-load" value="{count}"'
    wait_for("the attribute in the CIB", lambda: wanted in host.run("cibadmin", "-Q").stdout, step=0.02)


MEASURES = (
    Measure("crm_mon -1", "crm_mon -1", 20),
    Measure("cibadmin -Q", "cibadmin -Q", 20),
    Measure("500 changes of the CIB, one by one", _CHANGE, 500),
    Measure("1000 attribute updates", "attrd_updater -n lab-load -U $i", 1000, after=_attribute_everywhere),
    Measure("100 changes with 20 watchers", _CHANGE, 100, before=_WATCH),
    Measure("the same, one watcher stopped", _CHANGE, 100, before="kill -STOP $(cat /run/watch7.pid)"),
)


def main(_runs: int = _RUNS) -> int:
    """Print the table; 0 when it could be measured."""
    if reason := peerlab.missing():
        print(f"wire: skipped, {reason}")
        return 0
    sides = []
    for name, up in (("hashell", peerlab.up_ours), ("Pacemaker", peerlab.up_real)):
        try:
            sides.append(_measured(name, up))
        finally:
            peerlab.down()
    ours, theirs = sides
    print(f"\n{'the tools of Pacemaker, seconds':<40}{'ours':>9}{'theirs':>9}{'ratio':>8}")
    for measure in MEASURES:
        one, two = ours[measure.name], theirs[measure.name]
        print(f"{measure.name:<40}{one:>9.2f}{two:>9.2f}{one / two:>8.2f}")
    return 0


def _measured(name: str, up: Callable[[int], list[Host]]) -> dict[str, float]:
    """Seconds of each line."""
    peerlab.down()
    host = up(3)[0]
    wait_for("three nodes online", lambda: "Online: [ node1 node2 node3 ]" in host.run("crm_mon", "-1").stdout, 240)
    host.write("/root/config.crm", _CONFIG)
    host.run("crm", "-F", "configure", "load", "update", "/root/config.crm", timeout=180, check=True)
    wait_for("the resources started", lambda: host.run("crm_mon", "-1").stdout.count("Started") == 20, 180)
    seconds: dict[str, float] = {}
    entering = statistics.median(_timed(host, "true") for _ in range(_RUNS))
    for measure in MEASURES:
        if measure.before:
            host.run("sh", "-c", measure.before, timeout=120, check=True)
        loop = f"set -e; for i in $(seq {measure.count}); do {measure.command} >/dev/null; done"
        runs = _RUNS if measure.count <= 20 else 1
        seconds[measure.name] = statistics.median(_loop(host, loop, measure) for _ in range(runs)) - entering
        print(f"  {name}: {measure.name}: {seconds[measure.name]:.2f} s", flush=True)
    return seconds


def _loop(host: Host, loop: str, measure: Measure) -> float:
    began = time.monotonic()
    host.run("sh", "-c", loop, timeout=900, check=True)
    if measure.after is not None:
        measure.after(host, measure.count)
    return time.monotonic() - began


def _timed(host: Host, command: str) -> float:
    began = time.monotonic()
    host.run(command, check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
