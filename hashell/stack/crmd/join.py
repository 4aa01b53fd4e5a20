"""Joining: the DC's side (offers, requests, synchronisation, acknowledgements) and the joiner's.

Rules: daemons specification, section 3.4. A round has a number; requests and confirmations of another round are
ignored. Phases advance none, welcomed (offered), integrated (requested), finalized (acknowledged), confirmed.
"""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from hashell.model.version import COUNTERS, counter
from hashell.stack.crmd.context import CAN_CREATE, NO_CHILDREN, TRANSACTION, XPATH, Context, compatible, payload_of
from hashell.stack.crmd.effects import AttrdUpdate, ExitDaemon
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.history import was_active
from hashell.stack.crmd.lrmstate import ExecutorState
from hashell.stack.crmd.peers import JoinPhase, Peer, node_state, nodes_element, set_phase
from hashell.stack.effects import CancelTimer, SetTimer

_OLD_DATA = -205
_SCHEMA_LIMIT = (4, 0)
ANNOUNCE_TIMER = "join-announce"


class DcJoin:
    """The DC's view of a join round. `busy()` tells whether a transition is still running."""

    def __init__(self, context: Context, busy: Callable[[], bool]) -> None:
        self.ctx = context
        self.join_id = 0
        self.best: tuple[int, int, int] | None = None
        self.best_node = ""
        self.bad_sources: list[str] = []
        self.syncing = False
        self.finalize_due = False
        self._storing = 0
        self._sync_call = 0
        self._busy = busy

    def offer_all(self) -> None:
        """A new round: offers to every active node, the local one included."""
        self.join_id += 1
        self._forget_best()
        for peer in self.ctx.peers.all():
            peer.phase = JoinPhase.NONE
        for peer in self.ctx.peers.active():
            self._offer(peer)
        self.ctx.log("info", f"join {self.join_id}: {self.ctx.peers.count(JoinPhase.WELCOMED)} offers")

    def offer_one(self, message: etree._Element | None) -> None:
        """Offer to the sender of `message` and to ourselves; without one, to every node not yet in the round."""
        self.syncing = self.finalize_due = False
        if message is None:
            for peer in self.ctx.peers.active():
                if peer.phase is JoinPhase.NONE:
                    self._offer(peer)
        else:
            joiner = self.ctx.peers.get(message.get("src", ""))
            if joiner is None or not joiner.active:
                self.ctx.log("info", f"no offer to {message.get('src')}: not an active member")
            else:
                self._offer(joiner)
        ourselves = self.ctx.peers.get(self.ctx.name)
        if ourselves is not None and ourselves.phase is not JoinPhase.WELCOMED:
            self._offer(ourselves)

    def _forget_best(self) -> None:
        """At the start of a round and once a CIB was spread; not between, or a better CIB of the round is lost."""
        self.best, self.best_node = None, ""
        self.syncing = False
        self.finalize_due = False

    def _offer(self, peer: Peer) -> None:
        peer.phase = JoinPhase.NONE
        set_phase(peer, JoinPhase.WELCOMED)
        peer.expected = peer.expected if peer.expected == "down" and self.ctx.shutting_down else "pending"
        self.ctx.send(self._dc_message("join_offer", peer.name), to=peer.name)

    def _dc_message(self, task: str, to: str) -> etree._Element:
        extra = {"join_id": str(self.join_id), "dc-leaving": "true" if self.ctx.shutting_down else "false"}
        if task == "join_offer":
            extra["crm_feature_set"] = self.ctx.feature_set
        return self.ctx.request(task, "dc", "crmd", to=to, origin="create_dc_message", extra=extra)

    def request(self, message: etree._Element) -> None:
        """A node wants in: take it into the round, or refuse it."""
        peer = self.ctx.peers.get(message.get("src", ""))
        if peer is None or message.get("join_id") != str(self.join_id) or peer.phase is not JoinPhase.WELCOMED:
            self.ctx.log("info", f"ignored join request of {message.get('src')} for round {message.get('join_id')}")
            return
        generation = payload_of(message)
        refusal = self._refusal(peer, message, generation)
        if refusal or generation is None:
            self.ctx.log("error", f"node {peer.name} may not join: {refusal}")
            set_phase(peer, JoinPhase.NACK)
            peer.expected = "banned"
            return
        version = _version(generation)
        ours = peer.name.lower() == self.ctx.name.lower()
        if self.best is None or version > self.best or (version == self.best and ours):
            self.best, self.best_node = version, peer.name
        set_phase(peer, JoinPhase.INTEGRATED)

    def _refusal(self, peer: Peer, message: etree._Element, generation: etree._Element | None) -> str:
        if peer.name in self.bad_sources:
            return "its configuration could not be synchronised"
        if not peer.active:
            return "it is not an active member"
        if generation is None:
            return "it told nothing of its configuration"
        feature_set = message.get("crm_feature_set")
        if not compatible(self.ctx.feature_set, feature_set):
            return f"feature set {feature_set} does not go with {self.ctx.feature_set}"
        better = self.best is None or _version(generation) > self.best
        if better and not _schema_known(generation.get("validate-with")):
            return f"schema {generation.get('validate-with')} is not known here"
        return ""

    def finalize(self) -> None:
        """Everybody has answered: synchronise the CIB from the best node, then acknowledge."""
        if self._busy():
            self.finalize_due = True
            return
        self.finalize_due = False
        if self.syncing:
            return
        self.syncing = True
        source = self.best_node or self.ctx.name
        host = None if source.lower() == self.ctx.name.lower() else source
        if host:
            self.ctx.log("notice", f"join {self.join_id}: taking the CIB of {source} {self.best}")
        round_number = self.join_id
        self._sync_call = self.ctx.cib(
            "cib_sync", None, None, 0, lambda rc, _o: self._synced(rc, source, round_number), host
        )

    def _synced(self, rc: int, source: str, round_number: int) -> None:
        if not self.syncing or round_number != self.join_id or not self.ctx.is_dc:
            return
        self.syncing = False
        if rc not in (0, _OLD_DATA):
            self.ctx.log("error", f"join {self.join_id}: CIB of {source} could not be synchronised (error {rc})")
            if source.lower() != self.ctx.name.lower():
                self.bad_sources.append(source)
            self.ctx.raise_input("ELECTION_DC")
            return
        self._forget_best()
        if self.ctx.state is not State.FIN:
            return
        self.ctx.cib("cib_query", "status", None, 0, self._learn_nodes)
        for peer in self.ctx.peers.all():
            if peer.phase in (JoinPhase.INTEGRATED, JoinPhase.NACK):
                self._answer(peer)
        self.check()

    def _learn_nodes(self, rc: int, status: etree._Element | None) -> None:
        """Look into the common CIB for states of nodes that are not here.

        A state that looks alive although this controller never met the node is that of a lost node. One that wanted
        to shut down but left resources behind has not got that far: it is not expected down but must be fenced.
        Nodes without a state stay without: that they were never seen is what startup fencing goes by.
        """
        for state in status.iterchildren("node_state") if status is not None and not rc else ():
            name, node_id = state.get("uname", ""), state.get("id", "")
            if not name or not node_id.isdecimal() or state.get("remote_node") == "true":
                continue
            peer = self.ctx.peers.by_id(node_id) or self.ctx.peers.get(name)
            if peer is None and state.get("in_ccm", "0") != "0":
                peer = self.ctx.peers.ensure(name, int(node_id))
            if peer is None or peer.active or peer.expected != "down" or state.get("expected") != "member":
                continue
            if any(was_active(resource) for resource in state.iter("lrm_resource")):
                peer.expected = "member"

    def _answer(self, peer: Peer) -> None:
        accepted = peer.phase is JoinPhase.INTEGRATED
        node = nodes_element([peer])[0]
        self.ctx.cib("cib_modify", "nodes", node, CAN_CREATE)
        message = self._dc_message("join_ack_nack", peer.name)
        message.set("join_ack_nack", "true" if accepted else "false")
        if accepted:
            set_phase(peer, JoinPhase.FINALIZED)
            peer.expected = peer.expected if peer.expected == "down" else "member"
            etree.SubElement(message, "nodes")
        self.ctx.send(message, to=peer.name)

    def confirm(self, message: etree._Element) -> None:
        """A node confirmed: replace its history by the one it sent."""
        peer = self.ctx.peers.get(message.get("src", ""))
        state = payload_of(message)
        if peer is None or peer.phase is not JoinPhase.FINALIZED or message.get("join_id") != str(self.join_id):
            self.ctx.log("info", f"ignored join confirmation of {message.get('src')}")
            return
        if state is None or state.tag != "node_state":
            self.ctx.log("error", f"ignored join confirmation of {peer.name}: no node state in it")
            return
        set_phase(peer, JoinPhase.CONFIRMED)
        transaction = etree.Element("cib_transaction")
        path = f"//node_state[@uname='{peer.name}']/lrm"
        if self.ctx.options.shutdown_lock:
            path += "/lrm_resources/lrm_resource[not(@shutdown-lock) or lrm_rsc_op]"
        _member(transaction, "cib_delete", path, None, XPATH | TRANSACTION)
        _member(transaction, "cib_modify", "status", state, CAN_CREATE | TRANSACTION)
        self._storing += 1
        self.ctx.cib("cib_commit_transact", None, transaction, 0, lambda rc, _o: self._confirmed(rc, peer))

    def _confirmed(self, rc: int, peer: Peer) -> None:
        self._storing -= 1
        if rc:
            self.ctx.log("error", f"history of {peer.name} could not be stored: CIB error {rc}")
            if self.ctx.is_dc:
                self.ctx.raise_input("ELECTION_DC")
            return
        self.check()

    def check(self) -> None:
        """See whether the running phase of the round is over."""
        if not self.ctx.is_dc:
            return
        count = self.ctx.peers.count
        if self.ctx.state is State.INT and count(JoinPhase.WELCOMED) == 0:
            self.ctx.raise_input("INTEGRATED")
        elif self.ctx.state is State.FIN and not (self.syncing or self.finalize_due):
            if count(JoinPhase.INTEGRATED) and not count(JoinPhase.WELCOMED):
                self.finalize()
            elif not count(JoinPhase.WELCOMED) and not count(JoinPhase.FINALIZED) and not self._storing:
                self.ctx.raise_input("FINALIZED")

    def peer_lost(self, peer: Peer) -> None:
        """A node left during the round: wait for it no longer."""
        peer.phase = JoinPhase.NONE
        if peer.name == self.best_node:
            self.ctx.answered(self._sync_call)
            self._forget_best()
            self.ctx.raise_input("ELECTION_DC")
            return
        self.check()

    def states(self, origin: str) -> tuple[etree._Element, list[etree._Element]]:
        """A `<status>` with the state of every known node, and the states of those only glimpsed, one by one.

        The latter may change what the CIB has, never make a state where it has none: one without `expected` means a
        node that is down for sure (scheduler-model.md, section 10.2), and these may be running anything.
        """
        status, glimpsed = etree.Element("status"), []
        for peer in self.ctx.peers.all():
            state = node_state(peer, origin, "cluster", "peer", "join", "expected")
            if peer.glimpsed:
                glimpsed.append(state)
            else:
                status.append(state)
        return status, glimpsed


class Joiner:
    """A node's own side of joining."""

    def __init__(self, context: Context, executor: ExecutorState) -> None:
        self.ctx = context
        self.executor = executor
        self._query = 0

    def begin(self) -> None:
        """Announce ourselves, at once and once more in a second.

        The ring delivers our coming before whatever we send, so a DC of our kind can answer the first; the original
        waits for a second because its daemons may have seen the message alone.
        """
        self.announce()
        self.ctx.emit(SetTimer(ANNOUNCE_TIMER, 1.0))

    def announce(self) -> None:
        self.ctx.send(self.ctx.request("join_announce", "crmd", "dc", origin="join_query_callback"))

    def offered(self, message: etree._Element) -> None:
        """A DC offers: adopt it and ask in with what our CIB is."""
        dc, feature_set = message.get("src", ""), message.get("crm_feature_set")
        if not compatible(feature_set, self.ctx.feature_set):
            self.ctx.log("critical", f"cannot join: DC {dc} has feature set {feature_set}, we {self.ctx.feature_set}")
            self.ctx.emit(ExitDaemon(100))
            return
        if self.ctx.dc != dc:
            self.ctx.log("info", f"DC is {dc}")
        self.ctx.dc = dc
        join_id = message.get("join_id", "")
        self._query += 1
        number = self._query
        self.ctx.cib(
            "cib_query", None, None, NO_CHILDREN, lambda rc, root: self._request(rc, root, dc, join_id, number)
        )

    def _request(self, rc: int, root: etree._Element | None, dc: str, join_id: str, number: int) -> None:
        if number != self._query or self.ctx.dc != dc:
            return
        if rc or root is None:
            self.ctx.log("error", f"cannot join: own CIB could not be read (error {rc})")
            self.ctx.raise_input("ERROR")
            return
        generation = etree.Element("generation_tuple")
        for key, value in root.items():
            generation.set(key, value)
        extra = {"join_id": join_id, "crm_feature_set": self.ctx.feature_set}
        message = self.ctx.request(
            "join_request", "crmd", "dc", to=dc, payload=generation, origin="join_query_callback", extra=extra
        )
        self.ctx.send(message, to=dc)

    def result(self, message: etree._Element) -> None:
        """The DC's answer: confirm with our history, or stay out of the cluster."""
        dc = message.get("src", "")
        if message.get("join_ack_nack") != "true":
            self.ctx.log("critical", f"DC {dc} refused us")
            self.ctx.emit(ExitDaemon(100))
            return
        if self.ctx.dc != dc:
            self.ctx.log("info", f"ignored join answer of {dc}: our DC is {self.ctx.dc}")
            return
        self.ctx.emit(AttrdUpdate(self.ctx.name, (("#feature-set", self.ctx.feature_set),)))
        peer = self.ctx.peers.get(self.ctx.name)
        if peer is None:
            return
        state = node_state(peer, "controld_query_executor_state", "cluster", "peer")
        state.append(self.executor.history(str(self.ctx.node_id), self.ctx.name))
        extra = {"join_id": message.get("join_id", "")}
        confirm = self.ctx.request(
            "join_confirm", "crmd", "dc", to=dc, payload=state, origin="do_cl_join_finalize_respond", extra=extra
        )
        self.ctx.send(confirm, to=dc)
        if not self.ctx.is_dc:
            self.ctx.raise_input("NOT_DC")
            self.ctx.emit(CancelTimer(ANNOUNCE_TIMER))


def _member(
    transaction: etree._Element, op: str, section: str, element: etree._Element | None, options: int
) -> None:
    member = etree.SubElement(transaction, "cib_command", t="cib", cib_op=op, cib_section=section)
    member.set("cib_callid", str(len(transaction)))
    member.set("cib_callopt", str(options))
    if element is not None:
        etree.SubElement(member, "cib_calldata").append(etree.fromstring(etree.tostring(element)))


def _version(generation: etree._Element) -> tuple[int, int, int]:
    admin_epoch, epoch, num_updates = (counter(generation, name, -1) for name in COUNTERS)
    return admin_epoch, epoch, num_updates


def _schema_known(name: str | None) -> bool:
    """True for schemas up to the highest of this release."""
    if name in (None, "none"):
        return True
    head, _, version = (name or "").partition("-")
    parts = version.split(".")
    if head != "pacemaker" or not all(p.isdecimal() for p in parts):
        return False
    return tuple(int(p) for p in parts) <= _SCHEMA_LIMIT
