"""The CIB manager of one node, without any I/O.

Rules of the house (daemons specification, section 2):

- A modifying request is broadcast as it is and applied by every node, the sender too, when it comes back in the
  group's total order. So all copies stay equal down to attribute order, and no diff ever travels between nodes.
- The node a client spoke to answers it from its own processing of the broadcast.
- The primary (set by the local controller) asks all for their digest five seconds after the last change and sends
  its whole CIB to a node that differs. It does not order the writes: the group does.
- `self.document` belongs to the core, which changes its status section in place: take a `snapshot()` to keep it.
  The configuration of a document is never changed; a new configuration is a new document.

Input methods, all returning effects in the order in which they are to be carried out; `now` is seconds since 1970:

    client_opened(client_id, user=..., privileged=..., read_only=...)   a local client, `client_id` unique
    client_request(client_id, request_id, element, now)                 `register`, `cib_notify` or an operation
    client_closed(client_id)
    peer_message(sender, element, now)      from the group in total order, our own messages included
    peers(names, now)                       active members of the group, ourselves among them
    timer(name, now)                        a SetTimer of ours has run out
    shutdown(now)                           leave in order; ends with Exit

Effects besides SetTimer, CancelTimer and LogLine: SendPeer, ReplyClient, AckClient, NotifyClients, WriteDisk, Exit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lxml import etree

from hashell.model.diagnostics import quoted
from hashell.model.digest import digest_v2
from hashell.model.document import CallOption, Rc, copy_tree, rc_text
from hashell.model.document_apply import (
    CibOutcome,
    CibRequest,
    OperationKind,
    Surroundings,
    operation_kind,
    perform,
    perform_query,
)
from hashell.model.document_status import perform_in_status
from hashell.model.exitcodes import ExitCode
from hashell.model.schema import upgrade_target
from hashell.model.values import integer
from hashell.model.version import CibVersion, counter
from hashell.stack.cib import messages
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer

DIGEST_TIMER, EXIT_TIMER = "digest", "exit"
_DIGEST_SECONDS = 5.0
_EXIT_SECONDS = 10.0
_PATCH_DIGEST_SECONDS = 60.0
_IGNORED_DIFFS = 5
_NOTIFY_TYPES = ("cib_post_notify", "cib_pre_notify", "cib_update_confirmation", "cib_diff_notify")


@dataclass(frozen=True, slots=True)
class SendPeer(Effect):
    """Send to the node named `to`, or to all with None; both come back to us if we are meant."""

    element: etree._Element
    to: str | None


@dataclass(frozen=True, slots=True)
class ReplyClient(Effect):
    """Answer a client: on the response channel to request `request_id` when `sync`, else as an event."""

    client_id: str
    request_id: int
    element: etree._Element
    sync: bool


@dataclass(frozen=True, slots=True)
class AckClient(Effect):
    """A bare acknowledgement with an exit code."""

    client_id: str
    request_id: int
    status: int


@dataclass(frozen=True, slots=True)
class NotifyClients(Effect):
    """An event to all the clients named, in this order."""

    client_ids: tuple[str, ...]
    element: etree._Element


@dataclass(frozen=True, slots=True)
class WriteDisk(Effect):
    """Write the configuration of this CIB; of several that wait, only the newest matters."""

    document: etree._Element


@dataclass(frozen=True, slots=True)
class Exit(Effect):
    """End the daemon with this exit code."""

    code: int


@dataclass(slots=True)
class LocalClient:
    """A client of ours. `waiting` maps the call id of a synchronous request to the id of its IPC request."""

    user: str = "root"
    privileged: bool = True
    read_only: bool = False
    name: str = ""
    notify: dict[str, bool] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)


def _no_groups(_user: str) -> tuple[str, ...]:
    return ()


class CibCore:
    """See the module. `status` other than 0 (a CIB that cannot be used) answers every request with that code.

    `clock_text(now)` gives the form of `cib-last-written`, `groups(user)` the UNIX groups of a user.
    """

    def __init__(
        self,
        node: str,
        document: etree._Element,
        *,
        status: int = 0,
        clock_text: Callable[[float], str] = lambda now: f"{now:.0f}",
        groups: Callable[[str], tuple[str, ...]] = _no_groups,
    ) -> None:
        self.node = node
        self.document = document
        self.status = status
        self.primary = False
        self.clients: dict[str, LocalClient] = {}
        self.members: list[str] = []
        self.stopping = False
        self._clock_text = clock_text
        self._groups = groups
        self._ping_number = 0
        self._ping_valid = False
        self._patch_digest_at: float | None = None
        self._diffs_to_ignore = 0
        self._digest_of: etree._Element | None = None
        self._digest = ""

    # -- clients ---------------------------------------------------------------------------------------------

    def client_opened(
        self, client_id: str, *, user: str = "root", privileged: bool = True, read_only: bool = False
    ) -> list[Effect]:
        """A client connected. `privileged`: it may act for other users; `read_only`: it came through cib_ro."""
        self.clients[client_id] = LocalClient(user, privileged, read_only)
        return []

    def client_closed(self, client_id: str) -> list[Effect]:
        """Whatever it still waits for will be dropped."""
        self.clients.pop(client_id, None)
        return []

    def client_request(
        self, client_id: str, request_id: int, element: etree._Element, now: float
    ) -> list[Effect]:
        """One request of a local client; the element becomes ours."""
        client = self.clients.get(client_id)
        if client is None:
            return [LogLine("warning", f"ignored a request of the unknown client {client_id}")]
        op = element.get("cib_op", "")
        if op == "register":
            client.name = element.get("cib_clientname") or client.name
            answer = etree.Element("cib_common_callback_worker", cib_op="register", cib_clientid=client_id)
            return [ReplyClient(client_id, request_id, answer, True)]
        if op == "cib_notify":
            return self._subscribe(client_id, client, request_id, element)
        kind = operation_kind(op)
        options = _options(element)
        if options & CallOption.SYNC_CALL:
            client.waiting[element.get("cib_callid", "")] = request_id
        self._sign(client_id, client, element)
        if kind is None or options & CallOption.TRANSACTION:
            why = "is not known" if kind is None else "may not be sent with the transaction option"
            log = LogLine("warning", f"refused a request of {client.name or client_id}: operation {quoted(op)} {why}")
            rc = Rc.EOPNOTSUPP if kind is None else Rc.EINVAL
            return [log, *self._answer(element, rc, None)]
        host = element.get("cib_host")
        if not kind.local and (kind.modifies or (host and not self._is_us(host))):
            element.set("cib_delegated_from", self.node)
            return [SendPeer(element, host)]
        return self._process_local(client, kind, element, now)

    def _subscribe(
        self, client_id: str, client: LocalClient, request_id: int, element: etree._Element
    ) -> list[Effect]:
        wanted = element.get("cib_notify_type", "")
        if wanted not in _NOTIFY_TYPES:
            return [AckClient(client_id, request_id, ExitCode.INVALID_PARAM)]
        client.notify[wanted] = element.get("cib_notify_activate", "0") not in ("0", "false")
        return [AckClient(client_id, request_id, ExitCode.OK)]

    def _sign(self, client_id: str, client: LocalClient, element: etree._Element) -> None:
        """Say who asks: a privileged client may name another user, everybody else is who he is."""
        element.set("cib_clientid", client_id)
        element.set("cib_clientname", client.name or client_id)
        element.set("acl_target", client.user)
        if not (client.privileged and element.get("cib_user")):
            element.set("cib_user", client.user)
        element.set("src", self.node)

    def _process_local(
        self, client: LocalClient, kind: OperationKind, element: etree._Element, now: float
    ) -> list[Effect]:
        op = element.get("cib_op", "")
        if kind.privileged and client.read_only:
            return self._answer(element, Rc.EACCES, None)
        if op in ("cib_sync", "cib_sync_one"):
            return [SendPeer(messages.sync_copy(element, self.node, self.document), self._sync_target(op))]
        rc, output, effects = self._read(element, now)
        return effects + self._answer(element, rc, output)

    def _sync_target(self, op: str) -> str | None:
        return None if op == "cib_sync" else self.node

    # -- peers -----------------------------------------------------------------------------------------------

    def peers(self, names: Sequence[str], now: float) -> list[Effect]:
        """The active members of the group changed."""
        self.members = list(names)
        if self.stopping and len(self.members) < 2:
            return [CancelTimer(EXIT_TIMER), Exit(ExitCode.OK)]
        return []

    def peer_message(self, sender: str, element: etree._Element, now: float) -> list[Effect]:
        """A message of the group, decided in the order of section 2.3; the element becomes ours."""
        element.set("src", sender)
        op = element.get("cib_op", "")
        kind = operation_kind(op)
        if kind is None:
            return [LogLine("warning", f"ignored a message of {sender}: operation {quoted(op)} is not known")]
        answered = element.get("cib_isreplyto")
        for_us = answered is not None and self._is_us(answered)
        if op == "cib_replace":
            return self._process_peer(sender, kind, element, answered or element.get("cib_delegated_from"), now)
        if op == "ping" and for_us:
            return self._ping_reply(sender, element)
        if op == "cib_upgrade":
            return self._upgrade_message(sender, kind, element, for_us, now)
        if element.get("cib_update") == "true":
            return self._request_resync()
        if op == "cib_shutdown_req":
            return self._shutdown_message(sender, for_us, answered)
        if for_us:
            return [] if kind.modifies else self._deliver(element)
        if answered is not None:
            return []
        return self._process_peer(sender, kind, element, element.get("cib_delegated_from"), now)

    def _process_peer(
        self, sender: str, kind: OperationKind, element: etree._Element, delegated: str | None, now: float
    ) -> list[Effect]:
        """Step 8: carry out, tell our client if it asked, answer the peer if it named us."""
        host = element.get("cib_host")
        op = element.get("cib_op", "")
        if host is not None and not self._is_us(host):
            return []
        ours = delegated is not None and self._is_us(delegated)
        if op in ("cib_sync", "cib_sync_one"):
            if self._is_us(sender) and host is None:
                return []
            to = None if op == "cib_sync" else delegated or sender
            return [SendPeer(messages.sync_copy(element, delegated or sender, self.document), to)]
        if kind.modifies:
            return self._modify(element, ours, now)
        rc, output, effects = self._read(element, now)
        if ours:
            return effects + self._answer(element, rc, output)
        if host is not None or op == "ping":
            answer = messages.reply(element, rc, output)
            answer.set("cib_isreplyto", delegated or sender)
            effects.append(SendPeer(answer, delegated or sender))
        return effects

    def _deliver(self, element: etree._Element) -> list[Effect]:
        """The answer of another node to a request of one of our clients."""
        return self._to_client(element, element)

    def _upgrade_message(
        self, sender: str, kind: OperationKind, element: etree._Element, for_us: bool, now: float
    ) -> list[Effect]:
        if element.get("cib_upgrade_rc") is not None:
            return self._answer(element, -abs(integer(element.get("cib_upgrade_rc"))), None) if for_us else []
        if element.get("cib_schema_max") is not None:
            return self._process_peer(sender, kind, element, element.get("cib_delegated_from"), now)
        if not self.primary:
            return []
        order = messages.upgrade_command(element, element.get("cib_delegated_from") or sender)
        trial = replace(CibRequest.of(element), options=CallOption.DRYRUN)
        rc = perform(self.document, trial, Surroundings(primary=True, groups=self._groups)).rc
        if rc:
            order.set("cib_isreplyto", order.get("cib_delegated_from", ""))
            order.set("cib_upgrade_rc", str(int(rc)))
            return [SendPeer(order, order.get("cib_delegated_from"))]
        order.set("cib_schema_max", upgrade_target(self.document.get("validate-with"), None) or "")
        return [SendPeer(order, None)]

    # -- operations ------------------------------------------------------------------------------------------

    def _read(self, element: etree._Element, now: float) -> tuple[int, etree._Element | None, list[Effect]]:
        """Carry out an operation that leaves the CIB as it is."""
        op = element.get("cib_op", "")
        if self.status and op != "cib_schemas":
            return self.status, None, []
        if op == "cib_query":
            outcome = perform_query(self.document, CibRequest.of(element), Surroundings(groups=self._groups))
            return outcome.rc, outcome.output, []
        if op == "ping":
            return Rc.OK, messages.ping_response(element.get("cib_ping_id"), self.digest(), self.document), []
        if op == "cib_schemas":
            return Rc.EPROTO, etree.Element("schemas"), []
        if op == "cib_ismaster":
            return (Rc.OK if self.primary else Rc.EPERM), None, []
        if op in ("cib_master", "cib_slave"):
            return Rc.OK, None, self._set_primary(op == "cib_master")
        return Rc.OK, None, []

    def _set_primary(self, primary: bool) -> list[Effect]:
        if primary == self.primary:
            return []
        self.primary = primary
        self._ping_valid = False
        word = "now" if primary else "no more"
        return [LogLine("info", f"{self.node} is {word} the primary CIB manager")]

    def _modify(self, element: etree._Element, ours: bool, now: float) -> list[Effect]:
        request = CibRequest.of(element)
        if self.status and not _renews(request):
            return self._answer(element, self.status, None) if ours else []
        if request.op == "cib_apply_diff" and self._diffs_to_ignore and not self.primary:
            self._diffs_to_ignore -= 1
            return self._answer(element, Rc.DIFF_RESYNC, None) if ours else []
        # A clock that was set back must not keep digests away until it has come round again.
        stale = self._patch_digest_at is None or not 0 <= now - self._patch_digest_at < _PATCH_DIGEST_SECONDS
        around = Surroundings(
            self._clock_text(now), self.primary, stale and request.section != "status", self._groups
        )
        self._ping_valid = False
        outcome = perform_in_status(self.document, request, around) or perform(self.document, request, around)
        effects: list[Effect] = []
        if outcome.patch is not None and outcome.patch.get("digest") is not None:
            self._patch_digest_at = now
        if outcome.rc == Rc.OK and not request.options & CallOption.DRYRUN:
            effects += self._activate(request, outcome)
        elif outcome.rc:
            text = f"{request.op} of {element.get('cib_clientname', 'a peer')} at {request.source} failed"
            effects.append(LogLine("info", f"{text}: {rc_text(outcome.rc)} ({outcome.rc})"))
            if request.damaged:
                text = f"what {request.source} sent of the CIB does not have the digest that it says, and is not taken"
                effects.append(LogLine("warning", text))
        quiet = CallOption.DRYRUN | CallOption.INHIBIT_NOTIFY | CallOption.TRANSACTION
        if outcome.patch is not None and not request.options & quiet:
            effects += self._notify(element, outcome.rc, outcome.patch)
        if outcome.rc == Rc.DIFF_RESYNC:
            effects += self._request_resync()
        if ours:
            effects += self._answer(element, outcome.rc, outcome.output)
        return effects

    def _activate(self, request: CibRequest, outcome: CibOutcome) -> list[Effect]:
        kind = operation_kind(request.op)
        if _renews(request):
            self._diffs_to_ignore = 0
            self.status = 0
        if outcome.patch is None:
            return []
        self.document, self._digest_of = outcome.document, None
        effects: list[Effect] = []
        if outcome.config_changed or (kind is not None and kind.writes):
            effects.append(WriteDisk(self.document))
        effects.append(SetTimer(DIGEST_TIMER, _DIGEST_SECONDS))
        return effects

    def _notify(self, element: etree._Element, rc: int, patch: etree._Element) -> list[Effect]:
        wanting = tuple(name for name, client in self.clients.items() if client.notify.get("cib_diff_notify"))
        return [NotifyClients(wanting, messages.notification(element, rc, patch))] if wanting else []

    def _answer(self, request: etree._Element, rc: int, output: etree._Element | None) -> list[Effect]:
        return self._to_client(request, messages.reply(request, rc, output))

    def _to_client(self, request: etree._Element, answer: etree._Element) -> list[Effect]:
        client_id = request.get("cib_clientid", "")
        client = self.clients.get(client_id)
        options = _options(request)
        if client is None or options & CallOption.DISCARD_REPLY:
            if client is not None:
                client.waiting.pop(request.get("cib_callid", ""), None)
            return []
        sync = bool(options & CallOption.SYNC_CALL)
        request_id = client.waiting.pop(request.get("cib_callid", ""), 0) if sync else 0
        return [ReplyClient(client_id, request_id, answer, sync)]

    # -- consistency -----------------------------------------------------------------------------------------

    def digest(self) -> str:
        """The version 2 digest of the document, computed once for each."""
        if self._digest_of is not self.document:
            self._digest_of, self._digest = self.document, digest_v2(self.document)
        return self._digest

    def _request_resync(self) -> list[Effect]:
        if self.primary:
            return []
        self._diffs_to_ignore = _IGNORED_DIFFS
        return [
            LogLine("notice", "asking the peers for their CIB: ours does not fit theirs"),
            SendPeer(messages.resync_request(self.node), None),
        ]

    def _ping_reply(self, sender: str, element: etree._Element) -> list[Effect]:
        holder = element.find("cib_calldata")
        answer = holder.find("ping_response") if holder is not None else None
        if answer is None or self._is_us(sender):
            return []
        current = self.primary and self._ping_valid and answer.get("cib_ping_id") == str(self._ping_number)
        if not current or answer.get("digest") == self.digest():
            return []
        root = answer.find("cib_calldata/cib")
        version = CibVersion.of(root) if root is not None else None
        text = f"the CIB of {sender} differs: {version or 'unknown'} there, {CibVersion.of(self.document)} here"
        if version is not None and version > CibVersion.of(self.document):
            # Ours would be refused as older: it is the peer's that all must have (a change overtook a join's copy).
            spread = etree.Element("cib_command", t="cib", cib_op="cib_sync", cib_host=sender)
            spread.set("cib_delegated_from", self.node)
            return [LogLine("notice", f"{text}; asking for theirs"), SendPeer(spread, sender)]
        copy = messages.sync_copy(etree.Element("sync", t="cib", cib_op="cib_sync_one"), sender, self.document)
        return [LogLine("notice", f"{text}; sending ours"), SendPeer(copy, sender)]

    def timer(self, name: str, now: float) -> list[Effect]:
        """A timer ran out."""
        if name == EXIT_TIMER and self.stopping:
            return [LogLine("warning", "no peer answered the exit notification"), Exit(ExitCode.OK)]
        if name != DIGEST_TIMER or not self.primary or self.status:
            return []
        self._ping_number += 1
        self._ping_valid = True
        return [SendPeer(messages.ping(self._ping_number), None)]

    # -- the end ---------------------------------------------------------------------------------------------

    def shutdown(self, now: float) -> list[Effect]:
        """Tell the peers and wait for an answer, at most ten seconds; alone, leave at once."""
        if self.stopping:
            return []
        self.stopping = True
        if len(self.members) < 2:
            return [Exit(ExitCode.OK)]
        return [SendPeer(messages.exit_notification(), None), SetTimer(EXIT_TIMER, _EXIT_SECONDS)]

    def _shutdown_message(self, sender: str, for_us: bool, answered: str | None) -> list[Effect]:
        if answered is not None:
            return [CancelTimer(EXIT_TIMER), Exit(ExitCode.OK)] if for_us and self.stopping else []
        answer = etree.Element("cib-reply", t="cib", cib_op="cib_shutdown_req", cib_callopt="0", cib_rc="0")
        answer.set("cib_isreplyto", sender)
        return [LogLine("info", f"the CIB manager of {sender} is leaving"), SendPeer(answer, sender)]

    def _is_us(self, name: str) -> bool:
        return name.lower() == self.node.lower()

    def snapshot(self) -> etree._Element:
        """A copy of the document that its holder may change."""
        return copy_tree(self.document)

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts itself."""
        assert self.document.tag == "cib" and self.document.getparent() is None
        assert all(self.document.get(name, "").isdigit() for name in ("admin_epoch", "epoch", "num_updates"))
        assert 0 <= self._diffs_to_ignore <= _IGNORED_DIFFS
        assert not (self._ping_valid and not self._ping_number)
        assert self._digest_of is not self.document or self._digest == digest_v2(self.document)


def _renews(request: CibRequest) -> bool:
    """True when the request puts a whole new CIB in the place of ours."""
    return request.op == "cib_erase" or (
        request.op == "cib_replace" and request.data is not None and request.data.tag == "cib"
    )


def _options(element: etree._Element) -> CallOption:
    return CallOption(counter(element, "cib_callopt") & 0x7FFFFFFF)
