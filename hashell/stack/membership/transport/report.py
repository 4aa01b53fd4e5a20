"""What a transport tells of one link to one node."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkReport:
    """`loss` is a part of 1 of the last pings, `latency` a round trip in seconds, `mtu` bytes of user data a packet.
    Values that the transport does not measure are None."""

    number: int
    local: str
    remote: str
    enabled: bool
    connected: bool | None
    mtu: int
    loss: float | None = None
    latency: float | None = None
    latency_max: float | None = None
    latency_min: float | None = None
    downs: int = 0
    ups: int = 0
    tx: int = 0
    rx: int = 0
    tx_bytes: int = 0
    rx_bytes: int = 0
    pings: int = 0
    pongs: int = 0
    errors: int = 0
