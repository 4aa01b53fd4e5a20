"""The supervisor of one node as a state machine (pure; daemons.md section 3.11).

Rules:
- Daemons start in the order of DAEMONS, all at once: each waits for what it needs. They stop in reverse order, one
  at a time, by SIGTERM; one that does not end in its time is killed.
- A daemon that dies is started again at once; one that keeps dying soon after its start waits longer each time, and
  after RESPAWN_LIMIT such deaths in a row the node is given up.
- Membership that ends with exit code 0 was told to: the node stops.
- Exit code 100, or an error that no restart can mend (the daemon says so in words), brings the node down with that
  code; 101 asks for a panic. A node that has served keeps trying to bring membership back, because whoever broke
  its file or took its port may yet mend that.
- When membership dies, the daemons that live on the ring end by themselves or are killed; then membership and they
  start again in order. The executor stays, so resources go on being served.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from hashell.model.exitcodes import ExitCode
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer

QUICK_DEATH_SECONDS = 20.0
RESPAWN_LIMIT = 30
RING_GRACE_SECONDS = 1.0
_FREE_RESPAWNS = 2
_LONGEST_DELAY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DaemonSpec:
    name: str
    module: str
    privileged: bool = False  #: stays root in production
    on_ring: bool = False  #: cannot live without membership
    stop_seconds: float = 60.0  #: time to end after SIGTERM


MEMBERSHIP = "membership"
EXECUTOR = "lrmd"
PACEMAKERD = "pacemakerd"

DAEMONS: tuple[DaemonSpec, ...] = (
    DaemonSpec(MEMBERSHIP, "hashell.stack.membership.daemon", privileged=True, stop_seconds=20.0),
    DaemonSpec(PACEMAKERD, "hashell.stack.supervisor.pacemakerd", privileged=True, stop_seconds=10.0),
    DaemonSpec("cib", "hashell.stack.cib.daemon", on_ring=True),
    DaemonSpec("stonithd", "hashell.stack.stonithd.daemon", privileged=True, on_ring=True),
    DaemonSpec(EXECUTOR, "hashell.stack.lrmd.daemon", privileged=True),
    DaemonSpec("attrd", "hashell.stack.attrd.daemon", on_ring=True),
    DaemonSpec("schedulerd", "hashell.stack.schedulerd.daemon"),
    DaemonSpec("crmd", "hashell.stack.crmd.daemon", on_ring=True, stop_seconds=1260.0),
)

#: beside the others where corosync.conf has a quorum device
QDEVICE = DaemonSpec("qdevice", "hashell.stack.qdevice.daemon", privileged=True, on_ring=True, stop_seconds=10.0)


class Phase(StrEnum):
    INIT = "init"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Spawn(Effect):
    """Fork this daemon; `spawned` must be called before anything else."""

    name: str


@dataclass(frozen=True, slots=True)
class Terminate(Effect):
    name: str


@dataclass(frozen=True, slots=True)
class Kill(Effect):
    name: str


@dataclass(frozen=True, slots=True)
class TellState(Effect):
    """Tell the pacemakerd service the state of the node, in its words."""

    state: str


@dataclass(frozen=True, slots=True)
class Panic(Effect):
    """Take the whole node down at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finish(Effect):
    """All daemons have ended: leave with this exit code."""

    exit_code: int


@dataclass(slots=True)
class _Child:
    spec: DaemonSpec
    pid: int = 0  #: 0 = not running
    started: float = 0.0
    quick_deaths: int = 0
    waiting: bool = False  #: for its respawn timer
    terminating: bool = False


@dataclass
class Supervisor:
    specs: tuple[DaemonSpec, ...] = DAEMONS
    phase: Phase = Phase.INIT
    exit_code: int = ExitCode.OK
    ring_lost: bool = False
    served: bool = False  #: the ring has answered once
    children: dict[str, _Child] = field(init=False)

    def __post_init__(self) -> None:
        self.children = {spec.name: _Child(spec) for spec in self.specs}

    # -- inputs -------------------------------------------------------------------------------------------

    def start(self) -> list[Effect]:
        """Start every daemon in order."""
        assert self.phase is Phase.INIT
        self.phase = Phase.RUNNING
        spawns: list[Effect] = [Spawn(name) for name in self.children]
        return [*spawns, TellState("running")]

    def spawned(self, name: str, pid: int, now: float) -> list[Effect]:
        """The fork that Spawn asked for has been made."""
        child = self.children[name]
        child.pid, child.started, child.waiting, child.terminating = pid, now, False, False
        return []

    def ready(self) -> list[Effect]:
        """The ring answers."""
        self.served = True
        return []

    def exited(self, name: str, code: int, words: str, now: float) -> list[Effect]:
        """A daemon ended with `code` (negative: signal number); `words` is the error it gave up with, or ''."""
        child = self.children[name]
        child.pid = 0
        effects: list[Effect] = [self._log_exit(name, code, words)]
        if self.phase is Phase.STOPPING:
            return [*effects, CancelTimer(f"kill {name}"), *self._stop_next()]
        if code == ExitCode.PANIC:
            return [*effects, Panic(f"{name} asks for it")]
        if name == MEMBERSHIP and code == ExitCode.OK:
            # Somebody shut the ring down in order (corosync-cfgtool -H); a failure would have another code.
            return [*effects, LogLine("notice", "membership was shut down: the node stops")] + self.stop()
        if name == QDEVICE.name and code == ExitCode.OK and not self.ring_lost:
            # A device that is not configured any more; one that comes is put into force by the next start.
            return effects
        hopeless = bool(words) and code > 0 and not (name == MEMBERSHIP and self.served)
        if code == ExitCode.FATAL or hopeless:
            return effects + self.stop(exit_code=code)
        quick = now - child.started < QUICK_DEATH_SECONDS
        child.quick_deaths = child.quick_deaths + 1 if quick else 0
        if child.quick_deaths > RESPAWN_LIMIT:
            effects.append(LogLine("critical", f"{name} cannot be kept alive: the node is given up"))
            return effects + self.stop(exit_code=ExitCode.FATAL)
        if name == MEMBERSHIP and not self.ring_lost:
            self.ring_lost = True
            effects.append(LogLine("error", "membership is lost: the daemons on the ring start again with it"))
            effects += [CancelTimer(f"respawn {c.spec.name}") for c in self._on_ring() if c.waiting]
            effects.append(SetTimer("ring grace", RING_GRACE_SECONDS))
        if self.ring_lost and (child.spec.on_ring or name == MEMBERSHIP):
            return effects + self._restart_ring()
        return effects + self._respawn(child)

    def timer(self, name: str, now: float) -> list[Effect]:
        """A timer of an earlier effect has fired."""
        verb, _, rest = name.partition(" ")
        if name == "ring grace":
            if not self.ring_lost or self.phase is not Phase.RUNNING:
                return []
            return [Kill(c.spec.name) for c in self._on_ring() if c.pid]
        child = self.children[rest]
        if verb == "respawn" and self.phase is Phase.RUNNING and not child.pid and child.waiting:
            child.waiting = False
            return [Spawn(rest)]
        if verb == "kill" and child.pid:
            return [LogLine("warning", f"{rest} does not end and is killed"), Kill(rest)]
        return []

    def stop(self, exit_code: int = ExitCode.OK) -> list[Effect]:
        """Stop the node in order; the first exit code given is the one to leave with."""
        if self.phase in (Phase.STOPPING, Phase.STOPPED):
            return []
        self.phase, self.exit_code, self.ring_lost = Phase.STOPPING, exit_code, False
        effects: list[Effect] = [TellState("shutting_down"), CancelTimer("ring grace")]
        for name, child in self.children.items():
            if child.waiting:
                child.waiting = False
                effects.append(CancelTimer(f"respawn {name}"))
        return effects + self._stop_next()

    def stop_now(self) -> list[Effect]:
        """Kill what runs; the orderly stop takes too long for whoever asked."""
        effects = self.stop()
        return effects + [Kill(name) for name, child in self.children.items() if child.pid]

    def unresponsive(self, name: str) -> list[Effect]:
        """The health check of this daemon has failed too often."""
        child = self.children.get(name)
        if child is None or not child.pid or self.phase is not Phase.RUNNING:
            return []
        return [LogLine("error", f"{name} does not answer and is killed"), Kill(name)]

    # -- rules --------------------------------------------------------------------------------------------

    def _on_ring(self) -> list[_Child]:
        return [child for child in self.children.values() if child.spec.on_ring]

    def _respawn(self, child: _Child) -> list[Effect]:
        delay = self._delay(child)
        if not delay:
            return [Spawn(child.spec.name)]
        child.waiting = True
        return [SetTimer(f"respawn {child.spec.name}", delay)]

    def _delay(self, child: _Child) -> float:
        repeated = child.quick_deaths - _FREE_RESPAWNS
        return 0.0 if repeated <= 0 else float(min(_LONGEST_DELAY_SECONDS, 2.0 ** (repeated - 1)))

    def _restart_ring(self) -> list[Effect]:
        """Start membership and the daemons on it once all of them are down."""
        membership = self.children[MEMBERSHIP]
        for child in self._on_ring():
            child.waiting = False
        if membership.pid or any(child.pid for child in self._on_ring()):
            return []
        self.ring_lost = False
        effects: list[Effect] = [CancelTimer("ring grace")]
        delay = self._delay(membership)
        for child in [membership, *self._on_ring()]:
            if delay:
                child.waiting = True
                effects.append(SetTimer(f"respawn {child.spec.name}", delay))
            else:
                effects.append(Spawn(child.spec.name))
        return effects

    def _stop_next(self) -> list[Effect]:
        for name in reversed(self.children):
            child = self.children[name]
            if not child.pid:
                continue
            if child.terminating:
                return []
            child.terminating = True
            effects: list[Effect] = [TellState("shutdown_complete")] if name == PACEMAKERD else []
            return [*effects, Terminate(name), SetTimer(f"kill {name}", child.spec.stop_seconds)]
        self.phase = Phase.STOPPED
        return [Finish(self.exit_code)]

    def _log_exit(self, name: str, code: int, words: str) -> LogLine:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        expected = (self.phase is Phase.STOPPING and code <= 0) or (name == QDEVICE.name and code == ExitCode.OK)
        return LogLine("info" if expected else "error", f"{name} {how}" + (f": {words}" if words else ""))

    def check_invariants(self) -> None:
        for child in self.children.values():
            assert not (child.pid and child.waiting), "a running daemon waits for its start"
            assert child.quick_deaths <= RESPAWN_LIMIT + 1
            if self.phase in (Phase.STOPPING, Phase.STOPPED):
                assert not child.waiting
        if self.phase is Phase.STOPPED:
            assert not any(child.pid for child in self.children.values())
        if self.phase is Phase.STOPPING:
            assert sum(1 for child in self.children.values() if child.pid and child.terminating) == 1
        if self.ring_lost:
            assert self.phase is Phase.RUNNING
            assert not self.children[MEMBERSHIP].pid
            assert any(child.pid for child in self._on_ring())
