"""`python -m hashell.stack.embedded`: the nodes of an embedded cluster as a fence agent and scripts see them.

Exit codes: 0 done (`status`: some process of the node lives), 2 `status`: none does, else the code of the error.
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
from hashell.stack.embedded.layout import BASE_VARIABLE

_OFF = 2


def _parse(argv: list[str]) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--base", type=Path, metavar="FOLDER", default=None, help="folder of the cluster")
    parser = argparse.ArgumentParser(
        prog="python -m hashell.stack.embedded", description="Nodes of an embedded cluster."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", parents=[common], help="names of the nodes")
    for verb, what in (
        ("on", "start a node"),
        ("off", "kill a node"),
        ("kill-node", "the same as off"),
        ("reboot", "kill a node and start it again"),
    ):
        verbs.add_parser(verb, parents=[common], help=what).add_argument("node")
    status = verbs.add_parser("status", parents=[common], help="is a node on? exit code 0 or 2")
    status.add_argument("node", nargs="?")
    start = verbs.add_parser("start", parents=[common], help="start a cluster")
    start.add_argument("--nodes", type=int, default=None)
    verbs.add_parser("stop", parents=[common], help="stop the cluster in order")
    return parser.parse_args(argv)


def _cluster(arguments: argparse.Namespace) -> EmbeddedCluster:
    folder = arguments.base
    if folder is None and os.environ.get(BASE_VARIABLE):
        folder = Path(os.environ[BASE_VARIABLE])
    return EmbeddedCluster(folder, arguments.nodes if arguments.verb == "start" else None)


async def _run(arguments: argparse.Namespace) -> int:
    cluster = _cluster(arguments)
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
        cluster.node_settings(node)
        found = next(status for status in cluster.status() if status.name == node)
        on = found.running or found.processes > 0
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
