"""The transition engine of the DC: fires a graph's actions, takes their results, decides when to compute anew.

Rules: daemons specification, sections 3.9 (matching, fail counts, aborts, limits) and 5.4 (fencing).
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from hashell.model.values import integer
from hashell.stack.crmd.aborts import Finding, Reason, Removed, Result
from hashell.stack.crmd.context import CAN_CREATE, XPATH, Context, payload_of
from hashell.stack.crmd.effects import AttrdUpdate, RequestFencing
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.graph import Action, Completion, Transition
from hashell.stack.crmd.history import (
    AgentTraits,
    ExecStatus,
    Operation,
    TransitionKey,
    effective_rc,
    node_history,
    record,
)
from hashell.stack.crmd.lrmstate import Resource
from hashell.stack.crmd.options import INFINITY
from hashell.stack.crmd.peers import Peer
from hashell.stack.crmd.throttle import Throttle
from hashell.stack.effects import CancelTimer, SetTimer

#: Prefix of the timers of single actions.
ACTION_TIMER = "action-"
#: A node that refuses an action does so until its state changes, which we hear of: asking on at once is a busy loop.
_REFUSED_PAUSE = 1.0
_DEAF_STATES = frozenset({State.STA, State.PEN, State.NDC, State.HLT, State.STO, State.TER})


class Transitioner:
    """Executes one transition at a time. `local(message)` hands a request to this node's own executor."""

    def __init__(self, context: Context, local: Callable[[etree._Element], None]) -> None:
        self.ctx = context
        self.uuid = ""
        self.active = False
        self.graph = Transition.empty()
        self.throttle = Throttle()
        self.fencing_failures: dict[str, int] = {}
        self._local = local
        self._fencing: dict[int, Action] = {}
        self._dismissed: dict[str, None] = {}
        self._advancing = False
        self._limit = 0

    def take_office(self, uuid: str) -> None:
        """Become active as part of the DC; transitions of this term carry `uuid`."""
        if not self.active:
            self.uuid, self.active = uuid, True

    def start(self, graph: Transition) -> None:
        """Begin a new transition; the former one must be complete."""
        assert self.graph.complete, "a transition would overtake another"
        self.graph = graph
        self._limit = graph.batch_limit
        self.ctx.log("notice", f"transition {graph.id} with {len(graph.actions)} actions ({graph.source or 'unsaved'})")
        self.advance()

    def stop(self) -> None:
        """Leave the DC's office: what runs goes on, nobody waits for it here."""
        self._drop_timers()
        self.graph = Transition.empty()
        self._fencing.clear()
        self._dismissed.clear()
        self.active = False

    def abort(self, priority: int, completion: Completion, reason: str) -> None:
        """Something changed: stop firing, or compute anew when nothing is under way."""
        if not self.active or self.ctx.state in _DEAF_STATES:
            return
        if self.graph.complete:
            self.ctx.log("info", f"computing anew: {reason}")
            self.ctx.raise_input("PE_CALC", reason)
            return
        if self.graph.abort_priority < priority:
            self.ctx.log("notice", f"transition {self.graph.id} aborted: {reason}")
        self.graph.abort(priority, completion, reason)
        self.advance()

    def restart(self, reason: str) -> None:
        self.abort(INFINITY, Completion.RESTART, reason)

    def halt(self, reason: str) -> None:
        """Let the running actions end, start no other."""
        self.abort(INFINITY, Completion.WAIT, reason)

    def advance(self) -> None:
        """Fire what is ready until nothing is; then see whether the transition is complete."""
        if self._advancing or self.graph.complete or self.ctx.held:
            return
        self._advancing = True
        graph = self.graph
        graph.batch_limit = self.throttle.batch_limit(self._limit, len(self.ctx.peers.active()))
        fired = True
        while fired:
            fired = False
            for synapse in graph.ready(self._allowed):
                synapse.executed = fired = True
                for action in synapse.actions:
                    self._fire(action)
        self._advancing = False
        if not graph.pending() and not graph.complete:
            self._completed()

    def _allowed(self, action: Action) -> bool:
        return self.throttle.allows(action, self.graph.pending(), self.graph.migration_limit)

    def _completed(self) -> None:
        graph = self.graph
        graph.complete = True
        incomplete = len(graph.incomplete())
        if incomplete and graph.abort_priority <= 0:
            self.ctx.log("warning", f"transition {graph.id} terminated with {incomplete} actions that cannot start")
        self.ctx.log("notice", f"transition {graph.id} {'stopped' if incomplete else 'complete'}")
        if graph.completion is Completion.SHUTDOWN:
            self.ctx.raise_input("STOP")
        elif self.ctx.state is State.FIN:
            self.ctx.raise_input("RESTART")
        elif graph.completion is Completion.RESTART or self.ctx.state is State.PE:
            delay = max(self.ctx.options.transition_delay, _REFUSED_PAUSE if graph.refused else 0.0)
            if delay > 0:
                self.ctx.emit(SetTimer("transition-delay", delay))
            else:
                self.ctx.raise_input("PE_CALC", graph.abort_reason)
        elif self.ctx.state is State.TE:
            self.ctx.raise_input("TE_SUCCESS", graph.abort_reason)

    def _fire(self, action: Action) -> None:
        action.executed = True
        if action.kind == "pseudo_event":
            action.confirmed = True
        elif action.kind == "crm_event":
            self._fire_cluster(action)
        else:
            self._fire_resource(action)

    def _fire_resource(self, action: Action) -> None:
        request = _with_key(action.element, self._key(action))
        message = self._invocation("lrm_invoke", "lrmd", action, request)
        seconds = (action.timeout_ms + action.start_delay_ms) / 1000 if action.timeout_ms > 0 else 0.0
        self.ctx.emit(SetTimer(f"{ACTION_TIMER}{action.id}", seconds + self.graph.cluster_delay))
        if action.no_wait:
            self._confirm(action)
        if self._is_local(action):
            message.set("src", self.ctx.name)
            self._local(message)
        else:
            self.ctx.send(message, to=action.runs_on, to_daemon="lrmd")

    def _fire_cluster(self, action: Action) -> None:
        if action.task == "stonith":
            self._fence(action)
            return
        if action.task == "do_shutdown" and self._is_local(action):
            self._confirm(action)
            self.graph.abort(0, Completion.SHUTDOWN, "local shutdown")
            return
        if action.task == "lrm_delete" and action.element.get("mode") == "cib":
            self._delete_history(action)
            return
        if action.task == "do_shutdown":
            self._dismissed[action.node.lower()] = None
        system = "crmd"
        request = _with_key(action.element, self._key(action))
        message = self._invocation(action.task, system, action, request)
        message.set("transition-key", self._key(action))
        self._confirm(action)
        if self._is_local(action):
            message.set("src", self.ctx.name)
            self._local(message)
        else:
            self.ctx.send(message, to=action.runs_on)

    def _invocation(self, task: str, system: str, action: Action, request: etree._Element) -> etree._Element:
        origin = "execute_rsc_action" if system == "lrmd" else "execute_cluster_action"
        return self.ctx.request(task, "tengine", system, to=action.runs_on, payload=request, origin=origin)

    def _delete_history(self, action: Action) -> None:
        resource = action.resource
        if resource is not None:
            path = (
                f"//node_state[@uname='{action.node}']/lrm/lrm_resources/lrm_resource[@id='{resource.get('id')}']"
            )
            self.ctx.cib("cib_delete", path, None, XPATH)
        self._confirm(action)

    def _key(self, action: Action) -> str:
        return str(TransitionKey(action.id, self.graph.id, action.target_rc, self.uuid))

    def _is_local(self, action: Action) -> bool:
        return action.runs_on.lower() == self.ctx.name.lower()

    def _confirm(self, action: Action) -> None:
        action.confirmed = True
        self.ctx.emit(CancelTimer(f"{ACTION_TIMER}{action.id}"))

    # Fencing

    def _fence(self, action: Action) -> None:
        token = self.ctx.next_token()
        self._fencing[token], action.asked_at = action, self.ctx.now
        kind = action.attributes.get("CRM_meta_stonith_action", "reboot")
        delay = action.attributes.get("CRM_meta_priority-fencing-delay") or action.attributes.get(
            "CRM_meta_priority_fencing_delay", "0"
        )
        self.ctx.log("notice", f"requesting fencing ({kind}) of {action.node}")
        timeout = self.graph.stonith_timeout
        self.ctx.emit(RequestFencing(token, action.node, kind, timeout, max(0, integer(delay))))

    def fencing_result(self, token: int, ok: bool, has_device: bool) -> Action | None:
        """The fencer's answer. Returns the action when it succeeded, for the CIB update; None otherwise."""
        action = self._fencing.pop(token, None)
        if action is None or action.confirmed or self.graph.complete:
            return None
        if ok:
            self.fencing_failures.pop(action.node, None)
            return action
        count = self.fencing_failures[action.node] = self.fencing_failures.get(action.node, 0) + 1
        hopeless = not has_device or count >= self.ctx.options.stonith_max_attempts
        outlook = ", giving up" if hopeless else ""
        self.ctx.log("error", f"fencing of {action.node} failed (attempt {count}){outlook}")
        self.graph.fail(action)
        self._confirm(action)
        wish = Completion.WAIT if hopeless else Completion.RESTART
        self.graph.abort(INFINITY, wish, "Stonith failed")
        self.advance()
        return None

    def fenced_by_others(self, target: str) -> list[Action]:
        """`target` was fenced at another's request: our own unanswered ones, whose answers count no longer."""
        self.fencing_failures.pop(target, None)
        found = {
            token: action
            for token, action in self._fencing.items()
            if action.node.lower() == target.lower()
            and action.attributes.get("CRM_meta_stonith_action") != "on"
            and not (action.confirmed or self.graph.complete)
        }
        for token in found:
            del self._fencing[token]
        return list(found.values())

    def confirm_fencing(self, action: Action) -> None:
        """The result of a fencing action is in the CIB."""
        if not action.confirmed:
            self._confirm(action)
            self.advance()

    # Results

    def record(self, node_id: str, element: etree._Element) -> None:
        """An `lrm_rsc_op` seen in a diff or a direct acknowledgement."""
        key = TransitionKey.parse(element.get("transition-key"))
        status = integer(element.get("op-status"), ExecStatus.UNKNOWN)
        if key is None or status == ExecStatus.PENDING:
            return
        rc = integer(element.get("rc-code"), -1)
        if key.transition == -1:
            if not _is_copy(element):
                self._count_failure(node_id, element, key, outside=True)
            if effective_rc(rc) != key.target_rc or element.get("operation") == "asyncmon":
                self.restart("Unexpected event")
            return
        if key.uuid != self.uuid:
            if not _is_copy(element):
                self._count_failure(node_id, element, key)
            self.restart("Foreign event")
            return
        action = self.graph.actions.get(key.action) if key.transition == self.graph.id else None
        if action is None or action.confirmed or self.graph.complete:
            self._late(node_id, element, key, status, known=action)
            return
        self._matched(action, node_id, element, key, rc)

    def _matched(self, action: Action, node_id: str, element: etree._Element, key: TransitionKey, rc: int) -> None:
        self._confirm(action)
        if integer(element.get("op-status"), ExecStatus.UNKNOWN) == ExecStatus.INVALID:
            self.graph.refused = True
        ignored = action.attributes.get("CRM_meta_on_fail") == "ignore"
        if effective_rc(rc) != key.target_rc and not ignored:
            synapse = self.graph.fail(action)
            self.graph.abort((synapse.priority if synapse else 0) + 1, Completion.RESTART, "Event failed")
            self.ctx.log("notice", f"{action.key} on {action.node} failed: rc={rc}, expected {key.target_rc}")
        self._count_failure(node_id, element, key, ignored=ignored)
        self.advance()

    def _late(
        self, node_id: str, element: etree._Element, key: TransitionKey, status: int, known: Action | None = None
    ) -> None:
        interval = integer(element.get("interval"), 0)
        if known is not None and known.confirmed and interval == 0:
            return
        if interval and status == ExecStatus.CANCELLED:
            self.removed(Removed(node_id, "", element.get("operation_key", "")))
            return
        if known is not None and effective_rc(integer(element.get("rc-code"), -1)) == key.target_rc:
            return
        if not _is_copy(element):
            self._count_failure(node_id, element, key)
        self.restart("Change in recurring result" if interval else "Old event")

    def removed(self, finding: Removed) -> bool:
        """A record vanished: true when that confirms a cancel action."""
        for action in self.graph.actions.values():
            if action.task == "cancel" and action.node_id == finding.node_id and action.key == finding.key:
                if not action.confirmed:
                    self._confirm(action)
                    self.advance()
                return True
        return False

    def take(self, found: list[Finding]) -> None:
        """Act on the findings of a CIB diff."""
        for finding in found:
            if isinstance(finding, Reason):
                self.restart(finding.text)
            elif isinstance(finding, Result):
                self.record(finding.node_id, finding.record)
            elif not self.removed(finding):
                self.restart("Resource operation removal")

    def acknowledged(self, message: etree._Element) -> None:
        """A direct acknowledgement from a node."""
        state = payload_of(message)
        for element in state.iter("lrm_rsc_op") if state is not None else ():
            self.record(state.get("id", "") if state is not None else "", element)

    def _count_failure(
        self,
        node_id: str,
        element: etree._Element,
        key: TransitionKey,
        *,
        outside: bool = False,
        ignored: bool = False,
    ) -> None:
        rc = effective_rc(integer(element.get("rc-code"), -1))
        peer = self.ctx.peers.by_id(node_id)
        if rc == key.target_rc or element.get("crm-debug-origin") == "build_active_RAs" or peer is None:
            return
        if integer(element.get("op-status"), 0) == ExecStatus.CANCELLED:
            return
        task, interval = element.get("operation", ""), element.get("interval", "0")
        if interval == "0" and task not in ("promote", "demote", "start", "stop") and not outside:
            return
        value = "value++"
        if task == "start":
            value = self.graph.failed_start_offset
        elif task == "stop":
            value = self.graph.failed_stop_offset
        resource = (element.get("operation_key") or "").removesuffix(f"_{task}_{interval}")
        suffix = f"{resource}#{task}_{interval}"
        values: list[tuple[str, str | None]] = [(f"last-failure-{suffix}", str(int(self.ctx.epoch)))]
        if not ignored:
            values.append((f"fail-count-{suffix}", "value++" if value == "1" else value))
        self.ctx.emit(AttrdUpdate(peer.name, tuple(values)))

    # Trouble

    def action_timeout(self, action_id: int) -> None:
        """Nobody answered: the action is lost, and the CIB says so."""
        action = self.graph.actions.get(action_id)
        if action is None or action.confirmed or self.graph.complete:
            return
        if self.ctx.held:
            self.ctx.emit(SetTimer(f"{ACTION_TIMER}{action_id}", self.graph.cluster_delay))
            return
        self.ctx.log("error", f"{action.key} on {action.node}: no result in time")
        action.confirmed = True
        synapse = self.graph.fail(action)
        self._record_lost(action)
        self.graph.abort(INFINITY if synapse else 0, Completion.RESTART, "Action lost")
        self.advance()

    def _record_lost(self, action: Action) -> None:
        target, peer = action.resource, self.ctx.peers.get(action.node)
        if target is None or peer is None or action.task in ("cancel", "delete", "notify"):
            return
        resource = Resource(
            target.get("id", ""), target.get("class", ""), target.get("provider", ""), target.get("type", "")
        )
        op = Operation(resource.id, action.task, action.interval_ms, self._key(action), 1, ExecStatus.TIMEOUT)
        op.parameters, op.run_time = action.attributes, int(self.ctx.epoch)
        element = resource.element()
        element.extend(record(op, peer.name, "cib_action_update", AgentTraits()))
        update = node_history(str(peer.node_id), peer.name, "cib_action_update", element)
        self.ctx.cib("cib_modify", "status", update, CAN_CREATE)

    def node_lost(self, peer: Peer) -> None:
        """A node is gone: nothing it was asked for will be answered."""
        lost = []
        for action in self.graph.actions.values():
            if action.kind == "pseudo_event" or action.confirmed or action.task == "stonith":
                continue
            if peer.name.lower() in (action.node.lower(), action.router.lower()):
                self._confirm(action)
                self.graph.fail(action)
                lost.append(action.key)
        if lost:
            self.restart("Node failure")
        self.advance()

    def expects_down(self, peer: Peer) -> bool:
        """True when this DC told the node to go, or had it fenced, since it came."""
        return peer.name.lower() in self._dismissed

    def fenced(self, target: str) -> None:
        """A node was fenced, by whomever: its departure is expected."""
        self._dismissed[target.lower()] = None

    def peer_came(self, peer: Peer) -> None:
        """A node is there again: it is no longer expected to go."""
        self._dismissed.pop(peer.name.lower(), None)

    def _drop_timers(self) -> None:
        for action in self.graph.pending():
            self.ctx.emit(CancelTimer(f"{ACTION_TIMER}{action.id}"))

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts itself."""
        assert not self._advancing, "the graph is being walked between two inputs"
        for action in self.graph.actions.values():
            assert action.executed or not action.confirmed or action.failed, f"{action.key} confirmed unasked"


def _with_key(element: etree._Element, key: str) -> etree._Element:
    """A copy of an action's element, marked with its transition key before the children."""
    copy = etree.fromstring(etree.tostring(element))
    copy.set("transition-key", key)
    return copy


def _is_copy(element: etree._Element) -> bool:
    """The failure of a one-time operation is recorded twice, as last failure and as last result: one of them counts."""
    return (element.get("id") or "").endswith("_last_0")
