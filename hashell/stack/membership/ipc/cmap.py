"""The cmap service for local clients (spec ipc.md section 4.2)."""

from __future__ import annotations

from typing import Any

from hashell.stack.effects import Effect
from hashell.stack.membership.cmap.values import CmapValue
from hashell.stack.membership.effects import KeyChanged, Refused
from hashell.stack.membership.ipc.service import Service
from hashell.stack.membership.statistics import SERVICE_PREFIX, merged, statistics
from hashell.stack.wire.corosync import cmap
from hashell.stack.wire.corosync.layout import CsError
from hashell.stack.wire.ipcserver import Connection


class CmapService(Service):
    name = cmap.SERVICE
    decode = staticmethod(cmap.decode_request)
    acknowledge = staticmethod(cmap.ack)

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self._iterators: dict[tuple[int, int], list[tuple[str, CmapValue]]] = {}
        self._instances: dict[int, int] = {}
        self._on_stats: dict[int, bool] = {}

    def closed(self, client: int) -> None:
        for key in [k for k in self._iterators if k[0] == client]:
            del self._iterators[key]
        for handle in [h for h, t in self.node.cmap.tracks.items() if t.client == client]:
            self._instances.pop(handle, None)
        self.node.cmap.disconnect(client)
        self._on_stats.pop(client, None)

    def _values(self, client: int) -> dict[str, CmapValue]:
        if self._on_stats.get(client):
            return statistics(self.host)
        return merged(self.host, self.node.cmap.values)

    def _value(self, client: int, name: str) -> CmapValue | None:
        if self._on_stats.get(client) or name.startswith(SERVICE_PREFIX):
            return self._values(client).get(name)
        return self.node.cmap.values.get(name)

    def handle(self, client: int, connection: Connection, request: Any) -> None:
        store = self.node.cmap
        match request:
            case cmap.Get():
                value = self._value(client, _text(request.name))
                if value is None:
                    self.reply(connection, cmap.GetReply(error=CsError.NOT_EXIST))
                else:
                    self.reply(connection, cmap.GetReply.answer(request, int(value.type), value.data))
                return
            case cmap.IterInit() | cmap.IterNext() | cmap.IterFinalize():
                self._iterate(client, connection, request)
                return
            case cmap.TrackAdd():
                handle = store.track(client, _text(request.name), request.track_type)
                self._instances[handle] = request.instance
                self.reply(connection, cmap.TrackAddReply(handle))
                return
            case cmap.TrackDelete():
                track = store.tracks.get(request.handle)
                if track is None or track.client != client:
                    raise Refused(CsError.NOT_EXIST)
                store.untrack(request.handle)
                self.reply(connection, cmap.TrackDeleteReply(self._instances.pop(request.handle, 0)))
                return
            case cmap.SetCurrentMap():
                self._choose(client, request.map)
            case _ if self._on_stats.get(client):
                raise Refused(CsError.ACCESS)
            case cmap.Set():
                name, kind, data = _text(request.name), request.kind, request.value
                self.host.perform(self.node.call(lambda: store.set(name, kind, data)))
                self.host.key_was_set(name)
            case cmap.Delete():
                self.host.perform(self.node.call(lambda: store.delete(_text(request.name))))
            case cmap.AdjustInt():
                self.host.perform(self.node.call(lambda: store.adjust(_text(request.name), request.step)))
        self.reply(connection, cmap.ack(request))

    def _choose(self, client: int, number: int) -> None:
        if number not in (cmap.MAP_ICMAP, cmap.MAP_STATS):
            raise Refused(CsError.INVALID_PARAM)
        busy = any(k[0] == client for k in self._iterators)
        if busy or any(t.client == client for t in self.node.cmap.tracks.values()):
            raise Refused(CsError.BUSY)
        self._on_stats[client] = number == cmap.MAP_STATS

    def _iterate(self, client: int, connection: Connection, request: Any) -> None:
        if isinstance(request, cmap.IterInit):
            handle = self.host.next_client()
            prefix = _text(request.prefix)
            entries = [(n, v) for n, v in sorted(self._values(client).items()) if n.startswith(prefix)]
            self._iterators[client, handle] = entries[::-1]
            self.reply(connection, cmap.IterHandle(handle))
            return
        entries_left = self._iterators.get((client, request.handle))
        if entries_left is None:
            raise Refused(CsError.BAD_HANDLE)
        if isinstance(request, cmap.IterFinalize):
            del self._iterators[client, request.handle]
            self.reply(connection, cmap.ack(request))
        elif not entries_left:
            raise Refused(CsError.NO_SECTIONS)
        else:
            name, value = entries_left.pop()
            self.reply(connection, cmap.IterEntry(name.encode(), len(value.data), int(value.type)))

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, KeyChanged):
            instance = self._instances.get(effect.track, 0)
            self.tell(
                (effect.client,),
                cmap.Notify(
                    instance, effect.name.encode(), effect.event, effect.new_type, effect.old_type, effect.new_value,
                    effect.old_value,
                ),
            )  # fmt: skip


def _text(name: bytes) -> str:
    return name.rstrip(b"\0").decode(errors="replace")
