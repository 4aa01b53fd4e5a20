"""Messages of peers and local clients: who handles them here, and what is answered.

Rules: daemons specification, sections 1.4, 3.6, 3.7, 3.10; local IPC: ipc.md, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lxml import etree

from hashell.stack.crmd.context import Context
from hashell.stack.crmd.effects import AttrdUpdate
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.lrm import LocalExecutor
from hashell.stack.crmd.transitioner import Transitioner
from hashell.stack.effects import CancelTimer, SetTimer

HOLD_TIMER = "hold"
#: Seconds until a message to ourselves that has not come back is sent again.
_HOLD_AGAIN = 5.0
#: Messages that are inputs of the state machine: task and target system to input.
_INPUTS: Final = {
    ("join_announce", "dc"): "NODE_JOIN",
    ("join_request", "dc"): "JOIN_REQUEST",
    ("join_confirm", "dc"): "JOIN_RESULT",
    ("join_offer", "crmd"): "JOIN_OFFER",
    ("join_ack_nack", "crmd"): "JOIN_RESULT",
}
#: What a DC always says in them; a message without would end this node for want of an answer that it understands.
_REQUIRED: Final = {"join_offer": ("crm_feature_set",), "join_ack_nack": ("join_ack_nack",)}


class Router:
    """Dispatches envelopes. `vote(sender, message)` takes election messages."""

    def __init__(
        self, context: Context, lrm: LocalExecutor, te: Transitioner, vote: Callable[[str, etree._Element], None]
    ) -> None:
        self.ctx = context
        self.lrm = lrm
        self.te = te
        self._vote = vote
        self._postponed: list[etree._Element] = []

    def from_peer(self, sender: str, message: etree._Element) -> None:
        """An envelope from the group, our own broadcasts included."""
        task = message.get("crm_task", "")
        message.set("src", sender)
        if message.tag != "message" or not task:
            self.ctx.log("warning", f"ignored a {message.tag} from {sender}: not a controller message")
        elif task in ("vote", "no-vote"):
            self._vote(sender, message)
        elif self.ctx.held and task == "noop" and message.get("reference") == self.ctx.held:
            self._release()
        elif self._other_dc(sender, message):
            self.ctx.log("warning", f"another DC: {sender} ({task})")
            if self.ctx.state is not State.ELEC:
                self.ctx.raise_input("ELECTION")
        else:
            self._dispatch(message)

    def _other_dc(self, sender: str, message: etree._Element) -> bool:
        return self.ctx.is_dc and message.get("crm_sys_from") == "dc" and sender.lower() != self.ctx.name.lower()

    def from_client(self, client_id: str, message: etree._Element) -> None:
        """An envelope from a local IPC client; answers go to `client_id`."""
        message.set("crm_sys_from", client_id)
        host, system = message.get("crm_host_to", ""), message.get("crm_sys_to", "")
        task = message.get("crm_task", "")
        if not task or task == "hello":
            return
        if system == "dc" and not self.ctx.is_dc:
            if self.ctx.dc:
                self.ctx.send(message, to=self.ctx.dc)
            return
        if host and host.lower() != self.ctx.name.lower():
            self.ctx.send(message, to=host)
            return
        message.set("src", self.ctx.name)
        if task == "rm_node_cache":
            self.ctx.send(message)
            return
        self._dispatch(message)

    def local(self, message: etree._Element) -> None:
        """A request of our own transition engine."""
        self._dispatch(message)

    def _dispatch(self, message: etree._Element) -> None:
        system, task = message.get("crm_sys_to", ""), message.get("crm_task", "")
        if system == "dc" and not self.ctx.is_dc:
            return
        if message.get("subt") == "response" or system == "tengine":
            self._response(message, system)
            return
        event = _INPUTS.get((task, system))
        missing = [name for name in _REQUIRED.get(task, ()) if not message.get(name)]
        if event is not None and missing:
            self.ctx.log("warning", f"ignored {task} of {message.get('src')}: no {missing[0]} in it")
        elif event is not None:
            self.ctx.raise_input(event, message)
        elif system in ("dc", "crmd", "lrmd", ""):
            handler = getattr(self, f"_do_{task.replace('-', '_')}", None)
            if handler is not None:
                handler(message)
            else:
                self.ctx.log("debug", f"ignored {task} from {message.get('src')}: unknown here")
        else:
            self._response(message, system)

    def _response(self, message: etree._Element, system: str) -> None:
        if system == "tengine":
            if self.ctx.is_dc:
                self.te.acknowledged(message)
        elif system not in ("dc", "crmd", "lrmd", ""):
            host = message.get("crm_host_to")
            if not host or host.lower() == self.ctx.name.lower():
                self.ctx.deliver(message, None)

    # Handlers by task

    def _do_hello(self, message: etree._Element) -> None:
        """A peer introduces itself; the frame has told its name already."""

    def _do_noop(self, message: etree._Element) -> None:
        """A peer made itself known."""

    def _do_ping(self, message: etree._Element) -> None:
        answer = etree.Element("ping_response", crm_subsystem=message.get("crm_sys_to", "crmd"))
        answer.set("crmd_state", str(self.ctx.state))
        answer.set("result", "ok")
        self.ctx.reply(message, answer, "handle_ping")

    def _do_node_info(self, message: etree._Element) -> None:
        answer = etree.Element("node", crm_subsystem=message.get("crm_sys_to", "crmd"))
        answer.set("have-quorum", "true" if self.ctx.have_quorum else "false")
        wanted, name = message.get("id"), message.get("uname")
        peer = self.ctx.peers.by_id(wanted) if wanted else self.ctx.peers.get(name or self.ctx.name)
        if peer is not None:
            answer.set("id", str(peer.node_id))
            answer.set("uname", peer.name)
            answer.set("crmd", "member" if peer.member else "lost")
            answer.set("remote_node", "false")
        self.ctx.reply(message, answer, "handle_node_info_request")

    def _do_list_nodes(self, message: etree._Element) -> None:
        answer = etree.Element("nodes")
        for peer in self.ctx.peers.all():
            etree.SubElement(
                answer, "node", id=str(peer.node_id), uname=peer.name, in_ccm="member" if peer.member else "lost"
            )
        self.ctx.reply(message, answer, "handle_node_list")

    def _do_req_shutdown(self, message: etree._Element) -> None:
        peer = self.ctx.peers.get(message.get("src", ""))
        if peer is None:
            return
        peer.expected = "down"
        if self.ctx.is_dc:
            self.ctx.log("notice", f"node {peer.name} wants to shut down")
            self.ctx.emit(AttrdUpdate(peer.name, (("shutdown", str(int(self.ctx.epoch))),)))

    def _do_do_shutdown(self, message: etree._Element) -> None:
        sender = message.get("src", "")
        if self.ctx.dc is None or sender.lower() != self.ctx.dc.lower():
            self.ctx.log("error", f"ignored shutdown order of {sender}: our DC is {self.ctx.dc}")
            return
        self.ctx.raise_input("STOP")

    def hold(self) -> None:
        """This process did not run for a while: begin nothing until the ring has told what happened meanwhile.

        A message to ourselves comes back after all that the ring has for us, first of all that we were out of it. It is
        sent again until one comes back: a controller that waits for ever has nobody fenced.
        """
        self._ask_the_ring(self.ctx.reference("noop", "crmd"))

    def _ask_the_ring(self, reference: str) -> None:
        message = self.ctx.request("noop", "crmd", "crmd", to=self.ctx.name, origin="hold")
        message.set("reference", reference)
        self.ctx.held = reference
        self.ctx.send(message, to=self.ctx.name)
        self.ctx.emit(SetTimer(HOLD_TIMER, _HOLD_AGAIN))

    def still_held(self) -> None:
        """Our message has not come back for a while."""
        if self.ctx.held:
            self.ctx.log("warning", f"the ring was not heard for {_HOLD_AGAIN:.0f} s: asking again")
            self._ask_the_ring(self.ctx.held)  # any copy that comes back will do

    def _release(self) -> None:
        self.ctx.held = ""
        self.ctx.emit(CancelTimer(HOLD_TIMER))
        postponed, self._postponed = self._postponed, []
        for message in postponed:
            self._dispatch(message)
        self.te.advance()

    def _do_lrm_invoke(self, message: etree._Element) -> None:
        if self.ctx.held:
            self._postponed.append(message)
        else:
            self.lrm.invoke(message)

    def _do_lrm_delete(self, message: etree._Element) -> None:
        self.lrm.invoke(message)

    def _do_lrm_fail(self, message: etree._Element) -> None:
        self.lrm.invoke(message)

    def _do_probe_again(self, message: etree._Element) -> None:
        self.lrm.reprobe(message)

    def _do_clear_failcount(self, message: etree._Element) -> None:
        self.lrm.clear_failures(message)

    def _do_throttle(self, message: etree._Element) -> None:
        self.te.throttle.said(message.get("src", ""), message.get("crm-limit-mode"), message.get("crm-limit-max"))
        if self.ctx.is_dc:
            self.te.advance()

    def _do_rm_node_cache(self, message: etree._Element) -> None:
        wanted, name = message.get("id"), message.get("uname", "")
        peer = self.ctx.peers.by_id(wanted) if wanted else self.ctx.peers.get(name)
        if peer is None or peer.active:
            self.ctx.log("info", f"nothing to forget of node {name or wanted}")
            return
        self.ctx.log("notice", f"forgetting node {peer.name}")
        self.ctx.peers.forget(peer.name)
        self.te.fencing_failures.pop(peer.name, None)
