"""The votequorum service for local clients (spec ipc.md section 4.5)."""

from __future__ import annotations

from typing import Any

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import ExpectedVotesChanged, Refused, VotesChanged, VotesNodelist
from hashell.stack.membership.ipc.service import Service
from hashell.stack.membership.totem.packets import RingId
from hashell.stack.membership.votequorum.core import VoteQuorum
from hashell.stack.membership.votequorum.messages import Flag
from hashell.stack.wire.corosync import votequorum as wire
from hashell.stack.wire.corosync.layout import CsError, Message
from hashell.stack.wire.ipcserver import Connection


def info_flags(core: VoteQuorum, flags: int) -> int:
    """The flags of the information reply for a node with these ring flags."""
    config = core.config
    pairs = (
        (core.two_node, wire.INFO_TWONODE),
        (flags & Flag.QUORATE, wire.INFO_QUORATE),
        (config.waits_for_all, wire.INFO_WAIT_FOR_ALL),
        (core.lms, wire.INFO_LAST_MAN_STANDING),
        (core.atb, wire.INFO_AUTO_TIE_BREAKER),
        (config.allow_downscale, wire.INFO_ALLOW_DOWNSCALE),
        (flags & Flag.QDEVICE_REGISTERED, wire.INFO_QDEVICE_REGISTERED),
        (flags & Flag.QDEVICE_ALIVE, wire.INFO_QDEVICE_ALIVE),
        (flags & Flag.CAST_VOTE, wire.INFO_QDEVICE_CAST_VOTE),
        (flags & Flag.MASTER_WINS, wire.INFO_QDEVICE_MASTER_WINS),
    )
    return sum(bit for on, bit in pairs if on)


class VoteQuorumService(Service):
    name = wire.SERVICE
    decode = staticmethod(wire.decode_request)
    acknowledge = staticmethod(wire.ack)

    def __init__(self, host: Any) -> None:
        super().__init__(host)
        self._tracks: dict[int, tuple[int, int]] = {}

    def closed(self, client: int) -> None:
        self._tracks.pop(client, None)

    def handle(self, client: int, connection: Connection, request: Any) -> None:
        core = self.node.votes
        if core is None:
            raise Refused(CsError.NOT_SUPPORTED)
        match request:
            case wire.GetInfo():
                self.reply(connection, self._info(core, request.nodeid))
                return
            case wire.TrackStart():
                if client in self._tracks:
                    raise Refused(CsError.EXIST)
                self._tracks[client] = (request.context, request.flags)
                if request.flags & (wire.TRACK_CURRENT | wire.TRACK_CHANGES):
                    self._send(client, VotesNodelist(core.ring, core.members))
                    self._send(client, core.votes_event())
            case wire.TrackStop():
                if self._tracks.pop(client, None) is None:
                    raise Refused(CsError.NOT_EXIST)
            case _:
                self.host.perform(self.node.call(lambda: self._change(core, request)))
        self.reply(connection, wire.ack(request))

    def _change(self, core: VoteQuorum, request: Any) -> None:
        match request:
            case wire.SetExpected():
                core.set_expected(request.expected)
            case wire.SetVotes():
                core.set_votes(request.nodeid, request.votes)
            case wire.QdeviceRegister():
                core.device_register(request.name)
            case wire.QdeviceUnregister():
                core.device_unregister(request.name)
            case wire.QdeviceUpdate():
                core.device_rename(request.old_name, request.new_name)
            case wire.QdevicePoll():
                ring = RingId(request.ring_nodeid, request.ring_seq)
                core.device_poll(request.name, bool(request.cast_vote), ring)
            case wire.QdeviceMasterWins():
                core.device_master_wins(request.name, bool(request.allow))

    def _info(self, core: VoteQuorum, nodeid: int) -> wire.InfoReply:
        common: dict[str, Any] = {
            "highest_expected": core.highest_expected(),
            "total_votes": core.total_votes(),
            "quorum": core.quorum,
            "qdevice_votes": core.device_votes,
            "qdevice_name": core.device_name,
        }
        if nodeid == 0:
            flags = info_flags(core, core.us.flags)
            return wire.InfoReply(0, 0, core.device_votes, core.us.expected, flags=flags, **common)
        node = core.nodes.get(nodeid)
        if node is None:
            raise Refused(CsError.NOT_EXIST)
        flags = info_flags(core, node.flags)
        return wire.InfoReply(node.nodeid, int(node.state), node.votes, node.expected, flags=flags, **common)

    def effect(self, effect: Effect) -> None:
        wanted = wire.TRACK_CHANGES | wire.TRACK_CHANGES_ONLY
        for client, (_, flags) in list(self._tracks.items()):
            if flags & wanted:
                self._send(client, effect)

    def _send(self, client: int, effect: Effect) -> None:
        context, _ = self._tracks[client]
        event: Message
        if isinstance(effect, VotesChanged):
            event = wire.QuorumEvent(int(effect.quorate), context, effect.nodes)
        elif isinstance(effect, VotesNodelist):
            event = wire.NodelistEvent(context, *effect.ring, effect.members)
        elif isinstance(effect, ExpectedVotesChanged):
            event = wire.ExpectedEvent(context, effect.expected)
        else:
            return
        self.tell((client,), event)
