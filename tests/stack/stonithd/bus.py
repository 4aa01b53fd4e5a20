"""Several fencer cores on one virtual group: total order, virtual time, agents that are functions."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from lxml import etree

from hashell.model.agentmeta import AgentMetadata, parse_metadata
from hashell.model.outcomes import ExecStatus
from hashell.model.xmltext import parse
from hashell.ra.agent import FenceResult
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.stonithd.core import Fencer
from hashell.stack.stonithd.effects import Acknowledge, Answer, ClientEvent, FetchAgent, RunAgent, SendPeers
from hashell.stack.stonithd.operation import Moment
from hashell.stack.stonithd.table import DeviceSpec

GOOD = FenceResult(0, ExecStatus.DONE)
BAD = FenceResult(1, ExecStatus.ERROR, "agent says no")

META = """<resource-agent name="fence_x"><parameters><parameter name="plug"/></parameters><actions>{}</actions>
</resource-agent>"""
ALL = ("on", "off", "reboot", "status", "list", "monitor", "metadata")

#: What an agent does: (node, options) -> (seconds it takes, result), or None for one that hangs until its timeout.
Behaviour = Callable[[str, dict[str, str]], tuple[float, FenceResult] | None]


def metadata(*actions: str) -> AgentMetadata:
    return parse_metadata(META.format("".join(f'<action name="{a}"/>' for a in actions or ALL)), "fence_x")


class Bus:
    """`names` are the members; clients are called `NODE/NAME`."""

    def __init__(self, *names: str) -> None:
        self.now = 1000.0
        self.epoch = 1_700_000_000.0  #: the time of day is this and `now`; a test may set it
        self.cores = {name: Fencer(name) for name in names}
        self.alive = list(names)
        self.ids = itertools.count(1)
        self.order = itertools.count(1)
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.timers: dict[tuple[str, str], int] = {}
        self.metadata: dict[str, AgentMetadata | None] = {}
        self.behaviour: Behaviour = lambda node, options: (0.5, GOOD)
        self.runs: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, list[etree._Element]] = {}
        self.events: dict[str, list[etree._Element]] = {}
        self.log: list[str] = []
        for name in names:
            self.apply(name, self.cores[name].members(names, names, [], self.at()))

    def at(self) -> Moment:
        return Moment(self.now, self.epoch + self.now, f"op-{next(self.ids)}", 7)

    def later(self, seconds: float, action: Callable[[], None]) -> int:
        number = next(self.order)
        heapq.heappush(self.agenda, (self.now + seconds, number, action))
        return number

    def run(self, seconds: float = 3600.0) -> None:
        """Let everything happen that happens within that time; the clock stops at the last of it."""
        end = self.now + seconds
        while self.agenda and self.agenda[0][0] <= end:
            when, _, action = heapq.heappop(self.agenda)
            self.now = max(self.now, when)
            action()

    def apply(self, node: str, effects: list[Effect]) -> None:
        self.cores[node].check_invariants()
        for effect in effects:
            self._do(node, effect)

    def _do(self, node: str, effect: Effect) -> None:
        match effect:
            case SendPeers(element, to):
                if node in self.alive:
                    copy = parse(etree.tostring(element))
                    copy.set("src", node)
                    for name in [n for n in self.alive if to in ("", n)]:
                        self.later(0.001, lambda name=name: self._deliver(name, node, copy))  # type: ignore[misc]
            case RunAgent(run, _, _, options, timeout):
                given = dict(options)
                self.runs.append((node, given))
                taken = self.behaviour(node, given)
                seconds, result = taken or (timeout, FenceResult(1, ExecStatus.TIMEOUT, "too slow"))
                if taken and seconds > timeout:
                    seconds, result = timeout, FenceResult(1, ExecStatus.TIMEOUT, "too slow")
                self.call(seconds, node, lambda core: core.agent_done(run, result, self.at()))
            case FetchAgent(agent):
                meta = self.metadata.get(agent, metadata())
                self.call(0.01, node, lambda core: core.agent_metadata(agent, meta, self.at()))
            case SetTimer(name, seconds):
                self._forget(node, name)
                self.timers[node, name] = self.later(seconds, lambda: self._fire(node, name))
            case CancelTimer(name):
                self._forget(node, name)
            case Answer(client, _, _, element):
                self.answers.setdefault(client, []).append(element)
            case ClientEvent(client, element):
                self.events.setdefault(client, []).append(element)
            case Acknowledge(client, _, status):
                self.answers.setdefault(client, []).append(etree.Element("ack", status=str(status)))
            case LogLine(level, text):
                self.log.append(f"{node} {level} {text}")
            case _:
                raise AssertionError(effect)

    def call(self, seconds: float, node: str, action: Callable[[Fencer], list[Effect]]) -> None:
        def act() -> None:
            if node in self.alive:
                self.apply(node, action(self.cores[node]))

        self.later(seconds, act)

    def _forget(self, node: str, name: str) -> None:
        """Out of the agenda with it: a cancelled timer must not move the clock."""
        number = self.timers.pop((node, name), None)
        self.agenda = [item for item in self.agenda if item[1] != number]
        heapq.heapify(self.agenda)

    def _fire(self, node: str, name: str) -> None:
        del self.timers[node, name]
        if node in self.alive:
            self.apply(node, self.cores[node].timer(name, self.at()))

    def _deliver(self, name: str, sender: str, element: etree._Element) -> None:
        if name in self.alive:
            self.apply(name, self.cores[name].peer_message(sender, parse(etree.tostring(element)), self.at()))

    # --- what tests do

    def client(self, node: str, name: str = "tool", *, privileged: bool = True) -> str:
        ident = f"{node}/{name}"
        self.apply(node, self.cores[node].connected(ident, 42, privileged))
        self.ask(ident, f'<stonith_command t="stonith-ng" st_op="register" st_clientname="{name}"/>')
        for kind in ("st_notify_fence", "st_notify_history"):
            self.ask(ident, f'<stonith_set_notification st_op="st_notify" st_notify_activate="{kind}"/>')
        self.answers[ident] = []
        return ident

    def ask(self, client: str, text: str) -> None:
        node = client.split("/")[0]
        self.apply(node, self.cores[node].client_request(client, "token", parse(text), self.at()))

    def device(self, node: str, ident: str, agent: str = "fence_x", *, verified: bool = True, **params: str) -> None:
        params = {"pcmk_host_list": " ".join(self.cores), **params}
        core = self.cores[node]
        self.apply(node, core.table.register(DeviceSpec(ident, agent, params), api=True, now=self.now))
        self.run(1)
        core.table.devices[ident].verified = verified

    def fence(self, client: str, target: str, action: str = "off", timeout: int = 60, options: int = 2, delay: int = 0,
              tolerance: int = 0) -> None:  # fmt: skip
        self.ask(
            client,
            f'<stonith_command t="stonith-ng" st_op="st_fence" st_callid="2" st_callopt="{options}" '
            f'st_timeout="{timeout}" st_delay="{delay}"><st_calldata><stonith_api_fence_with_delay '
            f'st_target="{target}" st_device_action="{action}" st_timeout="{timeout}" st_tolerance="{tolerance}" '
            f'st_delay="{delay}"/></st_calldata></stonith_command>',
        )

    def kill(self, node: str) -> None:
        """The node is gone at once."""
        self.alive.remove(node)
        for name in self.alive:
            self.apply(name, self.cores[name].members(list(self.alive), [], [node], self.at()))

    def result(self, client: str) -> etree._Element:
        """The one answer a client has got since it was last asked for."""
        (answer,) = self.answers[client]
        self.answers[client] = []
        return answer

    def fencing_runs(self) -> list[tuple[str, str]]:
        return [(node, o["action"]) for node, o in self.runs if o["action"] in ("off", "on", "reboot")]
