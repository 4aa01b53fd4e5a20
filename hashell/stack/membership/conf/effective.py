"""What follows from corosync.conf: the effective constants of the ring and of the votes (spec totem.md 5.6, 6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashell.model.diagnostics import Diagnostic, HashellError
from hashell.stack.membership.cmap.values import CmapType, CmapValue, number, text
from hashell.stack.membership.conf.diagnostics import ConfRule, NotSupported
from hashell.stack.membership.conf.keys import LOWER_BOUNDS
from hashell.stack.membership.conf.knet import crypto_names, link_numbers, ping_times
from hashell.stack.membership.conf.nodes import ConfNode
from hashell.stack.membership.conf.parser import Conf
from hashell.stack.membership.core import RingConfig
from hashell.stack.membership.totem.config import NET_MTU_OVERHEAD, TotemConfig
from hashell.stack.membership.transport.knet.config import KnetConfig
from hashell.stack.membership.votequorum.arithmetic import DeviceConfig, VoteConfig, configuration_errors

_CONSTANTS = {
    "token_coefficient": 650,
    "token_warning": 75,
    "token_retransmits_before_loss_const": 4,
    "join": 50,
    "send_join": 0,
    "merge": 200,
    "downcheck": 1000,
    "fail_recv_const": 2500,
    "seqno_unchanged_const": 30,
    "heartbeat_failures_allowed": 0,
    "max_network_delay": 50,
    "window_size": 50,
    "max_messages": 17,
    "miss_count_const": 5,
}

#: the services that this ring has, by their numbers
SERVICES = {0: "cmap", 1: "cfg", 2: "cpg", 3: "quorum", 5: "votequorum"}


@dataclass(frozen=True, slots=True)
class RingFacts:
    """All that a daemon needs from the file for one node."""

    local: ConfNode
    nodes: tuple[ConfNode, ...]
    config: RingConfig
    transport: str
    port: int
    block_unlisted: bool
    runtime_keys: Mapping[str, CmapValue]
    knet: KnetConfig | None = None


def milliseconds(conf: Conf, node_count: int) -> dict[str, int]:
    """Effective totem values; times in ms. Raises HashellError for one below its bound."""
    values = {key: conf.number(f"totem.{key}", default) for key, default in _CONSTANTS.items()}
    base = conf.number("totem.token", 3000)
    values["token"] = base + max(0, node_count - 2) * values["token_coefficient"] if node_count > 2 else base
    const = values["token_retransmits_before_loss_const"]
    values["token_retransmit"] = conf.number("totem.token_retransmit", int(values["token"] / (const + 0.2)))
    values["hold"] = conf.number("totem.hold", int(values["token_retransmit"] * 0.8 - 10))
    values["consensus"] = conf.number("totem.consensus", int(1.2 * values["token"]))
    default_mtu = 65536 if conf.text("totem.transport", "knet") == "knet" else 1500
    values["netmtu"] = conf.number("totem.netmtu", default_mtu)
    errors: list[Diagnostic] = []
    for key, (least, label) in LOWER_BOUNDS.items():
        if values[key] < least:
            derived = "" if conf.has(f"totem.{key}") else " (it follows from totem.token)"
            problem = f"The {label} parameter ({values[key]} ms) may not be less than ({least} ms)."
            errors.append(
                ConfRule(
                    place=conf.place(f"totem.{key}"), problem=problem, advice=f"raise totem.{key}{derived}"
                )
            )
    if values["token_warning"] > 100:
        problem = (
            f"The token warning parameter ({values['token_warning']}%) must be between 0 (disabled) and 100."
        )
        errors.append(ConfRule(place=conf.place("totem.token_warning"), problem=problem, advice="give a percentage"))
    if values["consensus"] < values["join"]:
        short, join = values["consensus"], values["join"]
        problem = f"The consensus timeout parameter ({short} ms) may not be less than join ({join} ms)."
        errors.append(
            ConfRule(place=conf.place("totem.consensus"), problem=problem, advice="raise totem.consensus")
        )
    if errors:
        raise HashellError(*errors)
    return values


def check_totem(conf: Conf) -> None:
    """The rules on the totem section as a whole. Raises HashellError."""
    errors: list[Diagnostic] = []

    def rule(key: str, problem: str, advice: str) -> None:
        errors.append(ConfRule(place=conf.place(key), problem=problem, advice=advice))

    if conf.number("totem.version") != 2:
        rule("totem.version", "This totem parser can only parse version 2 configurations.", "set version: 2")
    transport = conf.text("totem.transport", "knet")
    cipher, digest = crypto_names(conf)
    if transport != "knet" and (cipher != "none" or digest != "none"):
        problem = "crypto_cipher & crypto_hash are only valid for the Knet transport."
        rule("totem.crypto_cipher", problem, "remove them or set transport: knet")
    elif cipher != "none" and digest == "none":
        problem = "crypto_cipher requires crypto_hash with value other than none"
        rule("totem.crypto_cipher", problem, "set crypto_hash: sha256")
    if transport == "udp":
        errors.append(
            NotSupported(
                place=conf.place("totem.transport"), what="transport udp (multicast)", instead="set transport: udpu"
            )
        )
    if errors:
        raise HashellError(*errors)


def totem_config(conf: Conf, node_id: int, members: tuple[int, ...]) -> TotemConfig:
    v = milliseconds(conf, len(members))
    return TotemConfig(
        node_id,
        members,
        token=v["token"] / 1000,
        token_warning=v["token_warning"],
        token_retransmit=v["token_retransmit"] / 1000,
        hold=v["hold"] / 1000,
        join=v["join"] / 1000,
        send_join=v["send_join"] / 1000,
        consensus=v["consensus"] / 1000,
        merge=v["merge"] / 1000,
        fail_recv_const=v["fail_recv_const"],
        seqno_unchanged_const=v["seqno_unchanged_const"],
        heartbeat_failures_allowed=v["heartbeat_failures_allowed"],
        max_network_delay=v["max_network_delay"] / 1000,
        window_size=v["window_size"],
        max_messages=v["max_messages"],
        miss_count_const=v["miss_count_const"],
        net_mtu=v["netmtu"] - NET_MTU_OVERHEAD,
        cancel_token_hold_on_retransmit=conf.text("totem.cancel_token_hold_on_retransmit") == "yes",
    )


def vote_config(conf: Conf, local: ConfNode, nodes: list[ConfNode], barrier: int = 0) -> VoteConfig | None:
    """The quorum section, None without a provider. Raises HashellError for contradictions."""
    provider = conf.text("quorum.provider")
    if not provider:
        return None
    if provider != "corosync_votequorum":
        problem = f"Quorum provider: {provider} failed to initialize."
        advice = "set provider: corosync_votequorum or remove it"
        raise HashellError(ConfRule(place=conf.place("quorum.provider"), problem=problem, advice=advice))
    total = sum(n.votes for n in nodes)
    even = all(n.votes == 1 for n in nodes)
    device = None
    if conf.has("quorum.device.model"):
        device = DeviceConfig(
            conf.text("quorum.device.model"),
            conf.number("quorum.device.votes", max(total - 1, 1)),
            conf.number("quorum.device.timeout", 10000) / 1000,
            conf.number("quorum.device.sync_timeout", 30000) / 1000,
            bool(conf.number("quorum.device.master_wins")),
        )
    expected = conf.number("quorum.expected_votes", total + (device.votes if device else 0))
    config = VoteConfig(
        local.nodeid,
        votes=conf.number("quorum.votes", local.votes),
        expected=max(expected, barrier) if conf.number("quorum.expected_votes_tracking") else expected,
        node_count=len(nodes),
        two_node=bool(conf.number("quorum.two_node")),
        wait_for_all=bool(conf.number("quorum.wait_for_all")) if conf.has("quorum.wait_for_all") else None,
        auto_tie_breaker=bool(conf.number("quorum.auto_tie_breaker")),
        tie_breaker_node=conf.text("quorum.auto_tie_breaker_node", "lowest"),
        last_man_standing=bool(conf.number("quorum.last_man_standing")),
        last_man_standing_window=conf.number("quorum.last_man_standing_window", 10000) / 1000,
        expected_votes_tracking=bool(conf.number("quorum.expected_votes_tracking")),
        tracking_barrier=barrier,
        allow_downscale=bool(conf.number("quorum.allow_downscale")),
        device=device,
    )
    problems = configuration_errors(
        config, bool(nodes), conf.has("quorum.expected_votes"), conf.has("quorum.device.votes"), even
    )
    if problems:
        place = conf.place("quorum.provider")
        raise HashellError(*[ConfRule(place=place, problem=p, advice="correct the quorum section") for p in problems])
    return config


_NOT_SHOWN = ("netmtu", "token_coefficient")


def runtime_keys(conf: Conf, facts_nodes: list[ConfNode], local: ConfNode) -> dict[str, CmapValue]:
    """The keys a running node adds to those of the file: effective values and what others look for (6.4)."""
    effective = milliseconds(conf, len(facts_nodes))
    prefix = "runtime.config.totem."
    keys = {f"{prefix}{k}": number(CmapType.U32, v) for k, v in effective.items() if k not in _NOT_SHOWN}
    for flag, default in (("block_unlisted_ips", "yes"), ("cancel_token_hold_on_retransmit", "no")):
        on = conf.text(f"totem.{flag}", default) == "yes"
        keys[prefix + flag] = number(CmapType.U32, int(on))
    keys[prefix + "knet_compression_model"] = text(conf.text("totem.knet_compression_model", "none"))
    for key, kind, default_number in (
        ("knet_compression_level", CmapType.I32, 0),
        ("knet_compression_threshold", CmapType.U32, 0),
        ("knet_mtu", CmapType.U32, 0),
        ("knet_pmtud_interval", CmapType.U32, 30),
    ):
        keys[prefix + key] = number(kind, conf.number(f"totem.{key}", default_number))
    for index, link in enumerate(link_numbers(conf, facts_nodes)):
        interval, timeout = ping_times(conf, link, effective["token"])
        keys[f"{prefix}interface.{link}.knet_ping_interval"] = number(CmapType.U32, interval)
        keys[f"{prefix}interface.{link}.knet_ping_timeout"] = number(CmapType.U32, timeout)
        keys[f"totem.interface.{link}.bindnetaddr"] = text(local.addresses[index])
    keys["nodelist.local_node_pos"] = number(CmapType.U32, local.pos)
    for node in facts_nodes:
        keys[f"nodelist.node.{node.pos}.nodeid"] = number(CmapType.U32, node.nodeid)
    for number_, name in SERVICES.items():
        keys[f"internal_configuration.service.{number_}.name"] = text(f"corosync_{name}")
        keys[f"internal_configuration.service.{number_}.ver"] = number(CmapType.U32, 0)
    keys["runtime.force_gather"] = text("no")
    return keys


def ring_facts(conf: Conf, nodes: list[ConfNode], local: ConfNode, barrier: int = 0) -> RingFacts:
    """Everything one node needs. Raises HashellError for rules that are broken."""
    check_totem(conf)
    members = tuple(sorted(n.nodeid for n in nodes))
    config = RingConfig(
        totem_config(conf, local.nodeid, members),
        vote_config(conf, local, nodes, barrier),
        {n.nodeid: n.addresses for n in nodes},
        conf.number("totem.config_version"),
    )
    return RingFacts(
        local,
        tuple(nodes),
        config,
        conf.text("totem.transport", "knet"),
        conf.number("totem.interface.0.mcastport", 5405),
        conf.text("totem.block_unlisted_ips", "yes") == "yes",
        runtime_keys(conf, nodes, local),
    )
