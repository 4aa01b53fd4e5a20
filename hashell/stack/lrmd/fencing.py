"""Fence devices as resources of the executor: start, stop and monitor through the fencer (daemons spec, 6.5)."""

from __future__ import annotations

import asyncio
import logging

from hashell.model.outcomes import ExecStatus, OcfCode
from hashell.ra.agent import AgentJob, AgentResult
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.fencerclient import FenceOutcome, FencerClient
from hashell.stack.wire.ipcclient import IpcError

log = logging.getLogger(__name__)


class FenceResources:
    """Runs jobs of the class stonith. A device counts as running from a successful start until stop or until the
    connection to the fencer is lost."""

    def __init__(self, settings: NodeSettings) -> None:
        self._settings = settings
        self._client: FencerClient | None = None
        self._running: dict[str, bool] = {}
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        if self._client:
            await self._client.close()

    def _lost(self) -> None:
        log.warning("connection to the fencer lost: %d fence devices have to be started again", len(self._running))
        self._running.clear()

    async def _fencer(self) -> FencerClient:
        async with self._lock:
            if self._client is None or not self._client.connected:
                client = FencerClient(self._settings, name="lrmd", on_lost=self._lost)
                await client.connect(wait=2.0)
                self._client = client
            return self._client

    async def run(self, job: AgentJob) -> AgentResult:
        """Carry out one action of a fence device. Never raises but CancelledError."""
        if job.action in ("monitor", "status") and job.interval == 0:
            if job.resource in self._running:
                return AgentResult(OcfCode.OK, ExecStatus.DONE)
            return AgentResult(OcfCode.NOT_RUNNING, ExecStatus.ERROR, "No fence device")
        try:
            async with asyncio.timeout(job.timeout or None):
                return await self._act(job)
        except TimeoutError:
            return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.TIMEOUT, "Fencer did not answer within the timeout")
        except IpcError as error:
            reason = f"No connection to the fencer: {error}"
            if job.action == "stop":
                self._running.pop(job.resource, None)
                return AgentResult(OcfCode.OK, ExecStatus.DONE, "", reason)
            return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.NOT_CONNECTED, reason)

    async def _act(self, job: AgentJob) -> AgentResult:
        if job.action == "start":
            client = await self._fencer()
            outcome = await client.register_device(job.resource, job.agent.type, dict(job.params))
            if outcome.ok:
                outcome = await self._monitor(client, job)
            if outcome.ok:
                self._running[job.resource] = True
            return _result(outcome)
        if job.action == "stop":
            outcome = await (await self._fencer()).remove_device(job.resource)
            self._running.pop(job.resource, None)
            return _result(outcome)
        if job.action in ("monitor", "status"):
            if job.resource not in self._running:
                return AgentResult(OcfCode.UNKNOWN_ERROR, ExecStatus.NOT_CONNECTED, "Lost connection to fencer")
            return _result(await self._monitor(await self._fencer(), job))
        reason = f"A fence device has no action {job.action!r}"
        return AgentResult(OcfCode.UNIMPLEMENTED, ExecStatus.NOT_SUPPORTED, reason)

    async def _monitor(self, client: FencerClient, job: AgentJob) -> FenceOutcome:
        return await client.execute(job.resource, "monitor", job.timeout or 20.0)


def _result(outcome: FenceOutcome) -> AgentResult:
    """A fencer's answer as the result of a resource action."""
    if outcome.ok:
        return AgentResult(OcfCode.OK, ExecStatus.DONE)
    try:
        status = ExecStatus(outcome.status)
    except ValueError:
        status = ExecStatus.ERROR
    if status == ExecStatus.NO_FENCE_DEVICE:
        return AgentResult(OcfCode.NOT_RUNNING, ExecStatus.ERROR, outcome.reason)
    if status == ExecStatus.NOT_INSTALLED:
        return AgentResult(OcfCode.NOT_INSTALLED, status, outcome.reason)
    if status == ExecStatus.DONE:
        status = ExecStatus.ERROR
    return AgentResult(OcfCode.UNKNOWN_ERROR, status, outcome.reason)
