"""A membership daemon for tests: cmap, cpg and quorum of one node whose ring has no other."""

from __future__ import annotations

import uuid

from hashell.stack.settings import NodeSettings
from hashell.stack.wire.corosync import cmap, cpg, quorum
from hashell.stack.wire.corosync.layout import CodecError, CsError, bare_error
from hashell.stack.wire.ipcserver import Connection, IpcServer


class FakeRing:
    def __init__(self, nodeid: int = 2) -> None:
        self.settings = NodeSettings(ipc_prefix=f"f{uuid.uuid4().hex[:6]}-", user="", name="fallback")
        self.nodeid = nodeid
        self.keys: dict[bytes, tuple[int, bytes]] = {}
        for position, node in enumerate((1, 2)):
            self.put(f"nodelist.node.{position}.nodeid", 6, node)
            self.put(f"nodelist.node.{position}.ring0_addr", 11, f"10.0.0.{node}")
            self.put(f"nodelist.node.{position}.name", 11, f"node{node}")
        self.put("totem.cluster_name", 11, "test")
        self.groups: dict[Connection, tuple[bytes, int]] = {}
        self.foreign: dict[bytes, list[cpg.Address]] = {}
        self.trackers: list[Connection] = []
        self.followers: list[Connection] = []  #: who tracks keys of the map; told by `changed`
        self.fragments = b""
        self.interrupt = 0
        self.try_again = 0
        self.received: list[bytes] = []
        self._servers = [
            IpcServer(
                self.settings.ipc_name(name), on_connect=lambda c: None, on_message=handle,
                on_close=self._closed, authorise=lambda who: 0, max_message=0,
            )
            for name, handle in (("cmap", self._cmap), ("cpg", self._cpg), ("quorum", self._quorum))
        ]  # fmt: skip

    def put(self, key: str, kind: int, value: cmap.Value) -> None:
        self.keys[key.encode()] = (kind, cmap.encode_value(kind, value))

    async def start(self) -> None:
        for server in self._servers:
            await server.start()

    async def close(self) -> None:
        for server in self._servers:
            await server.close()

    def _cmap(self, connection: Connection, data: bytes) -> None:
        request = cmap.decode_request(data)
        if isinstance(request, cmap.Get) and request.name in self.keys:
            connection.respond(cmap.GetReply.answer(request, *self.keys[request.name]).encode())
        elif isinstance(request, cmap.Get):
            connection.respond(cmap.GetReply(error=CsError.NOT_EXIST).encode())
        elif isinstance(request, cmap.TrackAdd):
            self.followers.append(connection)
            connection.respond(cmap.TrackAddReply(1).encode())
        else:
            connection.respond(cmap.ack(request, CsError.NOT_SUPPORTED))

    def changed(self, key: str) -> None:
        kind, value = self.keys[key.encode()]
        for connection in self.followers:
            connection.event(cmap.Notify(1, key.encode(), cmap.TRACK_ADD, kind, 0, value, b"").encode())

    def members(self, group: bytes) -> tuple[cpg.Address, ...]:
        local = [cpg.Address(self.nodeid, pid) for name, pid in self.groups.values() if name == group]
        return tuple(sorted(local + self.foreign.get(group, [])))

    def confchg(self, group: bytes, left: tuple = (), joined: tuple = ()) -> None:
        for connection, (name, _pid) in list(self.groups.items()):
            if name == group:
                connection.event(cpg.Confchg(group, self.members(group), left, joined).encode())

    def deliver(self, group: bytes, nodeid: int, pid: int, data: bytes) -> None:
        for connection, (name, _pid) in list(self.groups.items()):
            if name == group:
                connection.event(cpg.Deliver(group, nodeid, pid, data).encode())

    def _cpg(self, connection: Connection, data: bytes) -> None:
        try:
            request = cpg.decode_request(data)
        except CodecError:
            connection.respond(bare_error(CsError.INVALID_PARAM))
            return
        if self.try_again:
            self.try_again -= 1
            connection.respond(bare_error(CsError.TRY_AGAIN))
        elif isinstance(request, cpg.LocalGet):
            connection.respond(cpg.LocalReply(self.nodeid).encode())
        elif isinstance(request, cpg.Join):
            self.groups[connection] = (request.group, request.pid)
            connection.respond(cpg.ack(request))
            self.confchg(request.group, joined=(cpg.Address(self.nodeid, request.pid, 1),))
        elif isinstance(request, cpg.Leave):
            connection.respond(cpg.ack(request))
            self._closed(connection)
        elif isinstance(request, cpg.Mcast):
            group, pid = self.groups[connection]
            self.received.append(request.data)
            self.deliver(group, self.nodeid, pid, request.data)
        elif isinstance(request, cpg.PartialMcast):
            self._fragment(connection, request)

    def _fragment(self, connection: Connection, request: cpg.PartialMcast) -> None:
        if self.interrupt and request.kind != cpg.FIRST:
            self.interrupt -= 1
            connection.respond(cpg.ack(request, CsError.INTERRUPT))
            return
        group, pid = self.groups[connection]
        event = cpg.PartialDeliver(group, self.nodeid, pid, request.total, request.kind, request.data)
        connection.event(event.encode())
        connection.respond(cpg.ack(request))

    def _closed(self, connection: Connection) -> None:
        group, pid = self.groups.pop(connection, (b"", 0))
        self.confchg(group, left=(cpg.Address(self.nodeid, pid, 2),))

    def _quorum(self, connection: Connection, data: bytes) -> None:
        request = quorum.decode_request(data)
        if isinstance(request, quorum.GetType):
            connection.respond(quorum.TypeReply(1).encode())
        elif isinstance(request, quorum.TrackStart):
            self.trackers.append(connection)
            connection.event(quorum.Notification(1, 8, (self.nodeid,)).encode())
            connection.respond(quorum.ack(request))

    def quorum(self, quorate: int, seq: int, nodes: tuple[int, ...]) -> None:
        for connection in self.trackers:
            connection.event(quorum.Notification(quorate, seq, nodes).encode())
