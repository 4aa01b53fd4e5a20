"""The knet transport in virtual time: links that come and go, fragments, duplicates, keys, path MTU, bad packets."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from hashell.stack.membership.totem.packets import MergeDetect, OrfToken, RingId
from hashell.stack.membership.transport.knet.compress import Compressor, decompress
from hashell.stack.membership.transport.knet.config import KnetConfig, LinkConfig
from hashell.stack.membership.transport.knet.core import TICK, KnetCore, crypto_of
from hashell.stack.membership.transport.knet.frames import Data, KnetError, Ping
from hashell.stack.membership.transport.knet.link import Link
from hashell.stack.membership.transport.knet.window import Window

KEY = bytes(range(256))
SEALED = {"cipher": "aes256", "digest": "sha256", "key": KEY}


def config(node: int, nodes: int = 2, links: int = 1, **changes: object) -> KnetConfig:
    parts = tuple(
        LinkConfig(
            number, f"10.{number}.0.{node}", {n: f"10.{number}.0.{n}" for n in range(1, nodes + 1) if n != node},
            5405 + number,
        )
        for number in range(links)
    )  # fmt: skip
    return replace(KnetConfig(node, parts), **changes)  # type: ignore[arg-type]


class Wire:
    """Nodes on links with an MTU; `drop(link, source, target, packet)` loses packets."""

    def __init__(self, nodes: int = 2, links: int = 1, mtu: int = 1500, **changes: object) -> None:
        self.now = 0.0
        self.mtu = mtu
        self.drop: Callable[[int, int, int, bytes], bool] = lambda *packet: False
        self.got: dict[int, list[bytes]] = {n: [] for n in range(1, nodes + 1)}
        self.errors: list[str] = []
        self.waiting: list[tuple[int, int, int, bytes]] = []
        self.cores = {n: self._core(config(n, nodes, links, **changes)) for n in self.got}

    def _core(self, setup: KnetConfig) -> KnetCore:
        node = setup.node_id

        def transmit(link: Link, packet: bytes) -> bool:
            if len(packet) + 28 > self.mtu:
                return False
            if not self.drop(link.number, node, link.node, packet):
                self.waiting.append((link.number, node, link.node, packet))
            return True

        return KnetCore(
            setup, transmit, lambda data, address: self.got[node].append(data), lambda level, text: None,
            lambda: random.Random(self.now).randbytes(16),
        )  # fmt: skip

    def deliver(self) -> None:
        while self.waiting:
            number, source, target, packet = self.waiting.pop(0)
            try:
                self.cores[target].received(number, packet, (f"10.{number}.0.{source}", 5405 + number), self.now)
            except KnetError as error:
                self.errors.append(error.kind)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            for core in self.cores.values():
                core.tick(self.now)
                core.check_invariants()
            self.deliver()

    def message(self, source: int, dest: int, size: int) -> bytes:
        head = OrfToken(source, RingId(1, 5), target=dest).encode() if dest else MergeDetect(
            source, source, RingId(1, 5)
        ).encode()
        data = head + bytes(i * 7 % 251 for i in range(size))
        self.cores[source].send(dest, data)
        self.deliver()
        return data


@pytest.mark.parametrize("changes", [{}, SEALED, {**SEALED, "cipher": "none"}, {"compression": "zlib"}])
@pytest.mark.parametrize("size", [0, 1000, 1446, 60_000])
def test_messages_arrive_whole(changes: dict[str, object], size: int) -> None:
    wire = Wire(3, **changes)
    wire.run(3)
    data = wire.message(1, 0, size)
    assert wire.got[2] == wire.got[3] == [data]
    token = wire.message(2, 3, size)
    assert wire.got[3] == [data, token] and wire.got[1] == []
    assert not wire.errors


def test_links_come_up_after_three_pongs() -> None:
    wire = Wire()
    wire.run(TICK)
    assert not wire.cores[1].reachable(2)
    wire.run(3)
    assert wire.cores[1].reachable(2) and wire.cores[2].reachable(1)


def test_a_link_without_answers_goes_down_and_up_again() -> None:
    wire = Wire()
    wire.run(4)
    wire.drop = lambda *packet: True
    wire.run(2)
    assert not wire.cores[1].reachable(2)
    wire.drop = lambda *packet: False
    wire.run(3)
    assert wire.cores[1].reachable(2)
    data = wire.message(1, 0, 500)
    assert wire.got[2] == [data]


@pytest.mark.parametrize("policy", ["passive", "active", "rr"])
def test_another_link_takes_over(policy: str) -> None:
    wire = Wire(2, 2, policy=policy)
    wire.run(4)
    wire.drop = lambda link, *packet: link == 0
    wire.run(3)
    sent = [wire.message(1, 0, 3000) for _ in range(4)]
    assert wire.got[2] == sent


@pytest.mark.parametrize(("mtu", "size"), [(1500, 1446), (576, 522), (9000, 8946), (1401, 1347)])
def test_path_mtu_is_found(mtu: int, size: int) -> None:
    wire = Wire(mtu=mtu)
    wire.run(3)
    assert wire.cores[1].data_mtu == size


def test_sealed_packets_leave_the_room_that_the_original_leaves() -> None:
    wire = Wire(**SEALED)
    wire.run(3)
    assert wire.cores[1].data_mtu == 1397


def test_a_path_that_swallows_large_packets_is_found_out() -> None:
    wire = Wire()
    wire.drop = lambda link, source, target, packet: len(packet) + 28 > 1000
    wire.run(30)
    assert wire.cores[1].data_mtu == 1000 - 28 - 26
    data = wire.message(1, 0, 5000)
    assert wire.got[2] == [data]


def test_a_card_that_takes_less_than_before() -> None:
    wire = Wire()
    wire.run(3)
    wire.mtu = 900
    wire.message(1, 0, 1200)
    wire.run(3)
    data = wire.message(1, 0, 1200)
    assert wire.got[2][-1] == data


def test_duplicates_are_delivered_once() -> None:
    wire = Wire()
    wire.run(3)
    keep: list[tuple[int, int, int, bytes]] = []
    wire.drop = lambda *packet: keep.append(packet) or False  # type: ignore[func-returns-value]
    data = wire.message(1, 0, 5000)
    wire.waiting = keep[:]
    wire.deliver()
    assert wire.got[2] == [data]


def test_a_key_is_changed_without_loss() -> None:
    wire = Wire(3, **SEALED)
    wire.run(3)
    new = {**SEALED, "key": bytes(reversed(KEY)), "cipher": "aes128"}
    for n, core in wire.cores.items():
        core.configure(config(n, 3, **new))
        core.keys.prepare(crypto_of(core.config))
        core.keys_changed()
    for core in wire.cores.values():
        core.keys.switch()
        wire.run(TICK)
    for core in wire.cores.values():
        core.keys.finish()
    assert wire.message(1, 0, 4000) == wire.got[2][-1] == wire.got[3][-1]
    assert not wire.errors


def test_another_key_is_counted_and_changes_nothing() -> None:
    wire = Wire(3, **SEALED)
    wire.cores[3] = wire._core(config(3, 3, **{**SEALED, "key": bytes(256)}))
    wire.run(4)
    assert set(wire.errors) == {"key"}
    assert not wire.cores[1].reachable(3) and wire.cores[1].reachable(2)


def test_a_node_that_starts_again_is_heard() -> None:
    wire = Wire()
    wire.run(3)
    for _ in range(5):
        wire.message(1, 0, 10)
    wire.cores[1] = wire._core(config(1))
    wire.run(5)
    count = len(wire.got[2])
    wire.message(1, 0, 10)
    assert len(wire.got[2]) == count + 1


@pytest.mark.parametrize(
    ("packet", "source", "kind"),
    [
        (Ping(0x81, 7, 0, bytes(16), 0, 1).encode(), "10.0.0.2", "unknown-node"),
        (Ping(0x81, 1, 0, bytes(16), 0, 1).encode(), "10.0.0.2", "duplicate-id"),
        (Ping(0x81, 2, 0, bytes(16), 0, 1).encode(), "10.9.9.9", "source"),
        (Data(2, 1, b"x").encode(), "10.9.9.9", "source"),
        (Data(1, 1, b"x").encode(), "10.0.0.9", "duplicate-id"),
        (Data(2, 1, b"x", frag_num=0).encode(), "10.0.0.2", "knet-fragment"),
        (b"\x01\x81\x00", "10.0.0.2", "knet-short"),
        (b"\x02\x00" + bytes(20), "10.0.0.2", "knet-version"),
        (b"\x01\x99" + bytes(20), "10.0.0.2", "knet-type"),
    ],
)
def test_bad_packets_are_named(packet: bytes, source: str, kind: str) -> None:
    wire = Wire()
    wire.run(3)
    with pytest.raises(KnetError) as caught:
        wire.cores[1].received(0, packet, (source, 5405), wire.now)
    assert caught.value.kind == kind
    assert wire.cores[1].reachable(2)


def test_window_after_wrap_and_jumps() -> None:
    window = Window()
    for seq in [*range(65000, 65536), *range(1, 200)]:
        assert window.is_new(seq)
        window.mark(seq)
    assert not window.is_new(150) and not window.is_new(65500)
    assert window.is_new(30_000)
    window.mark(30_000)
    assert not window.is_new(30_000)


@pytest.mark.parametrize("model", ["zlib", "bzip2", "lzma"])
def test_compression(model: str) -> None:
    data = b"hashell " * 5000
    number, packed = Compressor(model).compress(data)
    assert number and len(packed) < len(data) and decompress(number, packed) == data
    assert Compressor(model).compress(b"short") == (0, b"short")
    for bad in (packed[:-5], b"", b"\0" * 30):
        with pytest.raises(ValueError, match=model):
            decompress(number, bad)
