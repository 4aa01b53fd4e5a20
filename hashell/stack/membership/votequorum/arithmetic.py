"""Vote arithmetic: what a quorum is, and configuration that contradicts itself (spec totem.md section 5.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from hashell.stack.membership.votequorum.messages import Flag


class NodeState(IntEnum):
    MEMBER = 1
    DEAD = 2
    LEAVING = 3


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """quorum.device. Times in seconds."""

    model: str = "net"
    votes: int = 1
    timeout: float = 10.0
    sync_timeout: float = 30.0
    master_wins: bool = False


@dataclass(frozen=True, slots=True)
class VoteConfig:
    """The quorum section, effective. `expected` counts the device's votes in."""

    node_id: int
    votes: int = 1
    expected: int = 1
    node_count: int = 1
    two_node: bool = False
    wait_for_all: bool | None = None  #: None = as two_node
    auto_tie_breaker: bool = False
    tie_breaker_node: str = "lowest"  #: lowest, highest or node ids
    last_man_standing: bool = False
    last_man_standing_window: float = 10.0
    expected_votes_tracking: bool = False
    tracking_barrier: int = 0  #: what was stored last
    allow_downscale: bool = False
    device: DeviceConfig | None = None

    @property
    def waits_for_all(self) -> bool:
        return self.two_node if self.wait_for_all is None else self.wait_for_all


@dataclass(slots=True)
class VoteNode:
    """What is known of one node's votes."""

    nodeid: int
    votes: int = 0
    expected: int = 0
    flags: int = 0
    state: NodeState = NodeState.MEMBER


def calculate(
    members: Sequence[VoteNode],
    us: VoteNode,
    device_votes: int,
    current: int,
    two_node: bool,
    allow_decrease: bool,
    max_expected: int,
    downscale_barrier: int = 0,
) -> tuple[int, int]:
    """(quorum, total votes). `downscale_barrier` is non-zero only with allow_downscale."""
    if downscale_barrier and allow_decrease and max_expected > 0:
        max_expected = max(downscale_barrier, max_expected)
    highest = max((n.expected for n in members), default=0)
    total = sum(n.votes for n in members)
    count = len(members)
    if us.flags & Flag.CAST_VOTE:
        total += device_votes
        count += 1
    if max_expected > 0:
        highest = max_expected
    quorum = max((highest + 2) // 2, (total + 2) // 2)
    if not allow_decrease:
        quorum = max(current, quorum)
    if two_node and count <= 2:
        quorum = 1
    return quorum & 0xFF, total


def configuration_errors(
    config: VoteConfig, has_nodelist: bool, expected_given: bool, device_votes_given: bool, even_votes: bool
) -> list[str]:
    """The texts of the rules that a quorum section breaks, in corosync's words."""
    errors = []
    if not has_nodelist and not expected_given:
        errors.append("configuration error: nodelist or quorum.expected_votes must be configured!")
    device = config.device
    if device and config.two_node:
        errors.append("configuration error: two_node and quorum device cannot be configured at the same time!")
    if device:
        for key in ("last_man_standing", "auto_tie_breaker", "allow_downscale"):
            if getattr(config, key):
                errors.append(f"configuration error: quorum.device is not compatible with {key}")
        if not device_votes_given and expected_given:
            errors.append(
                "configuration error: quorum.device.votes must be specified when quorum.expected_votes is set"
            )
        elif not device_votes_given and not even_votes:
            errors.append(
                "configuration error: quorum.device.votes must be specified when not all nodes votes 1"
            )
        elif config.expected - device.votes < 2:
            errors.append(
                "configuration error: quorum.device.votes is too high or expected_votes is too low"
            )
    if (
        config.auto_tie_breaker and config.last_man_standing and config.node_count % 2 and not config.waits_for_all
    ):
        errors.append(
            "configuration error: auto_tie_breaker & last_man_standing not available in odd sized cluster"
        )
    return errors
