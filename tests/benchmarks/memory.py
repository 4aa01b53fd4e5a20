"""Resident memory of a set of processes: the sum of RSS, and of PSS, where shared pages are counted once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """MiB of one node."""

    rss: float
    pss: float


def measure(pids: list[int]) -> Memory:
    """Memory of the processes that still exist."""
    rss = pss = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            if name == "Rss":
                rss += int(rest.split()[0])
            elif name == "Pss":
                pss += int(rest.split()[0])
    return Memory(rss / 1024, pss / 1024)


def in_namespace_of(pid: int) -> list[int]:
    """All processes in the PID namespace of `pid`, without `pid` itself."""
    wanted = Path(f"/proc/{pid}/ns/pid").readlink()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "ns/pid").readlink() == wanted and int(entry.name) != pid:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
