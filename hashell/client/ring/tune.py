"""A token timeout that fits what the ring has measured (pure).

The token has to survive three things: the longest time that a node did not run, the way round the ring, and the loss
of some packets, each of which costs a retransmission after token / (retransmits + 0.2). The timeout is the time after
which a dead node is noticed, so it is not to be longer than they demand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hashell.client.ring.view import RingView

LEAST = 1.0  #: seconds; below this a busy machine's everyday life loses tokens
MOST = 30.0
_ROUND = 0.1
_STALL_MARGIN = 1.5
_ROUND_TRIPS = 20
_ACCEPTED = 1e-6  #: chance of losing a token that nobody stalled, a rotation
_RETRANSMITS = 4


@dataclass(frozen=True, slots=True)
class Proposal:
    """`token` is the value for totem.token, in ms; `reasons` say what demands it, the strongest first."""

    token: int
    retransmits: int
    effective: int
    current: int
    reasons: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return self.token != self.current or self.retransmits != _RETRANSMITS


def propose(view: RingView) -> Proposal:
    """The smallest timeout that bridges what was measured."""
    nodes = max(2, len(view.names))
    demands: list[tuple[float, str]] = [(LEAST, f"{LEAST:.0f} s is the least for a machine that has other work")]
    if view.stalls and view.stalls.longest:
        need = view.stalls.longest * _STALL_MARGIN
        text = f"this node once did not run for {view.stalls.longest:.1f} s ({view.stalls.cause})"
        if need > MOST:
            text += f"; no timeout below {MOST:.0f} s bridges that: mend the cause"
        demands.append((min(need, MOST), text))
    trips = [link.latency_max or link.latency or 0.0 for link in view.links]
    if any(trips):
        need = max(trips) / 2 * nodes * _ROUND_TRIPS
        demands.append((need, f"the slowest packet took {max(trips) * 1000:.1f} ms there and back"))
    loss = max([link.loss or 0.0 for link in view.links], default=0.0)
    retransmits = _RETRANSMITS
    if loss > 0.001:
        retransmits = min(20, max(_RETRANSMITS, math.ceil(math.log(_ACCEPTED) / math.log(min(0.9, loss)))))
        need = LEAST * retransmits / _RETRANSMITS
        demands.append((need, f"{100 * loss:.1f} % of the packets of a link are lost"))
    demands.sort(key=lambda demand: -demand[0])
    extra = max(0, nodes - 2) * view.coefficient
    wanted = max(demands[0][0], LEAST)
    token = max(LEAST, math.ceil((wanted - extra) / _ROUND - 1e-9) * _ROUND)
    return Proposal(
        round(token * 1000),
        retransmits,
        round((token + extra) * 1000),
        round(view.configured_token * 1000),
        tuple(text for _, text in demands),
    )
