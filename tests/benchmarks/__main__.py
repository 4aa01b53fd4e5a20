"""`make bench`: every benchmark, each as a table of ours, the original's and the ratio.

Benchmarks that need the real peers (root and the shared peerlab) say so and are left out elsewhere.
"""

from __future__ import annotations

import argparse
import sys

from tests.benchmarks import failover, monitor, scheduler


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each failover (default 5)")
    parser.add_argument("--only", choices=("failover", "scheduler", "monitor"), help="one benchmark alone")
    options = parser.parse_args()
    if options.only in (None, "scheduler"):
        scheduler.main()
    if options.only in (None, "monitor"):
        monitor.main()
    if options.only in ("scheduler", "monitor"):
        return 0
    return failover.main(options.runs)


if __name__ == "__main__":
    sys.exit(main())
