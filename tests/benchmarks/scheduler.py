"""The policy engine against crm_simulate: the same generated clusters in the same run, as a table of ratios.

    python -m tests.benchmarks.scheduler [--quick] [--limit SECONDS]

`ratio` is our time by theirs: below one we are faster. Memory is the peak of the process. A run that takes longer
than the limit counts as that, with a `>`. Python's byte code is kept between runs, as in an installation.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.generated import STATES
from tests.lab.peerlab import PEERLAB, missing

_SIZES = ((100, 4), (1000, 16), (5000, 32))
_SMALL_RUNS = 9


@dataclass(frozen=True)
class Measured:
    """Seconds of wall clock and MiB of peak memory; `ended` is False when the limit was reached."""

    seconds: float
    memory: float
    ended: bool = True

    def text(self) -> str:
        return f"{'' if self.ended else '>'}{self.seconds:.2f}"


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    resources: int
    nodes: int
    state: str
    args: tuple[str, ...]
    chained: bool = False


def cases(quick: bool) -> list[Case]:
    """What is measured, small first."""
    found = []
    for resources, nodes in _SIZES[:1] if quick else _SIZES:
        for state in STATES:
            name = f"{resources}x{nodes} {state}"
            found.append(Case(name, resources, nodes, state, ("-R",)))
            if resources == 1000:
                found.append(Case(f"{name}, -S", resources, nodes, state, ("-S",)))
    chain = (99, 4) if quick else (999, 16)
    found.append(Case(f"{chain[0]}x{chain[1]} chained", *chain, STATES[0], ("-R",), chained=True))
    return found


def _run(command: list[str], folder: Path, limit: float) -> Measured:
    """One run; the child reports its own peak memory through wait4."""
    began = time.monotonic()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True) as process:  # fmt: skip
        deadline = began + limit
        while True:
            pid, _status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = 0
                return Measured(time.monotonic() - began, usage.ru_maxrss / 1024)
            if time.monotonic() > deadline:
                os.killpg(process.pid, 9)
                _pid, _status, usage = os.wait4(process.pid, 0)
                process.returncode = -9
                return Measured(limit, usage.ru_maxrss / 1024, ended=False)
            time.sleep(0.005)


def _generate(folder: Path, case: Case) -> None:
    size = (str(folder / "c.xml"), str(case.resources), str(case.nodes), case.state)
    link = "chained" if case.chained else "apart"
    subprocess.run([sys.executable, "-m", "tests.benchmarks.generated", *size, link], check=True)


def measure(case: Case, limit: float) -> tuple[Measured, Measured]:
    """(ours, theirs): one run each, of small clusters the medians of several that take turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _generate(folder, case)
        peer = [str(PEERLAB), "tool", "crm_simulate", "-x", "c.xml", *case.args]
        runs = _SMALL_RUNS if case.resources <= 100 else 1
        pairs = [(_ours(folder, case, limit), _run(peer, folder, limit)) for _ in range(runs)]
    ours, theirs = (sorted(side, key=lambda measured: measured.seconds) for side in zip(*pairs))
    return ours[len(ours) // 2], theirs[len(theirs) // 2]


def _ours(folder: Path, case: Case, limit: float) -> Measured:
    program = Path(sys.executable).with_name("hashell")
    return _run([str(program), "simulate", "-x", str(folder / "c.xml"), *case.args], folder, limit)


def _growth(seconds: dict[str, float], limit: float) -> None:
    """How our time grows with the resources, on as many nodes: from 1000 to 5000."""
    for state in STATES:
        small = seconds.get(f"1000x16 {state}")
        if small:
            with tempfile.TemporaryDirectory() as name:
                case = Case(f"5000x16 {state}", 5000, 16, state, ("-R",))
                _generate(Path(name), case)
                large = _ours(Path(name), case, limit).seconds
            print(f"5000x16 {state}, ours: {large:.2f} s, {large / small:.1f} times that of 1000x16 "
                  "(resources x log resources: 6.2 times)")  # fmt: skip


def _lab_start(folder: Path) -> float:
    """What the lab takes to start a program, which is in each of theirs."""
    runs = sorted(_run([str(PEERLAB), "tool", "true"], folder, 60.0).seconds for _ in range(_SMALL_RUNS))
    return runs[len(runs) // 2]


def main(quick: bool = False, limit: float = 120.0) -> int:
    """Print the table; 0 when it could be measured."""
    reason = missing()
    if reason:
        print(f"scheduler: skipped, {reason}")
        return 0
    print(f"{'scheduler':<36}{'ours s':>9}{'theirs s':>10}{'ratio':>8}{'ours MiB':>10}{'theirs':>8}", flush=True)
    seconds: dict[str, float] = {}
    for case in cases(quick):
        ours, theirs = measure(case, limit)
        seconds[case.name] = ours.seconds
        ratio = f"{'<' if not theirs.ended else ''}{ours.seconds / theirs.seconds:.2f}"
        print(f"{case.name:<36}{ours.text():>9}{theirs.text():>10}{ratio:>8}{ours.memory:>10.0f}{theirs.memory:>8.0f}",
              flush=True)  # fmt: skip
    _growth(seconds, limit)
    print(f"limit of one run {limit:.0f} s; theirs includes the start of the lab's shell, "
          f"{_lab_start(Path.cwd()):.2f} s here")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the small cluster only")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds for one run")
    chosen = parser.parse_args()
    sys.exit(main(chosen.quick, chosen.limit))
