"""What the knet transport of one node is told. Times in seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

PASSIVE, ACTIVE, ROUND_ROBIN = "passive", "active", "rr"


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """One link: our own address on it, and that of every other node that has one."""

    number: int
    local: str
    peers: dict[int, str]
    port: int = 5405
    priority: int = 1
    ping_interval: float = 0.25
    ping_timeout: float = 0.5
    ping_precision: int = 2048
    pong_count: int = 2


@dataclass(frozen=True, slots=True)
class KnetConfig:
    """`key` is the content of the key file; cipher and digest "none" leave packets in clear."""

    node_id: int
    links: tuple[LinkConfig, ...]
    policy: str = PASSIVE
    cipher: str = "none"
    digest: str = "none"
    key: bytes = field(default=b"", repr=False)
    compression: str = "none"
    compression_threshold: int = 0
    compression_level: int = 0
    mtu: int = 0  #: 0 = find it out
    pmtud_interval: float = 30.0
    block_unlisted: bool = True

    def crypto(self) -> tuple[str, str, bytes]:
        """What has to be equal on all nodes for their packets to be understood."""
        return self.cipher, self.digest, self.key
