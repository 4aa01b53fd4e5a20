"""The cluster controller of one node as a state machine without I/O.

Theory of operation (daemons specification, section 3). Every node runs a controller; one of them, the DC, decides.
Inputs (messages, membership, CIB replies, results, timers) become *inputs of the state machine* (`fsa.py`, the table);
an input moves the state and has actions, done in a fixed order by the parts of this package:

- `join.py`: a DC offers membership of the cluster, nodes ask in, the best CIB is spread, nodes confirm with the
  history of their resources;
- `office.py`, `fencing.py`: node states, asking the scheduler for a transition, what fencing means;
- `transitioner.py`, `graph.py`, `aborts.py`, `throttle.py`: carrying the transition out, computing anew on changes;
- `lrm.py`, `lrmstate.py`, `history.py`: operations on this node and their records in the CIB;
- `members.py`, the election: who is there, who shall be DC;
- `startup.py`: what is looked at first, and a stop that comes early;
- `routing.py`: which message is whose.

A turn is one call of an input method: it queues inputs of the state machine and drains that queue before it returns
the effects. After `ExitDaemon` nothing is asked for any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lxml import etree

from hashell.model.values import integer_of
from hashell.stack.crmd.aborts import findings, touches
from hashell.stack.crmd.context import CIB_TIMER, CibCallback, Context
from hashell.stack.crmd.effects import ExitDaemon
from hashell.stack.crmd.fencing import FencingNews
from hashell.stack.crmd.fsa import STARTUP_ACTIONS, State, step
from hashell.stack.crmd.history import Operation
from hashell.stack.crmd.join import ANNOUNCE_TIMER, DcJoin, Joiner
from hashell.stack.crmd.lrm import LocalExecutor
from hashell.stack.crmd.members import Member, Membership
from hashell.stack.crmd.office import QUORUM_TIMER, RETRY_TIMER, Office
from hashell.stack.crmd.peers import JoinPhase
from hashell.stack.crmd.routing import HOLD_TIMER, Router
from hashell.stack.crmd.startup import Startup
from hashell.stack.crmd.transitioner import ACTION_TIMER, Transitioner
from hashell.stack.effects import CancelTimer, Effect, SetTimer
from hashell.stack.election.core import TIMER as ELECTION_TIMER
from hashell.stack.election.core import Age, Election, ElectionState

#: Seconds to wait for a DC's offer when every node of the node list is here: nobody else can come.
_ALL_HERE_WAIT = 1.0
_TIMED_OUT = -110
_STATE_TIMERS = {State.INT: "integration", State.FIN: "finalization", State.PEN: "dc-deadtime", State.IDLE: "recheck"}


class Controller:
    """One node's controller. `cpu()` is the CPU time of this process; `new_uuid()` names a term as DC.

    `now` of all inputs is seconds of a clock that nobody sets; `epoch()` is the time of day, `now` without one.
    """

    def __init__(
        self,
        node_id: int,
        name: str,
        cpu: Callable[[], Age],
        new_uuid: Callable[[], str],
        *,
        epoch: Callable[[], float] | None = None,
        properties: dict[str, str] | None = None,
        job_limit: int = 4,
        node_list: Sequence[str] = (),
    ) -> None:
        self.ctx = Context(node_id, name)
        self._node_list = tuple(node.lower() for node in node_list)
        self.election = Election(
            str(node_id), name, "crmd", lambda task, now: self.ctx.reference(task, "crmd")
        )
        self.lrm = LocalExecutor(self.ctx)
        self.te = Transitioner(self.ctx, lambda message: self.router.local(message))
        self.te.throttle.local_limit = job_limit
        self.join = DcJoin(self.ctx, lambda: not self.te.graph.complete)
        self.joiner = Joiner(self.ctx, self.lrm.state)
        self.fencing = FencingNews(self.ctx, self.te, self.lrm.state.active)
        self.office = Office(self.ctx, self.join, self.te, properties or {})
        self.members = Membership(self.ctx, self.election, self.office, self.te, cpu)
        self.router = Router(self.ctx, self.lrm, self.te, self.members.vote)
        self.exited = False
        self._new_uuid = new_uuid
        self._epoch = epoch
        self.startup = Startup(self.ctx, self.election)
        self._load_mode = -1
        self._actions = self._action_table()

    @property
    def state(self) -> State:
        return self.ctx.state

    # Inputs

    def start(self, now: float) -> list[Effect]:
        """CIB manager, cluster and executor are connected: begin."""
        self._turn(now)
        self.fencing.began = now
        self.ctx.raise_input("STARTUP")
        return self._finish()

    def shutdown(self, now: float) -> list[Effect]:
        """The supervisor wants us to end: have the resources moved away, then leave."""
        self._turn(now)
        self.startup.stop()
        return self._finish()

    def peer_message(self, sender: str, message: etree._Element, now: float) -> list[Effect]:
        """An envelope of the group `crmd`, with the sender's node name from the frame."""
        self._turn(now)
        self.router.from_peer(sender, message)
        return self._finish()

    def client_request(self, client_id: str, message: etree._Element, now: float) -> list[Effect]:
        """An envelope of a local IPC client."""
        self._turn(now)
        if message.tag == "message":
            self.router.from_client(client_id, message)
        return self._finish()

    def cpg_members(self, members: Sequence[Member], now: float) -> list[Effect]:
        """The members of the controllers' group: node ids and names."""
        self._turn(now)
        self.members.cpg(members)
        self.startup.try_started()
        self._shorten_wait()
        return self._finish()

    def quorum(self, quorate: bool, ring_id: str, members: Sequence[Member], now: float) -> list[Effect]:
        """The cluster's membership as the quorum service sees it; an empty first view is ignored."""
        self._turn(now)
        self.members.quorum(quorate, ring_id, members)
        self.startup.try_started()
        self._shorten_wait()
        return self._finish()

    def cib_reply(self, call_id: int, rc: int, output: etree._Element | None, now: float) -> list[Effect]:
        """The CIB manager answered; `rc` is 0 or a negative code."""
        self._turn(now)
        self._answered(self.ctx.answered(call_id), call_id, rc, output)
        self.office.own_changes_done()
        return self._finish()

    def _answered(
        self, callback: CibCallback | None, call_id: int, rc: int, output: etree._Element | None
    ) -> None:
        if callback is not None:
            callback(rc, output)
        elif rc:
            self.ctx.log("info", f"CIB request {call_id} failed with {rc}")

    def cib_changed(self, notification: etree._Element, now: float) -> list[Effect]:
        """A `cib_diff_notify` of the CIB manager."""
        self._turn(now)
        diff = next(notification.iter("diff"), None)
        if diff is None or integer_of(notification, "cib_rc") < 0:
            return self._finish()
        if touches(diff, "crm_config"):
            self.startup.read_options()
        done, state = self.te.graph.complete, self.ctx.state
        if self.te.active and not (done and state not in (State.IDLE, State.TE, State.PE)):
            busy = bool(self.te.graph.pending())
            self.te.take(findings(diff, self._expected_down, busy=busy))
        if self.ctx.is_dc and self._status_replaced(notification, diff):
            self.ctx.log("notice", "node states were replaced by somebody else: joining anew")
            self.ctx.raise_input("ELECTION")
        return self._finish()

    def scheduler_reply(
        self, reference: str, graph: etree._Element | None, source: str, now: float
    ) -> list[Effect]:
        """A computed transition, or None when the scheduler could not; `source` is the saved input's path."""
        self._turn(now)
        self.office.scheduled(reference, graph, source)
        return self._finish()

    def operation_result(self, done: Operation, now: float) -> list[Effect]:
        """The executor completed an operation (again, for recurring ones)."""
        self._turn(now)
        self.lrm.result(done)
        return self._finish()

    def operation_refused(self, token: int, rc: int, reason: str, now: float) -> list[Effect]:
        """The executor would not run the operation `token`."""
        self._turn(now)
        self.lrm.refused(token, rc, reason)
        return self._finish()

    def operation_cancelled(self, token: int, rc: int, now: float) -> list[Effect]:
        """The executor's answer to a CancelOperation."""
        self._turn(now)
        self.lrm.cancelled(token, rc)
        return self._finish()

    def metadata(
        self, standard: str, provider: str, agent: str, text: etree._Element | None, now: float
    ) -> list[Effect]:
        """An agent's metadata, or None when it has none."""
        self._turn(now)
        self.lrm.metadata(standard, provider, agent, text)
        return self._finish()

    def fencing_result(self, token: int, ok: bool, has_device: bool, now: float) -> list[Effect]:
        """The fencer's answer to a RequestFencing."""
        self._turn(now)
        self.fencing.result(token, ok, has_device)
        return self._finish()

    def fencing_notice(self, target: str, action: str, origin: str, ok: bool, now: float) -> list[Effect]:
        """The fencer tells that `origin` had `target` fenced."""
        self._turn(now)
        if ok and action != "on":
            self.fencing.notice(target, action, origin)
        return self._finish()

    def load(self, mode: int, limit: int, now: float) -> list[Effect]:
        """This node's load was measured; peers are told when the mode changed."""
        self._turn(now)
        if mode != self._load_mode and self.startup.started:
            self._load_mode = mode
            extra = {"crm-limit-mode": str(mode), "crm-limit-max": str(limit)}
            self.ctx.send(self.ctx.request("throttle", "crmd", "crmd", origin="throttle_send_command", extra=extra))
        return self._finish()

    def stalled(self, seconds: float, now: float) -> list[Effect]:
        """This process did not run for so long: the others may have gone on without us."""
        self._turn(now)
        if self.ctx.state not in (State.STA, State.STO, State.TER):
            self.ctx.log("warning", f"did not run for {seconds:.1f} s: nothing is begun until the ring was heard")
            self.ctx.put_off_deadlines(seconds)
            self.router.hold()
        return self._finish()

    def lost(self, what: str, now: float) -> list[Effect]:
        """A connection the controller cannot do without is gone: leave, to be started anew."""
        self._turn(now)
        if self.ctx.state in (State.STO, State.TER):
            self.ctx.emit(ExitDaemon(0))
        else:
            self.ctx.log("critical", f"lost the connection to {what}")
            self.ctx.emit(ExitDaemon(102))
        return self._finish()

    def timer(self, name: str, now: float) -> list[Effect]:
        """A timer fired."""
        self._turn(now)
        if name.startswith(ACTION_TIMER):
            self.te.action_timeout(int(name.removeprefix(ACTION_TIMER)))
        elif name == ELECTION_TIMER:
            self.members.elected(self.election.timeout())
        elif name == HOLD_TIMER:
            self.router.still_held()
        elif name == ANNOUNCE_TIMER:
            if self.ctx.state is State.PEN:
                self.joiner.announce()
        elif name == CIB_TIMER:
            for call_id, callback in self.ctx.overdue():
                self.ctx.log("warning", f"CIB request {call_id} was not answered in time")
                self._answered(callback, call_id, _TIMED_OUT, None)
            self.office.own_changes_done()
        elif name == RETRY_TIMER:
            self.office.retry()
        elif name == QUORUM_TIMER:
            self.te.restart("Quorum gained")
        else:
            event = {
                "dc-deadtime": "DC_TIMEOUT",
                "integration": "INTEGRATED",
                "finalization": "ELECTION",
                "shutdown-escalation": "STOP",
                "recheck": "PE_CALC",
                "transition-delay": "PE_CALC",
            }[name]
            self.ctx.raise_input(event, name)
        return self._finish()

    # The machine

    def _turn(self, now: float) -> None:
        self.ctx.now = now
        self.ctx.epoch = self._epoch() if self._epoch else now
        self.ctx.out = []

    def _finish(self) -> list[Effect]:
        """Drain the inputs; nothing follows an exit."""
        if self.exited:
            self.ctx.inputs.clear()
            return []
        while self.ctx.inputs and not self._leaving():
            self._step(*self.ctx.inputs.popleft())
        if self._leaving():
            self.exited = True
            self.ctx.inputs.clear()
            last = next(i for i, e in enumerate(self.ctx.out) if isinstance(e, ExitDaemon))
            del self.ctx.out[last + 1 :]
        effects, self.ctx.out = self.ctx.out, []
        return effects

    def _leaving(self) -> bool:
        return any(isinstance(effect, ExitDaemon) for effect in self.ctx.out)

    def _step(self, event: str, data: Any) -> None:
        previous = self.ctx.state
        following, actions = step(previous, event)
        self.ctx.shutting_down = self.ctx.shutting_down or event == "SHUTDOWN"
        level = "debug" if previous is following else "info"
        self.ctx.log(level, f"{previous} -> {following} on I_{event}")
        self.ctx.state = following
        if following is not previous:
            self._enter(previous, following)
        stopping = self.ctx.shutting_down or following is State.STO
        for action in actions:
            if not (stopping and action in STARTUP_ACTIONS):
                self._actions.get(action, _nothing)(data)

    def _enter(self, previous: State, following: State) -> None:
        """The entry hook (section 3.1): timers that belong to states, and what a state implies."""
        if following is not State.ELEC and self.election.state is ElectionState.IN_PROGRESS:
            self.ctx.out += self.election.reset()
        for state, timer in _STATE_TIMERS.items():
            if previous is state:
                self.ctx.emit(CancelTimer(timer))
        if following in _STATE_TIMERS:
            self.ctx.emit(SetTimer(_STATE_TIMERS[following], self._state_timeout(following)))
        if previous is State.FIN and following is State.PE:
            self.office.write_all_states()
        if following is State.PEN:
            self.ctx.dc = None
            if previous is not State.STA:
                self.ctx.cib("cib_slave")
        elif following is State.ELEC:
            self.ctx.dc = None
        elif following is State.NDC and self.ctx.shutting_down or following is State.IDLE and self.ctx.shutting_down:
            self._request_shutdown(None)
        elif following is State.PE and previous is State.FIN:
            self._joined()

    def _state_timeout(self, state: State) -> float:
        options = self.ctx.options
        if state is State.IDLE:
            due = self.te.graph.recheck_by - self.ctx.epoch if self.te.graph.recheck_by else options.recheck_interval
            return max(1.0, min(due, options.recheck_interval)) if options.recheck_interval else 86400.0
        return {
            State.INT: options.integration_timeout,
            State.FIN: options.finalization_timeout,
            State.PEN: self._dc_wait(),
        }[state]

    def _dc_wait(self) -> float:
        """Seconds to wait for an offer before electing: dc-deadtime is for nodes that may still be starting."""
        here = [name.lower() for name in self.ctx.peers.active_names()]
        complete = bool(self._node_list) and all(name in here for name in self._node_list)
        return min(_ALL_HERE_WAIT, self.ctx.options.dc_deadtime) if complete else self.ctx.options.dc_deadtime

    def _shorten_wait(self) -> None:
        if self.ctx.state is State.PEN and self.ctx.dc is None and self._dc_wait() < self.ctx.options.dc_deadtime:
            self.ctx.emit(SetTimer("dc-deadtime", self._dc_wait()))

    def _joined(self) -> None:
        """A round is over: nodes that came meanwhile need another one."""
        waiting = [p.name for p in self.ctx.peers.active() if p.phase is JoinPhase.NONE]
        names = [p.name for p in self.ctx.peers.all() if p.phase is JoinPhase.CONFIRMED]
        self.ctx.log("info", f"join {self.join.join_id}: {len(names)} nodes joined")
        if waiting:
            self.ctx.raise_input("NODE_JOIN")

    def _action_table(self) -> dict[str, Callable[[Any], None]]:
        """What each action name of the state table does; names missing here need nothing done."""
        return {
            "EXIT_0": lambda _: self.ctx.emit(ExitDaemon(0)),
            "EXIT_1": lambda _: self.ctx.emit(ExitDaemon(1)),
            "READCONFIG": lambda _: self.startup.look_around(),
            "RECOVER": lambda _: self._recover(),
            "DC_TIMER_STOP": lambda _: self.ctx.emit(CancelTimer("dc-deadtime")),
            "DC_TIMER_START": lambda _: self.ctx.emit(SetTimer("dc-deadtime", self._dc_wait())),
            "CL_JOIN_QUERY": lambda _: self.joiner.begin(),
            "CL_JOIN_ANNOUNCE": lambda _: self.joiner.announce(),
            "CL_JOIN_REQUEST": self.joiner.offered,
            "CL_JOIN_RESULT": self._join_answer,
            "SHUTDOWN_REQ": self._request_shutdown,
            "ELECTION_VOTE": lambda _: self.members.start_election(),
            "ELECTION_START": lambda _: self.members.start_election(),
            "DC_TAKEOVER": lambda _: self._take_over(),
            "DC_RELEASED": lambda _: self.office.release(),
            "DC_JOIN_OFFER_ALL": lambda _: self._offer_all(),
            "DC_JOIN_OFFER_ONE": self._offer_one,
            "DC_JOIN_PROCESS_REQ": self._join_request,
            "DC_JOIN_PROCESS_ACK": self._join_confirm,
            "DC_JOIN_FINALIZE": lambda _: self.join.finalize(),
            "TE_HALT": lambda _: self.te.halt("Peer Halt"),
            "TE_CANCEL": lambda _: self.te.restart("Peer Cancelled"),
            "PE_INVOKE": lambda _: self.office.invoke_scheduler(),
            "TE_INVOKE": self._execute,
            "LRM_DISCONNECT": lambda _: self._leave_executor(),
        }

    def _take_over(self) -> None:
        self.office.take_over(self._new_uuid())
        self.fencing.take_office()

    def _recover(self) -> None:
        self.ctx.log("error", "leaving after an error, to be started anew")
        self.ctx.emit(ExitDaemon(1))

    def _leave_executor(self) -> None:
        active = self.lrm.state.active()
        if active:
            self.ctx.log("warning", f"leaving with active resources: {', '.join(active)}")

    def _expected_down(self, node_id: str) -> bool:
        peer = self.ctx.peers.by_id(node_id)
        return peer is not None and (peer.expected == "down" or self.te.expects_down(peer))

    @staticmethod
    def _status_replaced(notification: etree._Element, diff: etree._Element) -> bool:
        """True when a client (not a join) replaced or erased nodes or states."""
        if notification.get("cib_op") not in ("cib_replace", "cib_erase"):
            return False
        own = (notification.get("cib_clientname") or "") in ("crmd", "pacemaker-controld", "")
        return not own and touches(diff, "status", "nodes")

    # Joining

    def _offer_all(self) -> None:
        self.te.restart("Node join")
        self.join.offer_all()

    def _offer_one(self, message: Any) -> None:
        self.te.restart("Node join")
        self.join.offer_one(message if isinstance(message, etree._Element) else None)

    def _join_request(self, message: Any) -> None:
        if isinstance(message, etree._Element):
            self.join.request(message)
        self.join.check()

    def _join_answer(self, message: Any) -> None:
        if message.get("crm_task") == "join_ack_nack":
            self.joiner.result(message)

    def _join_confirm(self, message: Any) -> None:
        if message.get("crm_task") == "join_confirm":
            self.join.confirm(message)

    def _execute(self, graph: Any) -> None:
        if isinstance(graph, etree._Element):
            self.office.execute(graph)
        else:
            self.te.advance()

    def _request_shutdown(self, _: Any) -> None:
        self.ctx.send(self.ctx.request("req_shutdown", "crmd", "crmd", origin="do_shutdown_req"))

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts itself."""
        self.election.check_invariants()
        self.te.check_invariants()
        assert not self.ctx.inputs or self.exited, "inputs left undrained"
        assert not self.ctx.is_dc or self.ctx.dc in (None, self.ctx.name), "DC of two names"
        dc_states = (State.INT, State.FIN, State.PE, State.TE, State.IDLE)
        assert self.ctx.state not in dc_states or self.ctx.is_dc or self.exited, f"{self.ctx.state} without the office"


def _nothing(_: Any) -> None:
    """Actions that only exist in the original's process."""
