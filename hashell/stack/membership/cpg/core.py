"""Closed process groups: who is in which group, and agreed delivery to the local members (spec totem.md 5.4).

All changes, the node's own too, take effect when their message comes back in the agreed order. At a membership
change each node removes the processes of lost nodes by itself, and learns those of new ones from their joinlists.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from hashell.stack.effects import Effect, LogLine
from hashell.stack.membership.cpg import messages as m
from hashell.stack.membership.effects import CpgConfchg, CpgTotemConfchg, DeliverCpg, Member, Refused
from hashell.stack.membership.totem.packets import NO_RING, RingId

JOIN, LEAVE, NODEDOWN, NODEUP, PROCDOWN = 1, 2, 3, 4, 5
TRY_AGAIN, INVALID_PARAM, NAME_LENGTH, NOT_EXIST, EXIST, INTERRUPT, BUSY = 6, 7, 13, 12, 14, 16, 10
INITIAL_TOTEM_CONF = 1


class ClientState(IntEnum):
    UNJOINED = 0
    JOIN_STARTED = 1
    JOINED = 2
    LEAVE_STARTED = 3


@dataclass(slots=True)
class Client:
    """One local IPC connection."""

    group: bytes = b""
    pid: int = 0
    flags: int = 0
    state: ClientState = ClientState.UNJOINED
    initial_sent: bool = False
    partial_ring: RingId = NO_RING


@dataclass(order=True, slots=True)
class Process:
    """A process somewhere in the cluster that is in a group; sorted by node, then pid."""

    nodeid: int
    pid: int
    group: bytes


class Cpg:
    """The CPG service of one node; `send` multicasts a service message."""

    service_id = m.SERVICE

    def __init__(self, me: int, out: list[Effect], send: Callable[[bytes], None]) -> None:
        self.me = me
        self.out = out
        self.send = send
        self.clients: dict[int, Client] = {}
        self.processes: list[Process] = []
        self.old_members: tuple[int, ...] = ()
        self.ring = NO_RING
        self._new_members: tuple[int, ...] = ()
        self._new_ring = NO_RING
        self._left: list[int] = []
        self._joinlists: list[tuple[int, int, bytes]] = []
        self._handlers = {
            m.PROCJOIN: self._procjoin,
            m.PROCLEAVE: self._procleave,
            m.JOINLIST: self._joinlist,
            m.MCAST: self._mcast,
            m.PARTIAL: self._mcast,
            m.DOWNLIST: self._downlist,
            m.OLD_DOWNLIST: self._downlist,
        }

    # ---------------------------------------------------------------- clients

    def connect(self, client: int) -> None:
        self.clients[client] = Client()

    def join(self, client: int, group: bytes, pid: int, flags: int = 0) -> None:
        """Raises Refused: 14 already joined, 6 its leave is under way, 13 name too long, 7 name empty."""
        state = self.clients.setdefault(client, Client())
        if state.state is ClientState.LEAVE_STARTED:
            raise Refused(TRY_AGAIN)
        if state.state is not ClientState.UNJOINED:
            raise Refused(EXIST)
        if len(group) > m.MAX_GROUP:
            raise Refused(NAME_LENGTH)
        if not group:
            raise Refused(INVALID_PARAM)
        for other in self.clients.values():
            if other is not state and other.state and (other.group, other.pid) == (group, pid):
                raise Refused(TRY_AGAIN if other.state is ClientState.LEAVE_STARTED else EXIST)
        if Process(self.me, pid, group) in self.processes:
            raise Refused(TRY_AGAIN)
        state.group, state.pid, state.flags = group, pid, flags
        state.state = ClientState.JOIN_STARTED
        state.initial_sent = False
        self.send(m.ProcChange(group, pid, JOIN).encode(m.PROCJOIN))

    def leave(self, client: int) -> None:
        """Raises Refused: 12 not joined, 10 its join is under way."""
        state = self.clients.get(client)
        if state is None or state.state in (ClientState.UNJOINED, ClientState.LEAVE_STARTED):
            raise Refused(NOT_EXIST)
        if state.state is ClientState.JOIN_STARTED:
            raise Refused(BUSY)
        state.state = ClientState.LEAVE_STARTED
        self.send(m.ProcChange(state.group, state.pid, LEAVE).encode(m.PROCLEAVE))

    def disconnect(self, client: int) -> None:
        """The connection is gone, and its membership with it."""
        state = self.clients.pop(client, None)
        if state is not None and state.state in (ClientState.JOIN_STARTED, ClientState.JOINED):
            self.send(m.ProcChange(state.group, state.pid, PROCDOWN).encode(m.PROCLEAVE))

    def mcast(self, client: int, data: bytes) -> None:
        """Send to the client's group. Raises Refused(12) when it has not joined one."""
        state = self._member(client)
        self.send(m.CpgMcast(state.group, state.pid, self.me, data, client).encode())

    def partial_mcast(self, client: int, data: bytes, total: int, kind: int) -> None:
        """One fragment of a long message. Raises Refused: 12 not joined, 16 ring changed since the first one."""
        state = self._member(client)
        if kind == 1:
            state.partial_ring = self.ring
        elif state.partial_ring != self.ring:
            raise Refused(INTERRUPT)
        self.send(m.CpgMcast(state.group, state.pid, self.me, data, client, total, kind).encode())

    def membership(self, group: bytes) -> tuple[Member, ...]:
        """The processes of one group, in (nodeid, pid) order."""
        return tuple(Member(p.nodeid, p.pid) for p in self.processes if p.group == group)

    def groups(self) -> list[bytes]:
        """The names of all groups that have members, in the order of their first member."""
        return list(dict.fromkeys(p.group for p in self.processes))

    def _member(self, client: int) -> Client:
        state = self.clients.get(client)
        if state is None or state.state in (ClientState.UNJOINED, ClientState.LEAVE_STARTED):
            raise Refused(NOT_EXIST)
        return state

    # --------------------------------------------------------------- messages

    def message(self, fn: int, nodeid: int, data: bytes) -> None:
        """A CPG message of `nodeid` in the agreed order."""
        handler = self._handlers.get(fn)
        if handler is None:
            self.out.append(LogLine("warning", f"discarded unknown message {fn} for service 2 (max id 6)"))
        else:
            handler(fn, nodeid, data)

    def _procjoin(self, fn: int, nodeid: int, data: bytes) -> None:
        change = m.decode_proc(data)
        if change is None:
            return
        process = Process(nodeid, change.pid, change.group)
        if process not in self.processes:
            insort(self.processes, process, key=lambda p: (p.nodeid, p.pid))
            self._confchg(change.group, (), (Member(nodeid, change.pid, JOIN),))

    def _procleave(self, fn: int, nodeid: int, data: bytes) -> None:
        change = m.decode_proc(data)
        if change is None:
            return
        process = Process(nodeid, change.pid, change.group)
        if process not in self.processes:
            return
        self.processes.remove(process)
        self._confchg(change.group, (Member(nodeid, change.pid, change.reason),), ())

    def _mcast(self, fn: int, nodeid: int, data: bytes) -> None:
        message = m.decode_partial(data) if fn == m.PARTIAL else m.decode_mcast(data)
        if message is None:
            return
        clients = self._receivers(message.group)
        if not clients:
            return
        if not any(p.nodeid == nodeid and p.group == message.group for p in self.processes):
            self.out.append(LogLine("warning", f"Unknown node {nodeid} -> we will not deliver message"))
            return
        total = message.total if message.kind else 0
        self.out.append(
            DeliverCpg(clients, message.group, nodeid, message.pid, message.data, message.kind, total)
        )

    def _joinlist(self, fn: int, nodeid: int, data: bytes) -> None:
        entries = m.decode_joinlist(data)
        for pid, group in entries or []:
            self._joinlists.insert(0, (nodeid, pid, group))

    def _downlist(self, fn: int, nodeid: int, data: bytes) -> None:
        decoded = m.decode_downlist(data) if fn == m.DOWNLIST else None
        if decoded:
            self.out.append(
                LogLine("debug", f"got downlist from node {nodeid}: old members {decoded[0]}, left {len(decoded[1])}")
            )

    def _receivers(self, group: bytes) -> tuple[int, ...]:
        return tuple(
            number
            for number, c in self.clients.items()
            if c.group == group and c.state in (ClientState.JOINED, ClientState.LEAVE_STARTED)
        )

    def _confchg(self, group: bytes, left: tuple[Member, ...], joined: tuple[Member, ...]) -> None:
        for change in joined:
            for state in self.clients.values():
                if (
                    state.state is ClientState.JOIN_STARTED
                    and change.nodeid == self.me
                    and (state.group, state.pid) == (group, change.pid)
                ):
                    state.state = ClientState.JOINED
        clients = self._receivers(group)
        if clients:
            self.out.append(CpgConfchg(clients, group, self.membership(group), left, joined))
        for number in clients:
            state = self.clients[number]
            if state.flags & INITIAL_TOTEM_CONF and not state.initial_sent:
                state.initial_sent = True
                self.out.append(CpgTotemConfchg((number,), self.ring, self.old_members))
        for change in left:
            for state in self.clients.values():
                if (
                    state.state is ClientState.LEAVE_STARTED
                    and change.nodeid == self.me
                    and (state.group, state.pid) == (group, change.pid)
                ):
                    state.state = ClientState.UNJOINED

    # -------------------------------------------------------- synchronisation

    def sync_init(self, trans: tuple[int, ...], members: tuple[int, ...], ring: RingId) -> None:
        self._joinlists = []
        self._left = [x for x in self.old_members if x not in trans]
        self._new_members = members
        self._new_ring = ring

    def sync_process(self) -> bool:
        self.send(m.encode_downlist(len(self.old_members), self._left))
        local = [(p.pid, p.group) for p in self.processes if p.nodeid == self.me]
        if local:
            self.send(m.encode_joinlist(local))
        return True

    def sync_activate(self) -> None:
        self.old_members = self._new_members
        self.ring = self._new_ring
        self._apply_downlist()
        self._apply_joinlists()
        self._bury_zombies()
        self._joinlists = []
        clients = tuple(n for n, c in self.clients.items() if c.flags & INITIAL_TOTEM_CONF and c.state)
        if clients:
            self.out.append(CpgTotemConfchg(clients, self.ring, self.old_members))

    def sync_abort(self) -> None:
        self._joinlists = []

    def _apply_downlist(self) -> None:
        left: dict[bytes, list[Member]] = {}
        for process in self.processes:
            if process.nodeid in self._left:
                left.setdefault(process.group, []).append(Member(process.nodeid, process.pid, NODEDOWN))
        self.processes = [p for p in self.processes if p.nodeid not in self._left]
        for group in sorted(left):
            self._confchg(group, tuple(left[group]), ())

    def _apply_joinlists(self) -> None:
        joined: dict[bytes, list[Member]] = {}
        for nodeid, pid, group in sorted(self._joinlists):
            process = Process(nodeid, pid, group)
            if nodeid == self.me or process in self.processes:
                continue
            insort(self.processes, process, key=lambda p: (p.nodeid, p.pid))
            joined.setdefault(group, []).append(Member(nodeid, pid, NODEUP))
        for group in sorted(joined):
            self._confchg(group, (), tuple(joined[group]))

    def _bury_zombies(self) -> None:
        told = set(self._joinlists)
        dead = [p for p in self.processes if p.nodeid != self.me and (p.nodeid, p.pid, p.group) not in told]
        for process in dead:
            self.processes.remove(process)
            self._confchg(process.group, (Member(process.nodeid, process.pid, PROCDOWN),), ())

    def check_invariants(self) -> None:
        """Raise AssertionError where the tables contradict each other."""
        keys = [(p.nodeid, p.pid) for p in self.processes]
        assert keys == sorted(keys), "processes out of order"
        names = [(p.nodeid, p.pid, p.group) for p in self.processes]
        assert len(names) == len(set(names)), "a process twice in one group"
        for state in self.clients.values():
            if state.state is ClientState.JOINED:
                assert Process(self.me, state.pid, state.group) in self.processes
