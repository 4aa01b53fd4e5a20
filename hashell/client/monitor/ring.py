"""The ring as its own services describe it: links, members, votes, token."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hashell.stack.settings import NodeSettings
from hashell.stack.wire.corosync.clients import (
    CfgClient,
    CmapClient,
    CorosyncError,
    VotequorumClient,
)
from hashell.stack.wire.ipcclient import IpcError

#: Seconds that the ring's services have to answer; without an answer the rest of the monitor goes on.
PATIENCE = 3.0
_STATES = {1: "member", 2: "dead", 3: "leaving"}


@dataclass(frozen=True)
class LinkView:
    """One link to one node. latency in microseconds, -1 when nobody measures it; retries of the link, -1 likewise."""

    node: str
    link: int
    ends: str
    connected: bool
    latency_us: int = -1
    lost: int = -1


@dataclass(frozen=True)
class MemberView:
    node: str
    id: int
    state: str  #: member, dead, leaving or this node
    votes: int
    addresses: str = ""


@dataclass(frozen=True)
class RingView:
    """`facts` are (name, value) of totem's settings and counters as cmap gives them."""

    expected_votes: int = 0
    total_votes: int = 0
    quorum: int = 0
    members: tuple[MemberView, ...] = ()
    links: tuple[LinkView, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()


async def read_ring(settings: NodeSettings) -> RingView | None:
    """The ring of a running node; None when its services do not answer."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _read(settings)
    except (IpcError, CorosyncError, TimeoutError, OSError):
        return None


async def _read(settings: NodeSettings) -> RingView:
    cmap, votes, cfg = CmapClient(settings), VotequorumClient(settings), CfgClient(settings)
    try:
        for client in (cmap, votes, cfg):
            await client.connect()
        names = await _names(cmap)
        own = await votes.info(0)
        here = await cfg.local_nodeid()
        members, links = [], []
        latency = await _link_stats(cmap)
        for number, name in names.items():
            info = await votes.info(number)
            state = "this node" if number == here else _STATES.get(info.state, f"state {info.state}")
            members.append(MemberView(name, number, state, info.votes, await _addresses(cmap, number)))
            if number == here:
                continue
            status = await cfg.node_status(number)
            for index, link in enumerate(status.links):
                if link.enabled:
                    ends = " -> ".join(end for end in (link.source, link.destination) if end)
                    us, lost = latency.get((number, index), (-1, -1))
                    links.append(LinkView(name, index, ends, bool(link.connected), us, lost))
        facts = await _facts(cmap)
        return RingView(own.expected_votes, own.total_votes, own.quorum, tuple(members), tuple(links), tuple(facts))
    finally:
        for client in (cmap, votes, cfg):
            await client.close()


async def _names(cmap: CmapClient) -> dict[int, str]:
    found: dict[int, str] = {}
    for key in await cmap.keys("nodelist.node."):
        if key.endswith(".nodeid"):
            number = await cmap.get(key)
            name = await cmap.get(key.removesuffix("nodeid") + "name")
            if isinstance(number, int):
                found[number] = str(name or number)
    return found


async def _addresses(cmap: CmapClient, number: int) -> str:
    for key in await cmap.keys("nodelist.node."):
        if key.endswith(".nodeid") and await cmap.get(key) == number:
            stem = key.removesuffix("nodeid")
            keys = [k for k in await cmap.keys(stem) if k.startswith(f"{stem}ring") and k.endswith("_addr")]
            return " ".join([str(await cmap.get(k)) for k in keys])
    return ""


async def _link_stats(cmap: CmapClient) -> dict[tuple[int, int], tuple[int, int]]:
    """(latency in us, errors and lost pings) by node id and link, where a transport that measures them is in use."""
    found: dict[tuple[int, int], list[int]] = {}
    try:
        await cmap.use_map(1)
        for key in await cmap.keys("stats.knet.node"):
            parts = key.split(".")
            if len(parts) != 5 or not parts[3].startswith("link"):
                continue
            value = await cmap.get(key)
            place = (int(parts[2].removeprefix("node")), int(parts[3].removeprefix("link")))
            pair = found.setdefault(place, [-1, 0])
            if parts[4] == "latency_ave" and isinstance(value, int):
                pair[0] = value
            elif parts[4] in ("tx_ping_errors", "tx_data_errors", "down_count") and isinstance(value, int):
                pair[1] += value
    except (CorosyncError, ValueError):
        return {}
    finally:
        await cmap.use_map(0)
    return {place: (pair[0], pair[1]) for place, pair in found.items()}


async def _facts(cmap: CmapClient) -> list[tuple[str, str]]:
    facts = []
    for key in ("totem.cluster_name", "totem.transport", "totem.secauth", "totem.crypto_cipher",
                "runtime.config.totem.token", "runtime.config.totem.token_retransmit",
                "runtime.config.totem.consensus", "runtime.config.totem.join"):
        value = await _get(cmap, key)
        if value is not None:
            facts.append((key.removeprefix("runtime.config."), value))
    try:
        await cmap.use_map(1)
        for key in sorted(await cmap.keys("stats.srp.")):
            value = await _get(cmap, key)
            if value is not None:
                facts.append((key.removeprefix("stats."), value))
    except CorosyncError:
        pass
    finally:
        await cmap.use_map(0)
    return facts


async def _get(cmap: CmapClient, key: str) -> str | None:
    try:
        value = await cmap.get(key)
    except CorosyncError:
        return None
    return None if value is None else str(value)
