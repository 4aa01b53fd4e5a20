"""The client ends of Corosync's services on asyncio, for our daemons and the original's (ipc.md section 4)."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Callable
from typing import TypeVar

from hashell.stack.settings import NodeSettings
from hashell.stack.wire.corosync import cfg, cmap, cpg, quorum, votequorum
from hashell.stack.wire.corosync.layout import CodecError, CsError, Message, message_id, response_error
from hashell.stack.wire.ipcclient import IpcClient

BUFFER = 1048576
_TIMEOUT = 30.0
_TRY_AGAIN_SECONDS = 0.1
_TRY_AGAIN_TIMES = 300

R = TypeVar("R", bound=Message)

log = logging.getLogger(__name__)


class CorosyncError(Exception):
    """A service answered with an error; `code` is its cs_error_t."""

    def __init__(self, service: str, request: str, code: int) -> None:
        name = CsError(code).name if code in CsError._value2member_map_ else str(code)
        super().__init__(f"{service}: {request} failed: {name}")
        self.code = code


class _ServiceClient:
    """What the five clients share: connecting, answers, TRY_AGAIN."""

    def __init__(
        self, settings: NodeSettings, service: str, on_lost: Callable[[], None] | None, flow_control_max: int = 1
    ) -> None:
        self.service = service
        self._ipc = IpcClient(
            settings.ipc_name(service),
            on_event=self._safe_event,
            on_lost=on_lost,
            max_message=BUFFER,
            flow_control_max=flow_control_max,
        )

    @property
    def connected(self) -> bool:
        return self._ipc.connected

    @property
    def backlog(self) -> int:
        """Messages that the service could not take yet."""
        return self._ipc.backlog

    async def connect(self, wait: float = 0.0) -> None:
        """Connect, trying again for `wait` seconds. Raises IpcError."""
        await self._ipc.connect(wait)

    async def close(self) -> None:
        await self._ipc.close()

    async def _call(self, request: Message, kind: type[R], timeout: float = _TIMEOUT) -> R:
        return kind.decode(await self._ask(request, timeout))

    async def _ask(self, request: Message, timeout: float = _TIMEOUT) -> bytes:
        """The response to `request`, sent again while the service says TRY_AGAIN. Raises CorosyncError."""
        for _ in range(_TRY_AGAIN_TIMES):
            data = await self._ipc.request(request.encode(), timeout)
            error = response_error(data)
            if error == CsError.OK:
                return data
            if error != CsError.TRY_AGAIN:
                break
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
        raise CorosyncError(self.service, type(request).__name__, error)

    def _safe_event(self, data: bytes) -> None:
        try:
            self._event(data)
        except CodecError as error:
            log.warning("%s sent an unreadable event: %s", self.service, error)

    def _event(self, data: bytes) -> None:
        raise CodecError(f"unexpected event {message_id(data)}")


class CmapClient(_ServiceClient):
    """`on_notify(cmap.Notify)` gets the changes of tracked keys."""

    def __init__(
        self,
        settings: NodeSettings,
        *,
        on_notify: Callable[[cmap.Notify], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(settings, cmap.SERVICE, on_lost)
        self._on_notify = on_notify
        self._instances = itertools.count(1)

    def _event(self, data: bytes) -> None:
        event = cmap.decode_event(data)
        if self._on_notify:
            self._on_notify(event)

    async def get(self, key: str) -> cmap.Value | None:
        """The value of a key, None when there is none. Raises CorosyncError."""
        name = key.encode()
        try:
            size = await self._call(cmap.Get(name, 0), cmap.GetReply)
            reply = await self._call(cmap.Get(name, max(1, size.length)), cmap.GetReply)
        except CorosyncError as error:
            if error.code == CsError.NOT_EXIST:
                return None
            raise
        return cmap.decode_value(reply.kind, reply.value[: reply.length])

    async def set(self, key: str, kind: int, value: cmap.Value) -> None:
        """Set a key. Raises CorosyncError (ACCESS for read-only keys), CodecError."""
        await self._ask(cmap.Set(key.encode(), kind, cmap.encode_value(kind, value)))

    async def delete(self, key: str) -> None:
        await self._ask(cmap.Delete(key.encode()))

    async def adjust(self, key: str, step: int) -> None:
        """Add `step` to an integer key."""
        await self._ask(cmap.AdjustInt(key.encode(), step))

    async def keys(self, prefix: str = "") -> list[str]:
        """All keys that begin with `prefix`, in the service's order."""
        handle = (await self._call(cmap.IterInit(prefix.encode()), cmap.IterHandle)).handle
        found = []
        try:
            while True:
                found.append((await self._call(cmap.IterNext(handle), cmap.IterEntry)).name.decode())
        except CorosyncError as error:
            if error.code != CsError.NO_SECTIONS:
                raise
        await self._ask(cmap.IterFinalize(handle))
        return found

    async def track(self, key: str, track_type: int) -> int:
        """Follow a key (or all below it with TRACK_PREFIX); the handle for untrack."""
        request = cmap.TrackAdd(key.encode(), track_type, next(self._instances))
        return (await self._call(request, cmap.TrackAddReply)).handle

    async def untrack(self, handle: int) -> None:
        await self._ask(cmap.TrackDelete(handle))

    async def use_map(self, which: int) -> None:
        """Choose MAP_ICMAP or MAP_STATS for this connection."""
        await self._ask(cmap.SetCurrentMap(which))


class CpgClient(_ServiceClient):
    """`on_deliver(group, nodeid, pid, data)` and `on_confchg(cpg.Confchg)`; `on_totem(cpg.TotemConfchg)` if asked."""

    def __init__(
        self,
        settings: NodeSettings,
        *,
        on_deliver: Callable[[bytes, int, int, bytes], None],
        on_confchg: Callable[[cpg.Confchg], None],
        on_totem: Callable[[cpg.TotemConfchg], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(settings, cpg.SERVICE, on_lost, flow_control_max=2)
        self._on_deliver, self._on_confchg, self._on_totem = on_deliver, on_confchg, on_totem
        self._fragments: dict[tuple[int, int], bytearray] = {}
        self._group = b""
        self._queue: asyncio.Queue[bytes] | None = None
        self._sender: asyncio.Task[None] | None = None

    def _event(self, data: bytes) -> None:
        event = cpg.decode_event(data)
        if isinstance(event, cpg.Deliver):
            self._on_deliver(event.group, event.nodeid, event.pid, event.data[: event.length])
        elif isinstance(event, cpg.PartialDeliver):
            self._assemble(event)
        elif isinstance(event, cpg.Confchg):
            for gone in event.left:
                self._fragments.pop((gone.nodeid, gone.pid), None)
            self._on_confchg(event)
        elif self._on_totem:
            self._on_totem(event)

    def _assemble(self, event: cpg.PartialDeliver) -> None:
        key = (event.nodeid, event.pid)
        if event.kind == cpg.FIRST:
            self._fragments[key] = bytearray()
        parts = self._fragments.get(key)
        if parts is None:
            return
        parts += event.data[: event.length]
        if event.kind == cpg.LAST:
            del self._fragments[key]
            self._on_deliver(event.group, event.nodeid, event.pid, bytes(parts))

    async def join(self, group: bytes, *, totem: bool = False) -> None:
        """Become a member. Raises CorosyncError."""
        flags = cpg.FLAG_INITIAL_TOTEM_CONFCHG if totem else 0
        await self._ask(cpg.Join(group, os.getpid(), flags))
        self._group = group

    async def leave(self) -> None:
        await self._ask(cpg.Leave(self._group, os.getpid()))

    async def local_nodeid(self) -> int:
        return (await self._call(cpg.LocalGet(), cpg.LocalReply)).nodeid

    async def members(self, group: bytes) -> tuple[cpg.Address, ...]:
        return (await self._call(cpg.Membership(group), cpg.MembershipReply)).members

    async def processes(self) -> list[cpg.IterEntry]:
        """Every process of every group on every node."""
        handle = (await self._call(cpg.IterInit(b"", cpg.ITER_ALL), cpg.IterHandle)).handle
        found = []
        try:
            while True:
                found.append(await self._call(cpg.IterNext(handle), cpg.IterEntry))
        except CorosyncError as error:
            if error.code != CsError.NO_SECTIONS:
                raise
        await self._ask(cpg.IterFinalize(handle))
        return found

    def mcast(self, data: bytes) -> None:
        """Send to the joined group, after everything sent before. Raises IpcError when not connected."""
        if self._queue is None and len(data) <= cpg.LARGEST_MCAST and self._fits(data):
            self._ipc.send(cpg.Mcast(data).encode())
            return
        if self._queue is None:
            self._queue = asyncio.Queue()
            self._sender = asyncio.ensure_future(self._send_queue(self._queue))
        self._queue.put_nowait(data)

    def _fits(self, data: bytes) -> bool:
        return len(data) + cpg.Mcast.SIZE <= self._ipc.largest

    async def _send_queue(self, queue: asyncio.Queue[bytes]) -> None:
        """Fragments are answered one by one, so what follows a fragmented message has to wait for it."""
        try:
            while not queue.empty():
                data = queue.get_nowait()
                if len(data) <= cpg.LARGEST_MCAST and self._fits(data):
                    self._ipc.send(cpg.Mcast(data).encode())
                else:
                    await self._send_fragments(data)
        except OSError as error:
            log.debug("cpg: sending stopped: %s", error)
        finally:
            self._queue = None

    async def _send_fragments(self, data: bytes) -> None:
        room = min(cpg.LARGEST_MCAST, self._ipc.largest - cpg.PartialMcast.SIZE)
        while True:
            try:
                for start in range(0, len(data), room):
                    last = start + room >= len(data)
                    kind = cpg.FIRST if not start else cpg.LAST if last else cpg.CONTINUED
                    await self._ask(cpg.PartialMcast(data[start : start + room], len(data), kind))
            except CorosyncError as error:
                if error.code == CsError.INTERRUPT:
                    continue
                log.error("cpg: a message of %d bytes is lost: %s", len(data), error)
            return


class QuorumClient(_ServiceClient):
    """Model v0, as Pacemaker uses it: `on_notification(quorum.Notification)`."""

    def __init__(
        self,
        settings: NodeSettings,
        *,
        on_notification: Callable[[quorum.Notification], None],
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(settings, quorum.SERVICE, on_lost)
        self._on_notification = on_notification

    def _event(self, data: bytes) -> None:
        event = quorum.decode_event(data)
        if isinstance(event, quorum.Notification):
            self._on_notification(event)

    async def type(self) -> int:
        """TYPE_SET when there is a quorum provider; must be the first call on a connection."""
        return (await self._call(quorum.GetType(), quorum.TypeReply)).type

    async def quorate(self) -> bool:
        return bool((await self._call(quorum.GetQuorate(), quorum.QuorateReply)).quorate)

    async def track(self, flags: int = quorum.TRACK_CURRENT | quorum.TRACK_CHANGES) -> None:
        await self._ask(quorum.TrackStart(flags))


class VotequorumClient(_ServiceClient):
    """`on_event(event)` gets the QuorumEvent, NodelistEvent and ExpectedEvent of `votequorum`."""

    def __init__(
        self,
        settings: NodeSettings,
        *,
        on_event: Callable[[votequorum.Event], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(settings, votequorum.SERVICE, on_lost)
        self._on_event = on_event

    def _event(self, data: bytes) -> None:
        event = votequorum.decode_event(data)
        if self._on_event:
            self._on_event(event)

    async def info(self, nodeid: int) -> votequorum.InfoReply:
        return await self._call(votequorum.GetInfo(nodeid), votequorum.InfoReply)

    async def set_expected(self, votes: int) -> None:
        await self._ask(votequorum.SetExpected(votes))

    async def set_votes(self, nodeid: int, votes: int) -> None:
        await self._ask(votequorum.SetVotes(votes, nodeid))

    async def track(self, flags: int = votequorum.TRACK_CURRENT | votequorum.TRACK_CHANGES) -> None:
        await self._ask(votequorum.TrackStart(0, flags))

    async def register(self, device: str) -> None:
        """Be the quorum device of this node. Raises CorosyncError when another one is, or none is configured."""
        await self._ask(votequorum.QdeviceRegister(device))

    async def unregister(self, device: str) -> None:
        await self._ask(votequorum.QdeviceUnregister(device))

    async def poll(self, device: str, vote: bool, ring: tuple[int, int]) -> None:
        """The device is alive; its vote for the ring (node, sequence number). Raises CorosyncError for an old ring."""
        await self._ask(votequorum.QdevicePoll(device, int(vote), *ring))

    async def master_wins(self, device: str, allow: bool) -> None:
        await self._ask(votequorum.QdeviceMasterWins(device, int(allow)))


class CfgClient(_ServiceClient):
    """`on_shutdown(flags)` is asked whether the daemon may stop, once `track` has been called; answer with `allow`."""

    def __init__(
        self,
        settings: NodeSettings,
        *,
        on_shutdown: Callable[[int], None] | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(settings, cfg.SERVICE, on_lost)
        self._on_shutdown = on_shutdown

    def _event(self, data: bytes) -> None:
        event = cfg.decode_event(data)
        if self._on_shutdown:
            self._on_shutdown(event.flags)

    async def local_nodeid(self) -> int:
        return (await self._call(cfg.LocalGet(), cfg.LocalReply)).nodeid

    async def ring_status(self) -> tuple[tuple[str, str], ...]:
        return (await self._call(cfg.RingStatusGet(), cfg.RingStatusReply)).rings

    async def node_status(self, nodeid: int) -> cfg.NodeStatusReply:
        return await self._call(cfg.NodeStatusGet(nodeid), cfg.NodeStatusReply)

    async def addresses(self, nodeid: int) -> tuple[str, ...]:
        return (await self._call(cfg.GetNodeAddrs(nodeid), cfg.NodeAddrsReply)).addresses

    async def track(self) -> None:
        await self._ask(cfg.TrackStart())

    async def allow(self, answer: bool) -> None:
        """Answer an `on_shutdown` question."""
        await self._ask(cfg.ReplyToShutdown(int(answer)))

    async def shutdown(self, flags: int = cfg.SHUTDOWN_REQUEST) -> None:
        """Ask the membership daemon to stop."""
        await self._ask(cfg.TryShutdown(flags))

    async def reload(self) -> None:
        await self._ask(cfg.ReloadConfig())

    async def kill_node(self, nodeid: int, reason: str) -> None:
        await self._ask(cfg.KillNode(nodeid, reason.encode()[:256]))
