"""The cfg service for local clients (spec ipc.md section 4.6)."""

from __future__ import annotations

from typing import Any

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import AskShutdown, Refused, ShutdownReply
from hashell.stack.membership.ipc.service import Service
from hashell.stack.wire.corosync import cfg
from hashell.stack.wire.corosync.layout import CsError
from hashell.stack.wire.ipcserver import Connection


class CfgService(Service):
    name = cfg.SERVICE
    decode = staticmethod(cfg.decode_request)
    acknowledge = staticmethod(cfg.ack)

    def closed(self, client: int) -> None:
        self.host.perform(self.node.call(lambda: self.node.cfg.disconnect(client)))

    def handle(self, client: int, connection: Connection, request: Any) -> None:
        core = self.node.cfg
        host = self.host
        match request:
            case cfg.LocalGet():
                self.reply(connection, cfg.LocalReply(self.node.node_id))
            case cfg.RingStatusGet():
                self.reply(connection, cfg.RingStatusReply(self._rings()))
            case cfg.RingReenable():
                raise Refused(CsError.NOT_SUPPORTED)
            case cfg.GetNodeAddrs():
                wanted = host.addresses.get(request.nodeid or self.node.node_id)
                if wanted is None:
                    raise Refused(CsError.NOT_EXIST)
                self.reply(connection, cfg.NodeAddrsReply(wanted))
            case cfg.NodeStatusGet():
                self._status(connection, request)
            case cfg.TryShutdown():
                host.perform(self.node.call(lambda: core.try_shutdown(client, request.flags)))
            case _:
                self._plain(client, request)
                self.reply(connection, cfg.ack(request))

    def _plain(self, client: int, request: Any) -> None:
        core = self.node.cfg
        match request:
            case cfg.KillNode():
                if request.nodeid not in self.node.members:
                    raise Refused(CsError.NOT_EXIST)
                self.host.perform(self.node.call(lambda: core.kill(request.nodeid, request.reason)))
            case cfg.ReloadConfig():
                self.host.perform(self.node.call(lambda: core.reload(client)))
            case cfg.ReplyToShutdown():
                self.host.perform(self.node.call(lambda: core.reply_shutdown(client, bool(request.answer))))
            case cfg.TrackStart():
                core.track(client)
            case cfg.TrackStop():
                core.untrack(client)
            case cfg.ReopenLog():
                self.host.reopen_log()

    def _rings(self) -> tuple[tuple[str, str], ...]:
        """Each of our links, with the state of every node on it as one digit: 3 = up, 1 = down, n = this node."""
        transport = self.host.transport
        own = transport.links(self.node.node_id)
        if not self.host.facts.knet:
            # Over udpu the original shows the address of the last other node as its own; so tools expect it.
            others = [links[0] for node, links in self.host.addresses.items() if node != self.node.node_id]
            shown = (others or [self.host.addresses[self.node.node_id][0]])[-1]
            return ((f"0 {shown}", "OK"),)
        rings = []
        for link in own:
            states = ""
            for node in sorted(self.host.addresses):
                found = [r for r in transport.links(node) if r.number == link.number]
                states += "n" if node == self.node.node_id else "3" if found and found[0].connected else "1"
            rings.append((f"{link.number} {link.local}", states))
        return tuple(rings)

    def _status(self, connection: Connection, request: cfg.NodeStatusGet) -> None:
        if request.version != cfg.NODE_STATUS_VERSION:
            self.reply(connection, cfg.node_status_version_error())
            return
        node = request.nodeid
        if node not in self.host.addresses:
            raise Refused(CsError.NOT_EXIST)
        member = node in self.node.members
        links = []
        for report in self.host.transport.links(node):
            connected = member if report.connected is None else report.connected
            mtu = report.mtu or self.node.config.totem.net_mtu
            # Over udpu the original gives the other node's address as its own, and none for the other end.
            ends = (report.local, report.remote) if self.host.facts.knet else (report.remote, "")
            links.append(cfg.LinkStatus(int(report.enabled), int(connected), 0, mtu, *ends))
        here = int(any(link.connected for link in links))
        self.reply(connection, cfg.NodeStatusReply(node, here, 0, 0, 0, 0, 0, tuple(links)))

    def effect(self, effect: Effect) -> None:
        if isinstance(effect, AskShutdown):
            self.tell(effect.clients, cfg.TestShutdown(effect.flags))
        elif isinstance(effect, ShutdownReply):
            connection = self.connections.get(effect.client)
            if connection is not None:
                self.reply(connection, cfg.ack(cfg.TryShutdown(0), effect.code))
