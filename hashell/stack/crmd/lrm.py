"""Operations on this node: requests to the executor, their results to the CIB or back to the asker.

Rules: daemons specification, sections 3.7 (requests, refusals, pending records), 3.8 (records) and 3.10 (cleanup).
A result is recorded only when the agent's metadata has arrived, because the record lists reloadable parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from hashell.model.acl import SUPERUSERS
from hashell.model.alerts import RESOURCE, AlertEvent
from hashell.model.document import Rc
from hashell.model.exitcodes import ExitCode
from hashell.model.values import integer
from hashell.stack.crmd.context import CAN_CREATE, DRYRUN, MULTIPLE, XPATH, Context, payload_of
from hashell.stack.crmd.effects import (
    AttrdClearFailures,
    CancelOperation,
    ExecuteOperation,
    GetMetadata,
    RegisterResource,
    TellAlerts,
    UnregisterResource,
)
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.history import (
    NO_UUID,
    NOT_RECORDED,
    AgentTraits,
    ExecStatus,
    Operation,
    TransitionKey,
    node_history,
    record,
    told_values,
)
from hashell.stack.crmd.lrmstate import ExecutorState, Resource
from hashell.stack.crmd.options import is_true

NOT_RUNNING = 7
_WORKING_STATES = frozenset({State.NDC, State.PE, State.TE})


@dataclass(frozen=True, slots=True)
class _Asker:
    """Who is told the result of an operation that is not recorded."""

    host: str
    system: str


class LocalExecutor:
    """The resources of this node as seen by its controller."""

    def __init__(self, context: Context) -> None:
        self.ctx = context
        self.state = ExecutorState()
        self._askers: dict[int, _Asker] = {}
        self._cancels: dict[int, tuple[Operation, _Asker]] = {}
        self._awaited: dict[tuple[str, str, str], list[tuple[Operation, _Asker | None]]] = {}
        self._traits: dict[tuple[str, str, str], AgentTraits] = {}

    def invoke(self, message: etree._Element) -> None:
        """Carry out a request of the transition engine or of a client (`rsc_op` payload)."""
        request = payload_of(message)
        target = next(request.iterchildren("primitive"), None) if request is not None else None
        task = message.get("crm_task", "")
        if request is None or target is None or not target.get("id"):
            self.ctx.log("error", f"ignored {task} from {message.get('src')}: no resource in it")
            return
        asker = _Asker(message.get("src") or self.ctx.name, message.get("crm_sys_from", "crmd"))
        op = self._operation(request, target)
        if task == "lrm_delete" or op.task in ("delete", "lrm_delete"):
            self._may_delete(message.get("crm_user") or "", request, op, asker)
        elif task == "lrm_fail":
            self._fail(target, op, asker)
        elif op.task == "cancel":
            self._cancel(op, asker)
        elif op.task:
            self._execute(target, op, asker)
        else:
            self.ctx.log("error", f"ignored {task} from {asker.host}: no operation in it")

    def _operation(self, request: etree._Element, target: etree._Element) -> Operation:
        parameters = parameters_of(request)
        return Operation(
            _history_id(target),
            request.get("operation", ""),
            integer(parameters.get("CRM_meta_interval")),
            request.get("transition-key", ""),
            parameters=parameters,
            timeout_ms=integer(parameters.get("CRM_meta_timeout")),
            start_delay_ms=integer(parameters.get("CRM_meta_start_delay")),
        )

    def _execute(self, target: etree._Element, op: Operation, asker: _Asker) -> None:
        barred = self.ctx.state not in _WORKING_STATES or self._too_late(op) or self._of_another_dc(asker)
        if op.task != "stop" and barred:
            self._refuse(op, asker)
            return
        resource = self._register(target, op)
        if op.interval_ms == 0 and op.task not in ("monitor", "notify"):
            self._cancel_recurring(resource)
        if op.task not in NOT_RECORDED and is_true(op.parameters.get("CRM_meta_record_pending", "true")):
            pending = Operation(op.resource, op.task, op.interval_ms, op.key, parameters=op.parameters)
            pending.run_time = pending.rc_change = int(self.ctx.epoch)
            self._write(resource, pending, "do_lrm_rsc_op")
        self._look_up(resource, op)
        if op.interval_ms:
            for token, other in self.state.operations_of(op.resource):
                if other.op_key == op.op_key:
                    del self.state.running[token]
                    self._askers.pop(token, None)
        token = self.ctx.next_token()
        self.state.running[token] = op
        self._askers[token] = asker
        self.ctx.emit(
            ExecuteOperation(
                token, op.resource, op.task, op.interval_ms, op.timeout_ms, op.start_delay_ms, op.key, op.parameters
            )
        )

    def _look_up(self, resource: Resource, op: Operation) -> None:
        """Have the agent's metadata read, which records need: before each start, else when it was never read."""
        agent = resource.standard, resource.provider, resource.agent
        wanted = op.task == "start" or (agent not in self._traits and agent not in self._awaited)
        if wanted and resource.standard != "stonith":
            self._awaited.setdefault(agent, [])
            self.ctx.emit(GetMetadata(*agent))

    def _refuse(self, op: Operation, asker: _Asker) -> None:
        too_late = self._too_late(op)
        self.ctx.log("notice", f"refused {op.op_key} in {self.ctx.state}{', shutting down' if too_late else ''}")
        op.rc, op.status = 1, ExecStatus.INVALID
        self.ack(op, asker)
        if too_late:
            # Whoever starts something here has not heard that we are leaving, or it was lost on the way to the CIB.
            self.ctx.send(self.ctx.request("req_shutdown", "crmd", "crmd", origin="do_shutdown_req"))

    def _of_another_dc(self, asker: _Asker) -> bool:
        """The order of a transition whose DC is not ours: of one that was out and does not know it yet."""
        known = self.ctx.dc is not None and asker.host.lower() != self.ctx.dc.lower()
        return asker.system == "tengine" and known

    def _too_late(self, op: Operation) -> bool:
        return self.ctx.shutting_down and op.task == "start"

    def _register(self, target: etree._Element, op: Operation) -> Resource:
        resource, new = self.state.resource(
            op.resource, target.get("class", ""), target.get("provider", ""), target.get("type", "")
        )
        if new:
            resource.traits = self._traits.get((resource.standard, resource.provider, resource.agent), resource.traits)
            self.ctx.emit(RegisterResource(resource.id, resource.standard, resource.provider, resource.agent))
        return resource

    def _cancel_recurring(self, resource: Resource) -> None:
        for token, op in self.state.operations_of(resource.id):
            if op.interval_ms:
                del self.state.running[token]
                self._askers.pop(token, None)
                self.ctx.emit(CancelOperation(self.ctx.next_token(), op.resource, op.task, op.interval_ms))
        resource.recurring.clear()

    def _cancel(self, op: Operation, asker: _Asker) -> None:
        """Stop a recurring operation that the scheduler no longer wants."""
        task, interval = op.parameters.get("CRM_meta_operation", ""), op.interval_ms
        token = self.ctx.next_token()
        self._cancels[token] = (op, asker)
        self.ctx.emit(CancelOperation(token, op.resource, task, interval))

    def cancelled(self, token: int, rc: int) -> None:
        """The executor's answer to a CancelOperation: drop the record and confirm to the asker."""
        wanted = self._cancels.pop(token, None)
        if wanted is None:
            return
        op, asker = wanted
        task = op.parameters.get("CRM_meta_operation", "")
        for running, other in self.state.operations_of(op.resource):
            if other.task == task and other.interval_ms == op.interval_ms:
                del self.state.running[running]
                self._askers.pop(running, None)
        key = f"{op.resource}_{task}_{op.interval_ms}"
        resource = self.state.resources.get(op.resource)
        if resource:
            resource.recurring.pop(key, None)
        path = f"{self._resource_path(op.resource)}/lrm_rsc_op[@id='{key}']"
        self.ctx.cib("cib_delete", path, None, XPATH)
        op.rc, op.status = 0, ExecStatus.DONE
        self.ack(op, asker)

    def refused(self, token: int, rc: int, reason: str) -> None:
        """The executor would not run an operation: that is its result."""
        op = self.state.running.get(token)
        if op is None:
            return
        op.rc, op.status = 1, ExecStatus.ERROR if rc else ExecStatus.DONE
        op.exit_reason, op.run_time = reason, int(self.ctx.epoch)
        self._finish(token, op)

    def result(self, done: Operation) -> None:
        """A completed operation as the executor reports it."""
        token = self.state.find(done.resource, done.task, done.interval_ms, done.key)
        if token is None:
            level = "debug" if done.status == ExecStatus.CANCELLED else "info"
            self.ctx.log(level, f"ignored result of {done.op_key}: not expected any more")
            return
        asked = self.state.running[token]
        done.parameters, done.removed = asked.parameters, asked.removed
        if done.task == "monitor" and done.interval_ms == 0 and done.rc == NOT_RUNNING:
            # A fence device that is not started is reported as an error by the executor; a probe expects just that.
            done.status = ExecStatus.DONE
        expected_probe = done.task == "monitor" and done.interval_ms == 0 and not done.failed
        if not expected_probe:
            self.ctx.emit(TellAlerts(AlertEvent(RESOURCE, told_values(done, self.ctx.name))))
        self._finish(token, done)

    def _finish(self, token: int, done: Operation) -> None:
        asker = self._askers.get(token)
        if done.interval_ms == 0 or done.status == ExecStatus.CANCELLED:
            self.state.running.pop(token, None)
            self._askers.pop(token, None)
        resource = self.state.resources.get(done.resource)
        if done.removed or (done.status == ExecStatus.CANCELLED and done.interval_ms):
            if resource:
                resource.recurring.pop(done.op_key, None)
            if done.removed and asker is not None:
                # Its history was cleaned up while it ran: nothing is recorded, but a transition may wait for it.
                self.ack(done, asker)
            return
        waiting = None
        if resource is not None:
            waiting = self._awaited.get((resource.standard, resource.provider, resource.agent))
        if waiting is not None:
            waiting.append((done, asker))
            return
        self._report(done, asker)

    def _report(self, done: Operation, asker: _Asker | None) -> None:
        resource = self.state.resources.get(done.resource)
        found = done.task == "monitor" and done.interval_ms == 0 and done.rc in (0, 7, 8)
        level = "warning" if done.failed and not found else "notice"
        reason = f" ({done.exit_reason})" if done.exit_reason and done.failed else ""
        self.ctx.log(level, f"result of {done.op_key} on {self.ctx.name}: rc={done.rc} status={done.status}{reason}")
        recordable = done.task not in NOT_RECORDED and done.status != ExecStatus.CANCELLED
        if resource is not None and recordable:
            resource.remember(done)
            self._write(resource, done, "controld_update_resource_history")
        elif asker is not None:
            self.ack(done, asker)

    def metadata(self, standard: str, provider: str, agent: str, text: etree._Element | None) -> None:
        """An agent's metadata came (None: it has none); results that waited for it are recorded now."""
        traits = self._traits[standard, provider, agent] = AgentTraits.of(text)
        for resource in self.state.resources.values():
            if (resource.standard, resource.provider, resource.agent) == (standard, provider, agent):
                resource.traits = traits
        for done, asker in self._awaited.pop((standard, provider, agent), []):
            self._report(done, asker)

    def _write(self, resource: Resource, op: Operation, origin: str) -> None:
        element = resource.element()
        element.extend(record(op, self.ctx.name, origin, resource.traits))
        update = node_history(str(self.ctx.node_id), self.ctx.name, origin, element)
        self.ctx.cib("cib_modify", "status", update, CAN_CREATE)

    def ack(self, op: Operation, asker: _Asker) -> None:
        """Tell the asker directly (section 3.7)."""
        origin = "controld_ack_event_directly"
        resource = etree.Element("lrm_resource", id=op.resource)
        key_id = "" if op.task == "notify" else f"{op.resource}_last_0"
        resource.extend(record(op, self.ctx.name, origin, AgentTraits(), with_id=key_id))
        message = etree.Element("message", origin=origin)
        for name, value in (
            ("t", "crmd"),
            ("subt", "response"),
            ("version", self.ctx.feature_set),
            ("reference", "direct-ack"),
            ("crm_sys_from", "lrmd"),
            ("crm_host_to", asker.host),
            ("crm_sys_to", asker.system),
            ("crm_task", "lrm_invoke"),
        ):
            message.set(name, value)
        update = node_history(str(self.ctx.node_id), self.ctx.name, origin, resource)
        etree.SubElement(message, "crm_xml").append(update)
        if asker.system in ("tengine", "dc", "crmd"):
            self.ctx.send(message, to=asker.host)
        else:
            self.ctx.deliver(message, asker.host)

    def _may_delete(self, user: str, request: etree._Element, op: Operation, asker: _Asker) -> None:
        """Delete for a user whom access rules bind only what a trial shows that they let the user delete."""
        if not user or user in SUPERUSERS:
            self._delete(request, op, asker)
            return

        def tried(rc: int, _output: etree._Element | None) -> None:
            if rc != Rc.EACCES:
                self._delete(request, op, asker)
                return
            self.ctx.log("notice", f"{user} may not delete the history of {op.resource}")
            op.task, op.rc, op.status, op.call_id = "delete", ExitCode.INSUFFICIENT_PRIV, ExecStatus.ERROR, 0
            self.ack(op, asker)

        path = self._resource_path(op.resource, request.get("on_node") or self.ctx.name)
        self.ctx.cib("cib_delete", path, None, XPATH | DRYRUN, tried, user=user)

    def _delete(self, request: etree._Element, op: Operation, asker: _Asker) -> None:
        node = request.get("on_node") or self.ctx.name
        if request.get("mode") != "cib" and node.lower() == self.ctx.name.lower():
            if op.resource in self.state.resources:
                self.ctx.emit(UnregisterResource(op.resource))
            self.state.forget(op.resource)
        path = self._resource_path(op.resource, node)
        op.task, op.rc, op.status, op.call_id = "delete", 0, ExecStatus.DONE, 0
        self.ctx.cib("cib_delete", path, None, XPATH, lambda rc, _output: self._deleted(rc, op, asker))

    def _deleted(self, rc: int, op: Operation, asker: _Asker) -> None:
        if rc:
            op.rc, op.status = 1, ExecStatus.ERROR
            self.ctx.log("error", f"history of {op.resource} could not be removed: CIB error {rc}")
        self.ack(op, asker)
        if asker.system != "tengine" and rc == 0:
            self.refresh_marker()

    def refresh_marker(self) -> None:
        """Note the time of the cleanup in the configuration, which makes the DC compute anew."""
        pair = etree.Element("nvpair", id="cib-bootstrap-options-last-lrm-refresh", name="last-lrm-refresh")
        pair.set("value", str(int(self.ctx.epoch)))
        crm_config = etree.Element("crm_config")
        etree.SubElement(crm_config, "cluster_property_set", id="cib-bootstrap-options").append(pair)
        self.ctx.cib("cib_modify", "crm_config", crm_config, CAN_CREATE)

    def _fail(self, target: etree._Element, op: Operation, asker: _Asker) -> None:
        resource = self._register(target, op)
        key = TransitionKey.parse(op.key)
        op.task, op.interval_ms = "asyncmon", 0
        op.key = str(TransitionKey(key.action if key else 0, -1, 0, key.uuid if key else NO_UUID))
        op.rc, op.status, op.exit_reason, op.call_id = 1, ExecStatus.DONE, "Simulated failure", 0
        op.run_time = op.rc_change = int(self.ctx.epoch)
        resource.remember(op)
        self._write(resource, op, "controld_update_resource_history")
        self.ack(op, asker)

    def reprobe(self, message: etree._Element) -> None:
        """Forget every result of this node and tell the asker (`probe_again`)."""
        for resource in self.state.resources.values():
            resource.last = resource.failed = None
            resource.recurring.clear()
        self.delete_history(self.ctx.name)
        self.refresh_marker()
        system = message.get("crm_sys_from", "crmd")
        answer = self.ctx.request("probe_again", "lrmd", system, origin="handle_reprobe_op")
        answer.set("src", self.ctx.name)
        host = message.get("src") or self.ctx.name
        answer.set("crm_host_to", host)
        if system not in ("tengine", "crmd", "dc"):
            self.ctx.deliver(answer, host)

    def clear_failures(self, message: etree._Element) -> None:
        """The graph's `clear_failcount` for a resource of this node."""
        request = payload_of(message)
        target = next(request.iterchildren("primitive"), None) if request is not None else None
        if request is None or target is None:
            return
        parameters = parameters_of(request)
        self.ctx.emit(
            AttrdClearFailures(
                request.get("on_node") or self.ctx.name,
                _history_id(target),
                parameters.get("CRM_meta_operation", ""),
                integer(parameters.get("CRM_meta_interval")),
            )
        )

    def delete_history(self, node: str) -> None:
        """Remove a node's operation history from the CIB."""
        self.ctx.cib("cib_delete", f"//node_state[@uname='{node}']/lrm", None, XPATH | MULTIPLE)

    def _resource_path(self, resource: str, node: str = "") -> str:
        return f"//node_state[@uname='{node or self.ctx.name}']/lrm/lrm_resources/lrm_resource[@id='{resource}']"


def parameters_of(request: etree._Element) -> dict[str, str]:
    """The parameters of a `rsc_op`: the attributes and `<param>` children of its `<attributes>`."""
    attributes = request.find("attributes")
    if attributes is None:
        return {}
    found = {str(k): str(v) for k, v in attributes.items()}
    found.update((p.get("name", ""), p.get("value", "")) for p in attributes.iterchildren("param"))
    return found


def _history_id(target: etree._Element) -> str:
    """The id under which a resource's history is kept on a node."""
    return target.get("id", "")
