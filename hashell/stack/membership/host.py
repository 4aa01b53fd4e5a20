"""What carries a RingNode on a real machine: packets, timers, stable storage and the local services' sockets."""

from __future__ import annotations

import asyncio
import errno
import grp
import logging
import os
import pwd
from collections.abc import Callable
from logging.handlers import WatchedFileHandler

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack import effects as common
from hashell.stack.effects import Effect
from hashell.stack.membership import effects as ring
from hashell.stack.membership.cfg.core import ACTIVATE
from hashell.stack.membership.clocks import read_clocks
from hashell.stack.membership.cmap.values import CmapType, CmapValue, number, text
from hashell.stack.membership.conf.effective import RingFacts
from hashell.stack.membership.core import RingNode
from hashell.stack.membership.ipc.cfg import CfgService
from hashell.stack.membership.ipc.cmap import CmapService
from hashell.stack.membership.ipc.cpg import CpgService
from hashell.stack.membership.ipc.quorum import QuorumService
from hashell.stack.membership.ipc.votequorum import VoteQuorumService
from hashell.stack.membership.stalls import TICK, Stalls
from hashell.stack.membership.storage import RingStorage
from hashell.stack.membership.timers import LazyTimers
from hashell.stack.membership.totem.packets import PacketError
from hashell.stack.membership.transport.knet.transport import KnetTransport
from hashell.stack.membership.transport.udpu import UdpuTransport
from hashell.stack.runtime import log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.qbframe import Credentials

COMPLAINTS = 1000
CONFIGURED = ("totem.", "nodelist.", "quorum.", "logging.", "system.", "runtime.config.")

log = logging.getLogger("membership")


class RingHost:
    """Carries out a node's effects. `stopping` is set, with `exit_code`, when the node is to end."""

    def __init__(
        self,
        settings: NodeSettings,
        facts: RingFacts,
        addresses: dict[int, tuple[str, ...]],
        values: dict[str, CmapValue],
        reload: Callable[[], tuple[RingFacts, dict[int, tuple[str, ...]], dict[str, CmapValue]]],
    ) -> None:
        self.settings = settings
        self.facts = facts
        self.addresses = addresses
        self.stopping = asyncio.Event()
        self.exit_code = 0
        self.loop = asyncio.get_running_loop()
        self.now = self.loop.time
        self.garbage: dict[str, int] = {}
        self._complained: set[tuple[str, str]] = set()
        self._reload = reload
        self._clients = 0
        self.transmitted = [0] * 6  #: packets by type
        self.closed_clients = 0
        self.workload = 0.0  #: seconds from a token's arrival to its departure, moving average
        self.stalls = Stalls()
        self._watcher: asyncio.TimerHandle | None = None
        self.storage = RingStorage(settings.ring_dir, facts.local.nodeid)
        self.node = RingNode(facts.config, self.storage.ring_seq())
        self.timers = LazyTimers(self._timer)
        self.transport = self._make_transport()
        if self.node.votes:
            self.node.votes.publish = self._publish_votes
        self.node.cmap.replace_all({**values, **facts.runtime_keys}, CONFIGURED)
        self.cpg = CpgService(self)
        self.quorum = QuorumService(self)
        self.votequorum = VoteQuorumService(self)
        self.cmap = CmapService(self)
        self.cfg = CfgService(self)
        self.services = (self.cmap, self.cfg, self.cpg, self.quorum, self.votequorum)
        self._allowed_uids, self._allowed_gids = self._accounts()
        self._actions = self._action_table()

    def _make_transport(self) -> KnetTransport | UdpuTransport:
        facts = self.facts
        if facts.knet:
            return KnetTransport(facts.knet, self._packet, self._rejected, self._link_changed)
        first = {node: links[0] for node, links in self.addresses.items()}
        return UdpuTransport(facts.local.nodeid, first, facts.port, self._packet, self._rejected, facts.block_unlisted)

    def _action_table(self) -> dict[type[Effect], Callable[..., None]]:
        timers, transport = self.timers, self.transport
        table: dict[type[Effect], Callable[..., None]] = {
            ring.SendPacket: self._send,
            common.SetTimer: lambda e: timers.set(e.name, e.seconds),
            common.CancelTimer: lambda e: timers.cancel(e.name),
            common.LogLine: lambda e: log.log(log_level(e.level), "%s", e.text),
            ring.StoreRingId: lambda e: self._store(self.storage.store_ring_seq, e.seq),
            ring.StoreExpectedVotes: lambda e: self._store(self.storage.store_expected_votes, e.expected),
            ring.FlushSockets: lambda e: self._flushed(transport.flush()),
            ring.SyncState: lambda e: self.cpg.balance(),
            ring.ReloadConfig: lambda e: self.reload(),
            ring.ChangeKey: lambda e: self._change_key(e.phase),
            ring.Stop: lambda e: self.stop(e.code),
            ring.Die: self._die,
            ring.KeyChanged: self.cmap.effect,
        }
        table.update(dict.fromkeys((ring.DeliverCpg, ring.CpgConfchg, ring.CpgTotemConfchg), self.cpg.effect))
        table.update(dict.fromkeys((ring.NodelistChanged, ring.QuorumChanged), self.quorum.effect))
        votes = (ring.VotesNodelist, ring.VotesChanged, ring.ExpectedVotesChanged)
        table.update(dict.fromkeys(votes, self.votequorum.effect))
        table.update(dict.fromkeys((ring.AskShutdown, ring.ShutdownReply), self.cfg.effect))
        return table

    # ------------------------------------------------------------------- life

    async def start(self) -> None:
        """Open the ring socket and the local services, and look for others. Raises HashellError."""
        self.transport.open()
        try:
            for service in self.services:
                await service.server.start()
        except HashellError:
            await self.close()
            raise
        self._watch()
        self.perform(self.node.start(self.now()))

    async def leave(self) -> None:
        """Say goodbye to the ring and close everything."""
        votes = self.node.votes
        if votes and votes.config.allow_downscale:
            self.perform(self.node.call(votes.announce_leaving))
            await asyncio.sleep(0.2)
        self.perform(self.node.leave(self.now()))
        await self.close()

    async def close(self) -> None:
        self.timers.cancel_all()
        if self._watcher is not None:
            self._watcher.cancel()
        for service in self.services:
            await service.server.close()
        self.transport.close()

    def stop(self, code: int) -> None:
        self.exit_code = code
        self.stopping.set()

    def _store(self, write: Callable[[int], None], value: int) -> None:
        try:
            write(value)
        except OSError as error:
            # A node that comes back with an old ring id could take part in a ring that it has left.
            log.critical("the ring's state cannot be stored in %s: %s; leaving", self.settings.ring_dir, error)
            self.stop(int(ExitCode.CANTCREAT))

    def _die(self, effect: ring.Die) -> None:
        log.critical("%s", effect.reason)
        logging.shutdown()
        os._exit(int(ExitCode.FATAL))

    # ----------------------------------------------------------------- inputs

    def _send(self, effect: ring.SendPacket) -> None:
        self.transmitted[effect.data[3]] += 1
        self.transport.send(effect.dest, effect.data)

    def _watch(self) -> None:
        """Notice when this process did not run, before any timer that is overdue because of it."""
        self._notice_stall()
        self._watcher = self.loop.call_later(TICK, self._watch)

    def _notice_stall(self) -> None:
        lost = self.stalls.tick(read_clocks(self.now()))
        if lost:
            log.warning("this node did not run for %.1f s: %s", lost, self.stalls.cause)
            self.node.totem.stalled(lost)

    def perform(self, effects: list[Effect]) -> None:
        """Carry out effects in order."""
        actions = self._actions
        for effect in effects:
            actions[type(effect)](effect)

    def _packet(self, data: bytes, source: str) -> None:
        if self.timers.overdue("token"):
            # A token that waited in the socket while this process did not run is one of a ring that is gone: with it
            # this node would deliver messages to itself that no other will ever see.
            self._notice_stall()
            self.timers.catch_up("token")
        try:
            effects = self.node.packet(data, source, self.now())
        except PacketError as error:
            self._rejected(error.kind, source, error.text)
            return
        self.perform(effects)
        if self.cpg.held:
            self.cpg.balance()

    def _link_changed(self, node: int, link: int, up: bool) -> None:
        name = f"stats.knet.node{node}.link{link}.connected"
        new, old = (number(CmapType.U8, int(value)) for value in (up, not up))
        self.perform(self.node.call(lambda: self.node.cmap.announce(name, new, old)))

    def _rejected(self, kind: str, source: str, text: str) -> None:
        """A packet that has no effect but this count and, the first time of each kind and sender, a line."""
        count = self.garbage.get(kind, 0)
        self.garbage[kind] = count + 1
        key = (kind, source)
        if key not in self._complained and len(self._complained) < COMPLAINTS:
            self._complained.add(key)
            log.warning("Message received from %s was ignored: %s (%s, said once)", source, text, kind)

    def _timer(self, name: str) -> None:
        self.perform(self.node.timer(name, self.now()))

    def _flushed(self, count: int) -> None:
        if count:
            log.info("%d waiting ring packets were thrown away", count)

    # --------------------------------------------------------------- services

    def next_client(self) -> int:
        """A number never used before, for a connection or an iterator."""
        self._clients += 1
        return self._clients

    def authorise(self, who: Credentials) -> int:
        """0 for root, our own user and those of the uidgid keys; EACCES for anyone else (section 2.6)."""
        if who.uid in (0, os.getuid()) or who.uid in self._allowed_uids or who.gid in self._allowed_gids:
            return 0
        for prefix in ("uidgid.", "uidgid.config."):
            for kind, number_ in (("uid", who.uid), ("gid", who.gid)):
                if self.node.cmap.number_of(f"{prefix}{kind}.{number_}"):
                    return 0
        return errno.EACCES

    def _accounts(self) -> tuple[frozenset[int], frozenset[int]]:
        """Ids of the cluster's own account and of accounts that corosync.conf names by name."""
        uids: set[int] = set()
        gids: set[int] = set()
        names = [k.rsplit(".", 2)[1:] for k in self.node.cmap.names("uidgid.config.")]
        for kind, name in [["uid", self.settings.user], ["gid", self.settings.group], *names]:
            try:
                if kind == "uid":
                    uids.add(pwd.getpwnam(name).pw_uid)
                else:
                    gids.add(grp.getgrnam(name).gr_gid)
            except KeyError:
                continue
        return frozenset(uids), frozenset(gids)

    def _publish_votes(self, key: str, value: int) -> None:
        wide = key.endswith(("_id", "barrier", "_type"))
        self.node.cmap.put_number(f"runtime.votequorum.{key}", CmapType.U32 if wide else CmapType.U8, value)

    def key_was_set(self, name: str) -> None:
        """Keys that do something when a client sets them (section 6.4)."""
        cmap = self.node.cmap
        if name == "quorum.cancel_wait_for_all" and cmap.number_of(name) and self.node.votes:
            self.perform(self.node.call(self.node.votes.cancel_wait_for_all))
        elif name == "runtime.force_gather":
            self.perform(self.node.call(self.node.totem.force_gather))
            self.perform(self.node.call(lambda: cmap.put(name, text("no"))))
        elif name == "totem.config_version":
            self.perform(self.node.call(lambda: cmap.new_version(cmap.number_of(name))))

    def reopen_log(self) -> None:
        """Log rotation: the file is looked at again before the next line."""
        for handler in logging.getLogger().handlers:
            if isinstance(handler, WatchedFileHandler):
                handler.reopenIfNeeded()

    def reload(self) -> None:
        """Read corosync.conf again; a file with errors changes nothing."""
        cmap = self.node.cmap

        def status(code: int, message: str) -> None:
            cmap.put_number("config.reload_status", CmapType.I32, code)
            if message:
                cmap.put("config.reload_error_message", text(message))
            else:
                cmap.drop("config.reload_error_message")

        cmap.put_number("config.reload_in_progress", CmapType.U8, 1)
        try:
            facts, addresses, values = self._reload()
        except (HashellError, OSError) as error:
            log.error("configuration not reloaded: %s", error)
            failed = str(error)
            self.perform(self.node.call(lambda: status(int(ExitCode.CONFIG), failed)))
        else:
            self.perform(self.node.call(lambda: self._adopt(facts, addresses, values)))
            self.perform(self.node.call(lambda: status(1, "")))
        self.perform(
            self.node.call(lambda: cmap.put_number("config.reload_in_progress", CmapType.U8, 0))
        )

    def _adopt(self, facts: RingFacts, addresses: dict[int, tuple[str, ...]], values: dict[str, CmapValue]) -> None:
        self.facts = facts
        self.addresses = addresses
        node = self.node
        node.reconfigure(facts.config)
        self._adopt_links()
        node.cmap.replace_all({**values, **facts.runtime_keys}, CONFIGURED)
        node.cmap.new_version(facts.config.config_version)

    def _adopt_links(self) -> None:
        transport, knet = self.transport, self.facts.knet
        if isinstance(transport, UdpuTransport):
            transport.update({node: links[0] for node, links in self.addresses.items()})
        elif knet is not None:
            try:
                changed = transport.reconfigure(knet)
            except HashellError as error:
                log.error("a link of the reloaded configuration cannot be used: %s", error)
                return
            if changed:
                log.info("the ring's key has changed")
                self.node.cfg.change_key()

    def _change_key(self, phase: int) -> None:
        if isinstance(self.transport, KnetTransport):
            if phase == ACTIVATE:
                self.transport.switch_key()
            else:
                self.transport.forget_key()
