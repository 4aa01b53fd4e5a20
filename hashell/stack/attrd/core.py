"""The attribute manager of one node, without any I/O.

Rules of the house (daemons specification, section 4):

- An update of a local client is broadcast and takes effect when it comes back, on every node alike. A value lives
  in memory on all nodes; one elected *writer* brings changed values into the CIB, one transaction an attribute.
- Dampening holds a write back until the value has been quiet for that long.
- A node is right about itself: who tells us another value for our own node is told ours.
- The writer sends all values when a node joins. When it is lost the others elect a new one, which sends all
  values to all and writes them all. The values of a node that leaves are forgotten.
- A list of values is old when it arrives: updates may stand between its making and its delivery. Its sender therefore
  notes what changed meanwhile and, seeing its own list come back, sends those values after it.

Input methods, all returning effects in order; `now` is seconds since 1970:

    start(now)                              once, before anything else
    client_request(client_id, request_id, element, now)     element has a `task`
    client_closed(client_id)
    peer_message(sender, element, now)      from the group in total order, our own messages included
    peers(members, now)                     active members as (name, node id), ourselves among them
    cib_connected(now)                      the CIB manager can be written to (again)
    cib_result(number, rc, now)             result of the CibCommit with that number
    timer(name, now)                        a SetTimer of ours has run out

Effects besides SetTimer, CancelTimer and LogLine: SendPeer, ReplyClient, AckClient, CibCommit, CibDelete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lxml import etree

from hashell.model.diagnostics import quoted
from hashell.model.document import copy_tree, rc_text
from hashell.model.exitcodes import ExitCode
from hashell.stack.attrd import messages
from hashell.stack.attrd.attributes import (
    Attribute,
    AttributeTable,
    Value,
    expand,
    failure_pattern,
    seconds,
    truth,
    write_commands,
)
from hashell.stack.attrd.effects import AckClient, CibCommit, CibDelete, ReplyClient, SendPeer
from hashell.stack.attrd.news import news
from hashell.stack.attrd.waitlist import Waitlist
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.election.core import TIMER as ELECTION_TIMER
from hashell.stack.election.core import Age, Election, ElectionOutcome, ElectionState, Outcome, SendVote

_RETRY_SECONDS = 2.0
_CONFIRM_PROTOCOL = 5
_DAMPENING = "dampening:"
_WRITER = str(int(ElectionState.WON))
_UPDATES = ("update", "update-both", "update-delay")


class AttrdCore:
    """See the module. `cpu()` gives the process's CPU time as (seconds, microseconds), for elections; `known` the
    node ids, by name, of all cluster nodes, also of those that are away.
    """

    def __init__(
        self, node: str, node_id: str, cpu: Callable[[], Age], known: Mapping[str, str] | None = None
    ) -> None:
        self.node, self.node_id = node, node_id
        self.know(known or {})
        self._unplaced: set[str] = set()  #: nodes of values that were not written, as the nodes had no id yet
        self.table = AttributeTable()
        self.members: dict[str, str] = {}  #: node id by name of the active members
        self.writer: str | None = None
        self.shutting_down = False  #: the node has been asked to leave: it must not become the writer any more
        self.stopping = False  #: this daemon ends: nothing but elections concerns it
        self.election = Election(node_id, node, "attrd", self._reference)
        self._cpu = cpu
        self._cib_up = False
        self._waitlist = Waitlist()
        self._lists_under_way = 0
        self._changed_meanwhile: dict[tuple[str, str], None] = {}
        self._writes: dict[int, str] = {}
        self._write_number = 0
        self._messages = 0

    def know(self, known: Mapping[str, str]) -> None:
        """The node list as it is now."""
        self.known = {name.lower(): ident for name, ident in known.items()}

    def _reference(self, task: str, now: float) -> str:
        self._messages += 1
        return f"{task}-attrd-{int(now)}-{self._messages - 1}"

    def start(self, now: float) -> list[Effect]:
        """Forget what the CIB still has of our former life and tell the peers our protocol."""
        xpath = f"//node_state[@uname='{self.node}']/transient_attributes"
        return [CibDelete(xpath), self._send(messages.protocol_broadcast(self.node, self.node_id))]

    # -- clients ---------------------------------------------------------------------------------------------

    def client_request(
        self, client_id: str, request_id: int, element: etree._Element, now: float
    ) -> list[Effect]:
        """One request of a local client; the element becomes ours."""
        task = element.get("task", "")
        if task == "query":
            host = element.get("attr_host")
            host = self.node if host == "localhost" else host
            answer = messages.query_reply(self.table.get(element.get("attr_name", "")), host)
            return [ReplyClient(client_id, request_id, answer)]
        ack = AckClient(client_id, request_id, ExitCode.INDETERMINATE)
        if task in _UPDATES:
            return self._client_update(ack, element)
        if task == "clear-failure":
            return [ack, self._send(element)]
        if task == "peer-remove":
            return [ack, *self._client_remove(element)]
        if task == "refresh":
            return [ack, *self._write_all()]
        text = f"refused a request with the unknown task {quoted(task)}"
        return [LogLine("warning", text), AckClient(client_id, request_id, ExitCode.INVALID_PARAM)]

    def client_closed(self, client_id: str) -> list[Effect]:
        self._waitlist.forget(client_id)
        return []

    def _client_update(self, ack: AckClient, element: etree._Element) -> list[Effect]:
        parts = list(element.iterchildren("op")) if len(element) else [element]
        updates: list[etree._Element] = []
        problems: list[Effect] = []
        for part in parts:
            for name in element.attrib if part is not element else ():
                if name not in part.attrib:
                    part.set(str(name), element.get(name) or "")
            if part.get("attr_regex"):
                updates += self._by_pattern(part)
            elif part.get("attr_name"):
                updates.append(self._localised(part))
            else:
                problems.append(LogLine("error", "ignored an update without attribute name and pattern"))
        point = element.get("attr_sync_point", "")
        if not updates or point not in ("local", "cluster") or self.table.protocol() < _CONFIRM_PROTOCOL:
            return [ack, *problems, *(self._send(update) for update in updates)]
        call = self._waitlist.add(ack.client_id, ack.request_id, point, tuple(self.members))
        for update in updates:
            update.set("call-id", str(call))
        sends = [self._send(u, confirm=u is updates[-1]) for u in updates]
        return [*problems, *sends]

    def _by_pattern(self, part: etree._Element) -> list[etree._Element]:
        updates = []
        for attribute in self.table.matching(part.get("attr_regex", "")):
            update = copy_tree(part)
            del update.attrib["attr_regex"]
            update.set("attr_name", attribute.name)
            updates.append(self._localised(update))
        return updates

    def _localised(self, update: etree._Element) -> etree._Element:
        """The update as it is broadcast: with a node and with increments worked out."""
        host = update.get("attr_host")
        if host is None or host == "localhost":
            update.set("attr_host", self.node)
            update.set("attr_host_id", self.node_id)
            host = self.node
        attribute = self.table.get(update.get("attr_name", ""))
        value = expand(attribute.text(host) if attribute else None, update.get("attr_value"))
        if value is not None:
            update.set("attr_value", value)
        for child in list(update):
            update.remove(child)
        return update

    def _client_remove(self, element: etree._Element) -> list[Effect]:
        wanted = element.get("attr_host_id")
        if not element.get("attr_host") and wanted:
            host = next((name for name, ident in self.members.items() if ident == wanted), None)
            values = (v for a in self.table for v in a.values.values() if v.node_id == wanted)
            host = host or next((value.host for value in values), None)
            if host is None:
                return [LogLine("info", f"no values are known of node {wanted}")]
            element.set("attr_host", host)
        return [self._send(element)]

    # -- peers -----------------------------------------------------------------------------------------------

    def peers(self, members: Sequence[tuple[str, str]], now: float) -> list[Effect]:
        """The active members of the group changed; the lost ones go first."""
        before, self.members = self.members, dict(members)
        effects: list[Effect] = []
        for name in before:
            if name not in self.members:
                effects += self._peer_lost(name, now)
        if self._is_writer() and any(name not in before and name != self.node for name in self.members):
            effects.append(self._send_list(messages.sync_response(list(self.table))))
        effects += self._write_placed()
        return effects + self._elected(self.election.check(list(self.members)), now)

    def _peer_lost(self, name: str, now: float) -> list[Effect]:
        self._drop_host(name)
        was_writer = self.writer == name
        self.election.peer_lost(name, was_owner=was_writer)
        effects: list[Effect] = [LogLine("info", f"forgot the attributes of {name}, which left")]
        effects += [AckClient(c, r, ExitCode.INDETERMINATE) for c, r in self._waitlist.peer_lost(name)]
        if was_writer:
            self.writer = None
        if self.writer is None and self.election.state is not ElectionState.IN_PROGRESS:
            effects += self._start_election(now)
        return effects

    def _drop_host(self, host: str) -> None:
        for attribute in self.table:
            if attribute.text(host) is not None:
                self._note_change(attribute, host)
        self.table.drop_host(host)

    def peer_message(self, sender: str, element: etree._Element, now: float) -> list[Effect]:
        """A message of the group, ours included."""
        if element.get("crm_task"):
            active = list(self.members)
            can_win = not self.shutting_down
            effects = self.election.message(sender, element, now, self._cpu(), active, can_win=can_win)
            return self._elected(effects, now)
        if self.stopping:
            return []
        task = element.get("task", "")
        if task == "confirm":
            done = self._waitlist.confirmed(element.get("call-id", ""), sender)
            return [AckClient(done[0], done[1], ExitCode.INDETERMINATE)] if done else []
        effects = self._note_writer(sender, element, now)
        if task in ("", *_UPDATES):
            effects += self._update_message(sender, element, now)
        elif task == "sync-response":
            effects += self._sync_response(sender, element, now)
        elif task == "clear-failure":
            effects += self._clear_failure(element, now)
        elif task == "peer-remove":
            self._drop_host(element.get("attr_host", ""))
        else:
            effects.append(LogLine("error", f"ignored a message of {sender} with the unknown task {quoted(task)}"))
        return effects

    def _note_writer(self, sender: str, element: etree._Element, now: float) -> list[Effect]:
        if sender == self.node or element.get("attr_writer") != _WRITER:
            return []
        if self._is_writer():
            return [
                LogLine("notice", f"{sender} writes attributes as well: electing anew"),
                *self._start_election(now),
            ]
        if self.writer != sender:
            self.writer = sender
            return [LogLine("info", f"{sender} writes the attributes")]
        return []

    def _update_message(self, sender: str, element: etree._Element, now: float) -> list[Effect]:
        effects: list[Effect] = []
        parts = list(element.iterchildren("op")) or [element]
        for part in parts:
            effects += self._apply(part, element, now)
        call = element.get("call-id")
        if call and truth(element.get("confirm")):
            if sender == self.node:
                done = self._waitlist.applied(call)
                effects += [AckClient(done[0], done[1], ExitCode.INDETERMINATE)] if done else []
            if element.get("attr_sync_point") == "cluster":
                effects.append(self._send(messages.confirmation(call), sender))
        return effects

    def _apply(self, part: etree._Element, outer: etree._Element, now: float) -> list[Effect]:
        """One value (or, without a node, the value on all) from a peer."""
        name = part.get("attr_name") or outer.get("attr_name")
        task = part.get("task") or outer.get("task", "")
        if not name:
            return [LogLine("warning", "ignored an update without attribute name")]
        attribute = self.table.get(name)
        if attribute is None:
            if task == "update-delay":
                return [LogLine("error", f"there is no attribute {name} whose dampening could change")]
            attribute = self.table.make(name, part)
        effects: list[Effect] = []
        if task in ("update-both", "update-delay"):
            attribute.dampening = seconds(part.get("attr_dampening"))
        if task == "update-delay":
            return effects
        host = part.get("attr_host") or outer.get("attr_host")
        changed = False
        for target in [host] if host else self.table.hosts():
            changed = self._store(attribute, target, part) or changed
        return self._write_later(attribute, now) if changed else effects

    def _store(self, attribute: Attribute, host: str, part: etree._Element) -> bool:
        """Put a value into the table; True when it differs from what was there."""
        value = attribute.entry(host)
        node_id = part.get("attr_host_id") or self.members.get(host, "")
        value.node_id = node_id or value.node_id
        value.is_remote = truth(part.get("attr_is_remote")) if "attr_is_remote" in part.attrib else value.is_remote
        text = part.get("attr_value")
        if (text or "").lower() == (value.text or "").lower() and (text is None) == (value.text is None):
            return False
        value.text = text
        # Whoever becomes the writer later does not tell of what happened under another.
        value.untold = self.writer in (None, self.node)
        self._note_change(attribute, host)
        if attribute.name == "shutdown" and host.lower() == self.node.lower():
            self.shutting_down = text not in (None, "", "0")
        return True

    def _sync_response(self, sender: str, element: etree._Element, now: float) -> list[Effect]:
        if sender == self.node:
            return self._list_arrived()
        effects: list[Effect] = []
        mentioned: dict[tuple[str, str], None] = {}
        for child in element.iterchildren(etree.Element):
            name, host = child.get("attr_name", ""), child.get("attr_host", "")
            mentioned[(name, host.lower())] = None
            if name and host.lower() == self.node.lower():
                attribute = self.table.make(name, child)
                ours = attribute.text(self.node)
                if ours != child.get("attr_value"):
                    effects.append(self._send(messages.own_value(attribute, self.node, self.node_id, ours)))
                continue
            effects += self._apply(child, element, now)
        if element.get("attr_writer") == _WRITER:
            unseen = self._not_in(mentioned)
            if len(unseen):
                effects.append(self._send_list(unseen))
        return effects

    def _not_in(self, mentioned: dict[tuple[str, str], None]) -> etree._Element:
        """A sync-response with the values the writer does not know."""
        response = etree.Element("attrd_peer_sync", task="sync-response")
        for attribute in self.table:
            for key, value in attribute.values.items():
                if (attribute.name, key) not in mentioned and value.text is not None:
                    response.append(messages.entry(attribute, value))
        return response

    def _note_change(self, attribute: Attribute, host: str) -> None:
        if self._lists_under_way:
            self._changed_meanwhile[attribute.name, host] = None

    def _send_list(self, response: etree._Element) -> SendPeer:
        self._lists_under_way += 1
        return self._send(response)

    def _list_arrived(self) -> list[Effect]:
        """Our own list has reached everybody: correct what was old in it."""
        self._lists_under_way = max(0, self._lists_under_way - 1)
        if self._lists_under_way or not self._changed_meanwhile:
            return []
        response = etree.Element("attrd_peer_sync", task="sync-response")
        for name, host in self._changed_meanwhile:
            attribute = self.table.get(name)
            if attribute is not None:
                response.append(messages.entry(attribute, attribute.value(host) or Value(host)))
        self._changed_meanwhile.clear()
        sent = self._send_list(response)
        sent.element.set("attr_writer", "0")
        return [sent]

    def _clear_failure(self, element: etree._Element, now: float) -> list[Effect]:
        pattern = failure_pattern(
            element.get("attr_resource"), element.get("attr_clear_operation"), element.get("attr_clear_interval")
        )
        host = element.get("attr_host")
        effects: list[Effect] = []
        for attribute in self.table.matching(pattern):
            changed = False
            for key, value in attribute.values.items():
                if (host is None or host.lower() == key) and value.text is not None:
                    value.text, changed = None, True
                    self._note_change(attribute, value.host)
            if changed:
                effects += self._write_later(attribute, now)
        return effects

    # -- the writer ------------------------------------------------------------------------------------------

    def _is_writer(self) -> bool:
        return self.election.state is ElectionState.WON

    def _start_election(self, now: float) -> list[Effect]:
        return self._elected(self.election.start(now, self._cpu()), now)

    def _elected(self, effects: Sequence[Effect], now: float) -> list[Effect]:
        """The election's effects in our terms."""
        result: list[Effect] = []
        for effect in effects:
            if isinstance(effect, SendVote):
                result.append(SendPeer(effect.element, effect.to))
            elif not isinstance(effect, ElectionOutcome):
                result.append(effect)
            elif effect.outcome is Outcome.WON:
                self.writer = self.node
                result.append(LogLine("notice", f"{self.node} now writes the attributes"))
                result.append(self._send_list(messages.sync_response(list(self.table))))
                result += self._write_all()
            elif effect.outcome is Outcome.CHALLENGE:
                result += self._start_election(now)
            elif self.writer == self.node:
                self.writer = None
        return result

    def _write_later(self, attribute: Attribute, now: float) -> list[Effect]:
        attribute.changed = True
        if attribute.dampening > 0:
            attribute.waiting = True
            return [SetTimer(_DAMPENING + attribute.name, attribute.dampening)]
        return self._write_or_elect(attribute, now)

    def _write_or_elect(self, attribute: Attribute, now: float) -> list[Effect]:
        if self._is_writer():
            return self._write(attribute)
        if self.writer is None and self.election.state is not ElectionState.IN_PROGRESS and not self.shutting_down:
            return self._start_election(now)
        return []

    def _write_all(self) -> list[Effect]:
        effects: list[Effect] = []
        for attribute in self.table:
            attribute.changed = True
            effects += self._write(attribute)
        return effects

    def _write(self, attribute: Attribute) -> list[Effect]:
        """Bring an attribute into the CIB unless a write is on its way, which will be followed by another."""
        if attribute.private:
            attribute.changed = False
            return []
        if not self._is_writer() or not self._cib_up or attribute.writing:
            return []
        attribute.changed = False
        ids = self._ids()
        commands = write_commands(attribute, ids)
        named_only = {v.host.lower() for v in attribute.values.values() if not (v.is_remote or v.node_id)}
        self._unplaced |= named_only - ids.keys()
        if not commands:
            return []
        self._write_number += 1
        attribute.writing = self._write_number
        self._writes[self._write_number] = attribute.name
        for command in commands:
            command.set("cib_callid", str(self._write_number))
        return [*news(attribute), CibCommit(self._write_number, tuple(commands), attribute.user)]

    def _ids(self) -> dict[str, str]:
        return {**self.known, **{name.lower(): ident for name, ident in self.members.items()}}

    def _write_placed(self) -> list[Effect]:
        """Write what was left out because its node had no id, as far as it has one now."""
        placed = self._unplaced & self._ids().keys()
        self._unplaced -= placed
        effects: list[Effect] = []
        for attribute in self.table:
            if self._is_writer() and placed & {host.lower() for host in attribute.values}:
                attribute.changed = True
                effects += self._write(attribute)
        return effects

    def cib_connected(self, now: float) -> list[Effect]:
        """Writes that were on their way are lost; the writer writes everything."""
        self._cib_up = True
        self._writes.clear()
        for attribute in self.table:
            attribute.writing = 0
        return self._write_all() if self._is_writer() else []

    def cib_lost(self, now: float) -> list[Effect]:
        self._cib_up = False
        return []

    def cib_result(self, number: int, rc: int, now: float) -> list[Effect]:
        """A transaction ended with this code."""
        name = self._writes.pop(number, None)
        attribute = self.table.get(name) if name is not None else None
        if attribute is None or attribute.writing != number:
            return []
        attribute.writing = 0
        if rc:
            attribute.changed = attribute.waiting = True
            text = f"the attribute {attribute.name} could not be written: {rc_text(rc)} ({rc}); trying again"
            delay = attribute.dampening or _RETRY_SECONDS
            return [LogLine("warning", text), SetTimer(_DAMPENING + attribute.name, delay)]
        if attribute.changed and not attribute.waiting:
            return self._write(attribute)
        return []

    def timer(self, name: str, now: float) -> list[Effect]:
        """A timer ran out: an election or a dampening."""
        if name == ELECTION_TIMER:
            return self._elected(self.election.timeout(), now)
        attribute = self.table.get(name.removeprefix(_DAMPENING))
        if attribute is None or not attribute.waiting:
            return []
        attribute.waiting = False
        return self._write_or_elect(attribute, now)

    def shutdown(self, now: float) -> list[Effect]:
        """Nothing is left to do but to be quiet."""
        self.shutting_down = self.stopping = True
        return [CancelTimer(ELECTION_TIMER)]

    def _send(self, element: etree._Element, to: str | None = None, *, confirm: bool = False) -> SendPeer:
        return SendPeer(messages.stamp(element, int(self.election.state), confirm), to)

    def check_invariants(self) -> None:
        """Raises AssertionError when the state contradicts itself."""
        self.election.check_invariants()
        assert not self._is_writer() or self.writer == self.node, "writer and election disagree"
        for attribute in self.table:
            assert not (attribute.private and attribute.writing), f"{attribute.name} is private but written"
            assert not attribute.writing or self._writes.get(attribute.writing) == attribute.name
            assert all(key == value.host.lower() for key, value in attribute.values.items())
