"""`hashell demo`: the main job in a minute: three nodes, a web cluster from a script, a node killed, a failover.

Each step says what happens; the last line sums up. On a terminal the shell opens on the cluster afterwards, and the
cluster is stopped when it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from hashell.client.board import Board
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.embedded import EmbeddedCluster
from hashell.stack.settings import embedded_dir

NODES = 3
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StepFailed(Diagnostic):
    """One step of the demo did not come to its end."""

    code = "H110"
    step: str
    seconds: float
    seen: str = ""

    def text(self) -> str:
        return f"the demo stopped: {self.step} was not reached in {self.seconds:.0f} s" + (
            f"; last seen: {self.seen}" if self.seen else ""
        )

    def remedy(self) -> str:
        return "the nodes' logs are below the folder printed at the start"


@dataclass(frozen=True, kw_only=True)
class Occupied(Diagnostic):
    """Something the demo needs is taken."""

    code = "H111"
    what: str
    how: str

    def text(self) -> str:
        return self.what

    def remedy(self) -> str:
        return self.how


@dataclass(frozen=True, kw_only=True)
class ScriptFailed(Diagnostic):
    code = "H112"
    script: str
    said: str

    def text(self) -> str:
        return f"loading {self.script} failed: {self.said}"


class Demo:
    """One run. `say` prints a step."""

    def __init__(self, base: Path, script: Path, site: tuple[str, int], console: Console) -> None:
        self._base, self._script, self._console = base, script, console
        self._url = f"http://{site[0]}:{site[1]}/"
        self._nodes = EmbeddedCluster(base, NODES)
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        stamp = f"[{time.monotonic() - self._began:5.1f} s]"
        self._console.print(stamp, text, markup=False, highlight=False, soft_wrap=True)

    async def run(self) -> str:
        """All steps; the summing-up line. Raises HashellError when one fails."""
        await self.start()
        await self.configure()
        server = await self.wait("the web site", self.served_by, 60)
        self.say(f"{self._url} is served by {server}")
        await self.show_status()
        other, seconds = await self.fail_over(server)
        await self.come_back(server)
        return f"demo: web served by {server}, {server} killed, served by {other} after {seconds:.1f} s"

    async def start(self) -> None:
        self.say(f"starting {NODES} nodes on this machine (state and logs: {self._base})")
        await self._nodes.start()
        await self.wait("a ring of all nodes with a DC", self._all_online, 90)
        board = await self.board()
        self.say(f"ring formed, DC is {board.dc}, online: {' '.join(n.name for n in board.nodes)}")

    async def configure(self) -> None:
        self.say(f"loading {self._script.name} through the crm grammar")
        command = [sys.executable, "-m", "hashell.cli", "configure", "load", "update", str(self._script)]
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise HashellError(ScriptFailed(script=self._script.name, said=output.decode(errors="replace").strip()))

    async def show_status(self) -> None:
        command = [sys.executable, "-m", "hashell.cli", "status"]
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await process.communicate()
        for line in output.decode(errors="replace").rstrip().splitlines():
            self._console.out(f"          {line}", highlight=False)

    async def fail_over(self, server: str) -> tuple[str, float]:
        """Kill the serving node; the node that serves next and how long the site was away, in seconds."""
        self.say(f"killing every process of {server} (SIGKILL)")
        killed = time.monotonic()
        await self._nodes.kill_node(server)

        async def elsewhere() -> str:
            name = await self.served_by()
            return name if name != server else ""

        other = await self.wait("the web site on another node", elsewhere, 120, step=0.05)
        seconds = time.monotonic() - killed
        fenced = await self.wait("the fencing record", lambda: self._fenced(server, other), 30)
        self.say(f"fencing of {server} confirmed: {fenced}")
        self.say(f"{self._url} is served by {other} after {seconds:.1f} s")
        return other, seconds

    async def come_back(self, node: str) -> None:
        self.say(f"starting {node} again")
        await self._nodes.start_node(node)
        await self.wait(f"{node} back in the cluster", self._all_online, 120)
        self.say(f"{node} is back and online")

    async def stop(self) -> None:
        await self._nodes.stop()

    # -- what is asked again and again ----------------------------------------------------------------------

    async def wait(self, what: str, probe: Callable[[], Awaitable[T]], seconds: float, step: float = 0.2) -> T:
        """The first true value of `probe`; on a terminal a spinner says what is waited for."""
        deadline = time.monotonic() + seconds
        status = self._console.status(f"waiting for {what}") if self._console.is_terminal else contextlib.nullcontext()
        with status:
            while True:
                value = await probe()
                if value:
                    return value
                if time.monotonic() > deadline:
                    raise HashellError(StepFailed(step=what, seconds=seconds, seen=await self._seen()))
                await asyncio.sleep(step)

    async def served_by(self) -> str:
        """The node named by the page behind the floating address, or ''."""
        return await asyncio.to_thread(fetch_node, self._url)

    @contextlib.asynccontextmanager
    async def cluster(self, avoid: str = "") -> AsyncIterator[Cluster]:
        """A connection to a running node other than `avoid`."""
        last: HashellError | None = None
        for name in self._nodes.names:
            if name == avoid or not self._nodes.node_running(name):
                continue
            try:
                cluster = await open_cluster(LiveSource(self._nodes.node_settings(name)))
            except HashellError as error:
                last = error
                continue
            try:
                yield cluster
            finally:
                await cluster.close()
            return
        raise last or HashellError(StepFailed(step="a running node", seconds=0))

    async def board(self) -> Board:
        async with self.cluster() as cluster:
            return await cluster.board()

    async def _all_online(self) -> bool:
        try:
            board = await self.board()
        except HashellError:
            return False
        return bool(board.dc) and sum(node.state == "online" for node in board.nodes) == NODES

    async def _fenced(self, node: str, ask: str) -> str:
        async with self.cluster(avoid=node) as cluster:
            history = await cluster.fencing_history(node)
        done = [record for record in history if record.state == "success"]
        return f"{done[0].action} by {done[0].delegate or 'the cluster'}" if done else ""

    async def _seen(self) -> str:
        try:
            board = await self.board()
        except HashellError as error:
            return str(error)
        nodes = ", ".join(f"{n.name} {n.state}" for n in board.nodes)
        resources = ", ".join(f"{r.id} {r.role} {' '.join(r.nodes)}".strip() for r in board.resources if not r.depth)
        return "; ".join(filter(None, [nodes, resources, *board.problems]))

    def environment(self) -> dict[str, str]:
        """The environment in which hashell finds this cluster."""
        return dict(os.environ, HASHELL_EMBEDDED_DIR=str(self._base))


def fetch_node(url: str) -> str:
    """The node that the page at `url` names, or '' when nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=1.0) as response:
            page = response.read(65536).decode(errors="replace")
    except (OSError, ValueError, urllib.error.URLError):
        return ""
    match = re.search(r"\bnode\d+\b", page)
    return match.group() if match else ""


def site_of(script: Path) -> tuple[str, int]:
    """Address and port of the web site that the script configures."""
    text = script.read_text(encoding="utf-8")
    address, port = re.search(r"\bip=([\d.]+)", text), re.search(r"\bport=(\d+)", text)
    if not address or not port:
        raise HashellError(Occupied(what=f"{script.name} configures no address with a port", how="restore the file"))
    return address.group(1), int(port.group(1))


def port_is_free(site: tuple[str, int]) -> bool:
    """Whether nothing listens where the demo's web server will be."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(site)
        except OSError:
            return False
    return True


def example(name: str) -> Path:
    """A script of the examples folder. Raises HashellError when this installation has none."""
    path = Path(__file__).resolve().parents[1] / "examples" / name
    if not path.exists():
        raise HashellError(Occupied(what=f"examples/{name} is not here", how="run the demo from a checkout: make demo"))
    return path


async def _run(console: Console, interactive: bool) -> int:
    base = embedded_dir(os.environ).with_name("demo")
    script = example("web-cluster.crm")
    site = site_of(script)
    if not port_is_free(site):
        raise HashellError(
            Occupied(
                what=f"{site[0]}:{site[1]} is in use, and the demo's web site needs it",
                how="end the other program, or a demo left behind with: hashell demo --stop",
            )
        )
    demo = Demo(base, script, site, console)
    try:
        line = await demo.run()
        console.print(line, markup=False, highlight=False)
        if interactive:
            console.print("\nThe cluster is yours now; it stops when you leave the shell (quit).\n", highlight=False)
            shell = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hashell.cli", env=demo.environment()
            )
            await shell.wait()
    finally:
        await demo.stop()
    return ExitCode.OK


async def _stop() -> int:
    await EmbeddedCluster(embedded_dir(os.environ).with_name("demo"), NODES).stop()
    return ExitCode.OK


HELP = """\
usage: hashell demo [--stop]

Starts three nodes on this machine, loads a web cluster, kills the node that serves, and shows the failover.
On a terminal the shell opens then; the cluster ends with it.

  --stop      end a cluster that an earlier demo left behind
  -h, --help  print this help"""


def main(argv: list[str]) -> int:
    """Run the demo. Options: --stop ends a cluster that an earlier demo left behind."""
    console = Console(emoji=False)
    try:
        if argv in (["--help"], ["-h"]):
            print(HELP)
            return ExitCode.OK
        if argv == ["--stop"]:
            return asyncio.run(_stop())
        if argv:
            print(f"hashell demo: unknown option {argv[0]} (known: --stop)", file=sys.stderr)
            return ExitCode.USAGE
        return asyncio.run(_run(console, sys.stdin.isatty() and sys.stdout.isatty()))
    except HashellError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("demo: stopped", file=sys.stderr)
        return 130
