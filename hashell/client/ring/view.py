"""What a node's ring tells of itself, taken from its maps (pure): the same for Corosync and the bundled ring.

Times in seconds, losses as parts of 1. Corosync does not measure its own stalls: those are None there, and the loss
on a link is what its counters of pings and pongs give.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Maps = Mapping[str, object]
_LINK = re.compile(r"^stats\.knet\.node(\d+)\.link(\d+)\.connected$")
_UNKNOWN = 0xFFFFFFFF
_FEW_PINGS = 10


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link to another node."""

    node: int
    number: int
    local: str
    remote: str
    connected: bool
    loss: float | None = None
    latency: float | None = None
    latency_max: float | None = None
    mtu: int = 0
    downs: int = 0


@dataclass(frozen=True, slots=True)
class Stalls:
    """How often and how long this node did not run."""

    count: int
    longest: float
    last: float
    since: float
    cause: str


@dataclass(frozen=True)
class RingView:
    """The whole picture of one node."""

    here: int
    names: Mapping[int, str]
    transport: str
    token: float  #: effective timeout
    configured_token: float
    coefficient: float
    members: tuple[int, ...]
    links: tuple[LinkView, ...] = ()
    stalls: Stalls | None = None
    ignored: Mapping[str, int] = field(default_factory=dict)
    rotation: float = 0.0
    retransmitted: int = 0
    sent: int = 0
    tokens_lost: int = 0
    gathers_in_a_row: int = 0

    def name(self, node: int) -> str:
        return self.names.get(node, str(node))


def _number(values: Maps, key: str, default: int = 0) -> int:
    value = values.get(key, default)
    return int(value) if isinstance(value, (int, float)) else default


def view(here: int, config: Maps, stats: Maps, links: Mapping[int, tuple[LinkView, ...]]) -> RingView:
    """Put the maps together; `links` are the addresses and states that the cfg service tells, by node."""
    names: dict[int, str] = {}
    for key, value in config.items():
        if key.startswith("nodelist.node.") and key.endswith(".nodeid") and isinstance(value, int):
            names[value] = str(config.get(key.removesuffix("nodeid") + "name") or value)
    joined = [
        int(key.split(".")[2])
        for key, value in config.items()
        if key.startswith("runtime.members.") and key.endswith(".status") and value == "joined"
    ]
    prefix = "runtime.config.totem."
    return RingView(
        here,
        names,
        str(config.get("totem.transport") or "knet"),
        _number(config, prefix + "token", 1000) / 1000,
        _number(config, "totem.token", 3000) / 1000,
        _number(config, "totem.token_coefficient", 650) / 1000,
        tuple(sorted(joined)),
        tuple(_measured(link, stats) for node in sorted(links) if node != here for link in links[node]),
        _stalls(stats),
        {k.rsplit(".", 1)[1]: _number(stats, k) for k in sorted(stats) if k.startswith("stats.hashell.ignored.")},
        max(_number(stats, "stats.hashell.rotation_us") / 1e6, _number(stats, "stats.srp.mtt_rx_token") / 1000),
        _number(stats, "stats.srp.mcast_retx"),
        _number(stats, "stats.srp.mcast_tx"),
        _number(stats, "stats.srp.operational_token_lost"),
        _number(stats, "stats.srp.continuous_gather"),
    )


def _stalls(stats: Maps) -> Stalls | None:
    prefix = "stats.hashell.stall."
    if prefix + "count" not in stats:
        return None
    longest, last, since = (_number(stats, f"{prefix}{word}_ms") / 1000 for word in ("longest", "last", "since"))
    return Stalls(_number(stats, prefix + "count"), longest, last, since, str(stats.get(prefix + "cause", "")))


def _measured(link: LinkView, stats: Maps) -> LinkView:
    prefix = f"stats.knet.node{link.node}.link{link.number}."
    if prefix + "connected" not in stats:
        return link
    permille = stats.get(f"stats.hashell.node{link.node}.link{link.number}.loss_permille")
    loss = _number({"v": permille}, "v") / 1000 if permille is not None else _ping_loss(stats, prefix)
    known = _number(stats, prefix + "latency_samples") > 0
    longest = _number(stats, prefix + "latency_max")
    return LinkView(
        link.node,
        link.number,
        link.local,
        link.remote,
        bool(_number(stats, prefix + "connected")),
        loss,
        _number(stats, prefix + "latency_ave") / 1e6 if known else None,
        longest / 1e6 if known and longest != _UNKNOWN else None,
        _number(stats, prefix + "mtu") or link.mtu,
        _number(stats, prefix + "down_count"),
    )


def _ping_loss(stats: Maps, prefix: str) -> float | None:
    pings, pongs = _number(stats, prefix + "tx_ping_packets"), _number(stats, prefix + "rx_pong_packets")
    # Corosync starts before its peers do: the first pings of a link say nothing about its quality.
    return max(0.0, 1 - (pongs + 2) / pings) if pings >= _FEW_PINGS and pongs else None
