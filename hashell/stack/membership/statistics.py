"""The counters of a running node under corosync's names: the stats map, and runtime.services (ipc.md 4.2).

What is ours alone has the prefix stats.hashell: stalls of this node, packets that were ignored, the loss on a link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from hashell.stack.membership.cmap.values import CmapType, CmapValue, number, text
from hashell.stack.membership.conf.effective import SERVICES
from hashell.stack.membership.totem.packets import (
    COMMIT_TOKEN,
    HOLD_CANCEL,
    JOIN,
    MCAST,
    MERGE_DETECT,
    ORF_TOKEN,
)
from hashell.stack.membership.transport.report import LinkReport

if TYPE_CHECKING:
    from hashell.stack.membership.host import RingHost

SERVICE_PREFIX = "runtime.services."
#: messages that each service has
_FUNCTIONS = {"cmap": 1, "cfg": 5, "cpg": 7, "quorum": 0, "votequorum": 4}
_PACKETS = {
    "mcast": MCAST,
    "memb_commit_token": COMMIT_TOKEN,
    "memb_join": JOIN,
    "memb_merge_detect": MERGE_DETECT,
    "orf_token": ORF_TOKEN,
    "token_hold_cancel": HOLD_CANCEL,
}
U8, U16, U32, U64 = CmapType.U8, CmapType.U16, CmapType.U32, CmapType.U64


def service_counters(host: RingHost) -> dict[str, CmapValue]:
    """Messages of each kind that were sent to the ring and came from it."""
    node = host.node
    values = {}
    for service, name in SERVICES.items():
        if service == 5 and node.votes is None:
            continue
        prefix = f"{SERVICE_PREFIX}{name}."
        values[prefix + "service_id"] = number(U16, service)
        for fn in range(_FUNCTIONS[name]):
            for word, counts in (("rx", node.heard), ("tx", node.sent)):
                values[f"{prefix}{fn}.{word}"] = number(U64, counts.get(service << 16 | fn, 0))
    return values


def statistics(host: RingHost) -> dict[str, CmapValue]:
    """The stats map."""
    return dict([*_srp(host), *_pg(host), *_ipcs(host), *_knet(host), *_own(host)])


def _srp(host: RingHost) -> Iterator[tuple[str, CmapValue]]:
    totem = host.node.totem
    now = host.now()
    values = dict(totem.counts)
    for name, kind in _PACKETS.items():
        values[f"{name}_rx"] = totem.received[kind]
        values[f"{name}_tx"] = host.transmitted[kind]
    values["rx_msg_dropped"] = sum(host.garbage.values())
    values["time_since_token_last_received"] = round((now - totem.token_seen) * 1000) if totem.token_seen else 0
    for name, value in values.items():
        yield f"stats.srp.{name}", number(U64, value)
    for name, value in (
        ("avg_backlog_calc", totem.cbl),
        ("avg_token_workload", round(host.workload * 1000)),
        ("continuous_gather", totem.consecutive_gathers),
        ("continuous_sendmsg_failures", 0),
        ("mtt_rx_token", round(totem.rotation_time * 1000)),
    ):
        yield f"stats.srp.{name}", number(U32, value)
    yield "stats.srp.firewall_enabled_or_nic_failure", number(U8, int(totem.consecutive_gathers > _FIREWALL))


_FIREWALL = 20


def _pg(host: RingHost) -> Iterator[tuple[str, CmapValue]]:
    yield "stats.pg.msg_queue_avail", number(U32, 0)
    yield "stats.pg.msg_reserved", number(U32, len(host.node.totem.new_queue))


def _ipcs(host: RingHost) -> Iterator[tuple[str, CmapValue]]:
    yield "stats.ipcs.global.active", number(U64, sum(len(s.connections) for s in host.services))
    yield "stats.ipcs.global.closed", number(U64, host.closed_clients)


def _knet(host: RingHost) -> Iterator[tuple[str, CmapValue]]:
    if host.facts.knet is None:
        return
    for node in sorted(host.addresses):
        links = host.transport.links(node)
        if node == host.node.node_id:
            # The way to ourselves is one link without a limit, however many lead to others.
            links = [replace(link, mtu=0xFFFF, ups=1) for link in links[:1]]
        for link in links:
            prefix = f"stats.knet.node{node}.link{link.number}."
            for name, kind, value in _link(link):
                yield prefix + name, number(kind, value)


def _link(link: LinkReport) -> Iterator[tuple[str, CmapType, int]]:
    def microseconds(seconds: float | None, unknown: int) -> int:
        return unknown if seconds is None else round(seconds * 1e6)

    yield "connected", U8, int(bool(link.connected))
    yield "enabled", U8, int(link.enabled)
    yield "mtu", U32, link.mtu
    yield "latency_ave", U32, microseconds(link.latency, 0)
    yield "latency_max", U32, microseconds(link.latency_max, 0)
    yield "latency_min", U32, microseconds(link.latency_min, 0xFFFFFFFF)
    yield "latency_samples", U32, link.pongs
    yield "down_count", U32, link.downs
    yield "up_count", U32, link.ups
    yield "tx_total_packets", U64, link.tx
    yield "tx_total_bytes", U64, link.tx_bytes
    yield "tx_total_errors", U64, link.errors
    yield "rx_total_packets", U64, link.rx
    yield "rx_total_bytes", U64, link.rx_bytes
    yield "tx_ping_packets", U64, link.pings
    yield "rx_pong_packets", U64, link.pongs


def _own(host: RingHost) -> Iterator[tuple[str, CmapValue]]:
    stalls = host.stalls
    yield "stats.hashell.stall.count", number(U64, stalls.count)
    yield "stats.hashell.stall.last_ms", number(U64, round(stalls.last * 1000))
    yield "stats.hashell.stall.longest_ms", number(U64, round(stalls.longest * 1000))
    yield "stats.hashell.stall.since_ms", number(U64, round(stalls.since(host.now()) * 1000))
    yield "stats.hashell.stall.cause", text(stalls.cause)
    yield "stats.hashell.rotation_us", number(U64, round(host.node.totem.rotation_time * 1e6))
    for kind, count in sorted({**host.node.totem.ignored, **host.garbage}.items()):
        yield f"stats.hashell.ignored.{kind}", number(U64, count)
    for node in sorted(host.addresses):
        for link in host.transport.links(node):
            if link.loss is not None and node != host.node.node_id:
                loss = number(U32, round(link.loss * 1000))
                yield f"stats.hashell.node{node}.link{link.number}.loss_permille", loss


def merged(host: RingHost, values: Mapping[str, CmapValue]) -> dict[str, CmapValue]:
    """cmap's own map with the counters in it."""
    return {**values, **service_counters(host)}
