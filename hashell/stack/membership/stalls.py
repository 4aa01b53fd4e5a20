"""How long this process did not run, and why: nobody else is to blame for a token that waited for it (pure).

A clock that ought to strike every `TICK` seconds and strikes late shows a stall. The causes are told apart by what
else went by meanwhile: time asleep (the machine was suspended), time in the queue for a CPU (others had it), or
neither (the process itself was stopped, or a single step of it took so long).
"""

from __future__ import annotations

from dataclasses import dataclass

TICK = 0.1
LEAST = 0.3  #: shorter ones are the everyday life of a busy machine

SUSPENDED = "the machine was suspended"
STARVED = "others had the processor"
STOPPED = "the process was stopped"
BUSY = "one step of its own took so long"


@dataclass(frozen=True, slots=True)
class Clocks:
    """Seconds of: a steady clock, the same with time asleep, our time in the queue for a CPU, our time on a CPU."""

    steady: float
    boot: float
    waited: float
    ran: float


class Stalls:
    """Every stall since the start; `count`, `last` and `longest` in seconds, `cause` of the last one."""

    def __init__(self) -> None:
        self.count = 0
        self.last = self.longest = 0.0
        self.cause = ""
        self._ended = 0.0
        self._before: Clocks | None = None

    def tick(self, clocks: Clocks) -> float:
        """Called as nearly every TICK seconds as this process can; seconds it did not run, 0 for an everyday delay."""
        before, self._before = self._before, clocks
        if before is None:
            return 0.0
        asleep = (clocks.boot - before.boot) - (clocks.steady - before.steady)
        late = clocks.steady - before.steady - TICK
        lost = late + max(0.0, asleep)
        if lost < LEAST:
            return 0.0
        self.count += 1
        self.last = lost
        self.longest = max(self.longest, lost)
        self._ended = clocks.steady
        if asleep > lost / 2:
            self.cause = SUSPENDED
        elif clocks.waited - before.waited > lost / 2:
            self.cause = STARVED
        elif clocks.ran - before.ran > lost / 2:
            self.cause = BUSY
        else:
            self.cause = STOPPED
        return lost

    def since(self, steady: float) -> float:
        """Seconds since the last stall ended; 0 if there was none."""
        return steady - self._ended if self.count else 0.0

    def check_invariants(self) -> None:
        assert self.last <= self.longest
        assert bool(self.count) == bool(self.cause)
