"""cmap's store and trackers, the agreement on config_version, and cfg's cluster-wide requests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hashell.stack.effects import Effect
from hashell.stack.membership.cfg.core import IMMEDIATE, REQUEST
from hashell.stack.membership.cmap.core import ADD, DELETE, MODIFY, PREFIX, Cmap
from hashell.stack.membership.cmap.values import CmapType, number, text
from hashell.stack.membership.core import RingConfig
from hashell.stack.membership.effects import AskShutdown, Die, KeyChanged, Refused, ReloadConfig, ShutdownReply, Stop
from tests.simulation.network import RingNetwork, converged


def store() -> tuple[Cmap, list[Effect]]:
    out: list[Effect] = []
    return Cmap(1, out, lambda data: None, 0), out


def refusal(call: object) -> int:
    assert callable(call)
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.code


def test_values_are_typed() -> None:
    cmap, _ = store()
    cmap.set("a.number", 6, (7).to_bytes(4, "little"))
    cmap.set("a.text", 11, b"hello")
    assert cmap.get("a.number").python() == 7
    assert cmap.get("a.text").python() == "hello"
    assert text("knet").data == b"knet\0"


def test_bad_sets_are_refused() -> None:
    cmap, _ = store()
    assert refusal(lambda: cmap.set("ab", 6, bytes(4))) == 7
    assert refusal(lambda: cmap.set("a b c", 6, bytes(4))) == 7
    assert refusal(lambda: cmap.set("x" * 256, 6, bytes(4))) == 13
    assert refusal(lambda: cmap.set("key", 6, bytes(3))) == 7
    assert refusal(lambda: cmap.set("key", 99, b"")) == 7
    for name in ("totem.version", "nodelist.node.0.nodeid", "runtime.config.totem.token", "totem.crypto_cipher"):
        assert refusal(lambda name=name: cmap.set(name, 6, bytes(4))) == 11
    assert refusal(lambda: cmap.delete("no.such.key")) == 12
    assert refusal(lambda: cmap.get("no.such.key")) == 12


def test_adjust_wraps_in_its_type() -> None:
    cmap, _ = store()
    cmap.put("count", number(CmapType.U8, 250))
    cmap.adjust("count", 10)
    assert cmap.get("count").python() == 4
    cmap.put("down", number(CmapType.I32, 0))
    cmap.adjust("down", -3)
    assert cmap.get("down").python() == -3
    cmap.put("word", text("x"))
    assert refusal(lambda: cmap.adjust("word", 1)) == 7


def test_trackers_hear_of_what_they_asked_for() -> None:
    cmap, out = store()
    exact = cmap.track(1, "the.key", ADD | MODIFY | DELETE)
    below = cmap.track(2, "the.", PREFIX | ADD)
    cmap.put("the.key", number(CmapType.U8, 1))
    cmap.put("the.key", number(CmapType.U8, 1))
    cmap.put("the.key", number(CmapType.U8, 2))
    cmap.drop("the.key")
    events = [(e.track, e.event, e.new_value, e.old_value) for e in out if isinstance(e, KeyChanged)]
    assert events == [
        (exact, ADD, b"\x01", b""),
        (below, ADD, b"\x01", b""),
        (exact, MODIFY, b"\x02", b"\x01"),
        (exact, DELETE, b"", b"\x02"),
    ]
    cmap.disconnect(2)
    cmap.untrack(exact)
    assert not cmap.tracks and refusal(lambda: cmap.untrack(exact)) == 12
    assert refusal(lambda: cmap.track(1, "", ADD)) == 7


def ring(versions: dict[int, int] | None = None) -> tuple[RingNetwork, list[tuple[int, Effect]]]:
    log: list[tuple[int, Effect]] = []
    nodes = (1, 2, 3)

    def config(n: int) -> RingConfig:
        plain = RingConfig.simple(n, nodes, token_ms=300)
        addresses = {n: (f"10.0.0.{n}",) for n in nodes}
        return replace(plain, addresses=addresses, config_version=(versions or {}).get(n, 0))

    net = RingNetwork(1, nodes, config, lambda n, e: log.append((n, e)))
    for n in nodes:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    return net, log


def test_members_are_recorded() -> None:
    net, _ = ring()
    cmap = net.node(1).cmap
    assert cmap.get("runtime.members.2.ip").python() == "r(0) ip(10.0.0.2) "
    net.crash(2)
    assert net.run_until(lambda: converged(net), 5)
    assert cmap.get("runtime.members.2.status").python() == "left"
    net.start(2)
    assert net.run_until(lambda: converged(net), 5)
    assert cmap.get("runtime.members.2.status").python() == "joined"
    assert cmap.get("runtime.members.2.join_count").python() == 2


def test_another_config_version_ends_the_daemon() -> None:
    _, log = ring({1: 5, 2: 5, 3: 4})
    stopped = {n for n, e in log if isinstance(e, Stop)}
    assert 3 in stopped
    _, log = ring({1: 5, 2: 5, 3: 5})
    assert not [e for _, e in log if isinstance(e, Stop)]


def test_reload_reaches_every_node() -> None:
    net, log = ring()
    net.do(2, lambda n: n.call(lambda: n.cfg.reload(1)))
    net.run(0.5)
    assert sorted(n for n, e in log if e == ReloadConfig(2)) == [1, 2, 3]


def test_kill_reaches_its_target_only() -> None:
    net, log = ring()
    net.do(1, lambda n: n.call(lambda: n.cfg.kill(3, b"because\0")))
    net.run(0.5)
    assert [(n, e) for n, e in log if isinstance(e, Die)] == [(3, Die("Killed by node 1 : because"))]


def test_shutdown_asks_those_who_track() -> None:
    net, log = ring()
    node = net.node(1)
    node.cfg.track(8)
    net.do(1, lambda n: n.call(lambda: n.cfg.try_shutdown(5, REQUEST)))
    assert (1, AskShutdown((8,), 0)) in log
    assert refusal(lambda: node.cfg.try_shutdown(6, REQUEST)) == 14
    net.do(1, lambda n: n.call(lambda: n.cfg.reply_shutdown(8, False)))
    assert (1, ShutdownReply(5, 10)) in log
    net.do(1, lambda n: n.call(lambda: n.cfg.try_shutdown(5, REQUEST)))
    net.do(1, lambda n: n.call(lambda: n.cfg.reply_shutdown(8, True)))
    net.run(0.5)
    assert (1, ShutdownReply(5, 1)) in log
    assert [n for n, e in log if isinstance(e, Stop)] == [1]


def test_shutdown_without_an_answer_is_refused_after_its_time() -> None:
    net, log = ring()
    net.node(1).cfg.track(8)
    net.do(1, lambda n: n.call(lambda: n.cfg.try_shutdown(5, REQUEST)))
    net.run(6)
    assert (1, ShutdownReply(5, 10)) in log
    net.do(1, lambda n: n.call(lambda: n.cfg.try_shutdown(5, IMMEDIATE)))
    net.run(0.5)
    assert (1, ShutdownReply(5, 1)) in log
