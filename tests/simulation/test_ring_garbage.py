"""Damaged copies of real packets: no input ends a node, and the ring is whole again when they stop."""

from __future__ import annotations

import pytest

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import SendPacket
from hashell.stack.membership.totem.packets import PacketError
from tests.simulation.network import RingNetwork, converged


@pytest.mark.parametrize("seed", range(6))
def test_damaged_packets(seed: int) -> None:
    net = RingNetwork(seed, (1, 2, 3))
    net.check = False
    seen: list[bytes] = []
    apply = net.apply

    def noting(node_id: int, effects: list[Effect]) -> None:
        seen.extend(e.data for e in effects if isinstance(e, SendPacket))
        del seen[:-300]
        apply(node_id, effects)

    net.apply = noting  # type: ignore[method-assign]
    for n in net.members:
        net.start(n)
        net.do(n, lambda node: node.cpg_join(1, b"g", 9, net.now))
    refused = 0
    for _ in range(400):
        net.run(0.003)
        n = net.random.choice(net.members)
        data = bytearray(net.random.choice(seen))
        for _ in range(net.random.choice((1, 1, 2, 8))):
            data[net.random.randrange(4, len(data))] = net.random.randrange(256)
        if net.random.random() < 0.2:
            data = data[: net.random.randrange(len(data))]
        try:
            noting(n, net.node(n).packet(bytes(data), "x", net.now))
        except PacketError:
            refused += 1
        if net.random.random() < 0.2:
            net.do(n, lambda node: node.cpg_mcast(1, bytes(50), net.now))
    assert refused
    assert net.run_until(lambda: converged(net), 120), [str(net.node(n).totem.state) for n in net.members]
