"""The shell as cold processes, beside the original's in the same run, and how quick completion is.

    python -m tests.benchmarks.shell [--runs N]

Medians of the runs, ours and theirs taking turns. Theirs is run inside the lab's image; what the lab itself takes to
start a program, measured as `true`, is taken off. The CIB is a file, so no daemon's speed is in it. `goal` is the ratio
that is wanted at most.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab.peerlab import PEERLAB, missing

_EMPTY = """<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="5" num_updates="0" admin_epoch="0">
<configuration><crm_config><cluster_property_set id="cib-bootstrap-options"><nvpair name="stonith-enabled" value="false"
id="cib-bootstrap-options-stonith-enabled"/></cluster_property_set></crm_config><nodes><node id="1" uname="node1"/>
<node id="2" uname="node2"/><node id="3" uname="node3"/></nodes><resources/><constraints/></configuration><status/>
</cib>
"""
_LINES = ("resource move r5", "resource ", "configure primitive new ocf:",
          "configure primitive new ocf:pacemaker:Dummy pa",
          "configure primitive new ocf:hashell:webserver params ", "configure group g r1 r2 r99",
          "configure show r77",
          "configure location l r500 inf: no", "configure order o Mandatory: r1 r", "configure delete r9",
          "node standby ",
          "configure property no-q")


@dataclass(frozen=True)
class Case:
    """One line of the table: arguments, the CIB it starts from, and the ratio wanted."""

    name: str
    words: tuple[str, ...]
    cib: str
    goal: float


_CASES = (
    Case("--version", ("--version",), "empty.xml", 0.5),
    Case("configure show, 20 primitives", ("configure", "show"), "r20.xml", 0.6),
    Case("configure show, 1000 primitives", ("configure", "show"), "r1000.xml", 0.3),
    Case("configure load update, 1000", ("configure", "load", "update", "r1000.crm"), "empty.xml", 0.15),
    Case("status", ("status",), "r20.xml", 0.6),
)


def statements(count: int) -> str:
    return "".join(f"primitive r{i} ocf:pacemaker:Dummy params fake=value{i} op_sleep=0 op monitor interval=10s "
                   f"timeout=20s meta priority={i % 10}\n" for i in range(count))


def environment(cib: Path | str) -> dict[str, str]:
    """As a user has it: byte code kept, no colours, the CIB in a file."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return {**environ, "CIB_file": str(cib), "NO_COLOR": "1", "TERM": "dumb"}


def ours(folder: Path, words: tuple[str, ...], cib: str) -> float:
    program = Path(sys.executable).with_name("hashell")
    return _timed([str(program), *words], folder, environment(folder / cib))


def theirs(folder: Path, words: tuple[str, ...], cib: str) -> float:
    command = words if words == ("true",) else ("crm", "-F", *words)
    return _timed([str(PEERLAB), "tool", *command], folder, environment(f"/w/{cib}"))


def _timed(command: list[str], folder: Path, environ: dict[str, str]) -> float:
    began = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()[-500:]}")
    return seconds


def prepare(folder: Path) -> None:
    """The CIBs and statements, and byte code for our first run."""
    for count in (20, 1000):
        (folder / f"r{count}.crm").write_text(statements(count))
        (folder / f"r{count}.xml").write_text(_EMPTY)
        ours(folder, ("configure", "load", "update", f"r{count}.crm"), f"r{count}.xml")
    (folder / "empty.xml").write_text(_EMPTY)


def measure(folder: Path, case: Case, runs: int) -> tuple[float, float]:
    """Medians of ours and theirs, in seconds."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for program, times in zip((ours, theirs), found):
            shutil.copy(folder / case.cib, folder / "work.xml")
            times.append(program(folder, case.words, "work.xml"))
    return statistics.median(found[0]), statistics.median(found[1])


def completion(folder: Path, runs: int) -> None:
    """Print what a menu takes with a thousand resources, and the hidden command as a cold process."""
    cold = statistics.median(ours(folder, ("_complete", "hashell resource move r5"), "r1000.xml") for _ in range(runs))
    script = ("import sys, time; from hashell.shell.completion import complete; from hashell.shell.knowledge import "
              "Knowledge; from hashell.shell.session import Session; s = Session(); k = Knowledge(s); k._look(s)\n"
              "for job in (('agents', ''), ('info', 'ocf:hashell:webserver'), ('info', 'ocf:pacemaker:Dummy')):\n"
              "    k._do(s, *job)\n"
              "times, own = [], []\n"
              "for _ in range(25):\n"
              "    for line in sys.argv[1:]:\n"
              "        began, cpu = time.perf_counter(), time.thread_time(); complete(k, line)\n"
              "        times.append(time.perf_counter() - began); own.append(time.thread_time() - cpu)\n"
              "times.sort(); own.sort(); at = int(len(times) * 0.99)\n"
              "print(times[len(times) // 2], times[at], own[at]); s.close()")
    out = subprocess.run([sys.executable, "-c", script, *_LINES], env=environment(folder / "r1000.xml"), cwd=Path.cwd(),
                         capture_output=True, text=True, check=True).stdout.split()
    median, high, own = (float(number) * 1000 for number in out)
    print(f"completion with 1000 resources: median {median:.1f} ms, p99 {high:.1f} ms, of which {own:.1f} ms of "
          f"processor (goal 50 ms)\n`_complete` as a cold process: {cold * 1000:.0f} ms (goal 100 ms)")


def main(runs: int = 10) -> int:
    """Print the table; 0 when it could be measured."""
    reason = missing()
    if reason:
        print(f"shell: skipped, {reason}")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        start = statistics.median(theirs(folder, ("true",), "empty.xml") for _ in range(runs))
        print(f"{'shell':<36}{'ours s':>9}{'theirs s':>10}{'ratio':>8}{'goal':>7}", flush=True)
        for case in _CASES:
            own, other = measure(folder, case, runs)
            other -= start
            print(f"{case.name:<36}{own:>9.3f}{other:>10.3f}{own / other:>8.2f}{case.goal:>7.2f}", flush=True)
        print(f"theirs without the lab's own start of {start:.3f} s; medians of {runs} cold processes each")
        completion(folder, runs)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="cold processes of each (default 10)")
    sys.exit(main(parser.parse_args().runs))
