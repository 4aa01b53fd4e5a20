"""`hashell monitor`: its options, and the clusters it looks at."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from hashell.client.cluster import open_cluster
from hashell.client.source import FileSource, Source, find_source
from hashell.client.statusreport.options import add_options
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode

_EPILOG = """\
Without options the cluster of this machine is followed: a running one, the file of CIB_file, or a running embedded
node. Keys: `?` in the monitor. With --once the options of crm_mon choose what is printed.
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hashell monitor", description="The cluster at a glance.", epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    source = parser.add_argument_group("what to look at")
    source.add_argument("-N", "--node", default="", help="the embedded node to talk to")
    source.add_argument("-x", "--file", metavar="FILE", default="", help="a CIB file")
    source.add_argument("-p", "--inputs", metavar="FOLDER", default="", help="a folder of saved policy inputs")
    source.add_argument("-C", "--cluster", metavar="WHAT", action="append", default=[],
                        help="ssh:HOST, a node name, a CIB file or a folder of policy inputs; several side by side")
    look = parser.add_argument_group("how to look")
    look.add_argument("--theme", default="", help="colours; `safe` can be told apart by everyone")
    look.add_argument("--read-only", action="store_true", help="no actions")
    web = parser.add_argument_group("in the browser")
    web.add_argument("--web", action="store_true", help="serve the monitor to a browser")
    web.add_argument("--host", default="127.0.0.1", help="the address to listen on (this machine only)")
    web.add_argument("--port", type=int, default=8089, help="the port to listen on (8089)")
    web.add_argument("--actions", action="store_true", help="allow actions in the browser")
    once = parser.add_argument_group("print once")
    once.add_argument("-1", "--once", action="store_true", help="print the status and end")
    once.add_argument("--stream", action="store_true", help="print every change, for a monitor elsewhere (ssh:HOST)")
    once.add_argument("--output-as", choices=("text", "json", "xml", "html"), default="text")
    add_options(once)
    return parser


def main(argv: list[str]) -> int:
    """Run the monitor. Returns the exit code."""
    try:
        options = build_parser().parse_args(argv)
    except SystemExit as error:
        return int(ExitCode.USAGE) if error.code else 0
    try:
        if options.once:
            from hashell.tui.once import print_once

            return print_once(single_source(options), options, " ".join(["hashell monitor", *argv]))
        if options.stream:
            from hashell.tui.stream import stream

            return stream(single_source(options))
        if options.web:
            from hashell.tui.web import serve

            return serve(options, argv)
        in_browser = "TEXTUAL_DRIVER" in os.environ
        if not in_browser and not (sys.stdin.isatty() and sys.stdout.isatty()):
            print("error: the monitor needs a terminal (for one look in a pipe: hashell monitor --once)",
                  file=sys.stderr)
            return int(ExitCode.USAGE)
        from hashell.tui.start import watch

        return watch(options)
    except HashellError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)


def single_source(options: argparse.Namespace) -> Source:
    """The one source that the options name."""
    if options.file:
        return FileSource(Path(options.file))
    return find_source(node=options.node)


async def reachable(source: Source) -> None:
    """A cluster that cannot be reached at the start is an error; one lost later is waited for."""
    cluster = await open_cluster(source)
    await cluster.close()


def check_reachable(source: Source) -> None:
    """Raises HashellError when there is nothing to look at."""
    asyncio.run(reachable(source))
