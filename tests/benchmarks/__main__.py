"""`make bench`: every benchmark, each as a table of ours, the original's and the ratio.

Benchmarks that need the real peers (root and the shared peerlab) say so and are left out elsewhere.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import failover, monitor, ring, scheduler, shell, web, wire


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each failover (default 5)")
    benchmarks = {
        "shell": lambda _runs: shell.main(),
        "scheduler": lambda _runs: scheduler.main(),
        "monitor": lambda _runs: monitor.main(),
        "ring": ring.main,
        "wire": wire.main,
        "failover": failover.main,
        "web": web.main,
    }
    parser.add_argument("--only", choices=list(benchmarks), help="one benchmark alone")
    options = parser.parse_args()
    chosen = [options.only] if options.only else list(benchmarks)
    return max(int(benchmarks[name](options.runs) or 0) for name in chosen)


if __name__ == "__main__":
    sys.exit(main())
