"""What corosync.conf says about the links of the knet transport (spec totem.md sections 4.1, 4.4 and 6.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.stack.membership.conf.diagnostics import ConfRule, NotSupported
from hashell.stack.membership.conf.nodes import ConfNode
from hashell.stack.membership.conf.parser import Conf
from hashell.stack.membership.transport.knet.compress import available
from hashell.stack.membership.transport.knet.config import KnetConfig, LinkConfig

DEFAULT_PORT = 5405
MAX_LINKS = 8
MAX_NODE_ID = 0xFFFF
MIN_KEY, MAX_KEY = 128, 4096
_PONG_COUNT = 2
_PRECISION = 2048


def crypto_names(conf: Conf) -> tuple[str, str]:
    """(cipher, hash); secauth stands for the usual pair."""
    strong = conf.text("totem.secauth") == "on"
    return (
        conf.text("totem.crypto_cipher", "aes256" if strong else "none"),
        conf.text("totem.crypto_hash", "sha256" if strong else "none"),
    )


def link_numbers(conf: Conf, nodes: Sequence[ConfNode]) -> list[int]:
    """The links that the nodelist has, ascending."""
    return sorted({n for node in nodes for n in range(MAX_LINKS) if conf.has(f"nodelist.node.{node.pos}.ring{n}_addr")})


def link_port(conf: Conf, number: int) -> int:
    """UDP port of a link: its own setting, or one more for each link."""
    return conf.number(f"totem.interface.{number}.mcastport", DEFAULT_PORT + number)


def ping_times(conf: Conf, link: int, token_ms: int) -> tuple[int, int]:
    """(interval, timeout) of a link's pings in ms: their own settings, or parts of the token timeout."""
    prefix = f"totem.interface.{link}."
    count = max(1, conf.number(prefix + "knet_pong_count", _PONG_COUNT))
    interval = conf.number(prefix + "knet_ping_interval", token_ms // (count * 2))
    return max(1, interval), max(1, conf.number(prefix + "knet_ping_timeout", token_ms // count))


def check_knet(conf: Conf, nodes: Sequence[ConfNode]) -> None:
    """What the knet transport cannot do. Raises HashellError."""
    errors: list[Diagnostic] = []
    for node in nodes:
        if node.nodeid > MAX_NODE_ID:
            place = conf.place(f"nodelist.node.{node.pos}.nodeid")
            problem = f"node id {node.nodeid} is too large for knet, which has room for {MAX_NODE_ID}"
            errors.append(ConfRule(place=place, problem=problem, advice="give a smaller nodeid"))
    for number in link_numbers(conf, nodes):
        key = f"totem.interface.{number}.knet_transport"
        if conf.text(key, "udp") != "udp":
            what = f"knet over {conf.text(key)}"
            errors.append(NotSupported(place=conf.place(key), what=what, instead="set knet_transport: udp"))
    model = conf.text("totem.knet_compression_model", "none")
    if model != "none" and not available(model):
        package = {"lz4": "lz4", "lz4hc": "lz4", "zstd": "zstandard"}.get(model, "")
        instead = f"install the Python package {package}, or set" if package else "set"
        place = conf.place("totem.knet_compression_model")
        errors.append(
            NotSupported(place=place, what=f"compression with {model}", instead=f"{instead} zlib, bzip2 or lzma")
        )
    if errors:
        raise HashellError(*errors)


def knet_config(
    conf: Conf,
    nodes: Sequence[ConfNode],
    local: ConfNode,
    addresses: Mapping[int, Sequence[str]],
    token_ms: int,
    key: bytes,
) -> KnetConfig:
    """The transport's configuration; `addresses` has each node's numeric addresses in the order of its links."""
    check_knet(conf, nodes)
    cipher, digest = crypto_names(conf)
    links = []
    for index, number in enumerate(link_numbers(conf, nodes)):
        prefix = f"totem.interface.{number}."
        interval, timeout = ping_times(conf, number, token_ms)
        links.append(
            LinkConfig(
                number,
                addresses[local.nodeid][index],
                {n.nodeid: addresses[n.nodeid][index] for n in nodes if n is not local},
                link_port(conf, number),
                conf.number(prefix + "knet_link_priority", 1),
                interval / 1000,
                timeout / 1000,
                conf.number(prefix + "knet_ping_precision", _PRECISION),
                conf.number(prefix + "knet_pong_count", _PONG_COUNT),
            )
        )
    return KnetConfig(
        local.nodeid,
        tuple(links),
        conf.text("totem.link_mode", "passive"),
        cipher,
        digest,
        key,
        conf.text("totem.knet_compression_model", "none"),
        conf.number("totem.knet_compression_threshold"),
        conf.number("totem.knet_compression_level"),
        conf.number("totem.knet_mtu"),
        float(conf.number("totem.knet_pmtud_interval", 30)),
        conf.text("totem.block_unlisted_ips", "yes") == "yes",
    )


def check_key(key: bytes, place: str) -> bytes:
    """The key as it is used. Raises ValueError with corosync's words for one that is too short."""
    if len(key) < MIN_KEY:
        raise ValueError(f"Could only read {len(key) * 8} bits of minimum {MIN_KEY * 8} bits from {place}.")
    return key[:MAX_KEY]
