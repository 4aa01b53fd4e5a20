"""One link to one other node: is it up, how long does a packet take, how many are lost, how large may they be."""

from __future__ import annotations

import struct
from collections import deque

from hashell.stack.membership.transport.knet.config import LinkConfig
from hashell.stack.membership.transport.knet.mtu import PathMtu

_TIME = struct.Struct("<qq")
_BACKOFF = 10
_EASE = 0.2  #: seconds; libknet is seen to be at its configured timeout two seconds after a link came up
_HISTORY = 100
_SETTLED = 1.0


def time_bytes(now: float) -> bytes:
    seconds = int(now)
    return _TIME.pack(seconds, round((now - seconds) * 1e9))


class Link:
    """State of a link. `target` is the other end's (address, port); times are seconds of a steady clock."""

    __slots__ = (
        "node", "number", "target", "config", "connected", "forced", "pongs", "pong_seen", "last_pong", "next_ping",
        "latency", "samples", "backoff", "backoff_at", "path", "ups", "downs", "tx", "rx", "tx_bytes", "rx_bytes",
        "pings", "replies", "latency_max", "latency_min", "_history", "errors",
    )  # fmt: skip

    def __init__(self, node: int, config: LinkConfig, target: tuple[str, int], mtu: int) -> None:
        self.node = node
        self.number = config.number
        self.config = config
        self.target = target
        self.connected = False
        self.pongs = 0
        self.pong_seen = False
        self.last_pong = 0.0
        self.next_ping = 0.0
        self.latency = 0.0
        self.latency_max = self.latency_min = 0.0
        self.samples = 0
        self.backoff = _BACKOFF
        self.backoff_at = 0.0
        self.path = PathMtu(6 if ":" in target[0] else 4, fixed=mtu)
        self.ups = self.downs = self.tx = self.rx = self.tx_bytes = self.rx_bytes = self.errors = 0
        self.pings = self.replies = 0
        self._history: deque[list[float]] = deque(maxlen=_HISTORY)

    @property
    def pong_timeout(self) -> float:
        return self.config.ping_timeout * self.backoff + 2 * self.latency

    def note_ping(self, now: float) -> None:
        self.pings += 1
        self._history.append([now, 0.0])
        self.next_ping = now + self.config.ping_interval

    def note_pong(self, stamp: bytes, now: float) -> bool:
        """A pong with the time we sent. False for one that is too late or was never asked for."""
        seconds, nanoseconds = _TIME.unpack(stamp)
        for entry in reversed(self._history):
            if time_bytes(entry[0]) == stamp:
                break
        else:
            return False
        took = max(0.0, now - (seconds + nanoseconds / 1e9))
        if entry[1]:
            return False
        entry[1] = now
        self.replies += 1
        if took > self.pong_timeout:
            return False
        self.pong_seen = True
        self.last_pong = now
        self.samples = min(self.samples + 1, self.config.ping_precision)
        self.latency += (took - self.latency) / self.samples
        self.latency_max = max(self.latency_max, took)
        self.latency_min = min(self.latency_min or took, took)
        return True

    def loss(self, now: float) -> float:
        """The part of the last pings, 0 to 1, that got no reply."""
        settled = [entry for entry in self._history if now - entry[0] > max(_SETTLED, 4 * self.latency)]
        return sum(not entry[1] for entry in settled) / len(settled) if settled else 0.0

    def up(self, now: float) -> None:
        self.connected = True
        self.ups += 1
        self.last_pong = self.backoff_at = now

    def down(self) -> None:
        self.connected = False
        self.downs += 1
        self.pongs = 0
        self.pong_seen = False
        self.backoff = _BACKOFF

    def ease(self, now: float) -> None:
        """A link that stays up is judged more strictly with each look at it."""
        while self.backoff > 1 and now - self.backoff_at >= _EASE:
            self.backoff -= 1
            self.backoff_at += _EASE
