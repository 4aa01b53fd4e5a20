"""The constants of one ring and how each follows from the others (spec totem.md section 6.2). Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass

NET_MTU_OVERHEAD = 90


@dataclass(frozen=True, slots=True)
class TotemConfig:
    """Effective values of the totem section for one node. `members` are the configured node ids, own included."""

    node_id: int
    members: tuple[int, ...]
    token: float = 3.0
    token_warning: int = 75  #: percent of `token`, 0 = never
    token_retransmit: float = 0.714
    hold: float = 0.561
    join: float = 0.05
    send_join: float = 0.0  #: already drawn at random by the caller
    consensus: float = 3.6
    merge: float = 0.2
    fail_recv_const: int = 2500
    seqno_unchanged_const: int = 30
    heartbeat_failures_allowed: int = 0
    max_network_delay: float = 0.05
    window_size: int = 50
    max_messages: int = 17
    miss_count_const: int = 5
    net_mtu: int = 1500 - NET_MTU_OVERHEAD
    cancel_token_hold_on_retransmit: bool = False

    @classmethod
    def derive(
        cls, node_id: int, members: tuple[int, ...], token_ms: int = 3000, coefficient_ms: int = 650
    ) -> TotemConfig:
        """The defaults that follow from a token timeout and the number of nodes, as corosync derives them."""
        token = token_ms + max(0, len(members) - 2) * coefficient_ms
        retransmit = int(token / 4.2)
        return cls(
            node_id,
            members,
            token=token / 1000,
            token_retransmit=retransmit / 1000,
            hold=int(retransmit * 0.8 - 10) / 1000,
            consensus=int(1.2 * token) / 1000,
        )
