"""An embedded cluster: making, starting, stopping and killing its nodes, which are real hashelld processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from hashell.atomicfile import write_atomically
from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.embedded import layout
from hashell.stack.embedded.layout import Plan
from hashell.stack.settings import NodeSettings, embedded_dir
from hashell.stack.supervisor.panic import NODE_VARIABLE, kill_marked, marked_processes
from hashell.stack.supervisor.prepare import running_pid
from hashell.stack.wire.ipcplaces import remove_stale_folders

_FIRST_PORT, _PORT_STEP, _PORT_TRIES = 5405, 10, 500
_POLL_SECONDS = 0.05
_STOP_SECONDS = 90.0
_KILL_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class NoSuchNode(Diagnostic):
    code: ClassVar[str] = "H520"
    exit_code: ClassVar[ExitCode] = ExitCode.NOSUCH

    name: str = ""
    names: tuple[str, ...] = ()

    def text(self) -> str:
        return f"the embedded cluster has no node {self.name}"

    def remedy(self) -> str:
        return f"its nodes are {', '.join(self.names)}"


@dataclass(frozen=True, kw_only=True)
class NoCluster(Diagnostic):
    code: ClassVar[str] = "H521"
    exit_code: ClassVar[ExitCode] = ExitCode.NOT_CONFIGURED

    folder: str = ""
    reason: str = ""

    def text(self) -> str:
        return f"there is no embedded cluster in {self.folder}" + (f": {self.reason}" if self.reason else "")

    def remedy(self) -> str:
        return "start one: hashell cluster start --embedded 3"


@dataclass(frozen=True, kw_only=True)
class BadNodeCount(Diagnostic):
    code: ClassVar[str] = "H522"
    exit_code: ClassVar[ExitCode] = ExitCode.USAGE

    nodes: int = 0

    def text(self) -> str:
        return f"an embedded cluster cannot have {self.nodes} nodes"

    def remedy(self) -> str:
        return f"choose from 1 to {layout.NODES_MAX}"


@dataclass(frozen=True, kw_only=True)
class ClusterRuns(Diagnostic):
    code: ClassVar[str] = "H523"
    exit_code: ClassVar[ExitCode] = ExitCode.EXISTS

    folder: str = ""
    nodes: int = 0

    def text(self) -> str:
        return f"a cluster of {self.nodes} nodes runs in {self.folder}"

    def remedy(self) -> str:
        return "stop it before changing the number of its nodes"


@dataclass(frozen=True, kw_only=True)
class StateUnwritable(Diagnostic):
    code: ClassVar[str] = "H524"
    exit_code: ClassVar[ExitCode] = ExitCode.CANTCREAT

    path: str = ""
    reason: str = ""

    def text(self) -> str:
        return f"{self.path} cannot be written: {self.reason}"

    def remedy(self) -> str:
        return "make room for it, or name another folder with HASHELL_EMBEDDED_DIR"


@dataclass(frozen=True, kw_only=True)
class NoFreePort(Diagnostic):
    code: ClassVar[str] = "H525"
    exit_code: ClassVar[ExitCode] = ExitCode.UNAVAILABLE

    reason: str = ""

    def text(self) -> str:
        return f"no UDP port is free on the loopback addresses of the cluster: {self.reason}"

    def remedy(self) -> str:
        return "stop the other clusters on this machine"


@dataclass(frozen=True, kw_only=True)
class NodeStartFailed(Diagnostic):
    code: ClassVar[str] = "H526"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    name: str = ""
    output: str = ""
    log: str = ""

    def text(self) -> str:
        return f"{self.name} did not start: {self.output or 'it gave no reason'}"

    def remedy(self) -> str:
        return f"see {self.log}"


@dataclass(frozen=True)
class NodeStatus:
    name: str
    nodeid: int
    address: str
    running: bool
    pid: int  #: of its supervisor, 0 when it does not run
    processes: int  #: all processes of the node, also services that agents have started


class EmbeddedCluster:
    """The cluster in `base_dir` (default: that of this user, see settings.embedded_dir).

    `nodes` None takes the number from a cluster that is there; `command` runs one node in place of hashelld.
    Raises HashellError when there is no cluster or the number cannot be.
    """

    def __init__(
        self, base_dir: Path | None = None, nodes: int | None = None, *, command: Sequence[str] = ()
    ) -> None:
        self.command = list(command) or [sys.executable, "-m", "hashell.stack.hashelld"]
        self.base = (base_dir or embedded_dir(os.environ)).absolute()
        if nodes is not None and not 1 <= nodes <= layout.NODES_MAX:
            raise HashellError(BadNodeCount(nodes=nodes))
        known = self._read_plan(required=nodes is None)
        self.plan: Plan = known or self._new_plan(nodes or 1)
        if known and nodes is not None and known.nodes != nodes:
            if any(self.node_running(name) for name in known.names):
                raise HashellError(ClusterRuns(folder=str(self.base), nodes=known.nodes))
            self.plan = replace(known, nodes=nodes)

    @property
    def names(self) -> list[str]:
        return self.plan.names

    # -- files --------------------------------------------------------------------------------------------

    def _read_plan(self, *, required: bool) -> Plan | None:
        path = self.base / "cluster.json"
        try:
            return Plan.from_json(path.read_text())
        except OSError as error:
            if required:
                reason = "" if isinstance(error, FileNotFoundError) else str(error.strerror)
                raise HashellError(NoCluster(folder=str(self.base), reason=reason)) from None
        except ValueError as error:
            if required:
                raise HashellError(NoCluster(folder=str(self.base), reason=f"{path}: {error}")) from None
        return None

    def _new_plan(self, nodes: int) -> Plan:
        return Plan(nodes, 0, layout.make_prefix(self.base, os.getuid()))

    def _write(self) -> None:
        """Write the plan and each node's files; with nobody running the port is chosen anew when it is taken."""
        if not any(self.node_running(name) for name in self.names):
            self.plan = replace(self.plan, port=self._free_port())
        for name in self.names:
            settings = self.node_settings(name)
            _write_file(settings.corosync_conf, layout.corosync_conf(self.plan, settings.log_dir / "ring.log"))
            _write_file(self.base / name / "settings.json", settings.to_json() + "\n")
        _write_file(self.base / "cluster.json", self.plan.to_json())

    def _free_port(self) -> int:
        tries = [self.plan.port] if self.plan.port else []
        ports = list(range(_FIRST_PORT, _FIRST_PORT + _PORT_TRIES * _PORT_STEP, _PORT_STEP))
        # Clusters in other folders begin elsewhere, so that two that start at once do not choose the same.
        usual = embedded_dir({name: value for name, value in os.environ.items() if name != "HASHELL_EMBEDDED_DIR"})
        first = 0 if self.base == usual else zlib.crc32(str(self.base).encode()) % _PORT_TRIES
        tries += ports[first:] + ports[:first]
        fault = ""
        for port in tries:
            fault = self._port_fault(port)
            if not fault:
                return port
        raise HashellError(NoFreePort(reason=fault))

    def _port_fault(self, port: int) -> str:
        """Why the nodes cannot use this port, or ''."""
        for name in self.names:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.bind((self.plan.address(name), port))
                except OSError as error:
                    return f"{self.plan.address(name)}:{port}: {error.strerror}"
        return ""

    def node_settings(self, name: str) -> NodeSettings:
        """Raises HashellError when there is no such node."""
        self._check(name)
        return layout.node_settings(self.plan, self.base, name)

    def _check(self, name: str) -> None:
        if name not in self.names:
            raise HashellError(NoSuchNode(name=name, names=tuple(self.names)))

    # -- the cluster --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start all nodes that do not run; returns when every ring daemon answers. Raises HashellError."""
        self._write()
        waiting = [name for name in self.names if not self.node_running(name)]
        results = await asyncio.gather(*(self._launch(name) for name in waiting), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def stop(self) -> None:
        """Stop all nodes in order; one that does not end in its time is killed."""
        await asyncio.gather(*(self.stop_node(name) for name in self.names))

    def status(self) -> list[NodeStatus]:
        return [self._status(name) for name in self.names]

    def _status(self, name: str) -> NodeStatus:
        pid = running_pid(self.node_settings(name))
        count = len(marked_processes(self.plan.marker(name)))
        return NodeStatus(name, self.plan.nodeid(name), self.plan.address(name), bool(pid), pid, count)

    # -- one node -----------------------------------------------------------------------------------------

    def node_running(self, name: str) -> bool:
        return bool(running_pid(self.node_settings(name)))

    async def start_node(self, name: str) -> None:
        """Start one node; returns when its ring daemon answers, at once when it runs. Raises HashellError."""
        self._check(name)
        if self.node_running(name):
            return
        if not self.plan.port:
            self._write()
        await self._launch(name)

    async def _launch(self, name: str) -> None:
        settings = self.node_settings(name)
        marker = self.plan.marker(name)
        # Services of a killed node would be found running by agents that believe themselves to be on a fresh node.
        await asyncio.to_thread(kill_marked, marker)
        # So would their state files: a machine that boots has an empty /run.
        shutil.rmtree(settings.agent_dir, ignore_errors=True)
        environment = {**os.environ, NODE_VARIABLE: marker}
        environment["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
        process = await asyncio.create_subprocess_exec(
            *self.command, "--settings", str(self.base / name / "settings.json"),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
        _out, errors = await process.communicate()
        if process.returncode:
            output = errors.decode(errors="replace").strip().removeprefix("hashelld: ").removeprefix("error: ")
            log = str(settings.log_dir / "hashell.log")
            raise HashellError(NodeStartFailed(name=name, output=output, log=log))

    async def stop_node(self, name: str, seconds: float = _STOP_SECONDS) -> None:
        """Stop one node in order, moving its resources away; killed when it does not end in `seconds`."""
        pid = running_pid(self.node_settings(name))
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while self.node_running(name):
                        await asyncio.sleep(_POLL_SECONDS)
        await self.kill_node(name)

    async def kill_node(self, name: str) -> None:
        """SIGKILL every process of the node, services of its agents too, as a power loss would.

        Raises HashellError when one cannot be killed.
        """
        settings = self.node_settings(name)
        marker = self.plan.marker(name)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                while not await asyncio.to_thread(kill_marked, marker):
                    await asyncio.sleep(_POLL_SECONDS)
        left = marked_processes(marker)
        if left:
            output = f"processes {left} cannot be killed"
            raise HashellError(NodeStartFailed(name=name, output=output, log=str(settings.log_dir)))
        remove_stale_folders(settings.ipc_prefix)

    def remove(self) -> None:
        """Delete the files of the cluster. Raises HashellError while it runs."""
        if any(self.node_running(name) for name in self.names):
            raise HashellError(ClusterRuns(folder=str(self.base), nodes=self.plan.nodes))
        for name in self.names:
            shutil.rmtree(self.base / name, ignore_errors=True)
        (self.base / "cluster.json").unlink(missing_ok=True)


def _write_file(path: Path, text: str) -> None:
    """Replace a file as a whole. Raises HashellError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, mode=0o644)
    except OSError as error:
        raise HashellError(StateUnwritable(path=str(path), reason=error.strerror or str(error))) from None
