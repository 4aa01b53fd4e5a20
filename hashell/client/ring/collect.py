"""Asks a node's ring services for everything that `view` puts together."""

from __future__ import annotations

from hashell.client.ring.view import LinkView, RingView, view
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.corosync import cmap
from hashell.stack.wire.corosync.clients import CfgClient, CmapClient, CorosyncError

_CONFIG = ("nodelist.", "totem.", "runtime.members.", "runtime.config.totem.")
_STATS = ("stats.knet.", "stats.hashell.", "stats.srp.")


async def collect(settings: NodeSettings) -> RingView:
    """The ring as this node sees it. Raises IpcError, CorosyncError, TimeoutError."""
    config = await _map(settings, cmap.MAP_ICMAP, _CONFIG)
    stats = await _map(settings, cmap.MAP_STATS, _STATS)
    client = CfgClient(settings)
    await client.connect()
    try:
        here = await client.local_nodeid()
        nodes = [v for k, v in config.items() if k.startswith("nodelist.node.") and k.endswith(".nodeid")]
        links = {int(n): await _links(client, int(n)) for n in nodes if isinstance(n, int)}
    finally:
        await client.close()
    return view(here, config, stats, links)


async def _map(settings: NodeSettings, which: int, prefixes: tuple[str, ...]) -> dict[str, object]:
    client = CmapClient(settings)
    await client.connect()
    found: dict[str, object] = {}
    try:
        await client.use_map(which)
        for prefix in prefixes:
            for key in await client.keys(prefix):
                value = await client.get(key)
                found[key] = value.decode(errors="replace") if isinstance(value, bytes) else value
    finally:
        await client.close()
    return found


async def _links(client: CfgClient, node: int) -> tuple[LinkView, ...]:
    try:
        reply = await client.node_status(node)
    except CorosyncError:
        return ()
    # Over udpu the answer has one address only, the other node's, at the place of the own one.
    return tuple(
        LinkView(node, number, link.source if link.destination else "", link.destination or link.source,
                 bool(link.connected), mtu=link.mtu)
        for number, link in enumerate(reply.links)
        if link.enabled
    )
