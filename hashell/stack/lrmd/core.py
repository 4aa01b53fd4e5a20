"""The executor without I/O: clients, resources, queues, recurring operations, results and who hears of them.

Rules (daemons specification, section 6.1; ipc specification, section 3.6):

- Each resource has one queue in order of arrival and one active operation at most; resources do not wait for each
  other. An operation with a start delay holds the head of its queue until the delay is over.
- Every message takes a call id from one counter; an exec is answered with its own at once, its result is an event.
- A `stop` first cancels all recurring operations of the resource.
- Asking for a recurring operation that exists gives that one the new call id and runs it at once.
- A recurring operation waits its whole interval after each end. Its result is an event the first time, and then,
  with the option notify-changes-only, when return code or status differ from the last ones.
- Cancelling: queued or waiting ones are reported cancelled at once, a running recurring one is killed and reported
  cancelled; a running one that is not recurring cannot be cancelled.
- Clients without privileges may register and be told events, nothing else.

Theory of operation: requests come in through `request`, ends of runs through `finished`, timers through `timer`.
Run numbers are the serial numbers of operations, so a late end finds its operation even when the resource is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lxml import etree

from hashell.model.diagnostics import quoted
from hashell.model.outcomes import ExecStatus
from hashell.model.values import integer
from hashell.model.xmltext import representable
from hashell.ra.agent import AgentId, AgentJob, AgentResult
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.lrmd import protocol
from hashell.stack.lrmd.effects import FetchMetadata, Kill, Notify, Reply, Run, RunAlert
from hashell.stack.lrmd.operation import Operation, Phase, Resource
from hashell.stack.lrmd.protocol import DROP_RECURRING, NOTIFY_CHANGES_ONLY, NOTIFY_ORIG_ONLY


@dataclass
class _Client:
    id: str
    privileged: bool
    name: str = ""  #: '' until it has registered


@dataclass(frozen=True)
class _Request:
    client: _Client
    token: Any
    element: etree._Element
    call_id: int
    now: float
    options: int


class Executor:
    """State of one executor. `started` is the monotonic time it began, for the uptime clients are told."""

    def __init__(self, started: float = 0.0, node_start_state: str = "") -> None:
        self._started = started
        self._start_state = node_start_state
        self._call_id = 0
        self._serial = 0
        self._clients: dict[str, _Client] = {}
        self._resources: dict[str, Resource] = {}
        self._runs: dict[int, Operation] = {}
        self._homes: dict[int, Resource] = {}
        self._alerts: dict[int, Operation] = {}
        self._alerts_told = 0
        self._handlers: dict[str, Callable[[_Request], list[Effect]]] = {
            "lrmd_rsc_info": self._info,
            "lrmd_rsc_register": self._register,
            "lrmd_rsc_unregister": self._unregister,
            "lrmd_rsc_exec": self._exec,
            "lrmd_rsc_cancel": self._cancel,
            "lrmd_rsc_poke": self._poke,
            "lrmd_get_recurring": self._get_recurring,
            "lrmd_alert_exec": self._alert,
            "lrmd_rsc_metadata": self._metadata,
        }

    @property
    def resources(self) -> dict[str, Resource]:
        """The registered resources by id, for inspection."""
        return self._resources

    # --- clients

    def connected(self, client: str, privileged: bool) -> list[Effect]:
        self._clients[client] = _Client(client, privileged)
        return []

    def disconnected(self, client: str, now: float) -> list[Effect]:
        """A client is gone: drop its recurring operations on resources registered with drop-recurring."""
        effects: list[Effect] = []
        known = self._clients.pop(client, None)
        if known is None:
            return effects
        for resource in self._resources.values():
            if resource.options & DROP_RECURRING:
                for op in resource.recurring():
                    if op.client == client:
                        effects += self._cancel_operation(resource, op)
                effects += self._advance(resource, now)
        return effects

    def request(self, client: str, token: Any, element: etree._Element, now: float) -> list[Effect]:
        """One message of a client; `token` comes back in its Reply."""
        known = self._clients.get(client)
        if known is None:
            return [LogLine("warning", f"request of the unknown client {client} ignored")]
        op = element.get("lrmd_op") or ""
        self._call_id += 1
        request = _Request(known, token, element, self._call_id, now, integer(element.get("lrmd_callopt")))
        if op == "register":
            return self._sign_on(request)
        if op == "lrmd_check":
            return []
        handler = self._handlers.get(op)
        if handler is None:
            text = f"unknown operation {quoted(op)} from {known.name or known.id}"
            return [LogLine("warning", text), self._reply(request, -protocol.EOPNOTSUPP)]
        if op != "lrmd_rsc_poke" and not known.privileged:
            return [self._reply(request, -protocol.EACCES)]
        return handler(request)

    def _reply(self, request: _Request, rc: int, origin: str = "process_lrmd_message") -> Reply:
        return Reply(request.token, protocol.reply(origin, rc, request.call_id))

    def _broadcast(self, element: etree._Element, *, but: str = "") -> list[Effect]:
        return [Notify(c.id, element) for c in self._clients.values() if c.name and c.id != but]

    def _sign_on(self, request: _Request) -> list[Effect]:
        client, element = request.client, request.element
        version = element.get("lrmd_protocol_version") or ""
        major = integer(version.split(".")[0], 0)
        rc = 0 if major >= 1 else -protocol.EPROTO
        answer = protocol.reply("process_lrmd_signon", rc, request.call_id)
        answer.set("lrmd_op", "register")
        answer.set("lrmd_clientid", client.id)
        answer.set("lrmd_protocol_version", protocol.PROTOCOL_VERSION)
        answer.set("uptime", str(max(0, int(request.now - self._started))))
        if self._start_state:
            answer.set("node_start_state", self._start_state)
        effects: list[Effect] = [Reply(request.token, answer)]
        if rc == 0:
            client.name = element.get("lrmd_clientname") or client.id
            effects += self._broadcast(protocol.new_client_notify(), but=client.id)
        return effects

    # --- resources

    def _named(self, request: _Request) -> Resource | None:
        rsc = protocol.find(request.element, "lrmd_rsc")
        return self._resources.get(rsc.get("lrmd_rsc_id") or "") if rsc is not None else None

    def _info(self, request: _Request) -> list[Effect]:
        resource = self._named(request)
        if resource is None:
            return [self._reply(request, -protocol.ENODEV, "process_lrmd_get_rsc_info")]
        answer = protocol.reply("process_lrmd_get_rsc_info", 0, request.call_id)
        answer.set("lrmd_rsc_id", resource.id)
        protocol.describe_agent(answer, resource.agent)
        return [Reply(request.token, answer)]

    def _register(self, request: _Request) -> list[Effect]:
        rsc = protocol.find(request.element, "lrmd_rsc")
        agent = protocol.read_agent(rsc) if rsc is not None else None
        name = (rsc.get("lrmd_rsc_id") or "") if rsc is not None else ""
        if agent is None or not name:
            text = "a resource to register has no id, class or type"
            return [LogLine("warning", text), self._reply(request, -protocol.EINVAL)]
        effects: list[Effect] = []
        old = self._resources.get(name)
        if old is not None and old.agent == agent:
            old.options = request.options
        else:
            self._resources[name] = Resource(name, agent, request.options)
            if old is not None:
                effects += self._abandon(old)
        effects.append(self._reply(request, 0))
        return effects + self._broadcast(protocol.generic_notify(0, request.call_id, "lrmd_rsc_register", name))

    def _abandon(self, resource: Resource) -> list[Effect]:
        """Cancel what can be cancelled of a resource that is no longer registered; the active one runs out."""
        effects: list[Effect] = []
        for op in resource.operations():
            if op.phase != Phase.ACTIVE or op.recurring:
                effects += self._cancel_operation(resource, op)
        return effects

    def _unregister(self, request: _Request) -> list[Effect]:
        resource = self._named(request)
        if resource is None:
            # What is not there is gone: the original says so, too, if only it is told what.
            rsc = protocol.find(request.element, "lrmd_rsc")
            named = rsc is not None and rsc.get("lrmd_rsc_id")
            return [self._reply(request, 0 if named else -protocol.ENODEV)]
        rc = -protocol.EINPROGRESS if resource.active else 0
        del self._resources[resource.id]
        effects = self._abandon(resource)
        effects.append(self._reply(request, rc))
        event = protocol.generic_notify(rc, request.call_id, "lrmd_rsc_unregister", resource.id)
        return effects + self._broadcast(event)

    def _poke(self, request: _Request) -> list[Effect]:
        event = protocol.generic_notify(0, request.call_id, "lrmd_rsc_poke", "")
        return [self._reply(request, 0), *self._broadcast(event)]

    def _get_recurring(self, request: _Request) -> list[Effect]:
        rsc = protocol.find(request.element, "lrmd_rsc")
        wanted = rsc.get("lrmd_rsc_id") if rsc is not None else None
        if wanted is not None and wanted not in self._resources:
            return [self._reply(request, -protocol.ENODEV, "process_lrmd_get_recurring")]
        answer = protocol.reply("process_lrmd_get_recurring", 0, request.call_id)
        for resource in self._resources.values():
            if wanted in (None, resource.id):
                item = etree.SubElement(answer, "lrmd_rsc", {"lrmd_rsc_id": resource.id})
                for op in resource.recurring():
                    found = etree.SubElement(item, "lrmd_rsc_op", {"lrmd_rsc_action": op.action})
                    found.set("lrmd_rsc_interval", str(op.interval_ms))
                    found.set("lrmd_timeout", str(op.timeout_ms))
        return [Reply(request.token, answer)]

    # --- operations

    def _exec(self, request: _Request) -> list[Effect]:
        rsc = protocol.find(request.element, "lrmd_rsc")
        if rsc is None or not rsc.get("lrmd_rsc_id"):
            return [self._reply(request, -protocol.EINVAL)]
        resource = self._named(request)
        if resource is None:
            return [self._reply(request, -protocol.ENODEV)]
        wanted = protocol.read_exec(request.element)
        if wanted is None:
            return [self._reply(request, -protocol.EINVAL)]
        op = Operation(
            serial=self._serial + 1,
            call_id=request.call_id,
            client=request.client.id,
            resource=resource.id,
            action=wanted.action,
            interval_ms=wanted.interval_ms,
            timeout_ms=wanted.timeout_ms,
            start_delay_ms=wanted.start_delay_ms,
            options=request.options,
            userdata=wanted.userdata,
            params=wanted.params,
            queued_at=request.now,
        )
        effects: list[Effect] = [self._reply(request, request.call_id)]
        twin = resource.find_recurring(op.action, op.interval_ms) if op.recurring else None
        if twin is not None:
            return effects + self._merge(resource, twin, op, request.now)
        self._serial += 1
        if op.action == "stop":
            for old in resource.recurring():
                effects += self._cancel_operation(resource, old)
        resource.queue.append(op)
        return effects + self._advance(resource, request.now)

    def _merge(self, resource: Resource, op: Operation, new: Operation, now: float) -> list[Effect]:
        """Give the existing recurring operation what the new request says, and run it at once."""
        op.call_id, op.client, op.userdata, op.options = new.call_id, new.client, new.userdata, new.options
        op.params, op.timeout_ms, op.reported = new.params, new.timeout_ms, None
        if op.phase != Phase.WAITING:
            return []
        resource.waiting.remove(op)
        return [CancelTimer(f"again:{op.serial}"), *self._enqueue(resource, op, now)]

    def _enqueue(self, resource: Resource, op: Operation, now: float) -> list[Effect]:
        op.phase, op.queued_at = Phase.QUEUED, now
        resource.queue.append(op)
        return self._advance(resource, now)

    def _advance(self, resource: Resource, now: float) -> list[Effect]:
        """Start the head of the queue unless something is active or its start delay has to pass first."""
        if resource.active or not resource.queue:
            return []
        op = resource.queue[0]
        if op.phase == Phase.DELAYED:
            return []
        if op.start_delay_ms and not op.delay_done:
            op.phase = Phase.DELAYED
            return [SetTimer(f"delay:{op.serial}", op.start_delay_ms / 1000)]
        resource.queue.popleft()
        op.phase, op.started_at = Phase.ACTIVE, now
        op.queue_ms = max(0, round((now - op.queued_at) * 1000))
        resource.active = op
        self._runs[op.serial], self._homes[op.serial] = op, resource
        job = AgentJob(
            agent=resource.agent,
            resource=resource.id,
            action=op.action,
            timeout=op.timeout_ms / 1000,
            interval=op.interval_ms / 1000,
            params=op.params,
            userdata=op.userdata,
        )
        return [Run(op.serial, job)]

    def finished(self, run: int, result: AgentResult, now: float, wall: float) -> list[Effect]:
        """A run has ended; `wall` is the time now in seconds since the epoch."""
        alert = self._alerts.pop(run, None)
        if alert is not None:
            return self._alert_finished(alert, result, now, wall)
        op = self._runs.pop(run, None)
        if op is None:
            return [LogLine("debug", f"end of the unknown run {run} ignored")]
        resource = self._homes.pop(run)
        resource.active = None
        op.result = AgentResult.cancelled() if op.cancelled else result
        op.exec_ms = max(0, round((now - op.started_at) * 1000))
        op.run_time = int(wall - (now - op.started_at))
        effects = self._report(resource, op, int(wall))
        if op.recurring and not op.cancelled and self._resources.get(resource.id) is resource:
            op.phase = Phase.WAITING
            resource.waiting.append(op)
            effects.append(SetTimer(f"again:{op.serial}", op.interval_ms / 1000))
        else:
            op.phase = Phase.GONE
        return effects + self._advance(resource, now)

    def _report(self, resource: Resource, op: Operation, wall: int) -> list[Effect]:
        assert op.result is not None
        outcome = (op.result.rc, int(op.result.status))
        if op.recurring and not op.cancelled and op.seen != outcome:
            op.change_time = wall
        op.seen = outcome
        if op.recurring and op.options & NOTIFY_CHANGES_ONLY and op.reported == outcome:
            return []
        op.reported = outcome
        deleted = self._resources.get(resource.id) is not resource
        return self._tell(op, op.notification(deleted=deleted))

    def _tell(self, op: Operation, event: etree._Element) -> list[Effect]:
        if op.options & NOTIFY_ORIG_ONLY:
            return [Notify(op.client, event)] if op.client in self._clients else []
        return self._broadcast(event)

    def timer(self, name: str, now: float) -> list[Effect]:
        """A start delay or an interval is over."""
        kind, _, serial = name.partition(":")
        for resource in self._resources.values():
            for op in resource.operations():
                if str(op.serial) != serial:
                    continue
                if kind == "delay" and op.phase == Phase.DELAYED:
                    op.delay_done, op.phase = True, Phase.QUEUED
                    return self._advance(resource, now)
                if kind == "again" and op.phase == Phase.WAITING:
                    resource.waiting.remove(op)
                    return self._enqueue(resource, op, now)
        return []

    # --- cancelling

    def _cancel_operation(self, resource: Resource, op: Operation) -> list[Effect]:
        """Cancel one operation: a running one is killed and reported at its end, another is reported now."""
        if op.cancelled:
            return []
        op.cancelled = True
        if op.phase == Phase.ACTIVE:
            return [Kill(op.serial)]
        effects: list[Effect] = []
        if op.phase == Phase.WAITING:
            resource.waiting.remove(op)
            effects.append(CancelTimer(f"again:{op.serial}"))
        else:
            resource.queue.remove(op)
            if op.phase == Phase.DELAYED:
                effects.append(CancelTimer(f"delay:{op.serial}"))
        op.phase, op.result = Phase.GONE, AgentResult.cancelled()
        return effects + self._report(resource, op, op.change_time)

    def _cancel(self, request: _Request) -> list[Effect]:
        rsc = protocol.find(request.element, "lrmd_rsc")
        if rsc is None or not rsc.get("lrmd_rsc_id"):
            return [self._reply(request, -protocol.EINVAL)]
        resource = self._named(request)
        if resource is None:
            return [self._reply(request, -protocol.ENODEV)]
        wanted = protocol.read_exec(request.element)
        if wanted is None:
            return [self._reply(request, -protocol.EINVAL)]
        for op in resource.operations():
            if op.cancelled or not op.matches(wanted.action, wanted.interval_ms):
                continue
            if op.phase == Phase.ACTIVE and not op.recurring:
                continue
            effects = [self._reply(request, 0), *self._cancel_operation(resource, op)]
            return effects + self._advance(resource, request.now)
        return [self._reply(request, -protocol.EOPNOTSUPP)]

    # --- alerts and metadata

    def _alert(self, request: _Request) -> list[Effect]:
        alert = protocol.find(request.element, "lrmd_alert")
        path = (alert.get("lrmd_alert_path") or "") if alert is not None else ""
        if alert is None or not path.startswith("/"):
            return [LogLine("warning", "an alert has no absolute path"), self._reply(request, -protocol.EINVAL)]
        self._serial += 1
        timeout = integer(alert.get("lrmd_timeout"), 30000)
        op = Operation(
            self._serial, request.call_id, request.client.id, alert.get("lrmd_alert_id") or "", "alert", 0, timeout, 0,
            request.options, "", protocol.read_parameters(alert), Phase.ACTIVE, request.now, request.now,
        )  # fmt: skip
        self._alerts[op.serial] = op
        self._alerts_told += 1
        op.params["CRM_alert_node_sequence"] = str(self._alerts_told)
        return [self._reply(request, request.call_id), RunAlert(op.serial, path, timeout / 1000, op.params)]

    def _alert_finished(self, op: Operation, result: AgentResult, now: float, wall: float) -> list[Effect]:
        op.result, op.phase = replace(result, output=""), Phase.GONE
        op.exec_ms, op.run_time = max(0, round((now - op.started_at) * 1000)), int(wall - (now - op.started_at))
        event = op.notification(deleted=False)
        event.set("lrmd_op", "lrmd_alert_exec")
        effects: list[Effect] = []
        if result.rc or result.status != ExecStatus.DONE:
            reason = result.reason or result.output.strip()[-200:] or f"it returned {result.rc}"
            effects.append(LogLine("warning", f"alert {op.resource} failed: {reason}"))
        return effects + self._tell(op, event)

    def _metadata(self, request: _Request) -> list[Effect]:
        rsc = protocol.find(request.element, "lrmd_rsc")
        agent = protocol.read_agent(rsc) if rsc is not None else None
        if agent is None:
            return [self._reply(request, -protocol.EINVAL)]
        return [FetchMetadata(request.token, request.call_id, agent)]

    def metadata(self, token: Any, call_id: int, agent: AgentId, text: str | None, reason: str = "") -> list[Effect]:
        """The metadata a FetchMetadata asked for; None with the reason when there is none."""
        rc = 0 if text is not None else -protocol.ENODEV
        answer = protocol.reply("process_lrmd_rsc_metadata", rc, call_id)
        protocol.describe_agent(answer, agent)
        if reason:
            answer.set("lrmd_rsc_exit_reason", representable(reason))
        if text is not None:
            etree.SubElement(answer, "lrmd_calldata").text = representable(text)
        return [Reply(token, answer)]

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts the rules above."""
        for name, resource in self._resources.items():
            assert name == resource.id
            keys = [(op.action, op.interval_ms) for op in resource.recurring()]
            assert len(keys) == len(set(keys)), f"{name}: a recurring operation twice"
            if resource.active:
                assert resource.active.phase == Phase.ACTIVE and self._homes[resource.active.serial] is resource
            for place, op in enumerate(resource.queue):
                assert op.phase == Phase.QUEUED or (op.phase == Phase.DELAYED and place == 0)
                assert not op.cancelled
            assert all(op.phase == Phase.WAITING and op.recurring for op in resource.waiting)
            assert resource.active or not resource.queue or resource.queue[0].phase == Phase.DELAYED
        assert list(self._runs) == list(self._homes)
