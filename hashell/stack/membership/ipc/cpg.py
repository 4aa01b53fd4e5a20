"""The cpg service for local clients (spec ipc.md section 4.3)."""

from __future__ import annotations

from typing import Any

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import CpgConfchg, CpgTotemConfchg, DeliverCpg, Member, Refused
from hashell.stack.membership.ipc.service import Service
from hashell.stack.wire.corosync import cpg
from hashell.stack.wire.corosync.layout import CsError
from hashell.stack.wire.ipcserver import Connection

HOLD = 2


def _addresses(members: tuple[Member, ...]) -> tuple[cpg.Address, ...]:
    return tuple(cpg.Address(*m) for m in members)


class CpgService(Service):
    """Clients that send more than the ring takes are held by flow control; nothing of theirs is dropped."""

    name = cpg.SERVICE
    decode = staticmethod(cpg.decode_request)
    acknowledge = staticmethod(cpg.ack)

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self._iterators: dict[tuple[int, int], list[cpg.IterEntry]] = {}
        self.held = False

    def opened(self, client: int) -> None:
        self.node.cpg.connect(client)
        if self.held:
            self.connections[client].set_flow_control(HOLD)

    def closed(self, client: int) -> None:
        for key in [k for k in self._iterators if k[0] == client]:
            del self._iterators[key]
        self.host.perform(self.node.cpg_disconnect(client, self.host.now()))

    def handle(self, client: int, connection: Connection, request: Any) -> None:
        node = self.node
        now = self.host.now()
        match request:
            case cpg.Mcast():
                self.host.perform(node.call(lambda: node.cpg.mcast(client, request.data)))
                self.balance()
            case cpg.PartialMcast():
                effects = node.cpg_partial(client, request.data, request.total, request.kind, now)
                self.reply(connection, cpg.ack(request))
                self.host.perform(effects)
                self.balance()
            case cpg.Join():
                effects = node.cpg_join(client, request.group, request.pid, now, request.flags)
                self.reply(connection, cpg.ack(request))
                self.host.perform(effects)
            case cpg.Leave():
                effects = node.cpg_leave(client, now)
                self.reply(connection, cpg.ack(request))
                self.host.perform(effects)
            case cpg.Membership():
                members = _addresses(node.cpg.membership(request.group))
                self.reply(connection, cpg.MembershipReply(members))
            case cpg.LocalGet():
                self.reply(connection, cpg.LocalReply(node.node_id))
            case cpg.Finalize():
                self.reply(connection, cpg.ack(request))
            case _:
                self._iterate(client, connection, request)

    def refuse(self, connection: Connection, request: Any, code: int) -> None:
        if not isinstance(request, cpg.Mcast):
            super().refuse(connection, request, code)

    def balance(self) -> None:
        """Hold the clients while too much waits for the ring, and let them go again."""
        held = not self.node.room()
        if held != self.held:
            self.held = held
            for connection in self.connections.values():
                connection.set_flow_control(HOLD if held else 0)

    def _iterate(self, client: int, connection: Connection, request: Any) -> None:
        if isinstance(request, cpg.IterInit):
            handle = self.host.next_client()
            self._iterators[client, handle] = self._entries(request)
            self.reply(connection, cpg.IterHandle(handle))
        elif isinstance(request, cpg.IterNext):
            entries = self._iterators.get((client, request.handle))
            if entries is None:
                raise Refused(CsError.BAD_HANDLE)
            if not entries:
                raise Refused(CsError.NO_SECTIONS)
            self.reply(connection, entries.pop(0))
        elif isinstance(request, cpg.IterFinalize):
            if self._iterators.pop((client, request.handle), None) is None:
                raise Refused(CsError.BAD_HANDLE)
            self.reply(connection, cpg.ack(request))

    def _entries(self, request: cpg.IterInit) -> list[cpg.IterEntry]:
        core = self.node.cpg
        if request.kind == cpg.ITER_NAME_ONLY:
            return [cpg.IterEntry(group, 0, 0) for group in core.groups()]
        if request.kind not in (cpg.ITER_ONE_GROUP, cpg.ITER_ALL):
            raise Refused(CsError.INVALID_PARAM)
        return [
            cpg.IterEntry(p.group, p.nodeid, p.pid)
            for p in core.processes
            if request.kind == cpg.ITER_ALL or p.group == request.group
        ]

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, DeliverCpg):
            if effect.fragment:
                self.tell(
                    effect.clients,
                    cpg.PartialDeliver(
                        effect.group, effect.nodeid, effect.pid, effect.total, effect.fragment, effect.data
                    ),
                )
            else:
                self.tell(effect.clients, cpg.Deliver(effect.group, effect.nodeid, effect.pid, effect.data))
        elif isinstance(effect, CpgConfchg):
            self.tell(
                effect.clients,
                cpg.Confchg(
                    effect.group, _addresses(effect.members), _addresses(effect.left), _addresses(effect.joined)
                ),
            )
        elif isinstance(effect, CpgTotemConfchg):
            self.tell(effect.clients, cpg.TotemConfchg(effect.ring[0], effect.ring[1], effect.members))
