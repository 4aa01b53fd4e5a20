"""The configure language through the real crm and through ours: the CIB left behind, `show` and the exit code.

    python -m tests.lab.fuzz_language --seeds 500 [--start N] [--seed N] [--diff] [--cache FOLDER]
    python -m tests.lab.fuzz_language --cases [PATTERN] [--diff] [--cache FOLDER]

`--cases` runs the written variations in `tests/lab/language/*.txt`, `--seeds` generated ones. A case agrees as the
language vectors count it: both succeed or both fail, the CIBs are equal, `show` prints the same after success, and a
failure says something. Needs root and the peerlab image. `--cache` keeps the peer's answers between runs.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import io
import multiprocessing
import os
import re
import shlex
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.language_peer import Case, Outcome, Peer, prepare, read_cases

WRITTEN = Path(__file__).parent / "language"
_ROOT_ATTRIBUTES = frozenset({
    "epoch", "num_updates", "admin_epoch", "cib-last-written", "update-origin", "update-client", "update-user",
    "have-quorum", "dc-uuid", "crm_feature_set",
})  # fmt: skip


def tree(element: ET.Element, top: bool = True) -> tuple[object, ...]:
    """An element as the vectors compare it."""
    attrs = {k: v for k, v in element.attrib.items() if not (top and k in _ROOT_ATTRIBUTES)}
    return element.tag, tuple(sorted(attrs.items())), tuple(tree(c, False) for c in element if isinstance(c.tag, str))


def lines_of(xml: str) -> list[str]:
    """The CIB as lines for people, attributes sorted."""
    lines: list[str] = []

    def walk(element: ET.Element, depth: int) -> None:
        attrs = {k: v for k, v in element.attrib.items() if depth or k not in _ROOT_ATTRIBUTES}
        lines.append("  " * depth + " ".join([element.tag, *(f"{k}={v!r}" for k, v in sorted(attrs.items()))]))
        for child in element:
            if isinstance(child.tag, str):
                walk(child, depth + 1)

    walk(ET.fromstring(xml), 0)
    return lines


def written_cases(pattern: str = "") -> list[Case]:
    """The variations written by hand whose name matches."""
    cases = [c for path in sorted(WRITTEN.glob("*.txt")) for c in read_cases(path.read_text(encoding="utf-8"))]
    return [c for c in cases if re.search(pattern, c.name)]


def run_own(case: Case) -> Outcome:
    """What ours makes of a case, in a process of its own."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_own, args=(case, sender))
    child.start()
    sender.close()
    try:
        result = receiver.recv() if receiver.poll(120) else Outcome(-1, "", err="Traceback: took too long")
    except EOFError:
        result = Outcome(-1, "", err="Traceback: the process ended")
    child.kill()
    child.join()
    return result


def _load_own() -> None:
    """Load our modules once, before the processes of the cases are forked."""
    import pkgutil

    import pyparsing  # noqa: F401

    import hashell

    for module in pkgutil.walk_packages(hashell.__path__, "hashell."):
        if module.name.startswith(("hashell.grammar.", "hashell.shell.", "hashell.ra.", "hashell.model.")):
            importlib.import_module(module.name)
    importlib.import_module("hashell.cli")


def _own(case: Case, sender: multiprocessing.connection.Connection) -> None:  # type: ignore[name-defined]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        commands = prepare(case, work)
        os.chdir(work)
        for variable in ("CIB_shadow", "HASHELL_TALK_TO"):
            os.environ.pop(variable, None)
        os.environ.update(CIB_file=f"{work}/work.xml", HOME=name, NO_COLOR="1", TERM="dumb")
        code, out, err = 0, "", ""
        for command in commands:
            code, said, wrong = _hashell(command)
            out, err = out + said, err + wrong
        shown = _hashell("crm configure show")[1] if code == 0 else ""
        sender.send(Outcome(code, (work / "work.xml").read_text(), shown, err, out))


def _hashell(command: str) -> tuple[int, str, str]:
    from hashell.cli import main

    words = shlex.split(command)[1:]
    sys.stdin = io.StringIO("")
    if "<" in words:
        sys.stdin = io.StringIO(Path(words[words.index("<") + 1]).read_text(errors="replace"))
        words = words[:words.index("<")]
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    code = main(words)
    out, err = sys.stdout.getvalue(), sys.stderr.getvalue()
    return code, out, err + ("Traceback" if code == 70 else "")


def differs(theirs: Outcome, ours: Outcome) -> str:
    """What disagrees: '', or `traceback`, `rc`, `cib`, `silent`, `show`."""
    if "Traceback" in ours.err:
        return "traceback"
    if bool(theirs.rc) != bool(ours.rc):
        return "rc"
    if tree(ET.fromstring(theirs.cib)) != tree(ET.fromstring(ours.cib)):
        return "cib"
    if theirs.rc:
        return "" if ours.err.strip() else "silent"
    return "" if _bare_recipients(theirs.show) == _bare_recipients(ours.show) else "show"


def _bare_recipients(text: str) -> str:
    """The vectors have recipients of alerts in quotation marks, the peer prints simple words without."""
    return re.sub(r'^(\tto (?:{ )?)"([\w.-]+)"', r"\1\2", text, flags=re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """Some cases for one worker."""

    cases: tuple[Case, ...]
    diff: bool
    cache: str


def report(case: Case, kind: str, theirs: Outcome, ours: Outcome, diff: bool) -> str:
    """The difference in words."""
    lines = [f"## {case.name}: {kind} (peer {theirs.rc}, own {ours.rc})"]
    if not diff:
        return lines[0]
    for step in case.steps:
        lines += [f"-- {step.mode}", step.text.rstrip("\n")]
    if kind in ("cib", "rc"):
        lines += list(difflib.unified_diff(lines_of(theirs.cib), lines_of(ours.cib), "peer", "own", lineterm="", n=1))
    if kind == "show":
        lines += list(difflib.unified_diff(theirs.show.split("\n"), ours.show.split("\n"), "peer", "own",
                                           lineterm="", n=1))
    peer_said = re.sub(r"\x1b\[\d*m", "", theirs.err + theirs.out)
    noise = re.compile(r"Blind faith|lack of quorum|Cluster is not running")
    lines += ["peer: " + line for line in peer_said.splitlines() if not noise.search(line)][:25]
    lines += ["own: " + line for line in (ours.err + ours.out).splitlines()[:15]]
    return "\n".join(lines)


def work(job: Job) -> list[str]:
    """The reports of one worker."""
    reports = []
    _load_own()
    with Peer(Path(job.cache) if job.cache else None) as peer:
        for case in job.cases:
            theirs, ours = peer.run(case), run_own(case)
            kind = differs(theirs, ours)
            if kind:
                reports.append(report(case, kind, theirs, ours, job.diff))
                print(reports[-1], flush=True)
    return reports


def run(cases: Iterable[Case], *, diff: bool = False, cache: str = "", workers: int = 2) -> list[str]:
    """All cases; the reports of those that differ."""
    every = list(cases)
    if cache:
        Path(cache).mkdir(parents=True, exist_ok=True)
    jobs = [Job(tuple(every[at::workers]), diff, cache) for at in range(min(workers, len(every)))]
    if len(jobs) < 2:
        return [line for job in jobs for line in work(job)]
    import concurrent.futures

    with concurrent.futures.ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
        return [line for lines in pool.map(work, jobs) for line in lines]


def main(argv: list[str]) -> int:
    """Exit code 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--cases", nargs="?", const="", default=None, metavar="PATTERN")
    parser.add_argument("--diff", action="store_true")
    parser.add_argument("--cache", default="")
    options = parser.parse_args(argv)
    os.environ.update(LC_ALL="C.UTF-8", TZ="UTC")
    if options.cases is not None:
        cases = written_cases(options.cases)
    else:
        from tests.lab.random_language import generate

        seeds = [options.seed] if options.seed else range(options.start, options.start + options.seeds)
        cases = [generate(seed) for seed in seeds]
    reports = run(cases, diff=options.diff or bool(options.seed), cache=options.cache)
    print(f"{len(cases)} cases, {len(reports)} differ")
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
