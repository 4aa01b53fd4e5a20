"""The supervisor's rules, without processes."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from hashell.stack.effects import CancelTimer, LogLine, SetTimer
from hashell.stack.supervisor.core import (
    DAEMONS,
    QDEVICE,
    RESPAWN_LIMIT,
    DaemonSpec,
    Finish,
    Kill,
    Panic,
    Phase,
    Spawn,
    Supervisor,
    TellState,
    Terminate,
)

NAMES = [spec.name for spec in DAEMONS]


class Node:
    """Carries the effects out on imaginary processes in virtual time."""

    def __init__(self, *specs: DaemonSpec) -> None:
        self.core = Supervisor(specs or DAEMONS)
        self.now = 0.0
        self.pids = itertools.count(100)
        self.timers: dict[str, float] = {}
        self.log: list[str] = []
        self.state = ""
        self.apply(self.core.start())

    def apply(self, effects) -> None:
        for effect in effects:
            match effect:
                case Spawn(name):
                    assert not self.core.children[name].pid
                    self.log.append(f"+{name}")
                    self.apply(self.core.spawned(name, next(self.pids), self.now))
                case Terminate(name):
                    self.log.append(f"term {name}")
                case Kill(name):
                    self.log.append(f"kill {name}")
                case Finish(code):
                    self.log.append(f"finish {code}")
                case Panic():
                    self.log.append("panic")
                case TellState(state):
                    self.state = state
                case SetTimer(name, seconds):
                    self.timers[name] = self.now + seconds
                case CancelTimer(name):
                    self.timers.pop(name, None)
                case LogLine():
                    pass

    def exit(self, name: str, code: int = 1, words: str = "") -> list[str]:
        self.log.clear()
        self.apply(self.core.exited(name, code, words, self.now))
        self.core.check_invariants()
        return list(self.log)

    def run_timers(self, seconds: float) -> list[str]:
        self.log.clear()
        end = self.now + seconds
        while due := [name for name, at in self.timers.items() if at <= end]:
            name = min(due, key=lambda name: self.timers[name])
            self.now = self.timers.pop(name)
            self.apply(self.core.timer(name, self.now))
            self.core.check_invariants()
        self.now = end
        return list(self.log)

    def running(self) -> list[str]:
        return [name for name, child in self.core.children.items() if child.pid]


def test_all_daemons_start_in_order():
    node = Node()
    assert node.log == [f"+{name}" for name in NAMES]
    assert node.state == "running"


def test_they_stop_in_reverse_order_one_at_a_time():
    node = Node()
    node.log.clear()
    node.apply(node.core.stop())
    for name in reversed(NAMES):
        assert node.log == [f"term {name}"]
        assert node.state == ("shutdown_complete" if name in ("pacemakerd", "membership") else "shutting_down")
        node.exit(name, 0)
    assert node.log == ["finish 0"] and node.core.phase is Phase.STOPPED


def test_one_that_does_not_stop_is_killed():
    node = Node()
    node.apply(node.core.stop())
    node.exit("crmd", 0)
    assert node.run_timers(59.0) == []
    assert node.run_timers(2.0) == ["kill schedulerd"]
    assert node.exit("schedulerd", -9) == ["term attrd"]


def test_a_dead_daemon_is_started_at_once_and_later_slower():
    node = Node()
    assert node.exit("attrd", -11) == ["+attrd"]
    assert node.exit("attrd", 0) == ["+attrd"]
    waits = []
    for _ in range(6):
        assert node.exit("attrd") == []
        waits.append(node.timers["respawn attrd"] - node.now)
        node.run_timers(waits[-1])
        assert "attrd" in node.running()
    assert waits == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    node.now += 30.0
    assert node.exit("attrd") == ["+attrd"]


def test_a_daemon_that_cannot_live_brings_the_node_down():
    node = Node()
    for _ in range(RESPAWN_LIMIT):
        node.exit("cib")
        node.run_timers(10.0)
    assert node.exit("cib") == ["term crmd"]
    assert node.core.exit_code == 100


def test_fatal_and_worded_errors_bring_the_node_down_with_their_code():
    for code, words in ((100, ""), (78, "corosync.conf:3: error"), (6, "not configured")):
        node = Node()
        assert node.exit("membership", code, words)[:1] == ["term crmd"]
        for name in reversed(NAMES[1:]):
            node.exit(name, 0)
        assert node.log == [f"finish {code}"]


def test_panic_is_asked_for():
    assert Node().exit("crmd", 101) == ["panic"]


def test_losing_membership_restarts_the_ring_daemons_and_spares_the_executor():
    node = Node()
    before = {name: node.core.children[name].pid for name in NAMES}
    assert node.exit("membership", -11) == []
    assert node.exit("crmd", 102) == []
    assert node.exit("attrd", 102) == []
    assert node.run_timers(1.5) == ["kill cib", "kill stonithd"]
    assert node.exit("stonithd", -9) == []
    assert node.exit("cib", -9) == ["+membership", "+cib", "+stonithd", "+attrd", "+crmd"]
    for name in ("lrmd", "schedulerd", "pacemakerd"):
        assert node.core.children[name].pid == before[name]


def test_ring_daemons_that_went_first_do_not_wait_for_membership_alone():
    node = Node()
    assert node.exit("cib", 102) == ["+cib"]
    assert node.exit("membership", -9) == []
    assert set(node.run_timers(1.5)) == {"kill cib", "kill stonithd", "kill attrd", "kill crmd"}


def test_membership_that_keeps_dying_waits_longer():
    node = Node()
    for _ in range(3):
        node.exit("membership", 1)
        for name in ("cib", "stonithd", "attrd", "crmd"):
            node.exit(name, 102)
    assert "membership" not in node.running()
    assert node.run_timers(1.0)[0] == "+membership" and len(node.running()) == len(NAMES)


def test_stop_while_the_ring_is_being_restarted():
    node = Node()
    node.exit("membership", -11)
    node.log.clear()
    node.apply(node.core.stop())
    assert node.log == ["term crmd"]
    for name in reversed(NAMES[1:]):
        node.exit(name, 0)
    assert node.log == ["finish 0"]


def test_stop_cancels_a_waiting_start():
    node = Node()
    for _ in range(3):
        node.exit("crmd")
    node.log.clear()
    node.apply(node.core.stop())
    assert node.log == ["term schedulerd"] and not node.timers.get("respawn crmd")


def test_stop_now_kills_everything():
    node = Node()
    node.log.clear()
    node.apply(node.core.stop_now())
    assert node.log == ["term crmd"] + [f"kill {name}" for name in NAMES]


def test_unresponsive_daemon_is_killed_and_started_again():
    node = Node()
    node.log.clear()
    node.apply(node.core.unresponsive("cib"))
    assert node.log == ["kill cib"]
    assert node.exit("cib", -9) == ["+cib"]
    assert node.core.unresponsive("nonsense") == []


EVENT = st.one_of(
    st.tuples(st.just("exit"), st.integers(0, 7), st.sampled_from([0, 1, 102, -9, -11])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 40.0]), st.none()),
    st.tuples(st.just("stop"), st.none(), st.none()),
)


@settings(deadline=None)
@given(st.lists(EVENT, max_size=60), st.booleans())
def test_any_history_ends_with_everything_stopped(history, finally_stop):
    node = Node()
    for kind, first, second in history:
        if kind == "exit":
            running = node.running()
            if running:
                node.exit(running[first % len(running)], second)
        elif kind == "wait":
            node.run_timers(first)
        else:
            node.apply(node.core.stop())
        node.core.check_invariants()
    if finally_stop:
        node.apply(node.core.stop())
        for name in reversed(NAMES):
            if name in node.running():
                node.exit(name, 0)
        assert node.core.phase is Phase.STOPPED
    else:
        for _ in range(50):
            if node.core.phase is Phase.STOPPING or node.core.phase is Phase.STOPPED:
                return
            if node.core.ring_lost:
                for name in ("crmd", "attrd", "stonithd", "cib"):
                    if node.core.children[name].pid and node.core.ring_lost:
                        node.exit(name, 102)
            node.run_timers(15.0)
        assert node.running() == NAMES


def test_a_quorum_device_that_is_not_configured_any_more_stays_away() -> None:
    node = Node(DAEMONS[0], QDEVICE, *DAEMONS[1:])
    assert node.exit(QDEVICE.name, 1) == [f"+{QDEVICE.name}"]
    assert node.exit(QDEVICE.name, 0) == [] and node.core.phase is Phase.RUNNING
    node.run_timers(60)
    assert not node.core.children[QDEVICE.name].pid
