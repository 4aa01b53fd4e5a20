"""A short run of the fuzz job, damaged vectors, and replayed tokens."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hashell.stack.membership.effects import SendPacket
from hashell.stack.membership.totem.packets import ORF_TOKEN, PacketError
from hashell.stack.membership.totem.variables import State
from hashell.stack.membership.transport.knet.config import KnetConfig, LinkConfig
from hashell.stack.membership.transport.knet.core import KnetCore
from hashell.stack.membership.transport.knet.frames import KnetError
from tests.simulation.fuzz_ring import Target, fuzz
from tests.simulation.network import RingNetwork, converged

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "spec" / "totem-vectors.json"
COUNT = int(os.environ.get("HASHELL_FUZZ", "12000"))


def vectors(prefix: str) -> list[dict[str, Any]]:
    if not VECTORS.exists():
        return []
    found: list[dict[str, Any]] = json.loads(VECTORS.read_text())["vectors"]
    return [v for v in found if v["name"].startswith(prefix)]


def variants(data: bytes) -> list[bytes]:
    """The packet with each byte changed: by one bit, and altogether."""
    return [data[:i] + bytes((data[i] ^ change,)) + data[i + 1 :] for i in range(len(data)) for change in (1, 0xFF)]


def test_random_packets() -> None:
    counts = fuzz(COUNT, 1)
    assert counts["key"] and counts["magic"] and counts["unknown-node"] and counts["taken"]


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside this checkout")
def test_sealed_vectors_with_any_byte_changed_do_nothing() -> None:
    through: list[bytes] = []
    for vector in vectors("knet_encrypted"):
        link = LinkConfig(0, "10.0.0.9", {1: "10.0.0.1", 2: "10.0.0.2", 3: "10.0.0.3"})
        setup = KnetConfig(
            9, (link,), cipher=vector["cipher"], digest=vector["hash"], key=bytes.fromhex(vector["key_hex"])
        )
        core = KnetCore(setup, lambda *a: True, lambda data, source: through.append(data), lambda *a: None, bytes)
        for bad in variants(bytes.fromhex(vector["hex"])):
            with pytest.raises(KnetError) as caught:
                core.received(0, bad, ("10.0.0.1", 5405), 0.0)
            assert caught.value.kind == "key"
    assert not through


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not beside this checkout")
@pytest.mark.parametrize("vector", vectors("memb") + vectors("orf") + vectors("mcast") + vectors("token"),
                         ids=lambda v: v["name"])  # fmt: skip
def test_clear_vectors_with_any_byte_changed_leave_a_whole_ring(vector: dict[str, Any]) -> None:
    target = Target(5)
    step = max(1, len(vector["hex"]) // 400)
    for bad in variants(bytes.fromhex(vector["hex"]))[::step]:
        target.bare(bad)
        target.net.run(0.002)
    target.whole()
    assert sum(target.counts.values())


def test_a_damaged_token_does_not_keep_recovery_from_ending() -> None:
    counts = fuzz(1, 1279)
    assert counts["taken"]


def test_replayed_tokens_do_nothing() -> None:
    net = RingNetwork(3, (1, 2, 3))
    tokens: list[bytes] = []
    send = net._send

    def noting(source: int, effect: SendPacket) -> None:
        if effect.dest == 2 and effect.data[3] == ORF_TOKEN:
            tokens.append(effect.data)
        send(source, effect)

    net._send = noting  # type: ignore[method-assign]
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    net.run(3)
    node = net.node(2)
    ring, old = node.ring, tokens[-60:-5]
    before = sum(node.totem.ignored.values())
    for data in old:
        net.apply(2, node.packet(data, "x", net.now))
    assert sum(node.totem.ignored.values()) == before + len(old)
    assert node.totem.ignored["old-token"]
    net.run(2)
    assert converged(net) and node.ring == ring and node.totem.state is State.OPERATIONAL


def test_a_broken_packet_has_no_effect_before_its_error() -> None:
    target = Target(7)
    node = target.net.node(1)
    state = (node.ring, node.totem.state, node.totem.aru)
    for data in (b"", b"\x70\xc0", b"\xff" * 60, b"\x70\xc0\x03\x00" + bytes(20)):
        with pytest.raises(PacketError):
            node.packet(data, "x", target.net.now)
    assert state == (node.ring, node.totem.state, node.totem.aru)
