"""Randomly changed scheduler cases through the real crm_simulate and through ours: where do they part?

    python -m tests.conformance.scheduler_differential [--seed N] [--count N] [--changes N] [--keep FOLDER] [--diff]

Needs root and the peerlab image. Each line names a seed that differs, its base case and changes; `--keep` leaves the
inputs and the peer's outputs in a folder.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lxml import etree

from tests.conformance.deep_mutations import DeepMutator
from tests.conformance.scheduler_runner import _graph_lines, _read, _simulate, cases_dir

_SCRIPT = """
for f in /w/*.xml; do
  b=${f%.xml}
  timeout 60 crm_simulate -x $f -S > $b.summary 2>&1; echo $? > $b.rc
  timeout 60 crm_simulate -x $f -D $b.dot -G $b.exp -sSQ > $b.scores 2>/dev/null || true
done
"""


def _prepare(folder: Path, options: argparse.Namespace) -> dict[str, str]:
    """Write the inputs; what was done for each."""
    names = sorted(json.loads((cases_dir() / "cases.json").read_text()))
    made = {}
    for seed in range(options.seed, options.seed + options.count):
        base = random.Random(seed).choice(names)
        cib = etree.parse(str(cases_dir() / "xml" / f"{base}.xml"), etree.XMLParser(remove_blank_text=True)).getroot()
        if (cib.get("validate-with") or "").startswith("pacemaker-3."):
            cib.set("validate-with", "pacemaker-3.10")
        if cib.get("execution-date") is None:
            cib.set("execution-date", "1700000000")
        done = DeepMutator(cib, seed).apply(1 + seed % options.changes)
        (folder / f"{seed}.xml").write_bytes(etree.tostring(cib, pretty_print=True))
        made[str(seed)] = f"{base}: {' '.join(done)}"
    return made


def _said(text: str) -> list[str]:
    """The lines without what a validator or the peer's log says."""
    return [line for line in text.splitlines() if not re.match(r"Entity: |Relax-NG |\(\w+\) \t|[A-Z]+: ", line)]


def _compare(folder: Path, seed: str, diff: bool) -> list[str] | None:
    """Kinds that differ; None when the peer refuses the input."""
    if _read(folder / f"{seed}.rc").strip() != "0":
        return None
    source = str(folder / f"{seed}.xml")
    with tempfile.TemporaryDirectory() as out:
        summary, _, fault = _simulate(["-x", source, "-S"])
        dot, graph = Path(out, "dot"), Path(out, "exp")
        _, scores, _ = _simulate(["-x", source, "-D", str(dot), "-G", str(graph), "-sSQ"])
        sides = {
            "summary": tuple(_said(t) for t in (_read(folder / f"{seed}.summary"), summary)),
            "scores": tuple(sorted(filter(None, t.splitlines())) for t in (_read(folder / f"{seed}.scores"), scores)),
            "dot": tuple(sorted(set(t.splitlines())) for t in (_read(folder / f"{seed}.dot"), _read(dot))),
            "exp": tuple(_graph_lines(t) for t in (_read(folder / f"{seed}.exp"), _read(graph))),
        }
    if fault:
        return [fault]
    bad = [kind for kind, (want, have) in sides.items() if want != have]
    for kind in bad if diff else ():
        lines = list(difflib.unified_diff(*sides[kind], f"{kind} wanted", f"{kind} got", lineterm="", n=1))
        print("\n".join(lines[:40]))
    return bad


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--changes", type=int, default=4)
    parser.add_argument("--keep")
    parser.add_argument("--reuse", action="store_true", help="compare again with what --keep left")
    parser.add_argument("--diff", action="store_true")
    options = parser.parse_args(argv)
    os.environ.update(LC_ALL="C", TZ="UTC")
    time.tzset()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.reuse:
            made = json.loads((folder / "made.json").read_text())
        else:
            made = _prepare(folder, options)
            (folder / "made.json").write_text(json.dumps(made))
            peerlab = cases_dir() / ".." / "peerlab" / "peerlab"
            subprocess.run([peerlab, "tool", "sh", "-c", _SCRIPT], cwd=folder, check=True)
        differ = refused = 0
        for seed, what in made.items():
            bad = _compare(folder, seed, options.diff)
            if bad is None:
                refused += 1
            elif bad:
                differ += 1
                print(seed, what, "->", " ".join(bad))
        print(f"differ {differ} of {len(made) - refused}, refused by the peer {refused}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
