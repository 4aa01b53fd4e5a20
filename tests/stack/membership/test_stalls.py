"""A process that did not run knows it, for how long, and why."""

from __future__ import annotations

import pytest

from hashell.stack.membership.stalls import BUSY, STARVED, STOPPED, SUSPENDED, TICK, Clocks, Stalls
from tests.simulation.network import RingNetwork, converged


def after(steady: float = 0.0, boot: float | None = None, waited: float = 0.0, ran: float = 0.0) -> Stalls:
    stalls = Stalls()
    stalls.tick(Clocks(100.0, 200.0, 5.0, 7.0))
    late = TICK + steady
    stalls.tick(Clocks(100.0 + late, 200.0 + (late if boot is None else boot), 5.0 + waited, 7.0 + ran))
    stalls.check_invariants()
    return stalls


def test_everyday_delays_are_none() -> None:
    assert after(steady=0.2).count == 0


@pytest.mark.parametrize(
    ("clocks", "cause"),
    [
        ({"steady": 3.4}, STOPPED),
        ({"steady": 3.4, "waited": 3.3}, STARVED),
        ({"steady": 3.4, "ran": 3.3}, BUSY),
        ({"steady": 0.0, "boot": 3.5}, SUSPENDED),
    ],
)
def test_cause(clocks: dict[str, float], cause: str) -> None:
    stalls = after(**clocks)
    assert stalls.count == 1 and stalls.cause == cause
    assert stalls.last == pytest.approx(3.4)


def test_a_lost_token_is_not_blamed_on_a_peer() -> None:
    net = RingNetwork(1, (1, 2, 3))
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    node = net.node(2)
    node.totem.stalled(3.4)
    lines = [getattr(effect, "text", "") for effect in node.call(node.totem.force_gather)]
    assert any("this node did not run for 3.4 s, forming" in line for line in lines)
    assert not any("a processor failed" in line for line in lines)


def test_the_next_token_ends_the_excuse() -> None:
    net = RingNetwork(1, (1, 2))
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    totem = net.node(1).totem
    totem.stalled(3.4)
    net.run(2)
    assert totem.stall == 0.0
