"""The fencer without I/O: what clients and peers ask, the operations, the devices of this node.

Rules: daemons specification, section 5; ipc specification, section 3.5. In short:

- Any client may ask for devices, history and fencing; only privileged ones change devices and levels.
- A fencing operation has one owner, the fencer whose client asked for it; a node's request to fence itself is
  relayed to another one. The same request while one is in flight becomes its duplicate and gets its result.
- Every fencer records operations it hears of (the owner's query) and closes them with the owner's broadcast, which
  the owner receives like everybody else: only then are clients answered and told.
- A peer that is told to fence uses the named device, or its capable devices one after the other.

Theory of operation: `owner.py` drives owned operations (`Drive`), `table.py` and `runs.py` the devices; this file
connects them with clients and peers. `Moment` brings time, an unused id and a random number into each input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lxml import etree

from hashell.model.agentmeta import AgentMetadata
from hashell.model.diagnostics import quoted
from hashell.model.outcomes import ExecStatus
from hashell.model.values import integer_of
from hashell.ra.agent import FenceResult
from hashell.stack.effects import CancelTimer, Effect, LogLine
from hashell.stack.stonithd import merging, owner, protocol
from hashell.stack.stonithd.calls import Call, Caller
from hashell.stack.stonithd.device import FENCING_ACTIONS, Device
from hashell.stack.stonithd.effects import Acknowledge, Answer, ClientEvent, SendPeers
from hashell.stack.stonithd.execution import DEFAULT_TIMEOUT, Execution
from hashell.stack.stonithd.operation import (
    A_HUMAN,
    NO_DEVICE,
    SUCCESS,
    FenceOp,
    History,
    Moment,
    Outcome,
    State,
)
from hashell.stack.stonithd.owner import Drive
from hashell.stack.stonithd.protocol import CallOption, find_data
from hashell.stack.stonithd.runs import RunQueue
from hashell.stack.stonithd.table import DeviceSpec, DeviceTable
from hashell.stack.stonithd.topology import LevelKey, Topology

_DENIED = Outcome(ExecStatus.INVALID, 4, "Unprivileged users must not change fencing")
_UNKNOWN = 76


class Fencer:
    """`local` is this node's name."""

    def __init__(self, local: str) -> None:
        self.local = local
        self.runs = RunQueue()
        self.table = DeviceTable(local, self.runs)
        self._execution = Execution(self.table)
        self.topology = Topology()
        self.history = History()
        self._members: list[str] = []
        self._clients: dict[str, Caller] = {}
        self._drives: dict[str, Drive] = {}
        self._calls: dict[str, list[Call]] = {}  #: by operation id: who waits for its end
        self._duplicates: dict[str, list[str]] = {}
        self._announced: dict[str, None] = {}
        self._handlers: dict[str, Callable[[Caller, Call, Moment], list[Effect]]] = {
            "st_query": self._query,
            "st_execute": self._execute,
            "st_fence": self._fence,
            "st_fence_history": self._history_call,
            "st_device_register": self._change_devices,
            "st_device_remove": self._change_devices,
            "st_level_add": self._change_levels,
            "st_level_remove": self._change_levels,
        }
        self._peer_handlers: dict[str, Callable[[str, etree._Element, Moment], list[Effect]]] = {
            "st_query": self._peer_query,
            "st_fence": self._peer_fence,
            "st_fence_history": self._peer_history,
            "st_relay": self._peer_relay,
            "poke": lambda sender, element, at: [],
            "st_timeout_update": lambda sender, element, at: [],
        }

    @property
    def nodeids(self) -> dict[str, str]:
        """Node ids by node name in lower case, as far as they are known; filled in from outside."""
        return self._execution.nodeids

    # --- clients

    def connected(self, client: str, pid: int, privileged: bool) -> list[Effect]:
        self._clients[client] = Caller(client, pid, privileged)
        return []

    def closed(self, client: str) -> list[Effect]:
        """A client is gone; what it asked for goes on."""
        self._clients.pop(client, None)
        return []

    def client_request(self, client: str, token: Any, element: etree._Element, at: Moment) -> list[Effect]:
        """One message of a client; `token` comes back in the answer."""
        known = self._clients.get(client)
        if known is None:
            return [LogLine("warning", f"request of the unknown client {client} ignored")]
        op = element.get("st_op") or element.get("crm_task") or ""
        if op == "register":
            known.name = f"{element.get('st_clientname') or 'client'}.{known.pid}"
            answer = etree.Element("reply", st_op="register", st_clientid=known.id)
            return [Answer(client, token, True, answer)]
        if op == "st_notify":
            wanted = [kind for kind in known.wanted if kind != element.get("st_notify_deactivate")]
            if (kind := element.get("st_notify_activate")) and kind not in wanted:
                wanted.append(kind)
            known.wanted = tuple(wanted)
            return [Acknowledge(client, token, 0)]
        if op == "rm_node_cache":
            return []
        element.set("st_clientid", known.id)
        element.set("st_clientname", known.name or str(known.pid))
        call = Call(client, token, element, CallOption(integer_of(element, "st_callopt")))
        handler = self._handlers.get(op)
        if handler is None:
            outcome = Outcome(ExecStatus.INVALID, _UNKNOWN, f"Unknown IPC request type '{op}'")
            return [self._answer(call, protocol.reply(element, outcome))]
        return handler(known, call, at)

    def _answer(self, call: Call, element: etree._Element) -> Answer:
        return Answer(call.client, call.token, bool(call.options & CallOption.SYNC), element)

    def _notify(self, kind: str, outcome: Outcome, data: etree._Element | None) -> list[Effect]:
        event = protocol.client_notification(kind, outcome, data)
        return [ClientEvent(c.id, event) for c in self._clients.values() if kind in c.wanted]

    # --- configuration

    def configure(
        self,
        devices: Sequence[DeviceSpec],
        levels: list[tuple[LevelKey, int, list[str]]],
        attributes: Mapping[str, Mapping[str, str]],
        now: float,
    ) -> list[Effect]:
        """What the CIB says now: devices this node may use, levels, attributes of nodes by lower-case name."""
        self.topology.replace_cib(levels)
        self.topology.attributes = dict(attributes)
        return self.table.replace_cib(devices, now)

    def _change_devices(self, client: Caller, call: Call, at: Moment) -> list[Effect]:
        op = call.element.get("st_op") or ""
        if not client.privileged:
            return [self._answer(call, protocol.reply(call.element, _DENIED))]
        data = find_data(call.element, "id")
        ident = (data.get("id") or "") if data is not None else ""
        agent = (data.get("agent") or "") if data is not None else ""
        if data is None or not ident or (op == "st_device_register" and not agent):
            outcome = Outcome(ExecStatus.INVALID, 2, "A device needs an id and an agent")
            return [self._answer(call, protocol.reply(call.element, outcome))]
        if op == "st_device_register":
            params = {str(k): str(v) for a in data.iterfind("attributes") for k, v in a.items()}
            effects = self.table.register(DeviceSpec(ident, agent, params), api=True, now=at.now)
        else:
            effects = self.table.remove(ident, api=True, now=at.now)
        effects.append(self._answer(call, protocol.reply(call.element, SUCCESS)))
        return effects + self._notify(op, SUCCESS, etree.Element(op, st_device_id=ident))

    def _change_levels(self, client: Caller, call: Call, at: Moment) -> list[Effect]:
        op = call.element.get("st_op") or ""
        if not client.privileged:
            return [self._answer(call, protocol.reply(call.element, _DENIED))]
        data = next(call.element.iter("fencing-level"), None)
        level = merging.read_level(data) if data is not None else None
        outcome = SUCCESS
        if level is None:
            rc = 2 if data is not None else _UNKNOWN
            outcome = Outcome(ExecStatus.INVALID, rc, "A level needs a target and an index")
        elif op == "st_level_remove":
            self.topology.remove(level[0], level[1])
        elif not self.topology.add(*level):
            outcome = Outcome(ExecStatus.INVALID, 2, "A level needs an index from 1 to 9 and devices")
        effects: list[Effect] = [self._answer(call, protocol.reply(call.element, outcome))]
        if level is not None and outcome.ok:
            effects += self._notify(op, SUCCESS, etree.Element(op, st_device_id=f"{level[0].value}[{level[1]}]"))
        return effects

    # --- commands of clients

    def _query(self, client: Caller, call: Call, at: Moment) -> list[Effect]:
        data = find_data(call.element, "st_device_action")
        target = (data.get("st_target") or "") if data is not None else ""
        action = (data.get("st_device_action") or "off") if data is not None else "off"

        def found(devices: list[Device], now: float) -> list[Effect]:
            listed = protocol.device_list(devices, action, target, parameters=not target)
            return [self._answer(call, protocol.reply(call.element, SUCCESS, listed))]

        return self.table.search(action, target, allow_self=True, now=at.now, done=found)

    def _execute(self, client: Caller, call: Call, at: Moment) -> list[Effect]:
        data = find_data(call.element, "st_device_id")
        if data is None:
            outcome = Outcome(ExecStatus.INVALID, _UNKNOWN, "An action needs a device to do it")
            return [self._answer(call, protocol.reply(call.element, outcome))]
        action = data.get("st_device_action") or "monitor"
        if action in FENCING_ACTIONS and not client.privileged:
            return [self._answer(call, protocol.execution_reply(call.element, "", _DENIED))]

        def send(answer: etree._Element) -> list[Effect]:
            return [self._answer(call, answer)]

        return self._execution.execute(call.element, at, send)

    def _fence(self, client: Caller, call: Call, at: Moment) -> list[Effect]:
        data = find_data(call.element, "st_target")
        target = (data.get("st_target") or "") if data is not None else ""
        action = (data.get("st_device_action") or "") if data is not None else ""
        if data is None or not target or action not in FENCING_ACTIONS:
            rc = 2 if data is not None and target else _UNKNOWN
            outcome = Outcome(ExecStatus.INVALID, rc, "Fencing needs a target and one of off, reboot, on")
            return [self._answer(call, protocol.reply(call.element, outcome))]
        if call.options & CallOption.NODEID:
            target = next((name for name, ident in self.nodeids.items() if ident == target), target)
        target = next((name for name in self._members if name.lower() == target.lower()), target)
        op = FenceOp(
            at.fresh, target, action, self.local, call.element.get("st_clientid") or "",
            call.element.get("st_clientname") or "", created=at.wall,
        )  # fmt: skip
        self._calls[op.id] = [call]
        if call.options & CallOption.MANUAL_ACK:
            self.history.add(op)
            op.delegate, op.state, op.outcome = A_HUMAN, State.DONE, SUCCESS
            return [SendPeers(protocol.fence_broadcast(op))]
        tolerance = integer_of(data, "st_tolerance")
        if tolerance and (done := self.history.recent_success(target, action, at.wall, tolerance)):
            op.state, op.outcome, op.delegate, op.completed = State.DONE, SUCCESS, done.delegate, done.completed
            return self._answer_op(op)
        twin = self.history.in_flight(target, action)
        self.history.add(op)
        if twin is not None and twin.client_id != op.client_id:
            op.state = State.DUPLICATE
            self._duplicates.setdefault(twin.id, []).append(op.id)
            return [LogLine("notice", f"{action} of {target} is in flight already, its result will be taken")]
        timeout = integer_of(data, "st_timeout") or integer_of(call.element, "st_timeout") or DEFAULT_TIMEOUT
        delay = integer_of(data, "st_delay", integer_of(call.element, "st_delay"))
        others = [name for name in self._members if name.lower() != self.local.lower()]
        if target.lower() == self.local.lower() and others and action != "on":
            return self._relay(op, call.element, data, others[0])
        return self._own(op, call.element, timeout, delay, "")

    def _relay(self, op: FenceOp, command: etree._Element, data: etree._Element, to: str) -> list[Effect]:
        """Have another fencer own the fencing of this node."""
        message = protocol.relay(op, command, data, DEFAULT_TIMEOUT)
        return [LogLine("notice", f"{op.action} of this node is relayed to {to}"), SendPeers(message, to)]

    def _own(self, op: FenceOp, command: etree._Element, timeout: int, delay: int, relay: str) -> list[Effect]:
        call = {"st_callid": command.get("st_callid") or "0", "st_callopt": command.get("st_callopt") or "0"}
        drive = Drive(op, call, timeout, delay, list(self._members), self.topology.levels_for(op.target), relay)
        self._drives[op.id] = drive
        if not self._members:
            return [LogLine("warning", "not connected to the cluster"), *owner.end(drive, NO_DEVICE)]
        return self._drive(drive, owner.begin(drive))

    def _drive(self, drive: Drive, effects: list[Effect]) -> list[Effect]:
        """After each step of an owned operation: pass on a new timeout to the client that waits."""
        if drive.tell is None:
            return effects
        seconds, drive.tell = drive.tell, None
        for call in self._calls.get(drive.op.id, []):
            event = etree.Element("st-async-timeout-value", t="st-async-timeout-value")
            event.set("st_callid", call.element.get("st_callid") or "0")
            event.set("st_timeout", str(seconds))
            if not call.options & CallOption.SYNC:
                effects.append(ClientEvent(call.client, event))
        return effects

    # --- the end of an operation

    def _answer_op(self, op: FenceOp) -> list[Effect]:
        """Answer all clients that wait for the operation."""
        effects: list[Effect] = []
        outcome = op.outcome or NO_DEVICE
        for call in self._calls.pop(op.id, []):
            if outcome.ok or not call.options & CallOption.REPORT_ONLY_SUCCESS:
                told = protocol.fence_broadcast(op)
                told.set("st_op", op.action)
                told.set("src", op.origin)
                told.set("state", str(int(op.state)))
                told.set("st_target", op.target)
                answer = protocol.reply(call.element, outcome, told)
                if op.delegate:
                    answer.set("st_delegate", op.delegate)
                effects.append(self._answer(call, answer))
        return effects

    def _finish(self, op: FenceOp, wall: float) -> list[Effect]:
        """An operation has ended, everywhere: answer, tell, and close its duplicates."""
        op.completed = wall
        drive = self._drives.pop(op.id, None)
        effects: list[Effect] = []
        if drive is not None:
            effects += [CancelTimer(f"op:{kind}:{op.id}") for kind in ("query", "peer", "total")]
        outcome = op.outcome or NO_DEVICE
        word = "succeeded" if outcome.ok else f"failed ({outcome.reason or outcome.status.name.lower()})"
        by = f" by {op.delegate}" if op.delegate else ""
        text = f"{op.action} of {op.target}{by} for {op.client_name}@{op.origin} {word}"
        effects.append(LogLine("notice" if outcome.ok else "error", text))
        effects += self._answer_op(op)
        effects += self._notify("st_notify_fence", outcome, protocol.describe_fence(op, result=False))
        for ident in self._duplicates.pop(op.id, []):
            twin = self.history.ops.get(ident)
            if twin is not None:
                twin.state, twin.outcome, twin.delegate, twin.completed = op.state, op.outcome, op.delegate, wall
                effects += self._answer_op(twin)
        return effects

    # --- peers

    def members(self, members: Sequence[str], joined: Sequence[str], left: Sequence[str], at: Moment) -> list[Effect]:
        """The fencers of the cluster by node name."""
        self._members = list(members)
        effects: list[Effect] = []
        if any(name != self.local for name in joined):
            self._announced.clear()
            effects.append(SendPeers(etree.Element("stonith_command", t=protocol.TYPE, st_op="poke")))
        if self.local in joined and len(members) > 1:
            # A restarted fencer has forgotten everything: say so, and the others tell what they know.
            effects.append(SendPeers(merging.broadcast_message(list(self.history.ops.values()))))
        for name in left:
            for drive in list(self._drives.values()):
                effects += self._drive(drive, owner.peer_lost(drive, name))
            for op in [o for o in self.history.ops.values() if o.pending and o.origin == name]:
                if op.id not in self._drives:
                    op.state = State.FAILED
                    op.outcome = Outcome(ExecStatus.ERROR, 1, f"{name} left while it was in charge of it")
                    effects += self._finish(op, at.wall)
        return effects

    def peer_message(self, sender: str, element: etree._Element, at: Moment) -> list[Effect]:
        """A message of a fencer, perhaps our own."""
        op = element.get("st_op") or ""
        if element.tag == "st-reply":
            if op == "st_notify" or element.get("t") == "st_notify":
                return self._peer_notify(sender, element, at)
            drive = self._drives.get(element.get("st_remote_op") or "")
            if drive is None:
                return []
            if op == "st_query":
                return self._drive(drive, owner.answered(drive, sender, element))
            return self._drive(drive, owner.executed(drive, sender, protocol.read_outcome(element)))
        handler = self._peer_handlers.get(op)
        if handler is None:
            return [LogLine("warning", f"message {quoted(op or element.tag)} of {sender} is not known, ignored")]
        return handler(sender, element, at)

    def _peer_query(self, sender: str, element: etree._Element, at: Moment) -> list[Effect]:
        ident, target = element.get("st_remote_op") or "", element.get("st_target") or ""
        action = element.get("st_device_action") or ""
        if not ident or not target or action not in FENCING_ACTIONS:
            return [LogLine("warning", f"query of {sender} names no operation, target or action, ignored")]
        if ident not in self.history.ops:
            op = FenceOp(
                ident, target, action, sender, element.get("st_clientid") or "",
                element.get("st_clientname") or "", created=at.wall,
            )  # fmt: skip
            self.history.add(op)
        relayed = element.get("st_remote_op_relay") or ""
        if relayed in self.history.ops and relayed != ident:
            del self.history.ops[relayed]
            self._calls.setdefault(ident, []).extend(self._calls.pop(relayed, []))
            self._duplicates.setdefault(ident, []).extend(self._duplicates.pop(relayed, []))

        return self._execution.query(element, at, lambda answer: [SendPeers(answer, sender)])

    def _peer_fence(self, sender: str, element: etree._Element, at: Moment) -> list[Effect]:
        """The owner tells us to do it."""
        op = self.history.ops.get(element.get("st_remote_op") or "")
        if op is not None and op.pending:
            op.state = State.EXECUTING
        return self._execution.fence(element, at, lambda answer: [SendPeers(answer, sender)])

    def _peer_relay(self, sender: str, element: etree._Element, at: Moment) -> list[Effect]:
        """A node asks us to fence it: own the operation under an id of our own."""
        target, action = element.get("st_target") or "", element.get("st_device_action") or ""
        relay = element.get("st_remote_op") or ""
        if target.lower() != sender.lower() or action not in FENCING_ACTIONS or not relay:
            return [LogLine("warning", f"{sender} may relay only the fencing of itself, not {action} of {target!r}")]
        op = FenceOp(
            at.fresh, target, action, self.local, element.get("st_clientid") or "",
            element.get("st_clientname") or "", created=at.wall,
        )  # fmt: skip
        self.history.add(op)
        timeout = integer_of(element, "st_timeout") or DEFAULT_TIMEOUT
        return self._own(op, element, timeout, integer_of(element, "st_delay"), relay)

    def _peer_notify(self, sender: str, element: etree._Element, at: Moment) -> list[Effect]:
        data = next(element.iter("st_notify_fence"), None)
        ident = (data.get("st_remote_op") or "") if data is not None else ""
        if data is None or not ident:
            return []
        op = self.history.ops.get(ident)
        if op is None:
            target, action = data.get("st_target") or "", data.get("st_device_action") or ""
            op = FenceOp(ident, target, action, data.get("st_origin") or sender, data.get("st_clientid") or "")
            op.client_name = data.get("st_clientname") or ""
            self.history.add(op)
        elif op.completed:
            return []
        op.outcome = protocol.read_outcome(data)
        op.state = State.DONE if op.outcome.ok else State.FAILED
        op.delegate = data.get("st_delegate") or op.delegate
        return self._finish(op, at.wall)

    # --- history

    def _history_call(self, client: Caller, call: Call, at: Moment) -> list[Effect]:
        data = find_data(call.element, "st_target")
        target = (data.get("st_target") or "") if data is not None else ""
        if call.options & CallOption.CLEANUP:
            if not client.privileged:
                return [self._answer(call, protocol.reply(call.element, _DENIED))]
            message = merging.cleanup_message(target)
            return [self._answer(call, protocol.reply(call.element, SUCCESS)), SendPeers(message)]
        if call.options & CallOption.BROADCAST:
            message = merging.broadcast_message(list(self.history.ops.values()))
            return [self._answer(call, protocol.reply(call.element, SUCCESS)), SendPeers(message)]
        listed = None
        if ops := self.history.newest_first(target):
            listed = etree.Element("st_history")
            listed.extend([protocol.history_entry(op, with_id=False) for op in ops])
        return [self._answer(call, protocol.reply(call.element, SUCCESS, listed))]

    def _peer_history(self, sender: str, element: etree._Element, at: Moment) -> list[Effect]:
        options = CallOption(integer_of(element, "st_callopt"))
        if options & CallOption.CLEANUP:
            data = find_data(element, "st_target")
            self.history.clean((data.get("st_target") or "") if data is not None else "")
            return self._notify("st_notify_history", SUCCESS, None)
        if sender == self.local:
            return self._notify("st_notify_history_synced", SUCCESS, None)
        merged = merging.merge(self.history, element, self.local, at.wall)
        tell = [op for op in merged.news if op.id not in self._announced]
        self._announced.update(dict.fromkeys(op.id for op in tell))
        effects: list[Effect] = [SendPeers(merging.broadcast_message(tell))] if tell else []
        for op in merged.closed:
            effects += self._finish(op, op.completed or at.wall)
        if merged.changed:
            effects += self._notify("st_notify_history", SUCCESS, None)
        return effects + self._notify("st_notify_history_synced", SUCCESS, None)

    # --- agents and timers

    def agent_done(self, run: int, result: FenceResult, at: Moment) -> list[Effect]:
        """The end of a RunAgent."""
        return self.runs.finished(run, result, at.now)

    def agent_metadata(self, agent: str, meta: AgentMetadata | None, at: Moment) -> list[Effect]:
        """The answer to a FetchAgent."""
        return self.table.agent_metadata(agent, meta, at.now)

    def timer(self, name: str, at: Moment) -> list[Effect]:
        kind, _, rest = name.partition(":")
        if kind == "run":
            return self.runs.timer(int(rest), at.now)
        if kind == "meta":
            return self.table.metadata_timer(rest)
        what, _, ident = rest.partition(":")
        drive = self._drives.get(ident)
        if drive is None:
            return []
        if what == "query":
            return self._drive(drive, owner.query_over(drive))
        timed_out = Outcome(ExecStatus.TIMEOUT, 1, f"Fencing did not complete within {what} timeout")
        if what == "peer":
            return self._drive(drive, owner.executed(drive, drive.peer, timed_out))
        return self._drive(drive, owner.end(drive, timed_out))

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts the rules above."""
        self.table.check_invariants()
        self.runs.check_invariants()
        for ident, drive in self._drives.items():
            assert ident == drive.op.id and ident in self.history.ops
            assert not drive.peer or drive.started
        for ident in self._calls:
            assert ident in self.history.ops, "a client waits for an operation that nobody knows"
        for first in self._duplicates:
            assert first in self.history.ops

