"""The keys of corosync.conf with their types and ranges (spec totem.md sections 6.2 and 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hashell.stack.membership.cmap.values import CmapType

_RANGES = {
    CmapType.U8: (0, 0xFF),
    CmapType.U16: (0, 0xFFFF),
    CmapType.U32: (0, 0xFFFFFFFF),
    CmapType.I32: (-0x80000000, 0x7FFFFFFF),
    CmapType.U64: (0, 0xFFFFFFFFFFFFFFFF),
}


@dataclass(frozen=True, slots=True)
class KeyRule:
    """Type of one key; `words` are the only values of a string key, if there are any, and `error` corosync's text."""

    type: CmapType = CmapType.STRING
    words: tuple[str, ...] = ()
    error: str = ""

    @property
    def range(self) -> tuple[int, int] | None:
        return _RANGES.get(self.type)


def _numbers(kind: CmapType, names: str) -> dict[str, KeyRule]:
    return {name: KeyRule(kind) for name in names.split()}


def _strings(names: str) -> dict[str, KeyRule]:
    return {name: KeyRule() for name in names.split()}


_YES_NO = KeyRule(words=("yes", "no"))
_ON_OFF = KeyRule(words=("on", "off"))

TOTEM: Mapping[str, KeyRule] = {
    **_numbers(
        CmapType.U32,
        "version nodeid threads token token_coefficient token_warning token_retransmits_before_loss_const "
        "token_retransmit hold join send_join consensus merge downcheck fail_recv_const seqno_unchanged_const "
        "heartbeat_failures_allowed max_network_delay window_size max_messages miss_count_const netmtu "
        "knet_pmtud_interval knet_mtu knet_compression_threshold knet_compression_level",
    ),
    "config_version": KeyRule(CmapType.U64),
    **_strings("cluster_name keyfile key rrp_mode vsftype"),
    "transport": KeyRule(words=("knet", "udpu", "udp"), error="Invalid transport type. Should be udpu, udp or knet"),
    "block_unlisted_ips": _YES_NO,
    "cancel_token_hold_on_retransmit": _YES_NO,
    "clear_node_high_bit": _YES_NO,
    "secauth": _ON_OFF,
    "crypto_model": KeyRule(words=("nss", "openssl"), error="Invalid crypto model. Should be nss or openssl"),
    "crypto_cipher": KeyRule(
        words=("none", "aes256", "aes192", "aes128"),
        error="Invalid cipher type. Should be none, aes256, aes192 or aes128",
    ),
    "crypto_hash": KeyRule(
        words=("none", "md5", "sha1", "sha256", "sha384", "sha512"),
        error="Invalid hash type. Should be none, md5, sha1, sha256, sha384 or sha512",
    ),
    "knet_compression_model": KeyRule(
        words=("none", "zlib", "lz4", "lz4hc", "lzo2", "lzma", "bzip2", "zstd"),
        error="Invalid compression model. Should be zlib, lz4, lz4hc, lzo2, lzma, bzip2 or zstd",
    ),
    "link_mode": KeyRule(words=("passive", "active", "rr")),
    "ip_version": KeyRule(words=("ipv4", "ipv6", "ipv4-6", "ipv6-4"), error="Invalid ip_version type"),
}

INTERFACE: Mapping[str, KeyRule] = {
    **_numbers(CmapType.U8, "linknumber ttl knet_link_priority"),
    **_numbers(CmapType.U16, "mcastport"),
    **_numbers(CmapType.U32, "knet_ping_interval knet_ping_timeout knet_ping_precision knet_pong_count"),
    **_strings("bindnetaddr mcastaddr ringnumber"),
    "broadcast": _YES_NO,
    "knet_transport": KeyRule(words=("udp", "sctp")),
}

NODE: Mapping[str, KeyRule] = {
    **_numbers(CmapType.U32, "nodeid quorum_votes"),
    **_strings("name " + " ".join(f"ring{i}_addr" for i in range(8))),
}

QUORUM: Mapping[str, KeyRule] = {
    **_numbers(CmapType.U32, "expected_votes votes last_man_standing_window"),
    **_numbers(
        CmapType.U8,
        "two_node wait_for_all auto_tie_breaker last_man_standing expected_votes_tracking allow_downscale",
    ),
    **_strings("provider auto_tie_breaker_node"),
}

DEVICE: Mapping[str, KeyRule] = {
    **_numbers(CmapType.U32, "votes timeout sync_timeout"),
    **_numbers(CmapType.U8, "master_wins"),
    **_strings("model"),
}

_LOG = _strings(
    "timestamp fileline function_name to_stderr to_logfile to_syslog logfile logfile_priority "
    "syslog_facility syslog_priority debug trace blackbox subsys name"
)
LOGGING: Mapping[str, KeyRule] = _LOG

SYSTEM: Mapping[str, KeyRule] = {
    "qb_ipc_type": KeyRule(words=("native", "shm", "socket"), error="Invalid system.qb_ipc_type"),
    "sched_rr": _YES_NO,
    "priority": KeyRule(),
    "move_to_root_cgroup": KeyRule(words=("yes", "no", "auto")),
    "state_dir": KeyRule(),
    "allow_knet_handle_fallback": _YES_NO,
}

#: section path to the keys that are read there
SECTIONS: Mapping[str, Mapping[str, KeyRule]] = {
    "totem": TOTEM,
    "totem.interface": INTERFACE,
    "nodelist": {},
    "nodelist.node": NODE,
    "quorum": QUORUM,
    "quorum.device": DEVICE,
    "logging": LOGGING,
    "logging.logger_subsys": LOGGING,
    "logging.logging_daemon": LOGGING,
    "system": SYSTEM,
    "uidgid": _strings("uid gid"),
}

#: top-level sections in which every key is somebody else's
FREE_SECTIONS = ("resources", "nozzle", "pload", "aisexec", "service", "amf", "quorum.device.")

#: lower bounds in ms, with corosync's name for each
LOWER_BOUNDS = {
    "max_network_delay": (30, "max_network_delay"),
    "token": (30, "token timeout"),
    "token_retransmit": (30, "token retransmit timeout"),
    "hold": (14, "token hold timeout"),
    "join": (30, "join timeout"),
    "consensus": (30, "consensus timeout"),
    "merge": (30, "merge timeout"),
    "downcheck": (30, "downcheck timeout"),
}
