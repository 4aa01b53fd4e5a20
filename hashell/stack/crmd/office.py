"""The DC's office: taking it over, keeping node states in the CIB, having transitions computed, giving it up.

Rules: daemons specification, sections 3.3 (takeover), 3.5 (node states), 3.9 (scheduler).
"""

from __future__ import annotations

from lxml import etree

from hashell.stack.crmd.context import CAN_CREATE, DISCARD_REPLY, MULTIPLE, XPATH, Context
from hashell.stack.crmd.effects import InvokeScheduler
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.graph import GraphError, unpack
from hashell.stack.crmd.join import DcJoin
from hashell.stack.crmd.peers import Peer, node_state, nodes_element
from hashell.stack.crmd.transitioner import Transitioner
from hashell.stack.effects import CancelTimer, SetTimer

RETRY_TIMER = "scheduler-retry"
QUORUM_TIMER = "quorum-gained"
_RETRY = 10.0
#: Seconds a controller that vanished may take to come back before its node, still in the ring, counts as failed.
#: Its supervisor restarts it at once; fencing a node whose services all run would be the worse of two ills.
_RESTART_GRACE = 3.0
_BUSY_RETRY = 1.0


class Office:
    """What only the DC does. `properties` are the cluster properties it announces (name to value)."""

    def __init__(self, context: Context, join: DcJoin, te: Transitioner, properties: dict[str, str]) -> None:
        self.ctx = context
        self.join = join
        self.te = te
        self.properties = properties
        self._query = 0
        self._awaited = ""
        self._waiting = False
        self._source = ""

    def take_over(self, te_uuid: str) -> None:
        """Become DC: make the CIB primary and announce who runs the cluster."""
        self.ctx.log("notice", f"{self.ctx.name} is now the DC")
        self.ctx.is_dc, self.ctx.dc = True, self.ctx.name
        self.join.bad_sources.clear()
        self.te.take_office(te_uuid)
        self.ctx.cib("cib_master")
        self.ctx.cib("cib_modify", "cib", etree.Element("cib", crm_feature_set=self.ctx.feature_set))
        self.ctx.cib("cib_query", "crm_config", None, 0, self._announce)

    def _announce(self, rc: int, crm_config: etree._Element | None) -> None:
        """Set the cluster's own properties where they differ from what stands there."""
        if not self.ctx.is_dc:
            return
        known = {p.get("name"): p for p in crm_config.iter("nvpair")} if crm_config is not None and not rc else {}
        for name, value in self.properties.items():
            pair = known.get(name)
            if pair is not None and (pair.get("value") == value or name == "cluster-name"):
                continue
            if pair is not None:
                update = etree.Element("nvpair", id=pair.get("id", ""), name=name, value=value)
                self.ctx.cib("cib_modify", "crm_config", update)
                continue
            section = etree.Element("crm_config")
            group = etree.SubElement(section, "cluster_property_set", id="cib-bootstrap-options")
            etree.SubElement(group, "nvpair", id=f"cib-bootstrap-options-{name}", name=name, value=value)
            self.ctx.cib("cib_modify", "crm_config", section, CAN_CREATE)

    def release(self) -> None:
        """Stop being DC; what the transition started goes on."""
        if self.ctx.is_dc:
            self.ctx.cib("cib_slave")
            peer = self.ctx.peers.get(self.ctx.name)
            if self.ctx.shutting_down and peer is not None:
                state = etree.Element("node_state", id=str(peer.node_id), uname=peer.name, expected="down")
                state.set("crm-debug-origin", "do_dc_release")
                self.ctx.cib("cib_modify", "status", state, CAN_CREATE | DISCARD_REPLY)
        self.ctx.is_dc = False
        if self.ctx.dc == self.ctx.name:
            self.ctx.dc = None
        self.te.stop()
        self._awaited, self._waiting = "", False
        self.join.syncing = self.join.finalize_due = False
        for name in (RETRY_TIMER, QUORUM_TIMER):
            self.ctx.emit(CancelTimer(name))
        self.ctx.raise_input("RELEASE_SUCCESS")

    # Node states

    def write_all_states(self) -> None:
        """After a join: node list, all node states and quorum (section 3.5)."""
        self.ctx.cib("cib_modify", "nodes", nodes_element(self.ctx.peers.all()), CAN_CREATE)
        states, glimpsed = self.join.states("do_state_transition")
        self.ctx.cib("cib_modify", "status", states, CAN_CREATE)
        for state in glimpsed:
            self.ctx.cib("cib_modify", "status", state)
        self.write_quorum()

    def write_quorum(self) -> None:
        root = etree.Element("cib")
        root.set("have-quorum", "1" if self.ctx.have_quorum else "0")
        root.set("dc-uuid", str(self.ctx.node_id))
        self.ctx.cib("cib_modify", "cib", root)

    def peer_came(self, peer: Peer) -> None:
        """A controller appeared in the group."""
        self.ctx.cib("cib_modify", "status", node_state(peer, "peer_update_callback", "peer"), CAN_CREATE)

    def peer_gone(self, peer: Peer) -> None:
        """A node or its controller is gone: write it down and let nothing wait for it.

        Only a node that was told to go, or that was fenced, is written as expected down: one that merely wanted to
        shut down still has its resources.
        """
        expected = self.te.expects_down(peer)
        self.join.peer_lost(peer)
        self.te.throttle.forget(peer.name)
        if peer.expected == "down" and not expected:
            peer.expected = "member"
        elif expected:
            peer.expected = "down"
        self.write_loss(peer)
        self.te.node_lost(peer)
        if not expected:
            self.ctx.log("warning", f"node {peer.name} was lost unexpectedly")
            self.te.restart("Node lost")

    def write_loss(self, peer: Peer) -> None:
        """The state of a node of which a part is gone: its controller, its membership, or both."""
        fields = ("cluster", "peer", "join", "expected") if peer.expected == "down" else ("cluster", "peer", "join")
        state = node_state(peer, "peer_update_callback", *fields)
        self.ctx.cib("cib_modify", "status", state, 0 if peer.glimpsed else CAN_CREATE)

    def purge_attributes(self, peer: Peer) -> None:
        """The transient attributes of a node end with it (section 3.5)."""
        path = f"//node_state[@uname='{peer.name}']/transient_attributes"
        self.ctx.cib("cib_delete", path, None, XPATH | MULTIPLE)

    # Scheduling

    def invoke_scheduler(self) -> None:
        """Have the next transition computed, once our own changes are in the CIB; overtakes an earlier question.

        While a transition runs nothing is asked: its end, in this state, asks again.
        """
        self._awaited, self._waiting = "", False
        if not self.te.graph.complete:
            return
        if self._changes_pending():
            self._waiting = True
            self.ctx.emit(SetTimer(RETRY_TIMER, _BUSY_RETRY))
            return
        if wait := self.ctx.peers.restarting(self.ctx.now, _RESTART_GRACE):
            self._try_again(wait)
            return
        self.ctx.emit(CancelTimer(RETRY_TIMER))
        self._query = self.ctx.cib("cib_query", None, None, 0, self._schedule)

    def _changes_pending(self) -> bool:
        return any(call != self._query for call in self.ctx.pending_cib)

    def own_changes_done(self) -> None:
        """An own CIB request was answered: a computation that waits for that may go on."""
        if self._waiting and self.ctx.state is State.PE and not self._changes_pending():
            self.invoke_scheduler()

    def _schedule(self, rc: int, root: etree._Element | None) -> None:
        if self._query in self.ctx.pending_cib or self.ctx.state is not State.PE:
            return
        if rc or root is None:
            self.ctx.log("error", f"the CIB could not be read for scheduling (error {rc})")
            self._try_again()
            return
        cib = etree.fromstring(etree.tostring(root))
        cib.set("dc-uuid", str(self.ctx.node_id))
        cib.set("have-quorum", "true" if self.ctx.have_quorum else "false")
        if self.ctx.had_quorum and not self.ctx.have_quorum:
            cib.set("no-quorum-panic", "1")
        self._awaited = self.ctx.reference("pe_calc", "dc")
        self.ctx.emit(InvokeScheduler(self._awaited, cib))

    def _try_again(self, seconds: float = _RETRY) -> None:
        self._awaited = RETRY_TIMER
        self.ctx.emit(SetTimer(RETRY_TIMER, seconds))

    def scheduled(self, reference: str, graph: etree._Element | None, source: str) -> None:
        """The scheduler's answer; one that was overtaken by a newer question is dropped."""
        if reference != self._awaited or self.ctx.state is not State.PE:
            self.ctx.log("debug", f"dropped answer {reference}: overtaken")
            return
        if graph is None:
            self.ctx.log("error", "the scheduler gave no transition; asking again")
            self._try_again()
            return
        self._source = source
        self.ctx.raise_input("PE_SUCCESS", graph)

    def execute(self, graph: etree._Element) -> None:
        """Start the transition that was computed."""
        try:
            transition = unpack(graph, self._source)
        except GraphError as error:
            self.ctx.log("error", f"unusable transition graph: {error}")
            self._try_again()
            return
        self.te.start(transition)

    def retry(self) -> None:
        """The retry timer fired."""
        if self.ctx.state is State.PE:
            self.invoke_scheduler()
        elif self.ctx.state is State.TE and self.te.graph.complete:
            self.ctx.raise_input("PE_CALC", "retry")
