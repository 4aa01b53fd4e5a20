"""Votequorum: is this partition quorate (spec totem.md sections 5.5 and 5.6).

Every node tells its votes and expected votes in nodeinfo messages; the same arithmetic on the same table gives the
same verdict everywhere. Special rules: two_node, wait_for_all, auto_tie_breaker, last_man_standing,
expected_votes_tracking, allow_downscale, a quorum device.
"""

from __future__ import annotations

from collections.abc import Callable

from hashell.stack.effects import CancelTimer, Effect, LogLine, SetTimer
from hashell.stack.membership.effects import (
    ExpectedVotesChanged,
    Refused,
    StoreExpectedVotes,
    VotesChanged,
    VotesNodelist,
)
from hashell.stack.membership.totem.packets import NO_RING, RingId
from hashell.stack.membership.votequorum import messages as m
from hashell.stack.membership.votequorum.arithmetic import (
    DeviceConfig,
    NodeState,
    VoteConfig,
    VoteNode,
    calculate,
)
from hashell.stack.membership.votequorum.messages import Flag, Param

__all__ = ["DeviceConfig", "VoteConfig", "VoteQuorum"]

_ATB_TYPES = {"lowest": 1, "highest": 2}
_LMS = "votequorum.lms"
_DEVICE = "votequorum.device"
_DEVICE_SYNC = "votequorum.device_sync"
INVALID_PARAM, NOT_EXIST, EXIST, NAME_NOT_FOUND, ACCESS = 7, 12, 14, 17, 11


class VoteQuorum:
    """The vote table of one node. `verdict` tells the quorum service; `publish` writes runtime.votequorum keys."""

    service_id = m.SERVICE

    def __init__(
        self,
        config: VoteConfig,
        out: list[Effect],
        send: Callable[[bytes], None],
        verdict: Callable[[bool], None],
        publish: Callable[[str, int], None] | None = None,
    ) -> None:
        self.out = out
        self.send = send
        self.verdict = verdict
        self.publish = publish or (lambda key, value: None)
        self.config = config
        self.us = VoteNode(config.node_id, config.votes, config.expected, Flag.FIRST)
        self.nodes: dict[int, VoteNode] = {config.node_id: self.us}
        self.quorum = 0
        self.quorate = False
        self.two_node = config.two_node and not config.auto_tie_breaker
        self.wfa_status = config.waits_for_all
        self.lms = config.last_man_standing
        self.barrier = config.expected
        self.tracking_barrier = config.tracking_barrier
        odd = config.node_count % 2 == 1 and not config.waits_for_all
        self.atb = config.auto_tie_breaker and not odd
        self.device_votes = 0
        self.device_name = ""
        self.device_ring = NO_RING
        self.members: tuple[int, ...] = ()
        self.previous: tuple[int, ...] = ()
        self.ring = NO_RING
        self.lowest = self.highest = config.node_id
        self._in_sync = True
        self._device_waited = False
        if self.tracks and self.tracking_barrier:
            self.us.expected = max(self.us.expected, self.tracking_barrier)

    # ------------------------------------------------------------------ table

    @property
    def tracks(self) -> bool:
        return self.config.expected_votes_tracking or self.config.allow_downscale

    def _members(self) -> list[VoteNode]:
        return [n for _, n in sorted(self.nodes.items()) if n.state is NodeState.MEMBER]

    def total_votes(self) -> int:
        return self._calculate(True, 0)[1]

    def highest_expected(self) -> int:
        return max((n.expected for n in self._members()), default=0)

    def _calculate(self, allow_decrease: bool, max_expected: int) -> tuple[int, int]:
        barrier = self.barrier if self.config.allow_downscale else 0
        members = self._members()
        return calculate(
            members, self.us, self.device_votes, self.quorum, self.two_node, allow_decrease, max_expected, barrier
        )

    def _recalculate(self, allow_decrease: bool, by_current_nodes: bool) -> None:
        members = self._members()
        total = sum(n.votes for n in members) + self.device_votes
        count = len(members) + (1 if self.device_votes else 0) if by_current_nodes else 0
        if total > self.us.expected:
            self.us.expected = total
            self.out.append(ExpectedVotesChanged(total))
        if self.tracks and self.us.expected > self.tracking_barrier:
            self.tracking_barrier = self.us.expected
            self.out.append(StoreExpectedVotes(self.tracking_barrier))
        self.quorum, total = self._calculate(allow_decrease, count)
        if count:
            for node in members:
                node.expected = count
        self._judge(total)

    def _judge(self, total: int) -> None:
        """are_we_quorate: the verdict on `total` votes."""
        if self.config.waits_for_all and self.wfa_status:
            if total != self.us.expected:
                text = f"Waiting for all cluster members. Current votes: {total} expected_votes: {self.us.expected}"
                self.out.append(LogLine("notice", text))
                self._publish()
                return
            self.wfa_status = False
        quorate = self.quorum <= total
        if quorate:
            ids = [n.nodeid for n in self._members()]
            self.lowest, self.highest = ids[0], ids[-1]
        elif self.atb and total == self.us.expected // 2:
            lost = len(self.previous) - len(self.members)
            quorate = lost < self.quorum and self._tie_break()
        if not quorate and self.config.device and self.config.device.master_wins:
            both = Flag.MASTER_WINS | Flag.CAST_VOTE
            quorate = any(n.flags & both == both for n in self._members())
        changed = quorate != self.quorate
        self.quorate = quorate
        self._flag(Flag.QUORATE, quorate)
        if self.config.waits_for_all:
            self.wfa_status = not quorate
        self._flag(Flag.WFASTATUS, self.wfa_status)
        self._publish()
        if changed and not self._in_sync:
            self._announce()

    def _tie_break(self) -> bool:
        current = [n.nodeid for n in self._members()]
        rule = self.config.tie_breaker_node.strip() or "lowest"
        if rule == "lowest":
            return self.lowest in current
        if rule == "highest":
            return self.highest in current
        for word in rule.split():
            if word.isdigit() and int(word) in current:
                return True
            if word.isdigit() and int(word) in self.previous:
                return False
        return False

    def _flag(self, flag: Flag, on: bool) -> None:
        self.us.flags = self.us.flags | flag if on else self.us.flags & ~flag

    def _announce(self) -> None:
        self.verdict(self.quorate)
        self.out.append(self.votes_event())

    def votes_event(self) -> VotesChanged:
        """The quorum notification for clients as of now."""
        return VotesChanged(self.quorate, tuple((i, int(n.state)) for i, n in sorted(self.nodes.items())))

    def _publish(self) -> None:
        self.publish("this_node_id", self.us.nodeid)
        if self.atb:
            self.publish("atb_type", _ATB_TYPES.get(self.config.tie_breaker_node, 3))
        if self.config.waits_for_all:
            self.publish("wait_for_all_status", int(self.wfa_status))
        self.publish("lowest_node_id", self.lowest)
        self.publish("highest_node_id", self.highest)
        self.publish("ev_barrier", self.barrier)
        if self.tracks:
            self.publish("ev_tracking_barrier", self.tracking_barrier)
        self.publish("two_node", int(self.two_node))

    # ----------------------------------------------------------------- inputs

    def start(self) -> None:
        """The service begins, before any ring."""
        self._recalculate(False, False)
        self._flag(Flag.QUORATE, False)
        self._send_info(self.us)

    def timer(self, name: str) -> None:
        if name == _LMS:
            if self.quorate:
                self._recalculate(True, True)
        elif name == _DEVICE:
            self.out.append(LogLine("warning", "lost contact with quorum device"))
            self._flag(Flag.QDEVICE_ALIVE, False)
            self._flag(Flag.CAST_VOTE, False)
            self._recalculate(False, False)
            self._send_info(self.us)
        elif name == _DEVICE_SYNC:
            self._device_waited = True

    def message(self, fn: int, nodeid: int, data: bytes) -> None:
        """A votequorum message of `nodeid` in the agreed order."""
        if fn == m.NODEINFO:
            info = m.decode_nodeinfo(data)
            if info:
                self._device_info(nodeid, info) if info.nodeid == 0 else self._node_info(nodeid, info)
        elif fn == m.RECONFIGURE:
            change = m.decode_reconfigure(data)
            if change:
                self._reconfigured(change)
        elif fn == m.QDEVICE_REG:
            registration = m.decode_register(data)
            if registration and registration[0] and not self.device_name:
                self.device_name = registration[1]
        elif fn == m.QDEVICE_RECONFIGURE:
            names = m.decode_rename(data)
            if names and self.device_name == names[0]:
                self.device_name = names[1]
        else:
            self.out.append(LogLine("warning", f"discarded unknown message {fn} for service 5 (max id 3)"))

    def _device_info(self, sender: int, info: m.NodeInfo) -> None:
        node = self.nodes.get(sender)
        trusted = not self.quorate and node is not None and node.flags & Flag.QUORATE
        votes = info.votes if trusted else max(self.device_votes, info.votes)
        if votes != self.device_votes:
            self.device_votes = votes
            self._recalculate(False, False)

    def _node_info(self, sender: int, info: m.NodeInfo) -> None:
        node = self.nodes.get(info.nodeid)
        new = node is None
        if node is None:
            node = self.nodes[info.nodeid] = VoteNode(info.nodeid)
        before = (node.votes, node.expected, node.flags, node.state)
        allow_decrease = by_nodes = False
        if node is not self.us:
            node.flags = info.flags
        node.votes = info.votes
        node.state = NodeState.MEMBER
        quorate = bool(info.flags & Flag.QUORATE)
        if info.flags & Flag.LEAVING:
            node.state = NodeState.LEAVING
            allow_decrease = by_nodes = True
        if not self.quorate and quorate:
            allow_decrease = True
            self.us.expected = info.expected
        node.expected = info.expected if quorate or self.tracks else self.us.expected
        if self.lms and info.votes > 1:
            self.lms = False
            self.out.append(LogLine("warning", "LMS is disabled: a node has more than one vote"))
        after = (node.votes, node.expected, node.flags, node.state)
        if new or node is self.us or info.flags & Flag.FIRST or before != after:
            self._recalculate(allow_decrease, by_nodes)
        if self.config.waits_for_all and quorate and not info.flags & Flag.WFASTATUS:
            self.wfa_status = False

    def _reconfigured(self, change: m.Reconfigure) -> None:
        if change.param == Param.EXPECTED_VOTES:
            for node in self._members():
                node.expected = change.value
            self.out.append(ExpectedVotesChanged(change.value))
            self.barrier = change.value
            if self.tracks:
                self.us.expected = max(self.us.expected, self.tracking_barrier)
            self._recalculate(True, False)
        elif change.param == Param.NODE_VOTES:
            changed = self.nodes.get(change.nodeid)
            if changed:
                changed.votes = change.value
                self._recalculate(True, False)
        elif change.param == Param.CANCEL_WFA:
            self.wfa_status = False
            self._recalculate(False, False)

    def _send_info(self, node: VoteNode) -> None:
        self.send(m.NodeInfo(node.nodeid, node.votes, node.expected, int(node.flags)).encode())

    def _send_device_info(self) -> None:
        self.send(m.NodeInfo(0, self.device_votes, 0, 0).encode())

    # -------------------------------------------------------- synchronisation

    def sync_init(self, trans: tuple[int, ...], members: tuple[int, ...], ring: RingId) -> None:
        self._in_sync = True
        if len(members) > 1:
            self._flag(Flag.FIRST, False)
        left = [x for x in self.members if x not in members]
        for x in left:
            if x in self.nodes:
                self.nodes[x].state = NodeState.DEAD
        if self.lms and (
            (len(members) >= self.quorum and left)
            or (len(members) <= self.quorum and self.atb and self.lowest in members)
        ):
            self.out.append(SetTimer(_LMS, self.config.last_man_standing_window))
        self.previous, self.members = self.members, members
        self.ring = ring
        self._device_waited = False

    def sync_process(self) -> bool:
        alive = Flag.QDEVICE_REGISTERED | Flag.QDEVICE_ALIVE
        if self.us.flags & alive == alive and self.device_ring != self.ring and not self._device_waited:
            timeout = self.config.device.sync_timeout if self.config.device else 0.0
            self.out.append(SetTimer(_DEVICE_SYNC, timeout))
            self.out.append(VotesNodelist(self.ring, self.members))
            return False
        self.out.append(VotesNodelist(self.ring, self.members))
        self._send_info(self.us)
        self._send_device_info()
        if self.device_name:
            self.send(m.encode_register(True, self.device_name))
        return True

    def sync_activate(self) -> None:
        self._recalculate(False, False)
        self._in_sync = False
        self._announce()

    def sync_abort(self) -> None:
        """The next init begins anew."""

    # --------------------------------------------------------------- requests

    def set_expected(self, value: int) -> None:
        """Raises Refused(7) for a value that cannot hold."""
        quorum, total = self._calculate(True, value)
        if value < 1 or value < total or (self.quorate and quorum > total):
            raise Refused(INVALID_PARAM)
        self.send(m.Reconfigure(self.us.nodeid, value, Param.EXPECTED_VOTES).encode())

    def set_votes(self, nodeid: int, votes: int) -> None:
        """Raises Refused: 17 unknown node, 7 votes that would break quorum."""
        node = self.nodes.get(nodeid or self.us.nodeid)
        if node is None:
            raise Refused(NAME_NOT_FOUND)
        old, node.votes = node.votes, votes
        quorum, total = self._calculate(True, 0)
        node.votes = old
        if quorum < total // 2 or quorum > total:
            raise Refused(INVALID_PARAM)
        self.send(m.Reconfigure(node.nodeid, votes, Param.NODE_VOTES).encode())

    def cancel_wait_for_all(self) -> None:
        self.send(m.Reconfigure(self.us.nodeid, 0, Param.CANCEL_WFA).encode())

    def announce_leaving(self) -> None:
        """This node stops: with allow_downscale the others may count without it."""
        if self.config.allow_downscale:
            self.us.flags |= Flag.LEAVING
            self._send_info(self.us)

    def reload(self, config: VoteConfig) -> None:
        """Adopt what may change at run time: votes, expected votes, two_node, the device."""
        if config.device is None and self.us.flags & Flag.QDEVICE_REGISTERED:
            self.device_unregister(self.device_name)
        votes, expected = config.votes != self.us.votes, config.expected != self.config.expected
        self.config = config
        self.two_node = config.two_node and not config.auto_tie_breaker
        self._send_info(self.us)
        self._send_device_info()
        if votes:
            self.send(m.Reconfigure(self.us.nodeid, config.votes, Param.NODE_VOTES).encode())
        if expected:
            self.send(m.Reconfigure(self.us.nodeid, config.expected, Param.EXPECTED_VOTES).encode())
        self._publish()

    # ----------------------------------------------------------------- device

    def device_register(self, name: str) -> None:
        """Raises Refused: 7 when another device is registered or none is configured."""
        if self.config.device is None or (self.device_name and name != self.device_name):
            raise Refused(INVALID_PARAM)
        self.device_name = name
        self._flag(Flag.QDEVICE_REGISTERED, True)
        self._flag(Flag.MASTER_WINS, self.config.device.master_wins)
        self.send(m.encode_register(True, name))
        self._send_info(self.us)

    def device_unregister(self, name: str) -> None:
        self._need_device(name)
        self.out.append(CancelTimer(_DEVICE))
        for flag in (Flag.QDEVICE_REGISTERED, Flag.QDEVICE_ALIVE, Flag.CAST_VOTE, Flag.MASTER_WINS):
            self._flag(flag, False)
        self.device_name = ""
        self.device_votes = 0
        self.send(m.encode_register(False, name))
        self._recalculate(False, False)
        self._send_info(self.us)

    def device_rename(self, old: str, new: str) -> None:
        self._need_device(old)
        self.send(m.encode_rename(old, new))

    def device_poll(self, name: str, cast_vote: bool, ring: RingId) -> None:
        """The device is alive and votes or not. Raises Refused(7) for a ring that is not the current one."""
        self._need_device(name)
        if ring != self.ring:
            raise Refused(INVALID_PARAM)
        assert self.config.device is not None
        before = self.us.flags
        self.device_ring = ring
        self.device_votes = self.config.device.votes
        self._flag(Flag.QDEVICE_ALIVE, True)
        self._flag(Flag.CAST_VOTE, cast_vote)
        self.out.append(SetTimer(_DEVICE, self.config.device.timeout))
        if before != self.us.flags:
            self._recalculate(False, False)
            self._send_info(self.us)
            self._send_device_info()

    def device_master_wins(self, name: str, allow: bool) -> None:
        self._need_device(name)
        self._flag(Flag.MASTER_WINS, allow)

    def _need_device(self, name: str) -> None:
        if not self.us.flags & Flag.QDEVICE_REGISTERED or name != self.device_name:
            raise Refused(NOT_EXIST)

    def check_invariants(self) -> None:
        """Raise AssertionError where the table contradicts itself."""
        assert self.nodes[self.us.nodeid] is self.us
        assert 0 <= self.quorum <= 255
        assert bool(self.us.flags & Flag.QUORATE) == self.quorate or self._in_sync
