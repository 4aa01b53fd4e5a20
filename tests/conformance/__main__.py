"""`make conformance`: every suite of the shared vectors, one line each, and never fewer than recorded.

The counts in recorded.json are a floor: a run that passes fewer of a suite fails. `--record` writes the counts of
this run. A suite whose vectors are not there (a user's machine) is skipped with the reason.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
SHARED = REPO.parent / "shared"
RECORD = HERE / "recorded.json"
HASHELL = str(Path(sys.executable).parent / "hashell")

SUITES: dict[str, tuple[Path, list[str]]] = {
    "totem vectors": (
        SHARED / "spec" / "totem-vectors.json",
        [sys.executable, "-m", "tests.conformance.totem_vectors"],
    ),
    "scheduler cases": (
        SHARED / "scheduler-cases",
        [sys.executable, "-m", "tests.conformance.scheduler_runner"],
    ),
    "crm vectors": (
        SHARED / "spec" / "crm-vectors",
        [sys.executable, str(SHARED / "tools" / "crm_vectors.py"), str(SHARED / "spec" / "crm-vectors"), HASHELL],
    ),
}


def run(command: list[str]) -> tuple[int, int, str]:
    """Run one suite and read `N/M` from the end of its last line: passed, total, that line."""
    env = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC")
    result = subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    counts = re.findall(r"(\d+)/(\d+)", last)
    if not counts:
        return 0, 0, f"no count printed; exit {result.returncode}: {result.stderr.strip()[-300:]}"
    return int(counts[-1][0]), int(counts[-1][1]), last


def _deviations() -> list[str]:
    """The cases in which a fault of the original is not imitated."""
    return list(tomllib.loads((Path(__file__).parent / "deviations.toml").read_text()))


def main() -> int:
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    measured: dict[str, int] = {}
    failed = 0
    for name, (needs, command) in SUITES.items():
        if not needs.exists():
            print(f"{name}: skipped, {needs.name} is not beside this checkout")
            continue
        passed, total, line = run(command)
        measured[name] = passed
        floor = recorded.get(name, 0)
        verdict = "" if passed >= floor and total else f"  FEWER than the {floor} recorded"
        failed += bool(verdict)
        print(f"{name}: {passed}/{total}{verdict}   [{line}]", flush=True)
        if name == "crm vectors" and passed < total:
            print(f"  argued deviations, each with a test of its outcome: {', '.join(_deviations())}", flush=True)
    if "--record" in sys.argv:
        RECORD.write_text(json.dumps({**recorded, **measured}, indent=2) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
