"""Random and damaged packets against a ring: `python -m tests.simulation.fuzz_ring --count 10000000`.

Each packet is given to a node of a sound ring: bare (udpu), in clear knet, or sealed. Nothing may be raised but the
error that names what is wrong. Packets that are sealed with another key, or changed, must have no effect at all; of
those in clear the ring must be whole again with all of its members, because whoever may send in clear may also
disturb.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import SendPacket
from hashell.stack.membership.totem.packets import PacketError
from hashell.stack.membership.transport.knet.config import KnetConfig, LinkConfig
from hashell.stack.membership.transport.knet.core import KnetCore
from hashell.stack.membership.transport.knet.frames import KnetError
from tests.simulation.network import RingNetwork, converged

MEMBERS = (1, 2, 3)
KEY = bytes(range(256))
_PATIENCE = 60.0
_BATCH = 2000


class Target:
    """Node 1 of a ring of three, and a knet end in front of it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.net = RingNetwork(seed, MEMBERS)
        self.net.check = False
        self.seen: list[bytes] = []
        self.counts: Counter[str] = Counter()
        self.through: list[bytes] = []
        self.clear = self._knet("none", "none")
        self.sealed = self._knet("aes256", "sha256")
        apply = self.net.apply

        def noting(node_id: int, effects: list[Effect]) -> None:
            self.seen.extend(e.data for e in effects if isinstance(e, SendPacket))
            del self.seen[:-400]
            apply(node_id, effects)

        self.net.apply = noting  # type: ignore[method-assign]
        for n in MEMBERS:
            self.net.start(n)
        assert self.net.run_until(lambda: converged(self.net), _PATIENCE)

    def _knet(self, cipher: str, digest: str) -> KnetCore:
        link = LinkConfig(0, "10.0.0.1", {2: "10.0.0.2", 3: "10.0.0.3"})
        setup = KnetConfig(1, (link,), cipher=cipher, digest=digest, key=KEY)
        return KnetCore(
            setup, lambda link, data: True, lambda data, address: self.through.append(data), lambda *line: None,
            lambda: bytes(16),
        )  # fmt: skip

    # ---------------------------------------------------------------- packets

    def random_packet(self) -> bytes:
        """Noise, often behind a head that looks right."""
        size = self.random.choice((0, 3, 12, 30, 57, 60, 100, 400, 1500))
        head = self.random.choice((b"", b"\x70\xc0\x03", b"\x70\xc0\x03" + bytes([self.random.randrange(8)])))
        return head + self.random.randbytes(size)

    def damaged_packet(self) -> bytes:
        data = bytearray(self.random.choice(self.seen))
        for _ in range(self.random.choice((1, 1, 2, 8))):
            data[self.random.randrange(len(data))] = self.random.randrange(256)
        return bytes(data[: self.random.randrange(len(data))] if self.random.random() < 0.1 else data)

    def bare(self, data: bytes) -> None:
        try:
            effects = self.net.node(1).packet(data, "x", self.net.now)
        except PacketError as error:
            self.counts[error.kind] += 1
            return
        self.counts["taken"] += 1
        self.net.apply(1, effects)

    def knet(self, core: KnetCore, data: bytes) -> None:
        source = (self.random.choice(("10.0.0.2", "10.0.0.3", "10.9.9.9")), 5405)
        try:
            core.received(0, data, source, self.net.now)
        except KnetError as error:
            self.counts[error.kind] += 1
        if core is self.sealed:
            assert not self.through, "an unsealed packet came through"
        self.through.clear()

    def knet_packet(self) -> bytes:
        kind = self.random.choice((0x00, 0x81, 0x82, 0x83, 0x84, self.random.randrange(256)))
        node = self.random.choice((2, 2, 3, 1, self.random.randrange(65536)))
        return bytes((1, kind)) + node.to_bytes(2, "big") + bytes(2) + self.random.randbytes(
            self.random.choice((0, 1, 8, 20, 30, 200))
        )

    def step(self) -> None:
        """One packet to each of the three ends."""
        self.bare(self.random_packet() if self.random.random() < 0.7 else self.damaged_packet())
        self.knet(self.clear, self.knet_packet())
        self.knet(self.sealed, self.random.randbytes(self.random.choice((0, 31, 32, 80, 96, 400))))

    def whole(self) -> None:
        """The ring has all of its members again."""
        assert self.net.run_until(lambda: converged(self.net), _PATIENCE), "the ring did not become whole again"
        assert self.net.node(1).members == MEMBERS
        self.net.node(1).check_invariants()
        self.clear.check_invariants()


def fuzz(count: int, seed: int, progress: Callable[[int], None] = lambda done: None) -> Counter[str]:
    """Give `count` packets; what became of them. Raises AssertionError naming the seed."""
    total: Counter[str] = Counter()
    done = 0
    while done < count:
        target = Target(seed)
        try:
            for _ in range(_BATCH // 3):
                target.step()
                target.net.run(0.001)
            target.whole()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error!r}") from error
        total.update(target.counts)
        done += _BATCH
        seed += 1
        progress(done)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz_ring", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="packets (default a million)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from rich.progress import Progress

    with Progress(disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("packets", total=options.count)
        counts = fuzz(options.count, options.seed, lambda done: bar.update(task, completed=done))
    for kind, count in counts.most_common():
        print(f"{count:>10} {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
