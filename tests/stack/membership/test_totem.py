"""The totem core, input by input."""

from __future__ import annotations

from hashell.stack.effects import Effect, SetTimer
from hashell.stack.membership.core import RingConfig, RingNode
from hashell.stack.membership.effects import FlushSockets, SendPacket, StoreRingId
from hashell.stack.membership.totem.core import Totem
from hashell.stack.membership.totem.packets import HoldCancel, Join, Mcast, MergeDetect, OrfToken, RingId, decode
from hashell.stack.membership.totem.variables import State
from tests.simulation.network import RingNetwork, converged


def sent(effects: list[Effect], kind: type) -> list:
    return [p for e in effects if isinstance(e, SendPacket) for p in [decode(e.data)] if isinstance(p, kind)]


def singleton() -> tuple[RingNetwork, RingNode]:
    net = RingNetwork(1, (1, 2, 3))
    net.start(1)
    assert net.run_until(lambda: converged(net), 1)
    return net, net.node(1)


def three(seed: int = 1) -> RingNetwork:
    net = RingNetwork(seed, (1, 2, 3))
    for n in net.members:
        net.start(n)
    assert net.run_until(lambda: converged(net), 5)
    return net


def test_a_lone_node_forms_a_ring_at_once_with_corosyncs_numbers() -> None:
    net, node = singleton()
    assert net.now < 0.02
    assert node.totem.ring_id == RingId(1, 5)
    assert net.hosts[1].ring_seq == 5
    assert node.members == (1,) and not node.quorate


def test_ring_number_goes_on_after_a_restart() -> None:
    net, _ = singleton()
    net.crash(1)
    net.start(1)
    assert net.run_until(lambda: converged(net), 1)
    assert net.node(1).totem.ring_id == RingId(1, 10)


def test_first_join_is_corosyncs() -> None:
    node = RingNode(RingConfig.simple(1, (1, 2)))
    joins = sent(node.start(0.0), Join)
    assert joins == [Join(1, 1, [1], [], 1)]


def test_commit_stores_the_ring_number_before_the_ring_is_used() -> None:
    node = RingNode(RingConfig.simple(1, (1,)))
    first = node.start(0.0)
    own = next(e.data for e in first if isinstance(e, SendPacket))
    effects = node.packet(own, "self", 0.001)
    assert StoreRingId(5) in effects
    assert node.totem.state is State.COMMIT


def test_leave_has_the_recorded_form() -> None:
    net = three()
    leave = sent(net.node(3).leave(net.now), Join)[0]
    assert (leave.nodeid, leave.system_from, leave.failed) == (0, 3, [3])
    assert sorted(leave.proc) == [1, 2]


def test_token_is_repeated_until_the_successor_shows_life() -> None:
    net = three()
    net.run(0.05)
    node = net.node(2)
    kept = node.totem.kept_token
    effects = node.timer("retransmit", net.now)
    assert SendPacket(node.totem.token_target, kept) in effects


def test_an_old_token_changes_nothing() -> None:
    net = three()
    net.run(3.0)
    totem = net.node(2).totem
    before = (totem.aru, totem.last_aru, totem.last_released, totem.last_token_seq)
    token = OrfToken(1, totem.ring_id, totem.last_seq, totem.last_token_seq, totem.aru)
    effects = net.node(2).packet(token.encode(), "x", net.now)
    assert (totem.aru, totem.last_aru, totem.last_released, totem.last_token_seq) == before
    assert not sent(effects, OrfToken)


def test_only_the_representative_holds_the_token() -> None:
    net = three()
    net.run(3.0)
    assert all(net.node(n).totem.token_held for n in (1, 2, 3))
    totem = net.node(1).totem
    token = OrfToken(3, totem.ring_id, totem.last_seq, totem.last_token_seq + 3, totem.aru)
    effects = net.node(1).packet(token.encode(), "x", net.now)
    assert not sent(effects, OrfToken)
    assert any(isinstance(e, SetTimer) and e.name == "hold" for e in effects)


def test_sending_on_an_idle_ring_cancels_the_hold() -> None:
    net = three()
    net.do(2, lambda n: n.cpg_join(1, b"g", 5, net.now))
    net.run(3.0)
    effects = net.node(2).cpg_mcast(1, b"hello", net.now)
    assert sent(effects, HoldCancel) == [HoldCancel(2, net.node(2).totem.ring_id)]
    assert not sent(net.node(2).cpg_mcast(1, b"again", net.now), HoldCancel)


def test_foreign_message_and_merge_detect_start_gathering() -> None:
    for packet in (Mcast(9, 1, RingId(9, 77), b"", 9), MergeDetect(9, 9, RingId(9, 77))):
        net = three()
        joins = sent(net.node(1).packet(packet.encode(), "x", net.now), Join)
        assert joins and 9 in joins[0].proc
        assert net.node(1).totem.state is State.GATHER


def test_own_merge_detect_is_ignored() -> None:
    net = three()
    assert net.node(1).packet(MergeDetect(1, 1, net.node(1).totem.ring_id).encode(), "x", net.now) == []


def test_a_join_that_teaches_nothing_is_not_answered() -> None:
    net, node = singleton()
    totem = node.totem
    node.packet(Join(2, 2, [1, 2], [], 5).encode(), "x", net.now)
    assert totem.state is State.GATHER
    totem.failed_list = [3]
    totem.proc_list = [1, 2, 3]
    first = node.packet(Join(2, 2, [1, 2, 3], [4], 5).encode(), "x", net.now)
    again = node.packet(Join(2, 2, [1, 2, 3], [4], 5).encode(), "x", net.now)
    assert not sent(first, Join) and not sent(again, Join)


def test_a_pause_of_the_process_flushes_old_joins() -> None:
    net, node = singleton()
    late = net.now + 10
    effects = node.packet(Join(2, 2, [2], [], 5).encode(), "x", late)
    assert FlushSockets() in effects
    assert node.totem.state is State.OPERATIONAL


def test_a_commit_token_that_is_not_for_us_is_dropped() -> None:
    net = three()
    net.crash(1)
    net.run_until(lambda: net.node(2).totem.state is State.COMMIT, 3)
    totem: Totem = net.node(2).totem
    token = totem.commit_create()
    token.addr = [5, 6]
    token.entries = token.entries[:2]
    assert net.node(2).packet(token.encode(), "x", net.now) == []


def test_flow_control_bounds_one_visit() -> None:
    net = three()
    net.do(1, lambda n: n.cpg_join(1, b"g", 5, net.now))
    net.run(0.5)
    node = net.node(1)
    for _ in range(200):
        node.cpg_mcast(1, bytes(1000), net.now)
    totem = node.totem
    token = OrfToken(3, totem.ring_id, totem.last_seq, totem.last_token_seq + 3, totem.aru)
    assert len(sent(node.packet(token.encode(), "x", net.now), Mcast)) == 17
    assert len(totem.new_queue) == 183


def test_missing_frames_are_asked_for_after_miss_count_visits() -> None:
    net = three()
    totem = net.node(2).totem
    seq = totem.aru + 2
    lists = []
    for _ in range(7):
        token = OrfToken(1, totem.ring_id, seq, totem.last_token_seq + 3, totem.aru)
        lists.append(sent(net.node(2).packet(token.encode(), "x", net.now), OrfToken)[0].rtr)
    assert [len(x) for x in lists] == [0, 0, 0, 0, 2, 2, 2]


def test_room_ends_before_the_queue_is_full() -> None:
    net = three()
    net.do(1, lambda n: n.cpg_join(1, b"g", 5, net.now))
    net.run(0.5)
    node = net.node(1)
    count = 0
    while node.room():
        node.cpg_mcast(1, bytes(100_000), net.now)
        count += 1
    assert 25 < count < 45
