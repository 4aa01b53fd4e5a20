"""The quorum device's daemon: its settings from cmap, the ring from votequorum, the server over TCP."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any

from hashell.model.diagnostics import HashellError
from hashell.stack import effects as common
from hashell.stack.effects import Effect
from hashell.stack.qdevice.certificates import FOLDER, tls_context
from hashell.stack.qdevice.core import Cast, Close, Connect, Qdevice, QdeviceConfig, Secure, Send
from hashell.stack.qdevice.diagnostics import BadDevice
from hashell.stack.qdevice.messages import ALGORITHMS
from hashell.stack.runtime import TimerTable, log_level
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.preload import restore_tls
from hashell.stack.wire.corosync import cmap, votequorum
from hashell.stack.wire.corosync.clients import CfgClient, CmapClient, CorosyncError, VotequorumClient

NAME = "Qdevice"
_WAIT = 60.0
TRACK_ALL = cmap.TRACK_ADD | cmap.TRACK_DELETE | cmap.TRACK_MODIFY | cmap.TRACK_PREFIX
_ALIAS = "Qnetd Server"
_MODEL = "quorum.device.model"

log = logging.getLogger("qdevice")


async def read_config(client: CmapClient, node_id: int) -> QdeviceConfig:
    """The settings. Raises HashellError(BadDevice) for ones that cannot work."""

    async def text(key: str, default: str) -> str:
        value = await client.get(key)
        return default if value is None else value.decode() if isinstance(value, bytes) else str(value)

    prefix = "quorum.device.net."
    host = await text(prefix + "host", "")
    algorithm = await text(prefix + "algorithm", "ffsplit")
    breaker = await text(prefix + "tie_breaker", "lowest")
    tls = await text(prefix + "tls", "on")
    cluster = await text("totem.cluster_name", "")
    rules = (
        (not host, "quorum.device.net.host is missing", "name the machine that runs corosync-qnetd"),
        (not cluster, "totem.cluster_name is missing", "the quorum server tells clusters apart by their names"),
        (algorithm not in ALGORITHMS, f"there is no algorithm {algorithm}", "one of " + ", ".join(ALGORITHMS)),
        (
            not (breaker in ("lowest", "highest") or breaker.isdigit()),
            f"tie_breaker cannot be {breaker}",
            "lowest, highest or a node id",
        ),
        (tls not in ("on", "off", "required"), f"tls cannot be {tls}", "on, off or required"),
    )
    for broken, problem, advice in rules:
        if broken:
            raise HashellError(BadDevice(problem=problem, advice=advice))
    numbers = [await text(key, default) for key, default in (
        (prefix + "port", "5403"), ("quorum.device.timeout", "10000"), (prefix + "connect_timeout", "0"),
    )]  # fmt: skip
    if not all(number.isdigit() for number in numbers):
        raise HashellError(BadDevice(problem="port and timeouts must be numbers", advice="see corosync-qdevice(8)"))
    port, timeout, connect = (int(number) for number in numbers)
    return QdeviceConfig(
        cluster,
        node_id,
        host,
        port,
        algorithm,
        breaker,
        tls,
        await text(prefix + "keep_active_partition_tie_breaker", "on") != "off",
        timeout / 1000,
        (connect or timeout * 0.8) / 1000,
        await text("quorum.device.master_wins", "0") == "1",
    )


class QdeviceHost:
    """Carries out the core's effects. `lost` is set when the ring is gone."""

    def __init__(self, settings: NodeSettings) -> None:
        self.lost = asyncio.Event()
        self.core: Qdevice | None = None
        self.cmap = CmapClient(settings, on_notify=self._changed, on_lost=self.lost.set)
        self.votes = VotequorumClient(settings, on_event=self._event, on_lost=self.lost.set)
        self.cfg = CfgClient(settings)
        self.timers = TimerTable(lambda name: self.perform(self._core().timer(name)))
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._ring: tuple[tuple[int, int], tuple[int, ...]] | None = None

    def _core(self) -> Qdevice:
        assert self.core is not None
        return self.core

    async def start(self) -> bool:
        """Register with votequorum and look for the server; False when no device is configured any more.

        Raises HashellError, IpcError, CorosyncError.
        """
        for client in (self.cmap, self.votes, self.cfg):
            await client.connect(_WAIT)
        if await self.cmap.get(_MODEL) is None:
            log.log(log_level("notice"), "there is no quorum device in corosync.conf any more")
            return False
        config = await read_config(self.cmap, await self.cfg.local_nodeid())
        await self.cfg.close()
        self.core = Qdevice(config)
        self.core.configuration(await self._nodes())
        await self.votes.register(NAME)
        await self.votes.master_wins(NAME, config.master_wins)
        await self.votes.track()
        while self._ring is None:
            await asyncio.sleep(0.05)
        await self.cmap.track("nodelist.", TRACK_ALL)
        await self.cmap.track(_MODEL, cmap.TRACK_DELETE)
        self.perform(self.core.start())
        return True

    async def stop(self) -> None:
        self.timers.cancel_all()
        self._close()
        if self.core is not None and self.votes.connected:
            try:
                await self.votes.unregister(NAME)
            except (CorosyncError, OSError, TimeoutError) as error:
                log.warning("not unregistered: %s", error)
        for client in (self.votes, self.cmap):
            await client.close()

    async def _nodes(self) -> tuple[int, ...]:
        keys = [key for key in await self.cmap.keys("nodelist.node.") if key.endswith(".nodeid")]
        found = [await self.cmap.get(key) for key in keys]
        return tuple(sorted(int(node) for node in found if isinstance(node, int)))

    # ----------------------------------------------------------------- events

    def _event(self, event: votequorum.Event) -> None:
        core = self._core()
        if isinstance(event, votequorum.NodelistEvent):
            ring = (event.ring_nodeid, event.ring_seq)
            self._ring = (ring, event.nodes)
            self.perform(core.nodelist(ring, event.nodes))
        elif isinstance(event, votequorum.QuorumEvent):
            self.perform(core.quorum(bool(event.quorate), event.nodes))

    def _changed(self, change: cmap.Notify) -> None:
        """A node came or went, or the device was taken out: then the next start of this daemon sees that."""
        if change.name.rstrip(b"\0") == _MODEL.encode():
            self.lost.set()
        else:
            self._run(self._read_nodes())

    async def _read_nodes(self) -> None:
        try:
            self.perform(self._core().configuration(await self._nodes()))
        except (CorosyncError, OSError, TimeoutError) as error:
            log.warning("the nodelist cannot be read: %s", error)

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case common.SetTimer():
                    self.timers.set(effect.name, effect.seconds)
                case common.CancelTimer():
                    self.timers.cancel(effect.name)
                case common.LogLine():
                    log.log(log_level(effect.level), "%s", effect.text)
                case Cast():
                    self._run(self._cast(effect))
                case Connect():
                    self._close()
                    self._reader = asyncio.get_running_loop().create_task(self._talk())
                case Close():
                    self._close()
                case Send() if self._writer is not None:
                    self._writer.write(effect.data)
                case Secure():
                    self._run(self._secure())

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _cast(self, effect: Cast) -> None:
        try:
            await self.votes.poll(NAME, effect.yes, effect.ring)
        except CorosyncError as error:
            # The ring has changed meanwhile: its own event is on the way and is voted on anew.
            log.debug("vote not taken: %s", error)
        except (OSError, TimeoutError) as error:
            log.warning("votequorum does not answer: %s", error)
            self.lost.set()

    # ------------------------------------------------------------- connection

    async def _talk(self) -> None:
        core = self._core()
        try:
            reader, self._writer = await asyncio.open_connection(core.config.host, core.config.port)
        except OSError as error:
            self.perform(core.closed(error.strerror or str(error)))
            return
        self.perform(core.connected())
        reason = "it closed the connection"
        while True:
            try:
                data = await reader.read(65536)
            except (OSError, ssl.SSLError) as error:
                reason, data = error.strerror or str(error), b""
            if not data:
                break
            self.perform(core.data(data))
            if self._reader is not asyncio.current_task():
                return
        self._writer = None
        self.perform(core.closed(reason))

    async def _secure(self) -> None:
        core = self._core()
        assert self._writer is not None
        try:
            restore_tls()
            context = tls_context(FOLDER)
            await self._writer.start_tls(context, server_hostname=_ALIAS)
        except (OSError, ssl.SSLError, ValueError) as error:
            self._close()
            self.perform(core.closed(f"TLS: {error}"))
            return
        self.perform(core.secured())

    def _close(self) -> None:
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()
        self._reader = None
        if self._writer is not None:
            self._writer.close()
            self._writer = None


async def main(settings: NodeSettings, stop: asyncio.Event) -> int:
    """Run until `stop` is set or the ring is lost; the exit code. Raises HashellError when it cannot start."""
    host = QdeviceHost(settings)
    if not await host.start():
        await host.stop()
        return 0
    waiting = [asyncio.ensure_future(e.wait()) for e in (stop, host.lost)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    await host.stop()
    return 0 if stop.is_set() else 1
