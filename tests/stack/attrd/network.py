"""Several attribute managers in virtual time on a group with total order, and one CIB that takes their writes."""

from __future__ import annotations

from collections import deque

from lxml import etree

from hashell.model.document import empty_cib
from hashell.model.document_apply import CibRequest, Surroundings, perform
from hashell.model.xmltext import compact, parse
from hashell.stack.attrd.core import AttrdCore
from hashell.stack.attrd.effects import AckClient, CibCommit, CibDelete, ReplyClient, SendPeer
from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer


class Node:
    def __init__(self, network: Network, name: str, node_id: str) -> None:
        self.network, self.name, self.node_id = network, name, node_id
        self.core = AttrdCore(name, node_id, lambda: (0, int(node_id)), {"n1": "1", "n2": "2", "n3": "3"})
        self.timers: dict[str, float] = {}
        self.acks: list[tuple[str, int, int]] = []
        self.replies: list[etree._Element] = []
        self.log: list[str] = []

    def run(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendPeer():
                    self.network.queue.append((self.name, compact(effect.element), effect.to))
                case AckClient():
                    self.acks.append((effect.client_id, effect.request_id, effect.status))
                case ReplyClient():
                    self.replies.append(effect.element)
                case CibCommit():
                    self.network.commit(self, effect)
                case CibDelete():
                    self.network.perform("cib_delete", effect.xpath, None, 2)
                case SetTimer():
                    self.timers[effect.name] = self.network.now + effect.seconds
                case CancelTimer():
                    self.timers.pop(effect.name, None)
                case LogLine():
                    self.log.append(effect.text)
        self.core.check_invariants()

    def ask(self, text: str, request: int = 1) -> None:
        self.run(self.core.client_request("c", request, parse(text), self.network.now))

    def set(self, name: str, value: str | None, *, settle: bool = True, **more: str) -> None:
        element = etree.Element("create_attrd_op", t="attrd", task="update", attr_name=name)
        if value is not None:
            element.set("attr_value", value)
        for key, text in more.items():
            element.set(key, text)
        self.ask(compact(element))
        if settle:
            self.network.settle()

    def values(self, name: str) -> dict[str, str]:
        """The values this node holds, unset ones left out."""
        found = self.core.table.get(name)
        return {v.host: v.text for v in found.values.values() if v.text is not None} if found else {}


class Network:
    def __init__(self, *names: str) -> None:
        self.now = 1000.0
        self.cib = empty_cib()
        for number in "123":
            etree.SubElement(self.cib.find("status"), "node_state", id=number, uname=f"n{number}")
        self.fail_writes = 0
        self.writes: list[str] = []
        self.results: deque[tuple[Node, int, int]] = deque()
        self.queue: deque[tuple[str, str, str | None]] = deque()
        self.sent: list[tuple[str, str, str | None]] = []
        self.nodes: dict[str, Node] = {}
        for name in names:
            self.join(name)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def join(self, name: str) -> Node:
        node = self.nodes[name] = Node(self, name, name[1:])
        self.members()
        node.run(node.core.start(self.now))
        node.run(node.core.cib_connected(self.now))
        self.settle()
        return node

    def leave(self, name: str) -> None:
        """A node is gone; the controller erases its transient attributes."""
        del self.nodes[name]
        self.queue = deque(message for message in self.queue if message[0] != name)
        self.perform("cib_delete", f"//node_state[@uname='{name}']/transient_attributes", None, 2)
        self.members()
        self.settle()

    def members(self) -> None:
        group = [(node.name, node.node_id) for node in self.nodes.values()]
        for node in list(self.nodes.values()):
            node.run(node.core.peers(group, self.now))

    def settle(self) -> None:
        while self.queue or self.results:
            while self.queue:
                sender, text, to = self.queue.popleft()
                self.sent.append((sender, text, to))
                for name, node in list(self.nodes.items()):
                    if to is None or to == name:
                        node.run(node.core.peer_message(sender, parse(text), self.now))
            if self.results:
                node, number, rc = self.results.popleft()
                node.run(node.core.cib_result(number, rc, self.now))

    def wait(self, seconds: float) -> None:
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

    def commit(self, node: Node, effect: CibCommit) -> None:
        self.writes.append(node.name)
        if self.fail_writes:
            self.fail_writes -= 1
            self.results.append((node, effect.number, -62))
            return
        data = etree.Element("cib_transaction")
        data.extend(effect.commands)
        self.results.append((node, effect.number, self.perform("cib_commit_transact", None, data, 0)))

    def perform(self, op: str, section: str | None, data: etree._Element | None, options: int) -> int:
        command = etree.Element("cib_command", cib_op=op, cib_callopt=str(options))
        if section:
            command.set("cib_section", section)
        if data is not None:
            etree.SubElement(command, "cib_calldata").append(data)
        outcome = perform(self.cib, CibRequest.of(command), Surroundings())
        self.cib = outcome.document
        return outcome.rc

    def written(self, name: str) -> dict[str, str]:
        """Values in the CIB by node id."""
        path = f"status/node_state/transient_attributes/*/nvpair[@name='{name}']"
        return {pair.xpath("../../../@id")[0]: pair.get("value") for pair in self.cib.iterfind(path)}

    def writers(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.core.writer == name]
