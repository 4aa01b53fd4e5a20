"""Random clusters and recorded ones through the real crm_mon and through `hashell monitor --once`: equal output.

    python -m tests.lab.fuzz_status --seeds 100 [--start N] [--seed N] [--options K]
    python -m tests.lab.fuzz_status --cases 40 [--options K]

Needs root and the peerlab image. Each CIB is shown with K random sets of options and in every form both sides have.
Compared byte for byte, but for the time of the look and the words of the command line.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import random
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from hashell.tui.main import main as monitor
from tests.lab.fuzz_scheduler import generate
from tests.lab.status_peer import LIMIT, StatusPeer

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "scheduler-cases"
_SWITCHES = ("-n", "-r", "-f", "-o", "-t", "-A", "-R", "-m", "-b", "-c", "-L", "-D")
_FORMS = ("text", "text", "text", "html", "xml")


def random_options(generator: random.Random) -> list[str]:
    """Each switch with a chance, and a form."""
    form = generator.choice(_FORMS)
    return ["-1", f"--output-as={form}", *(switch for switch in _SWITCHES if generator.random() < 0.3)]


def comparable(text: str) -> list[str]:
    """Lines without the moment of the look and the command line."""
    text = re.sub(r"(Last updated: (?:</span><span>)?)[^<\n]*", r"\1", text)
    text = re.sub(r"<last_update [^>]*>", "<last_update/>", text)
    return re.sub(r'request="[^"]*"', 'request=""', text).splitlines()


def own_output(path: Path, args: list[str]) -> tuple[int, str]:
    """What ours prints, in this process; a traceback in place of it when it breaks."""
    out = io.StringIO()
    os.environ.update(CIB_file=str(path))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            code = monitor(["--once", *(arg for arg in args if arg != "-1")])
        except (Exception, SystemExit):
            return -1, traceback.format_exc()
    return code, out.getvalue()


def differences(peer: StatusPeer, cib: bytes, options: list[list[str]]) -> Iterator[tuple[list[str], list[str]]]:
    """(options, lines of a diff) of each that differs; what the peer refuses or crashes on is left out."""
    peer.load(cib)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.xml"
        path.write_bytes(cib)
        for args in options:
            code, theirs, err = peer.run(args)
            if code != 0 or "Could not connect to the CIB" in theirs + err:
                continue
            ours = own_output(path, args)
            left, right = comparable(theirs), comparable(ours[1])
            if left != right or ours[0] != 0:
                yield args, list(difflib.unified_diff(left, right, "theirs", "ours", lineterm="", n=1))


def _inputs(options: argparse.Namespace) -> Iterator[tuple[str, bytes]]:
    if options.cases:
        files = sorted((SHARED / "xml").glob("*.xml"))
        random.Random(options.start).shuffle(files)
        for file in files[: options.cases]:
            yield file.stem, file.read_bytes()
        return
    seeds = [options.seed] if options.seed is not None else range(options.start, options.start + options.seeds)
    for seed in seeds:
        yield str(seed), etree.tostring(generate(seed)[0], pretty_print=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--cases", type=int, default=0, help="this many recorded scheduler cases in place of seeds")
    parser.add_argument("--options", type=int, default=4, help="sets of options for each CIB")
    parser.add_argument("--lines", type=int, default=12, help="lines shown of each difference")
    options = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    looks = bad = 0
    with StatusPeer() as peer:
        for name, cib in _inputs(options):
            generator = random.Random(f"{name}/{options.start}")
            sets = [random_options(generator) for _ in range(options.options)]
            looks += len(sets)
            for args, diff in differences(peer, cib, sets):
                bad += 1
                print(f"{name}: {' '.join(args)}", *diff[2 : options.lines], sep="\n    ", flush=True)
    print(f"{looks - bad} of {looks} looks are equal (a run of the peer ends after {LIMIT} s)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
