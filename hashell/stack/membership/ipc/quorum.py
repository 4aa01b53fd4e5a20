"""The quorum service for local clients, event models v0 and v1 (spec ipc.md section 4.4)."""

from __future__ import annotations

from typing import Any

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import NodelistChanged, QuorumChanged, Refused
from hashell.stack.membership.ipc.service import Service
from hashell.stack.wire.corosync import quorum
from hashell.stack.wire.corosync.layout import CsError
from hashell.stack.wire.ipcserver import Connection


class QuorumService(Service):
    name = quorum.SERVICE
    decode = staticmethod(quorum.decode_request)
    acknowledge = staticmethod(quorum.ack)

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self._models: dict[int, int] = {}
        self._tracks: dict[int, int] = {}

    def closed(self, client: int) -> None:
        self._models.pop(client, None)
        self._tracks.pop(client, None)

    def handle(self, client: int, connection: Connection, request: Any) -> None:
        core = self.node.quorum
        match request:
            case quorum.GetQuorate():
                self.reply(connection, quorum.QuorateReply(int(core.quorate)))
            case quorum.GetType():
                self.reply(connection, quorum.TypeReply(int(core.provider)))
            case quorum.ModelGetType():
                if request.model not in (quorum.MODEL_V0, quorum.MODEL_V1):
                    raise Refused(CsError.INVALID_PARAM)
                self._models[client] = request.model
                self.reply(connection, quorum.ModelTypeReply(int(core.provider)))
            case quorum.TrackStart():
                if client in self._tracks:
                    raise Refused(CsError.EXIST)
                self._tracks[client] = request.flags
                if request.flags & (quorum.TRACK_CURRENT | quorum.TRACK_CHANGES):
                    self._first(client)
                self.reply(connection, quorum.ack(request))
            case quorum.TrackStop():
                if self._tracks.pop(client, None) is None:
                    raise Refused(CsError.NOT_EXIST)
                self.reply(connection, quorum.ack(request))

    def _first(self, client: int) -> None:
        core = self.node.quorum
        if self._models.get(client) == quorum.MODEL_V1:
            self.tell((client,), quorum.NodelistEvent(core.ring[0], core.ring[1], core.members, (), ()))
        self._verdict((client,), QuorumChanged(core.quorate, core.ring, core.members))

    def _verdict(self, clients: tuple[int, ...], event: QuorumChanged) -> None:
        new = tuple(c for c in clients if self._models.get(c) == quorum.MODEL_V1)
        old = tuple(c for c in clients if c not in new)
        if old:
            self.tell(old, quorum.Notification(int(event.quorate), event.ring[1], event.members))
        if new:
            self.tell(new, quorum.QuorumEvent(int(event.quorate), *event.ring, event.members))

    def _following(self) -> tuple[int, ...]:
        wanted = quorum.TRACK_CHANGES | quorum.TRACK_CHANGES_ONLY
        return tuple(c for c, flags in self._tracks.items() if flags & wanted)

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, QuorumChanged):
            self._verdict(self._following(), effect)
        elif isinstance(effect, NodelistChanged):
            clients = tuple(c for c in self._following() if self._models.get(c) == quorum.MODEL_V1)
            if clients:
                event = quorum.NodelistEvent(*effect.ring, effect.members, effect.joined, effect.left)
                self.tell(clients, event)
