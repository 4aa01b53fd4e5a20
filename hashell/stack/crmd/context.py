"""The state that the controller's parts share: who we are, what was decided, and the effects asked for so far.

Every input method of the core opens a `Context` turn (`now` set, `out` emptied) and returns `out`. Parts talk to each
other through `raise_input` (inputs of the state machine) and to the world through `emit`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from lxml import etree

from hashell.model.version import FEATURE_SET, feature_set_compatible
from hashell.stack.crmd.effects import CibRequest, ReplyClient, SendPeer
from hashell.stack.crmd.fsa import State
from hashell.stack.crmd.options import Options
from hashell.stack.crmd.peers import PeerTable
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer

# Bits of cib_callopt (daemons specification, section 2.2).
XPATH, MULTIPLE, CAN_CREATE, DISCARD_REPLY, NO_CHILDREN, DRYRUN, TRANSACTION = 2, 4, 8, 16, 32, 512, 1024

#: Name of the timer that looks for unanswered CIB requests.
CIB_TIMER = "cib-timeout"
_CIB_CHECK = 5.0

CibCallback = Callable[[int, etree._Element | None], None]


class Context:
    """Shared state of one controller. `now` is the time of the running turn in seconds of a clock that nobody sets;
    `epoch` the time of day, epoch seconds, for what others read. A difference of times of day means nothing.
    """

    def __init__(self, node_id: int, name: str, feature_set: str = FEATURE_SET) -> None:
        self.node_id = node_id
        self.name = name
        self.feature_set = feature_set
        self.now = self.epoch = 0.0
        self.out: list[Effect] = []
        self.inputs: deque[tuple[str, Any]] = deque()
        self.state = State.STA
        self.dc: str | None = None
        self.is_dc = False
        self.shutting_down = False
        self.have_quorum = False
        self.had_quorum = False
        self.ring_id = ""
        self.held = ""  #: the reference of our own message that must come back before anything is begun; '' = go on
        self.peers = PeerTable()
        self.options = Options()
        self.pending_cib: dict[int, CibCallback | None] = {}
        self._deadlines: dict[int, float] = {}
        self._call_id = 0
        self._reference = 0
        self._token = 0

    def emit(self, effect: Effect) -> None:
        self.out.append(effect)

    def log(self, level: str, text: str) -> None:
        self.out.append(LogLine(level, text))

    def raise_input(self, event: str, data: Any = None) -> None:
        """Queue an input of the state machine (its name without `I_`)."""
        self.inputs.append((event, data))

    def next_token(self) -> int:
        self._token += 1
        return self._token

    def reference(self, task: str, sys_from: str) -> str:
        """A new message reference: task, sender, epoch seconds, counter from 0."""
        self._reference += 1
        return f"{task}-{sys_from}-{int(self.epoch)}-{self._reference - 1}"

    def cib(
        self,
        op: str,
        section: str | None = None,
        element: etree._Element | None = None,
        options: int = 0,
        done: CibCallback | None = None,
        host: str | None = None,
        user: str = "hacluster",
    ) -> int:
        """Ask the CIB manager for `user`; `done(rc, output)` is called in a later turn (never with DISCARD_REPLY).

        Returns the call id.
        """
        self._call_id += 1
        if not options & DISCARD_REPLY:
            self.pending_cib[self._call_id] = done
            self._deadlines[self._call_id] = self.now + max(15.0, 10.0 * len(self.peers.active()))
            if len(self.pending_cib) == 1:
                self.emit(SetTimer(CIB_TIMER, _CIB_CHECK))
        self.emit(CibRequest(self._call_id, op, section, element, options, host, user))
        return self._call_id

    def answered(self, call_id: int) -> CibCallback | None:
        """A request needs no answer any more; its callback, if there is one to call."""
        self._deadlines.pop(call_id, None)
        if len(self.pending_cib) == 1 and call_id in self.pending_cib:
            self.emit(CancelTimer(CIB_TIMER))
        return self.pending_cib.pop(call_id, None)

    def put_off_deadlines(self, seconds: float) -> None:
        """We did not run for so long: answers may wait to be read."""
        for call in self._deadlines:
            self._deadlines[call] += seconds

    def overdue(self) -> list[tuple[int, CibCallback | None]]:
        """Take out the requests that nobody answered in time (the answering node may be gone)."""
        late = [call for call, deadline in self._deadlines.items() if deadline <= self.now]
        found = [(call, self.answered(call)) for call in late]
        if self.pending_cib:
            self.emit(SetTimer(CIB_TIMER, _CIB_CHECK))
        return found

    def request(
        self,
        task: str,
        sys_from: str,
        sys_to: str,
        *,
        to: str | None = None,
        payload: etree._Element | None = None,
        origin: str = "",
        extra: dict[str, str] | None = None,
    ) -> etree._Element:
        """A request envelope (daemons specification, section 1.4)."""
        message = etree.Element("message", origin=origin or "create_request")
        message.set("t", "crmd")
        message.set("subt", "request")
        message.set("version", self.feature_set)
        message.set("reference", self.reference(task, sys_from))
        message.set("crm_sys_from", sys_from)
        if to:
            message.set("crm_host_to", to)
        message.set("crm_sys_to", sys_to)
        message.set("crm_task", task)
        for key, value in (extra or {}).items():
            message.set(key, value)
        if payload is not None:
            etree.SubElement(message, "crm_xml").append(payload)
        return message

    def send(self, message: etree._Element, *, to: str | None = None, to_daemon: str = "crmd") -> None:
        self.emit(SendPeer(message, to, to_daemon))

    def reply(self, request: etree._Element, payload: etree._Element | None, origin: str) -> None:
        """Answer a request, to a peer or to the local client it came from."""
        message = etree.Element("message", origin=origin)
        message.set("t", request.get("t") or "crmd")
        message.set("subt", "response")
        message.set("version", self.feature_set)
        reference = request.get("reference") or self.reference(request.get("crm_task", ""), "crmd")
        message.set("reference", reference)
        message.set("crm_sys_from", request.get("crm_sys_to") or "crmd")
        host = request.get("src")
        if host:
            message.set("crm_host_to", host)
        message.set("crm_sys_to", request.get("crm_sys_from") or "crmd")
        message.set("crm_task", request.get("crm_task", ""))
        if payload is not None:
            etree.SubElement(message, "crm_xml").append(payload)
        self.deliver(message, host)

    def deliver(self, message: etree._Element, host: str | None) -> None:
        """Hand an answer to a local client, or send it to the node whose client it is for."""
        if host and host.lower() != self.name.lower():
            self.send(message, to=host)
            return
        if message.get("src") is None:
            message.set("src", self.name)
        self.emit(ReplyClient(message.get("crm_sys_to", ""), message))


def payload_of(message: etree._Element) -> etree._Element | None:
    """The first element inside `<crm_xml>`, or None."""
    wrapper = message.find("crm_xml")
    return wrapper[0] if wrapper is not None and len(wrapper) else None


def compatible(dc: str | None, joiner: str | None) -> bool:
    """True when a node of feature set `joiner` may join a DC of feature set `dc` (section 1.4)."""
    return feature_set_compatible(dc or "", joiner or "")
