"""A daemon's link to its peers: CPG group, peer cache and quorum (daemons.md section 1)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import os
from collections.abc import Callable

from lxml import etree

from hashell.model.xmltext import compact, parse
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import cpgframe
from hashell.stack.wire.corosync import cpg, quorum
from hashell.stack.wire.corosync.clients import CorosyncError, CpgClient, QuorumClient
from hashell.stack.wire.corosync.layout import CodecError
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.nodelist import NodeList
from hashell.stack.wire.peers import Peer, PeerCache

_RETRY_SECONDS = 0.5
_CALM_RETRIES = 10

log = logging.getLogger(__name__)


class ClusterLink:
    """Membership of one CPG group, `group` being the daemon's message type such as `cib`.

    `on_message(sender, element)` gets every message meant for us (our own broadcasts too) with `src` set to the
    sender's name; `on_peers(members, joined, left)` each change of the group, our own joining first;
    and with nobody joined or left, that a member's name has become known; `on_quorum(quorate, ring_id, member ids)`
    the ring; `on_lost()` is called once when the membership daemon goes
    away or the group has us no more. The controller switches `auto_reap` off (section 1.5).
    """

    def __init__(
        self,
        settings: NodeSettings,
        group: str,
        *,
        on_message: Callable[[Peer, etree._Element], None],
        on_peers: Callable[[list[Peer], list[Peer], list[Peer]], None],
        on_quorum: Callable[[bool, int, list[int]], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        auto_reap: bool = True,
    ) -> None:
        self.group = group
        self.nodeid = 0
        self.name = ""
        self.cluster_name = ""
        self.quorate = False
        self.ring_id = 0
        self.names: dict[int, str] = {}  #: of the node list, by node id
        self._settings = settings
        self._auto_reap = auto_reap
        self._cache: PeerCache | None = None
        self._on_message, self._on_peers = on_message, on_peers
        self._on_quorum, self._on_lost = on_quorum, on_lost
        self._misnamed: set[int] = set()  #: nodes that called themselves by a name not theirs, said once
        self._idents = itertools.count(1)
        self._list: NodeList | None = None
        self._cpg: CpgClient | None = None
        self._quorum: QuorumClient | None = None
        self._up = False
        self._joined = False
        self._asked_to_join = False

    @property
    def peers(self) -> PeerCache:
        """Known peers; available once `connect` has returned."""
        assert self._cache is not None, "not connected"
        return self._cache

    @property
    def connected(self) -> bool:
        return self._up

    # -- connecting ---------------------------------------------------------------------------------------

    async def connect(self, unless: asyncio.Event | None = None) -> bool:
        """Learn who we are, follow the quorum if asked, and join; tries again until membership answers.

        False when `unless` is set before that. Raises HashellError when the node list cannot be used.
        """
        if unless is None:
            await self._connect_patiently()
            return True
        connecting = asyncio.ensure_future(self._connect_patiently())
        stopping = asyncio.ensure_future(unless.wait())
        await asyncio.wait([connecting, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not connecting.done():
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await self._disconnect()
            return False
        await connecting
        return True

    async def _connect_patiently(self) -> None:
        for attempt in itertools.count():
            try:
                await self._connect_once()
                return
            except (IpcError, CorosyncError, CodecError, TimeoutError) as error:
                await self._disconnect()
                if attempt == 0:
                    log.info("waiting for the membership daemon: %s", error)
                elif attempt % _CALM_RETRIES == 0:
                    log.warning("still waiting for the membership daemon: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _connect_once(self) -> None:
        self._list = NodeList(self._settings, self._listed)
        self.names, self.cluster_name = await self._list.connect()
        link = CpgClient(
            self._settings, on_deliver=self._deliver, on_confchg=self._confchg, on_lost=self._lost
        )
        self._cpg = link
        await link.connect()
        self.nodeid = await link.local_nodeid()
        self.name = self.names.get(self.nodeid) or self._settings.name or os.uname().nodename
        self.names.setdefault(self.nodeid, self.name)
        self._cache = PeerCache(self.nodeid, self.name, listed=self.names, auto_reap=self._auto_reap)
        self._up = True
        if self._on_quorum:
            self._quorum = QuorumClient(
                self._settings, on_notification=self._quorum_changed, on_lost=self._lost
            )
            await self._quorum.connect()
            if await self._quorum.type() != quorum.TYPE_SET:
                log.warning("corosync.conf has no quorum provider: the cluster is always quorate")
            await self._quorum.track()
        await link.join(cpg.group_name(self.group))
        if not self._up:
            raise IpcError(errno.ENOTCONN, "the membership daemon went away")
        self._asked_to_join = True

    async def close(self) -> None:
        """Leave the group and disconnect; `on_lost` is not called."""
        if self._up and self._cpg and self._cpg.connected:
            self._up = False
            with contextlib.suppress(IpcError, CorosyncError, CodecError, TimeoutError):
                await self._cpg.leave()
        await self._disconnect()

    async def _disconnect(self) -> None:
        self._up = self._joined = self._asked_to_join = False
        for client in (self._list, self._cpg, self._quorum):
            if client:
                await client.close()
        self._list = self._cpg = self._quorum = None

    def _lost(self) -> None:
        if not self._up:
            return
        self._up = False
        # Before that it is for the attempt to connect to fail, and to be made again.
        if self._joined or self._asked_to_join:
            self._joined = self._asked_to_join = False
            if self._on_lost:
                self._on_lost()

    # -- sending ------------------------------------------------------------------------------------------

    def send(self, element: etree._Element, *, to: str | None = None, to_daemon: str | None = None) -> None:
        """Send to all members of the group, or to the one named `to`; ordered, also to ourselves.

        Does nothing once the link is lost: the daemon has been told by then.
        """
        if not self._up or self._cpg is None:
            log.debug("not sent, the link is down: %s", element.tag)
            return
        target = self.peers.by_name(to) if to else None
        message = cpgframe.ClusterMessage(
            text=compact(element).encode(),
            sender_nodeid=0,
            sender_name=self.name,
            sender_pid=os.getpid(),
            sender_type=cpgframe.daemon_type(self.group),
            ident=next(self._idents),
            to_nodeid=target.nodeid if target else 0,
            to_name=to or "",
            to_type=cpgframe.daemon_type(to_daemon or self.group),
        )
        with contextlib.suppress(IpcError):
            self._cpg.mcast(cpgframe.encode(message))

    # -- receiving ----------------------------------------------------------------------------------------

    def _deliver(self, _group: bytes, nodeid: int, _pid: int, data: bytes) -> None:
        if not self._up:
            return
        try:
            message = cpgframe.decode(data, nodeid, self.nodeid, self.name)
            element = parse(message.text)
        except cpgframe.Dropped as reason:
            if not reason.silent:
                log.warning("dropped a message of node %d: %s", nodeid, reason)
            return
        except etree.XMLSyntaxError as error:
            log.warning("dropped a message of node %d that is no XML: %s", nodeid, error)
            return
        sender = self.peers.get(nodeid)
        before = sender.name
        if not self.peers.learn_name(nodeid, message.sender_name) and nodeid not in self._misnamed:
            self._misnamed.add(nodeid)
            log.warning("node %d is %s, but a message of it says %r", nodeid, sender.name, message.sender_name)
        if sender.online and sender.name != before:
            self._on_peers(self.peers.online(), [], [])
        element.set("src", sender.name)
        try:
            self._on_message(sender, element)
        except Exception:
            log.exception("a message of %s could not be handled: %s", sender.name, element.tag)

    def _confchg(self, event: cpg.Confchg) -> None:
        if not self._up:
            return
        change = self.peers.confchg(
            [(member.nodeid, member.pid) for member in event.members],
            [(member.nodeid, member.pid) for member in event.left],
            asyncio.get_running_loop().time(),
        )
        self._joined = self._joined or not change.evicted
        self._on_peers(change.members, change.joined, change.left)
        if change.evicted and self._joined:
            log.error("node %s is not in the group %s any more", self.name, self.group)
            self._lost()

    def _listed(self, names: dict[int, str]) -> None:
        """The node list was changed: a node of it may come, or be there already."""
        if not self._up:
            return
        before, self.names = self.names, {**names, self.nodeid: self.name}
        if self.peers.list_names(self.names) or self.names != before:
            self._on_peers(self.peers.online(), [], [])

    def _quorum_changed(self, event: quorum.Notification) -> None:
        if not self._up:
            return
        self.quorate, self.ring_id = bool(event.quorate), event.ring_seq
        self.peers.quorum_view(event.ring_seq, list(event.nodes), asyncio.get_running_loop().time())
        if self._on_quorum:
            self._on_quorum(self.quorate, event.ring_seq, list(event.nodes))
