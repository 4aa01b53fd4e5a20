"""Running agents for devices: queue and limit of each device, start delays, retries. Pure.

Rules (daemons specification, section 5.1): at most `pcmk_action_limit` actions of a device run at once, the others
wait in order. A failed try that was no timeout is repeated after one second, as often as `pcmk_ACTION_retries` says,
while less than 70 % of the timeout has passed; the next try has what is left of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import FenceResult
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.stonithd.device import Device
from hashell.stack.stonithd.effects import RunAgent

RETRY_SECONDS = 1.0
_RETRY_SHARE = 0.7

Done = Callable[[FenceResult, float], list[Effect]]


@dataclass
class Run:
    """One action of one device. `begun` is when its first try started, None while it waits."""

    id: int
    device: Device
    action: str
    target: str
    nodeid: str
    timeout: float
    delay: float
    done: Done
    tries: int = 0
    begun: float | None = None
    delayed: bool = False


class RunQueue:
    """All runs of one fencer."""

    def __init__(self) -> None:
        self._next = 0
        self._waiting: dict[str, list[Run]] = {}
        self._active: dict[int, Run] = {}

    def submit(
        self,
        device: Device,
        action: str,
        target: str,
        *,
        nodeid: str,
        timeout: float,
        delay: float,
        now: float,
        done: Done,
    ) -> list[Effect]:
        """Queue an action; `done(result, now)` is called once with its end and gives further effects."""
        self._next += 1
        run = Run(self._next, device, action, target, nodeid, timeout, delay, done)
        self._waiting.setdefault(device.id, []).append(run)
        return self._advance(device.id, now)

    def _advance(self, device_id: str, now: float) -> list[Effect]:
        effects: list[Effect] = []
        queue = self._waiting.get(device_id, [])
        while queue:
            run = queue[0]
            busy = sum(1 for r in self._active.values() if r.device.id == device_id)
            if 0 <= run.device.limit <= busy:
                break
            queue.pop(0)
            self._active[run.id] = run
            if run.delay > 0:
                run.delayed = True
                text = f"{run.action} of {run.target} with {device_id} waits for {run.delay:g} s"
                effects += [LogLine("notice", text), SetTimer(f"run:{run.id}", run.delay)]
            else:
                effects += self._try(run, now)
        if not queue:
            self._waiting.pop(device_id, None)
        return effects

    def _try(self, run: Run, now: float) -> list[Effect]:
        run.delayed = False
        if run.begun is None:
            run.begun = now
        run.tries += 1
        left = max(1.0, run.timeout - (now - run.begun)) if run.timeout else 0.0
        options = tuple(run.device.options(run.action, run.target, run.nodeid))
        return [RunAgent(run.id, run.device.id, run.device.agent, options, left)]

    def timer(self, ident: int, now: float) -> list[Effect]:
        """A start delay or the pause before a retry is over."""
        run = self._active.get(ident)
        return self._try(run, now) if run else []

    def finished(self, ident: int, result: FenceResult, now: float) -> list[Effect]:
        """An agent has ended."""
        run = self._active.get(ident)
        if run is None:
            return []
        elapsed = now - (run.begun if run.begun is not None else now)
        again = not result.ok and result.status not in (ExecStatus.TIMEOUT, ExecStatus.NOT_INSTALLED)
        again = again and run.action != "status"
        if again and run.tries < run.device.retries(run.action) and elapsed < _RETRY_SHARE * run.timeout:
            text = f"{run.action} of {run.target or '-'} with {run.device.id} failed, trying again: {result.reason}"
            return [LogLine("warning", text), SetTimer(f"run:{ident}", RETRY_SECONDS)]
        del self._active[ident]
        effects: list[Effect] = []
        if result.ok and run.action in ("monitor", "list", "status"):
            run.device.verified = True
        effects += run.done(result, now)
        return effects + self._advance(run.device.id, now)

    def drop_delayed(self, device_id: str, now: float) -> list[Effect]:
        """End the runs of a removed device that have not started."""
        result = FenceResult(1, ExecStatus.NO_FENCE_DEVICE, f"{device_id} was removed")
        effects: list[Effect] = []
        for run in self._waiting.pop(device_id, []):
            effects += run.done(result, now)
        for run in [r for r in self._active.values() if r.device.id == device_id and r.delayed]:
            del self._active[run.id]
            effects += [CancelTimer(f"run:{run.id}"), *run.done(result, now)]
        return effects

    def check_invariants(self) -> None:
        for device_id, queue in self._waiting.items():
            assert queue, device_id
            busy = sum(1 for r in self._active.values() if r.device.id == device_id)
            assert 0 <= queue[0].device.limit <= busy, f"{device_id} could start another run"
