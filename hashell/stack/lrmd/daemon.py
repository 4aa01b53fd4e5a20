"""The executor's process: IPC `lrmd`, agents as children, timers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import Any

from lxml import etree

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import AgentJob, AgentResult
from hashell.ra.leftovers import AgentRecord
from hashell.ra.ocf import process_outcome
from hashell.ra.process import RunningProcess
from hashell.ra.registry import AgentRegistry, agent_folder, standard_classes
from hashell.ra.secrets import secrets_folder
from hashell.ra.stonith import StonithClass
from hashell.stack.background import BackgroundTasks
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.lrmd.core import Executor
from hashell.stack.lrmd.effects import FetchMetadata, Kill, Notify, Reply, Run, RunAlert
from hashell.stack.lrmd.fencing import FenceResources
from hashell.stack.runtime import TimerTable, log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request

log = logging.getLogger(__name__)


def _start_state() -> str:
    """What the administrator wants the node to be at start (section 7)."""
    name = "PCMK_node_start_state"
    return os.environ.get(name, "")


class ExecutorDaemon:
    """Carries out the effects of one Executor."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._fencing = FenceResources(settings)
        self._record = AgentRecord(settings.run_dir / "agents-lrmd")
        classes = standard_classes(settings, record=self._record)
        for klass in classes:
            if isinstance(klass, StonithClass):
                klass.runner = self._fencing.run
        self._registry = AgentRegistry(classes, secrets_folder(settings.state_dir))
        self._core = Executor(time.monotonic(), _start_state())
        self._timers = TimerTable(self._timer)
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._fetches = BackgroundTasks()
        self._closing = False
        self._server = PacemakerServer(
            settings, "lrmd", on_request=self._request, on_close=self._closed, on_connect=self._connected
        )

    async def start(self) -> None:
        """Raises HashellError when another executor serves the name."""
        self._settings.agent_dir.mkdir(parents=True, exist_ok=True)
        await self._record.end_former()
        await self._server.start()

    async def close(self) -> None:
        """Kill what runs and leave; resources keep running, as at a restart of the executor."""
        self._closing = True
        await self._server.close()
        self._timers.cancel_all()
        await self._fetches.cancel()
        tasks = list(self._runs.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fencing.close()

    # --- inputs

    def _connected(self, client: Client) -> None:
        self._apply(self._core.connected(client.id, client.privileged))

    def _closed(self, client: Client) -> None:
        self._apply(self._core.disconnected(client.id, time.monotonic()))

    def _request(self, client: Client, request: Request) -> None:
        if not request.wants_response:
            log.warning("request of %r without a wish for an answer dropped", client)
            return
        self._apply(self._core.request(client.id, (client, request), request.element, time.monotonic()))

    def _timer(self, name: str) -> None:
        self._apply(self._core.timer(name, time.monotonic()))

    # --- effects

    def _apply(self, effects: list[Effect]) -> None:
        if self._closing:
            return
        for effect in effects:
            match effect:
                case Reply(token, element):
                    self._answer(token, element)
                case Notify(client, element):
                    if (known := self._server.clients.get(client)) is not None:
                        known.event(element)
                case Run(run, job):
                    self._spawn(run, self._run_job(run, job))
                case RunAlert(run, path, timeout, env):
                    self._spawn(run, self._run_alert(run, path, timeout, env))
                case Kill(run):
                    if (task := self._runs.get(run)) is not None:
                        task.cancel()
                case FetchMetadata():
                    self._fetches.start(self._fetch(effect))
                case SetTimer(name, seconds):
                    self._timers.set(name, seconds)
                case CancelTimer(name):
                    self._timers.cancel(name)
                case LogLine(level, text):
                    log.log(log_level(level), text)

    @staticmethod
    def _answer(token: Any, element: etree._Element) -> None:
        client, request = token
        if client.connected:
            client.respond(request, element)

    def _spawn(self, run: int, work: Any) -> None:
        task = asyncio.create_task(work)
        self._runs[run] = task
        task.add_done_callback(lambda done: self._ended(run, done))

    def _ended(self, run: int, task: asyncio.Task[None]) -> None:
        """A run killed before its first step never reported: do it for it."""
        if self._runs.get(run) is task:
            del self._runs[run]
            if task.cancelled():
                self._finish(run, AgentResult.cancelled())

    def _finish(self, run: int, result: AgentResult) -> None:
        self._runs.pop(run, None)
        self._apply(self._core.finished(run, result, time.monotonic(), time.time()))

    async def _run_job(self, run: int, job: AgentJob) -> None:
        try:
            result = await self._registry.run(job)
        except Exception as error:
            log.exception("%s of %s failed inside the executor", job.action, job.resource)
            result = AgentResult(1, ExecStatus.ERROR, f"Internal error of the executor: {error}")
        if result.status != ExecStatus.DONE or result.rc not in (0, 8) or (result.rc and not job.interval):
            log.info(
                "%s of %s: rc %d, status %s%s",
                job.action, job.resource, result.rc, result.status.name.lower(),
                f" ({result.reason})" if result.reason else "",
            )  # fmt: skip
        self._finish(run, result)

    async def _run_alert(self, run: int, path: str, timeout: float, env: dict[str, str]) -> None:
        full = {**os.environ, **{k: v.replace("\0", "") for k, v in env.items() if "=" not in k and "\0" not in k}}
        # Alert agents are not trusted with what daemons may do; where we are not root we are that user already.
        user = self._settings.user if os.geteuid() == 0 else None
        try:
            process = RunningProcess.start([path], env=full, cwd=agent_folder(self._settings), user=user or None)
            result = process_outcome(await process.wait(timeout), timeout)
        except (OSError, KeyError, ValueError) as error:
            result = AgentResult(1, ExecStatus.ERROR, f"{path} cannot be started: {error}")
        self._finish(run, result)

    async def _fetch(self, wanted: FetchMetadata) -> None:
        text, reason = None, ""
        try:
            text = await self._registry.metadata_text(wanted.agent)
        except HashellError as error:
            reason = error.diagnostics[0].text()
        self._apply(self._core.metadata(wanted.token, wanted.call_id, wanted.agent, text, reason))


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Run the executor until `stop` is set; returns the exit code of the process."""
    daemon = ExecutorDaemon(settings)
    try:
        await daemon.start()
    except HashellError as error:
        log.error("%s", error)
        return int(error.exit_code)
    try:
        await stop.wait()
    finally:
        await daemon.close()
    return 0
