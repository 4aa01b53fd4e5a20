"""Several CIB managers in virtual time on a group with total order."""

from __future__ import annotations

from collections import deque
from copy import deepcopy

from lxml import etree

from hashell.model.document import CallOption, empty_cib
from hashell.model.xmltext import compact, parse
from hashell.stack.cib.core import (
    AckClient,
    CibCore,
    Exit,
    NotifyClients,
    ReplyClient,
    SendPeer,
    WriteDisk,
)
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer

SYNC = int(CallOption.SYNC_CALL)


class Node:
    def __init__(self, network: Network, name: str, document: etree._Element | None, status: int) -> None:
        self.network, self.name = network, name
        self.core = CibCore(name, empty_cib() if document is None else document, status=status)
        self.timers: dict[str, float] = {}
        self.replies: list[tuple[str, int, etree._Element, bool]] = []
        self.acks: list[tuple[str, int, int]] = []
        self.notes: list[tuple[tuple[str, ...], etree._Element]] = []
        self.order: list[str] = []
        self.written: list[etree._Element] = []
        self.log: list[str] = []
        self.exit: int | None = None

    def run(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.order.append(type(effect).__name__)
            match effect:
                case SendPeer():
                    self.network.queue.append((self.name, compact(effect.element), effect.to))
                case ReplyClient():
                    self.replies.append((effect.client_id, effect.request_id, effect.element, effect.sync))
                case AckClient():
                    self.acks.append((effect.client_id, effect.request_id, effect.status))
                case NotifyClients():
                    self.notes.append((effect.client_ids, effect.element))
                case WriteDisk():
                    self.written.append(effect.document)
                case SetTimer():
                    self.timers[effect.name] = self.network.now + effect.seconds
                case CancelTimer():
                    self.timers.pop(effect.name, None)
                case LogLine():
                    self.log.append(effect.text)
                case Exit():
                    self.exit = effect.code
        self.core.check_invariants()

    def client(self, name: str = "c", **options) -> str:
        ident = f"{name}@{self.name}"
        self.run(self.core.client_opened(ident, **options))
        hello = f'<cib_command cib_op="register" cib_clientname="{name}" cib_callid="1" cib_callopt="4096"/>'
        self.run(self.core.client_request(ident, 1, parse(hello), self.network.now))
        return ident

    def ask(self, client: str, op: str, data: str | None = None, options: int = SYNC, call: int = 7, **more) -> None:
        element = etree.Element("cib_command", t="cib", cib_op=op)
        for key, value in more.items():
            element.set(key, value)
        element.set("cib_callid", str(call))
        element.set("cib_callopt", str(options))
        if data:
            etree.SubElement(element, "cib_calldata").append(parse(data))
        self.run(self.core.client_request(client, 100 + call, element, self.network.now))

    def call(self, client: str, op: str, data: str | None = None, **more) -> tuple[int, etree._Element | None]:
        """The whole way of a synchronous call: code and output."""
        before = len(self.replies)
        self.ask(client, op, data, **more)
        self.network.settle()
        assert len(self.replies) == before + 1, "not answered exactly once"
        ident, request, answer, sync = self.replies[-1]
        assert (ident, request, sync) == (client, 107, True)
        output = answer.find("cib_calldata")
        return int(answer.get("cib_rc")), output[0] if output is not None else None


class Network:
    def __init__(self, *names: str, documents: dict[str, etree._Element] | None = None, status: int = 0) -> None:
        self.now = 1000.0
        self.queue: deque[tuple[str, str, str | None]] = deque()
        self.sent: list[tuple[str, str, str | None]] = []
        self.nodes = {name: Node(self, name, deepcopy((documents or {}).get(name)), status) for name in names}
        self.members()

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def members(self) -> None:
        for node in self.nodes.values():
            node.run(node.core.peers(list(self.nodes), self.now))

    def settle(self) -> None:
        """Deliver everything that is under way, in the order of sending."""
        while self.queue:
            sender, text, to = self.queue.popleft()
            self.sent.append((sender, text, to))
            for name, node in list(self.nodes.items()):
                if to is None or to == name:
                    node.run(node.core.peer_message(sender, parse(text), self.now))

    def wait(self, seconds: float) -> None:
        """Let time pass, firing timers in order."""
        end = self.now + seconds
        while True:
            timers = [(at, n.name, timer) for n in self.nodes.values() for timer, at in n.timers.items()]
            due = sorted(entry for entry in timers if entry[0] <= end)
            if not due:
                break
            at, name, timer = due[0]
            self.now = max(self.now, at)
            del self.nodes[name].timers[timer]
            self.nodes[name].run(self.nodes[name].core.timer(timer, self.now))
            self.settle()
        self.now = end

    def digests(self) -> set[str]:
        return {node.core.digest() for node in self.nodes.values()}
