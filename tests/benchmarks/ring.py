"""The ring: throughput and latency of CPG messages, the way back to a ring after power loss, and what idling costs.

Three hosts on one machine, clients of the original's library on each. All nodes of a row run the same configuration;
`mixed` is one real node and two of ours. Ratios are to the original in the same run.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field

from tests.lab import peerlab
from tests.lab.peerlab import wait_for
from tests.lab.ring import Ring, RingConf, RingHost, finished, up

CASTS = {"Corosync": "rrr", "mixed": "roo", "hashell": "ooo"}
SIZES = {100: 6000, 1000: 4000, 65536: 150}  #: message size in bytes: messages of each node
TOKENS = (300, 1000, 3000)
IDLE_SECONDS = 10.0
TRANSPORTS = {
    "udpu": RingConf(3, "udpu"),
    "knet": RingConf(3, "knet"),
    "knet, aes256/sha256": RingConf(3, "knet", crypto=True),
}


@dataclass
class Row:
    cast: str
    transport: str
    rate: dict[int, float] = field(default_factory=dict)  #: messages a second by size
    p50: float = 0.0
    p99: float = 0.0
    rotation: float = 0.0  #: seconds, idle
    cpu: float = 0.0  #: per cent of one processor, idle


def main(runs: int = 3) -> int:
    """Print the tables; 0 also where the lab cannot run, which is said."""
    if why := peerlab.missing():
        print(f"the ring's benchmark is left out: {why}")
        return 0
    try:
        rows = [measure(cast, name) for name in TRANSPORTS for cast in CASTS]
        _print_rows(rows)
        losses = {(cast, t): [power_loss(cast, t) for _ in range(runs)] for t in TOKENS for cast in CASTS}
        _print_losses(losses)
    finally:
        peerlab.down()
    return 0


# -- messages -----------------------------------------------------------------------------------------------


def measure(cast: str, transport: str) -> Row:
    """All figures of one ring that stays up."""
    peerlab.down()
    ring = up(CASTS[cast], TRANSPORTS[transport])
    ring.whole()
    row = Row(cast, transport)
    idle(ring, row)
    for size, count in SIZES.items():
        row.rate[size] = flood(ring, size, count)
    row.p50, row.p99 = latency(ring)
    return row


def flood(ring: Ring, size: int, count: int) -> float:
    """Messages a second that every node gets when all send as fast as they can."""
    words = ("--members", "3", "--count", str(count), "--size", str(size), "--seconds", "120", "--realtime")
    reports = [finished(p) for p in [h.client("bench", *words) for h in ring.hosts]]
    if not all(r["complete"] for r in reports):
        return 0.0
    return 3 * count / max(float(str(r["span"])) for r in reports)


def latency(ring: Ring) -> tuple[float, float]:
    """(p50, p99) in seconds from sending a message of 100 bytes to its delivery at the sender, 3 x 50 a second."""
    words = ("--members", "3", "--count", "400", "--size", "100", "--rate", "50", "--seconds", "60", "--realtime")
    reports = [finished(p) for p in [h.client("bench", *words) for h in ring.hosts]]
    return (
        statistics.median(float(str(r["p50"])) for r in reports),
        max(float(str(r["p99"])) for r in reports),
    )


# -- idling -------------------------------------------------------------------------------------------------


def idle(ring: Ring, row: Row) -> None:
    """Rotation time of the token and processor time of the last node's ring daemon, with nothing to send."""
    host = ring.hosts[-1]
    time.sleep(2)
    tokens, cpu, began = _tokens(host), _cpu(host), time.monotonic()
    time.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - began
    row.rotation = seconds / max(1, _tokens(host) - tokens)
    row.cpu = 100 * (_cpu(host) - cpu) / seconds


def _tokens(host: RingHost) -> int:
    shown = host.run("corosync-cmapctl", "-m", "stats", "-g", "stats.srp.orf_token_rx", check=True).stdout
    return int(shown.rpartition("= ")[2])


def _cpu(host: RingHost) -> float:
    """Seconds of processor time of the ring daemon's processes, supervisor included."""
    name = "hashelld" if host.ours else "corosync"
    total = 0
    for pid in (p.name for p in (host.root / "proc").iterdir() if p.name.isdigit()):
        stat = host.read(f"/proc/{pid}/stat")
        if f"({name}" in stat:
            fields = stat.rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


# -- power loss ---------------------------------------------------------------------------------------------


def power_loss(cast: str, token: int) -> float:
    """Seconds from the end of every process of the last host until a client elsewhere knows."""
    peerlab.down()
    ring = up(CASTS[cast], RingConf(3, "udpu", token=token))
    ring.whole()
    words = ("--members", "3", "--seconds", "60", "--realtime", "--order", "/root/order")
    clients = [h.client("loss", *words) for h in ring.hosts]
    watched, victim = ring.hosts[:2], ring.hosts[2]
    wait_for("all clients", lambda: all(_last(h)[1] == [1, 2, 3] for h in ring.hosts), 60)
    time.sleep(1 + 0.37 * (os.urandom(1)[0] / 255))
    killed = time.monotonic()
    victim.kill()
    wait_for("the new membership", lambda: all(_last(h)[1] == [1, 2] for h in watched), 60)
    seconds = max(_last(h)[0] for h in watched) - killed
    peerlab.down()
    for client in clients:
        client.communicate()
    return seconds


def _last(host: RingHost) -> tuple[float, list[int]]:
    """Time and members of the last change that the host's client was told of."""
    words = (host.read("/root/order").splitlines() or [""])[-1].split()
    return (float(words[1]), [int(w) for w in words[2:]]) if len(words) > 1 else (0.0, [])


# -- tables -------------------------------------------------------------------------------------------------


def _print_rows(rows: list[Row]) -> None:
    print("\nCPG messages a second, all three nodes sending (ratio to Corosync), latency, idle cost of one node")
    sizes = "".join(f"{f'{size} B':>16}" for size in SIZES)
    print(f"{'':<30}{sizes} {'p50 ms':>8} {'p99 ms':>8} {'rotation ms':>12} {'CPU %':>6}")
    for row in rows:
        reference = next(r for r in rows if r.transport == row.transport and r.cast == "Corosync")
        rates = "".join(
            f"{row.rate[s]:9.0f} ({row.rate[s] / reference.rate[s] if reference.rate[s] else 0:4.2f})" for s in SIZES
        )
        print(f"{row.transport + ', ' + row.cast:<30}{rates} {row.p50 * 1000:8.2f} {row.p99 * 1000:8.2f} "
              f"{row.rotation * 1000:12.1f} {row.cpu:6.2f}")  # fmt: skip


def _print_losses(losses: dict[tuple[str, int], list[float]]) -> None:
    print("\nfrom power loss of a node to the new membership at a client of the others, udpu, seconds (median, max)")
    print(f"{'token':<10}" + "".join(f"{cast:>20}" for cast in CASTS))
    for token in TOKENS:
        cells = ""
        for cast in CASTS:
            taken = losses[cast, token]
            cells += f"{statistics.median(taken):>13.2f} {max(taken):6.2f}"
        print(f"{token:>5} ms  {cells}")
