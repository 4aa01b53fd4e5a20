"""CPG: joins, messages and membership changes as clients see them, on rings in virtual time."""

from __future__ import annotations

import pytest

from hashell.stack.effects import Effect
from hashell.stack.membership.effects import CpgConfchg, CpgTotemConfchg, DeliverCpg, Member, Refused
from tests.simulation.network import RingNetwork, converged


class Ring:
    """Three nodes; `seen[n]` are the CPG effects of node n."""

    def __init__(self, nodes: tuple[int, ...] = (1, 2, 3)) -> None:
        self.seen: dict[int, list[Effect]] = {n: [] for n in nodes}
        self.net = RingNetwork(5, nodes, on_effect=self.note)
        for n in nodes:
            self.net.start(n)
        assert self.net.run_until(lambda: converged(self.net), 5)

    def note(self, n: int, effect: Effect) -> None:
        if isinstance(effect, CpgConfchg | DeliverCpg | CpgTotemConfchg):
            self.seen[n].append(effect)

    def join(self, n: int, group: bytes = b"g", client: int = 1, pid: int = 0, flags: int = 0) -> None:
        self.net.do(n, lambda x: x.cpg_join(client, group, pid or 100 + n, self.net.now, flags))
        self.net.run(0.3)

    def changes(self, n: int) -> list[CpgConfchg]:
        return [e for e in self.seen[n] if isinstance(e, CpgConfchg)]

    def data(self, n: int) -> list[bytes]:
        return [e.data for e in self.seen[n] if isinstance(e, DeliverCpg)]


def test_the_joiner_sees_itself_first() -> None:
    ring = Ring()
    ring.join(1)
    ring.join(2)
    first = ring.changes(2)[0]
    assert first.members == (Member(1, 101), Member(2, 102))
    assert first.joined == (Member(2, 102, 1),)
    assert ring.changes(1)[-1] == CpgConfchg((1,), b"g", first.members, (), first.joined)


def test_messages_reach_members_only_the_sender_too() -> None:
    ring = Ring()
    ring.join(1)
    ring.join(2)
    ring.join(3, b"other")
    ring.net.do(1, lambda x: x.cpg_mcast(1, b"hello", ring.net.now))
    ring.net.run(0.3)
    assert [ring.data(n) for n in (1, 2, 3)] == [[b"hello"], [b"hello"], []]


def test_leave_and_disconnect_have_their_reasons() -> None:
    ring = Ring()
    for n in (1, 2, 3):
        ring.join(n)
    ring.net.do(2, lambda x: x.cpg_leave(1, ring.net.now))
    ring.net.run(0.3)
    assert ring.changes(2)[-1].left == (Member(2, 102, 2),), "the leaver is told too"
    ring.net.do(3, lambda x: x.cpg_disconnect(1, ring.net.now))
    ring.net.run(0.3)
    assert ring.changes(1)[-1].left == (Member(3, 103, 5),)
    assert ring.changes(1)[-1].members == (Member(1, 101),)


def test_crash_and_return_of_a_node() -> None:
    ring = Ring()
    for n in (1, 2, 3):
        ring.join(n)
    ring.net.crash(3)
    assert ring.net.run_until(lambda: converged(ring.net), 5)
    assert ring.changes(1)[-1].left == (Member(3, 103, 3),)
    ring.net.start(3)
    assert ring.net.run_until(lambda: converged(ring.net), 5)
    ring.join(3, pid=777)
    assert ring.changes(1)[-1].joined == (Member(3, 777, 1),)
    assert ring.changes(3)[-1].members == (Member(1, 101), Member(2, 102), Member(3, 777))


def test_merge_after_a_partition_is_left_then_joined() -> None:
    ring = Ring()
    for n in (1, 2, 3):
        ring.join(n)
    ring.net.partition((1, 2), (3,))
    assert ring.net.run_until(lambda: converged(ring.net, [1, 2]) and converged(ring.net, [3]), 5)
    ring.net.heal()
    assert ring.net.run_until(lambda: converged(ring.net), 5)
    assert ring.changes(1)[-1].joined == (Member(3, 103, 4),)
    assert ring.changes(3)[-1].joined == (Member(1, 101, 4), Member(2, 102, 4))


def test_a_process_that_went_during_the_partition_is_not_brought_back() -> None:
    ring = Ring()
    for n in (1, 2, 3):
        ring.join(n)
    ring.net.partition((1, 2), (3,))
    assert ring.net.run_until(lambda: converged(ring.net, [1, 2]) and converged(ring.net, [3]), 5)
    ring.net.do(3, lambda x: x.cpg_disconnect(1, ring.net.now))
    ring.net.heal()
    assert ring.net.run_until(lambda: converged(ring.net), 5)
    ring.net.run(0.5)
    assert {ring.net.node(n).cpg.membership(b"g") for n in (1, 2, 3)} == {(Member(1, 101), Member(2, 102))}


def test_refusals() -> None:
    ring = Ring((1, 2))
    node, now = ring.net.node(1), ring.net.now

    def code(call: object) -> int:
        assert callable(call)
        with pytest.raises(Refused) as caught:
            call()
        return caught.value.code

    assert code(lambda: node.cpg_mcast(1, b"x", now)) == 12
    assert code(lambda: node.cpg_leave(1, now)) == 12
    assert code(lambda: node.cpg_join(1, b"n" * 129, 1, now)) == 13
    assert code(lambda: node.cpg_join(1, b"", 1, now)) == 7
    ring.join(1)
    assert code(lambda: node.cpg_join(1, b"g", 101, now)) == 14
    assert code(lambda: node.cpg_join(2, b"g", 101, now)) == 14, "same pid and group on another connection"
    node.cpg_leave(1, now)
    assert code(lambda: node.cpg_mcast(1, b"x", now)) == 12
    assert code(lambda: node.cpg_join(1, b"g", 101, now)) == 6


def test_totem_confchg_for_those_who_asked() -> None:
    ring = Ring((1, 2))
    ring.join(1, flags=1)
    totem = [e for e in ring.seen[1] if isinstance(e, CpgTotemConfchg)]
    assert totem[0].members == (1, 2) and isinstance(ring.seen[1][0], CpgConfchg)
    ring.net.crash(2)
    assert ring.net.run_until(lambda: converged(ring.net), 5)
    last = ring.seen[1][-1]
    assert isinstance(last, CpgTotemConfchg) and last.members == (1,)
    assert last.ring[1] > totem[0].ring[1]


def test_what_is_sent_while_synchronising_goes_out_afterwards() -> None:
    ring = Ring((1, 2))
    for n in (1, 2):
        ring.join(n)
    ring.net.crash(2)
    assert ring.net.run_until(lambda: ring.net.node(1).sync.running, 5)
    ring.net.do(1, lambda x: x.cpg_mcast(1, b"later", ring.net.now))
    assert ring.net.run_until(lambda: ring.data(1) == [b"later"], 2)
    kinds = [type(e) for e in ring.seen[1]]
    assert kinds[-2:] == [CpgConfchg, DeliverCpg], "first who left, then the message"


def test_fragments_of_long_messages_keep_their_marks() -> None:
    ring = Ring((1, 2))
    for n in (1, 2):
        ring.join(n)
    for kind, part in ((1, b"a" * 5000), (3, b"b" * 10)):
        ring.net.do(1, lambda x, k=kind, p=part: x.cpg_partial(1, p, 5010, k, ring.net.now))
    ring.net.run(0.5)
    got = [e for e in ring.seen[2] if isinstance(e, DeliverCpg)]
    assert [(e.fragment, e.total, len(e.data)) for e in got] == [(1, 5010, 5000), (3, 5010, 10)]


def test_fragments_are_interrupted_by_a_new_ring() -> None:
    ring = Ring((1, 2))
    ring.join(1)
    ring.net.do(1, lambda x: x.cpg_partial(1, b"a", 2, 1, ring.net.now))
    ring.net.crash(2)
    assert ring.net.run_until(lambda: converged(ring.net), 5)
    with pytest.raises(Refused) as caught:
        ring.net.node(1).cpg_partial(1, b"b", 2, 3, ring.net.now)
    assert caught.value.code == 16
