"""Random clusters through the real crm_simulate and through ours: every output has to agree.

    python -m tests.lab.fuzz_scheduler --seeds 3000 [--start N] [--seed N] [--diff] [--no-minimise] [--processes N]

Needs root and the peerlab image. A seed that differs is named with the kinds of output that do, and its input is made
smaller as long as the difference stays. `--seed N` looks at one seed only and prints both sides. Nothing is stored;
`--out FOLDER` keeps the (minimised) inputs of differing seeds. Every tenth seed is given to us with the newer names
of the cluster options.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import os
import re
import shlex
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from types import FrameType

from lxml import etree

from hashell.shell.simulate import main as simulate
from tests.conformance.scheduler_runner import _graph_lines
from tests.lab.random_cluster import Cluster, Element
from tests.lab.random_constraints import add_constraints, add_tickets, add_topology
from tests.lab.random_status import add_status
from tests.lab.simulate_peer import LIMIT, Peer

KINDS = ("rc", "summary", "scores", "dot", "exp")
#: Exit codes of a peer that crashed or did not come to an end.
PEER_FAULTS = ("124", "134", "139")
_NEWER = {
    "stonith-enabled": "fencing-enabled",
    "stonith-action": "fencing-action",
    "stonith-timeout": "fencing-timeout",
    "stonith-watchdog-timeout": "fencing-watchdog-timeout",
}


@dataclass
class Outcome:
    """The comparison of one input. `kinds` is empty when all agrees; `refused` when the peer gave no answer."""

    kinds: list[str] = field(default_factory=list)
    sides: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    refused: str = ""
    fault: str = ""

    def lines(self) -> list[str]:
        """The lines that differ, by which another input is recognised as having the same difference."""
        found = [self.fault.strip().rpartition("\n")[2]] if self.fault else []
        for kind in self.kinds:
            if kind in self.sides:
                text = list(difflib.unified_diff(*self.sides[kind], lineterm="", n=0))
                found += [re.sub(r"\d+", "N", line) for line in text[2:] if not line.startswith("@@")]
        return found


def generate(seed: int) -> tuple[Element, list[str]]:
    """The CIB and the extra arguments of a seed."""
    cluster = Cluster(seed)
    cluster.build_nodes()
    cluster.build_options()
    cluster.build_resources()
    add_constraints(cluster)
    add_topology(cluster)
    add_status(cluster)
    add_tickets(cluster)
    return cluster.root, _arguments(cluster)


def _arguments(cluster: Cluster) -> list[str]:
    """Events injected into one in four."""
    args: list[str] = []
    if not cluster.chance(0.25):
        return args
    node = cluster.random.choice(cluster.nodes)
    choices = [
        ["--node-up", node], ["--node-down", node], ["--node-fail", node], ["--quorum", cluster.pick("true", "false")],
        ["--ticket-grant", "ticketA"], ["--ticket-revoke", "ticketB"], ["--ticket-standby", "ticketA"],
        ["--ticket-activate", "ticketB"], ["-t", "2023-11-14 22:30:00Z"], ["-U"], ["-A"], ["-c"],
        ["--watchdog", cluster.pick("true", "false")],
    ]  # fmt: skip
    leaves = [leaf for leaf in cluster.leaves if not leaf.node]
    if leaves:
        leaf = cluster.random.choice(leaves)
        where = f"{leaf.id}_{cluster.pick('monitor_10000', 'start_0', 'stop_0', 'monitor_0')}@{node}"
        choices += [["--op-inject", f"{where}={cluster.pick('0', '1', '7', '8')}"], ["--op-fail", f"{where}=1"]]
    for _ in range(cluster.random.choice((1, 1, 2))):
        args += cluster.random.choice(choices)
    return args


def respelled(cib: Element) -> Element:
    """A copy with the newer names of cluster options."""
    copy = deepcopy(cib)
    for block in copy.iter("cluster_property_set"):
        for pair in block.iterchildren("nvpair"):
            pair.set("name", _NEWER.get(str(pair.get("name")), str(pair.get("name"))))
    return copy


def _said(text: str) -> list[str]:
    """Lines without what a validator or a log says."""
    text = re.sub(r"(attribute last-failure-\S*)=\d+", r"\1=now", text)
    return [line for line in text.splitlines() if not re.match(r"Entity: |Relax-NG |\(\w+\) \t|[A-Z]+: ", line)]


def sides_of(peer: dict[str, str], own: dict[str, str]) -> dict[str, tuple[list[str], list[str]]]:
    """Both outputs of each kind as lists of lines that can be compared."""
    return {
        "rc": ([peer["rc"].strip()], [own["rc"]]),
        "summary": (_said(peer["summary"]), _said(own["summary"])),
        "scores": (_sorted(peer["scores"]), _sorted(own["scores"])),
        "dot": (sorted(set(peer["dot"].splitlines())), sorted(set(own["dot"].splitlines()))),
        "exp": (_graph_lines(peer["exp"]), _graph_lines(own["exp"])),
    }


def _sorted(text: str) -> list[str]:
    return sorted(filter(None, text.splitlines()))


def own_outputs(cib: bytes, args: list[str]) -> dict[str, str]:
    """What ours says, in this process; `rc` the exit code, `fault` a traceback."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, dot, graph = folder / "case.xml", folder / "dot", folder / "exp"
        source.write_bytes(cib)
        summary, code, fault = _captured(["-x", str(source), "-S", *args], together=True)
        scores, _, second = _captured(["-x", str(source), "-D", str(dot), "-G", str(graph), "-sSQ", *args])
        files = {kind: path.read_text() if path.exists() else "" for kind, path in (("dot", dot), ("exp", graph))}
    return {"summary": summary, "scores": scores, "rc": str(code), "fault": fault or second, **files}


def _captured(argv: list[str], together: bool = False) -> tuple[str, int, str]:
    """Standard output (and standard error), exit code and traceback of one run."""
    out, code, fault = io.StringIO(), -1, ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out if together else io.StringIO()):
        try:
            code = simulate(argv)
        except (Exception, SystemExit):
            fault = traceback.format_exc()
    return out.getvalue(), code, fault


def _expire(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError("took too long")


def compare(peer: Peer, cib: Element, args: list[str], newer: bool = False) -> Outcome:
    """Run one input on both sides."""
    theirs = peer.run(etree.tostring(cib, pretty_print=True), args)
    code = theirs["rc"].strip()
    signal.signal(signal.SIGALRM, _expire)
    signal.alarm(3 * LIMIT)
    try:
        ours = own_outputs(etree.tostring(respelled(cib) if newer else cib, pretty_print=True), args)
    except TimeoutError as error:
        return Outcome(["fault"], fault=str(error))
    finally:
        signal.alarm(0)
    if ours["fault"]:
        return Outcome(["fault"], fault=ours["fault"])
    if code in PEER_FAULTS or code not in ("0", "1"):
        return Outcome(refused=f"exit {code}")
    sides = sides_of(theirs, ours)
    return Outcome([kind for kind in KINDS if sides[kind][0] != sides[kind][1]], sides)


# -- minimising -----------------------------------------------------------------------------------------------


def minimise(
    cib: Element, args: list[str], differs: Callable[[Element, list[str]], bool], seconds: float
) -> tuple[Element, list[str]]:
    """Drop arguments, elements and attributes while `differs` holds, within a time."""
    deadline = time.monotonic() + seconds
    if args and differs(cib, []):
        args = []
    cib, progress = deepcopy(cib), True
    while progress and time.monotonic() < deadline:
        progress = False
        for undo in _smaller(cib):
            if time.monotonic() > deadline:
                undo()
                break
            if differs(cib, args):
                progress = True
            else:
                undo()
    return cib, args


_KEEP = frozenset({"configuration", "status", "crm_config", "nodes", "resources", "constraints", "cib"})
_OPTIONAL = frozenset({
    "score", "role", "type", "influence", "require-all", "symmetrical", "exit-reason", "op-digest", "record-pending",
    "op-force-restart", "op-restart-digest", "op-secure-params", "op-secure-digest", "last-rc-change",
    "node-attribute", "shutdown-lock", "on-fail", "enabled", "timeout", "start-delay", "rsc-role", "with-rsc-role",
    "resource-discovery", "sequential", "kind", "no-quorum-panic",
})  # fmt: skip


def _smaller(cib: Element) -> Iterator[Callable[[], None]]:
    """Takes one thing after the other out of the CIB, big things first; what is given puts it back."""
    elements = [e for e in cib.iter() if e.tag not in _KEEP]
    elements.sort(key=lambda e: -sum(1 for _ in e.iter()))
    for element in elements:
        if next(element.iterancestors("cib"), None) is not None:
            yield _take_out(cib, element)
    for element in list(cib.iter()):
        for name in sorted(_OPTIONAL.intersection(map(str, element.attrib))):
            if element.tag != "nvpair":
                value = str(element.attrib.pop(name))
                yield lambda e=element, n=name, v=value: e.set(n, v)  # type: ignore[misc]


def _take_out(cib: Element, element: Element) -> Callable[[], None]:
    """Remove an element, and the constraints that name it when it is a resource."""
    gone = [element]
    if element.tag in ("primitive", "group", "clone", "bundle", "template"):
        gone += _references(cib, {str(e.get("id")) for e in element.iter() if e.get("id")})
    places: list[tuple[Element, int, Element]] = []
    for each in gone:
        parent = each.getparent()
        if parent is not None:
            places.append((parent, parent.index(each), each))
            parent.remove(each)

    def put_back() -> None:
        for parent, index, each in reversed(places):
            parent.insert(index, each)

    return put_back


def _references(cib: Element, names: set[str]) -> list[Element]:
    found = []
    for each in cib.iter("rsc_location", "rsc_colocation", "rsc_order", "rsc_ticket", "resource_ref", "obj_ref"):
        refs = [each.get(name) for name in ("rsc", "with-rsc", "first", "then")]
        refs += [each.get("id")] if str(each.tag).endswith("_ref") else []
        if any(ref in names for ref in refs):
            found.append(each)
    return found


# -- the run --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """Some seeds for one worker."""

    seeds: tuple[int, ...]
    diff: bool
    seconds: float  #: to minimise each difference
    out: str
    reference: str = ""


def _report(seed: int, outcome: Outcome, cib: Element, args: list[str], diff: bool, small: bool) -> str:
    lines = [f"seed {seed}: {' '.join(outcome.kinds)} {shlex.join(args)}"]
    if outcome.fault:
        lines.append(outcome.fault.strip()[-1500:])
    for kind in outcome.kinds if diff else ():
        if kind in outcome.sides:
            text = difflib.unified_diff(*outcome.sides[kind], f"{kind} peer", f"{kind} own", lineterm="", n=1)
            lines.extend(list(text)[:40])
    if small:
        lines.append(etree.tostring(cib, pretty_print=True, encoding="unicode"))
    return "\n".join(lines)


def work(job: Job) -> tuple[int, list[str], list[str]]:
    """(refused, differing seeds' reports, the peer's faults) of one worker."""
    refused, reports, faults = 0, [], []
    with Peer() as peer:
        for seed in job.seeds:
            cib, args = generate(seed)
            newer = seed % 10 == 0
            outcome = compare(peer, cib, args, newer)
            if outcome.refused:
                refused += 1
                faults.append(f"seed {seed}: the peer ended with {outcome.refused}")
            if not outcome.kinds:
                continue
            if job.seconds:
                first = outcome.lines()

                def differs(cib: Element, args: list[str], first: list[str] = first, newer: bool = newer) -> bool:
                    lines = compare(peer, cib, args, newer).lines()
                    return bool(lines) and lines[0] in first

                cib, args = minimise(cib, args, differs, job.seconds)
                outcome = compare(peer, cib, args, newer)
            reports.append(_report(seed, outcome, cib, args, job.diff, bool(job.seconds)))
            print(reports[-1], flush=True)
            if job.out:
                Path(job.out, f"{seed}.xml").write_bytes(etree.tostring(cib, pretty_print=True))
                Path(job.out, f"{seed}.args").write_text(shlex.join(args))
    return refused, reports, faults


def run(
    seeds: list[int], *, diff: bool = False, seconds: float = 0, out: str = "", processes: int = 2
) -> tuple[int, list[str], list[str]]:
    """All seeds over some processes: (refused, reports, faults of the peer)."""
    size = max(1, min(50, len(seeds) // 4))
    jobs = [Job(tuple(seeds[at : at + size]), diff, seconds, out) for at in range(0, len(seeds), size)]
    with Pool(processes) as pool:
        results = pool.map(work, jobs, chunksize=1)
    return sum(r[0] for r in results), [x for r in results for x in r[1]], [x for r in results for x in r[2]]


def main(argv: list[str]) -> int:
    """Exit code 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3000)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--diff", action="store_true")
    parser.add_argument("--no-minimise", action="store_true")
    parser.add_argument("--out", default="")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="print the input of --seed and end")
    options = parser.parse_args(argv)
    os.environ.update(LC_ALL="C", TZ="UTC")
    time.tzset()
    if options.show:
        cib, args = generate(options.seed)
        print(etree.tostring(cib, pretty_print=True, encoding="unicode"), shlex.join(args))
        return 0
    if options.out:
        Path(options.out).mkdir(parents=True, exist_ok=True)
    seeds = [options.seed] if options.seed is not None else list(range(options.start, options.start + options.seeds))
    began = time.monotonic()
    seconds = 0.0 if options.no_minimise else 30.0
    refused, reports, faults = run(
        seeds,
        diff=options.diff or options.seed is not None,
        seconds=seconds,
        out=options.out,
        processes=options.processes,
    )
    for fault in faults:
        print(fault)
    print(f"scheduler fuzz: {len(seeds)} seeds, {len(reports)} differences, {refused} refused by the peer, "
          f"{time.monotonic() - began:.0f} s")  # fmt: skip
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
