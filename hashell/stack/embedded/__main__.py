"""`python -m hashell.stack.embedded`: the nodes of an embedded cluster as a fence agent and scripts see them.

Exit codes: 0 done (`status`: the node is on), 2 `status`: the node is off, else the code of the error.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.embedded.cluster import EmbeddedCluster

_OFF = 2


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hashell.stack.embedded", description="Nodes of an embedded cluster."
    )
    parser.add_argument("--dir", type=Path, metavar="FOLDER", help="folder of the cluster")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="names of the nodes")
    for verb, what in (
        ("on", "start a node"),
        ("off", "kill a node"),
        ("kill-node", "the same as off"),
        ("reboot", "kill a node and start it again"),
    ):
        verbs.add_parser(verb, help=what).add_argument("node")
    verbs.add_parser("status", help="is a node on? exit code 0 or 2").add_argument("node", nargs="?")
    start = verbs.add_parser("start", help="start a cluster")
    start.add_argument("--nodes", type=int, default=None)
    verbs.add_parser("stop", help="stop the cluster in order")
    return parser.parse_args(argv)


async def _run(arguments: argparse.Namespace) -> int:
    folder = arguments.dir or (Path(os.environ["HASHELL_EMBEDDED_DIR"]) if "HASHELL_EMBEDDED_DIR" in os.environ else None)
    cluster = EmbeddedCluster(folder, arguments.nodes if arguments.verb == "start" else None)
    match arguments.verb:
        case "list":
            print("\n".join(cluster.names))
        case "on":
            await cluster.start_node(arguments.node)
        case "off" | "kill-node":
            await cluster.kill_node(arguments.node)
        case "reboot":
            await cluster.kill_node(arguments.node)
            await cluster.start_node(arguments.node)
        case "status":
            return _status(cluster, arguments.node)
        case "start":
            await cluster.start()
        case "stop":
            await cluster.stop()
    return ExitCode.OK


def _status(cluster: EmbeddedCluster, node: str | None) -> int:
    if node:
        on = cluster.node_running(node)
        print(f"{node} is {'on' if on else 'off'}")
        return ExitCode.OK if on else _OFF
    for status in cluster.status():
        state = f"on, process {status.pid}" if status.running else "off"
        print(f"{status.name} ({status.address}): {state}, {status.processes} processes")
    return ExitCode.OK


def main(argv: list[str] | None = None) -> int:
    """Exit code of one verb."""
    try:
        return asyncio.run(_run(_parse(sys.argv[1:] if argv is None else argv)))
    except HashellError as error:
        for diagnostic in error.diagnostics:
            print(diagnostic, file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
