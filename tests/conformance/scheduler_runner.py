"""Scheduler regression cases in one process: names of failing cases by kind, then the counts.

    python -m tests.conformance.scheduler_runner [REGEX] [--diff] [--quiet]

Compares as shared/tools/scheduler_cases.py does (summary byte for byte, score lines sorted, dot lines unique and
sorted, graph with its white space, feature set and batch limit normalised), without starting a process a case.
`--diff` shows the first lines that differ. Besides the four kinds, `status` is the part of the summary before the
transition.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
from multiprocessing import Pool
from pathlib import Path
from types import FrameType

KINDS = ("summary", "scores", "dot", "exp")
CASE_SECONDS = 60


def cases_dir() -> Path:
    """Where the cases are: beside the checkout."""
    return Path(__file__).resolve().parents[2] / ".." / "shared" / "scheduler-cases"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def normal_graph(text: str) -> str:
    """A graph without what differs between builds."""
    text = re.sub(r'crm_feature_set="[^"]*"|batch-limit="[0-9]*"', "", text)
    return re.sub(r"\s+", " ", text).strip()


def _graph_lines(text: str) -> list[str]:
    return normal_graph(text).replace("> <", ">\n<").split("\n")


def _simulate(argv: list[str]) -> tuple[str, str, str]:
    """What `hashell simulate` writes: stdout and stderr together, stdout alone, and the traceback of a fault."""
    from hashell.shell.simulate import main

    out, both, fault = io.StringIO(), io.StringIO(), ""

    class Tee(io.TextIOBase):
        def __init__(self, *to: io.StringIO) -> None:
            self.to = to

        def write(self, text: str) -> int:
            for stream in self.to:
                stream.write(text)
            return len(text)

    with contextlib.redirect_stdout(Tee(out, both)), contextlib.redirect_stderr(Tee(both)):  # type: ignore[type-var]
        try:
            main(argv)
        except (Exception, SystemExit):
            fault = traceback.format_exc()
    return both.getvalue(), out.getvalue(), fault


def _status(summary: str) -> str:
    return summary.partition("\nTransition Summary:")[0]


Texts = dict[str, tuple[list[str], list[str]]]


def _compare(name: str, args: list[str]) -> tuple[dict[str, bool], Texts, str]:
    cases = cases_dir()
    with tempfile.TemporaryDirectory() as folder:
        source = str(cases / "xml" / f"{name}.xml")
        summary, _, fault = _simulate(["-x", source, "-S", *args])
        dot_file, graph_file = Path(folder, "dot"), Path(folder, "exp")
        argv = ["-x", source, "-D", str(dot_file), "-G", str(graph_file), "-sSQ", *args]
        _, scores, second_fault = _simulate(argv)
        dot, graph = _read(dot_file), _read(graph_file)

    def sides(kind: str, want: list[str], have: list[str]) -> None:
        got[kind] = want == have
        texts[kind] = (want, have)

    got: dict[str, bool] = {}
    texts: Texts = {}
    want = _read(cases / "summary" / f"{name}.summary")
    sides("summary", want.splitlines(True), summary.splitlines(True))
    sides("status", _status(want).splitlines(), _status(summary).splitlines())
    want_scores = _read(cases / "scores" / f"{name}.scores")
    sides("scores", sorted(filter(None, want_scores.splitlines())), sorted(filter(None, scores.splitlines())))
    sides("dot", sorted(set(_read(cases / "dot" / f"{name}.dot").splitlines())), sorted(set(dot.splitlines())))
    sides("exp", _graph_lines(_read(cases / "exp" / f"{name}.exp")), _graph_lines(graph))
    got["dot"] = bool(dot) and got["dot"]
    got["exp"] = bool(graph) and got["exp"]
    return got, texts, fault or second_fault


def _expire(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("took too long")


def run_case(job: tuple[str, list[str], bool]) -> tuple[str, dict[str, bool], str, float]:
    """(name, agreement by kind, text of the differences or the traceback, seconds)."""
    name, args, diff = job
    signal.signal(signal.SIGALRM, _expire)
    signal.alarm(CASE_SECONDS)
    started, note = time.perf_counter(), ""
    try:
        got, texts, note = _compare(name, args)
        for kind in KINDS if diff else ():
            if not got[kind]:
                lines = difflib.unified_diff(*texts[kind], f"{kind} wanted", f"{kind} got", lineterm="", n=1)
                note += "\n\n" + "\n".join(line.rstrip("\n") for line in list(lines)[:60])
    except (Exception, SystemExit):
        got, note = dict.fromkeys((*KINDS, "status"), False), traceback.format_exc()
    finally:
        signal.alarm(0)
    return name, got, note, time.perf_counter() - started


def main(argv: list[str]) -> int:
    """Exit code 0 when every chosen case agrees in all four kinds."""
    words = [a for a in argv if not a.startswith("--")]
    os.environ.update(LC_ALL="C", TZ="UTC")
    time.tzset()
    cases = json.loads((cases_dir() / "cases.json").read_text())
    names = sorted(n for n in cases if not words or re.search(words[0], n))
    with Pool(2) as pool:
        results = pool.map(run_case, [(n, cases[n]["args"], "--diff" in argv) for n in names], chunksize=4)
    crashes: dict[str, list[str]] = {}
    for name, got, note, _seconds in results:
        bad = [kind for kind in ("status", *KINDS) if not got[kind]]
        if bad and "--quiet" not in argv:
            print(name, " ".join(bad))
        if note.startswith("Traceback"):
            crash = [line for line in note.split("\n\n")[0].strip().splitlines() if not line.startswith("--- ")]
            crashes.setdefault(crash[-1], []).append(name)
        if note and "--diff" in argv:
            print(note)
    for error, where in sorted(crashes.items(), key=lambda item: -len(item[1])):
        print(f"{len(where)} x {error}: {' '.join(where[:5])}")
    slow = sorted(results, key=lambda r: -r[3])[:3]
    print("slowest:", ", ".join(f"{name} {seconds:.1f} s" for name, _, _, seconds in slow))
    total = len(results)
    print(f"status {sum(r[1]['status'] for r in results)}/{total}")
    counts = " ".join(f"{k} {sum(r[1][k] for r in results)}/{total}" for k in KINDS)
    agreed = sum(all(r[1][k] for k in KINDS) for r in results)
    print(f"scheduler cases: {counts} all {agreed}/{total}")
    return 0 if agreed == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
