"""The quorum device against a server that answers as corosync-qnetd was seen to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.effects import Effect, SetTimer
from hashell.stack.qdevice import messages as m
from hashell.stack.qdevice.core import Cast, Close, Connect, Qdevice, QdeviceConfig, Secure, Send, State
from hashell.stack.qdevice.messages import Kind, ListType, Option, Vote

CONFIG = QdeviceConfig("lab", 1, "10.0.0.9", tls="off")
RING = (1, 9)
U32 = 4


def sent(effects: list[Effect]) -> list[m.Received]:
    buffer = bytearray(b"".join(e.data for e in effects if isinstance(e, Send)))
    found = []
    while (message := m.decode(buffer)) is not None:
        found.append(message)
    assert not buffer
    return found


def casts(effects: list[Effect]) -> list[Cast]:
    return [e for e in effects if isinstance(e, Cast)]


def reply(kind: Kind, *pairs: tuple[int, bytes]) -> bytes:
    return m.encode(kind, pairs)


def number(value: int, size: int = 1) -> bytes:
    return value.to_bytes(size, "big")


def vote(kind: Kind, value: Vote, ring: tuple[int, int] = RING) -> bytes:
    return reply(
        kind, (Option.SEQUENCE, number(7, 4)), (Option.VOTE, number(value)), (Option.RING_ID, m.ring_bytes(ring))
    )


def running(config: QdeviceConfig = CONFIG) -> Qdevice:
    device = Qdevice(config)
    device.configuration((1, 2))
    device.nodelist(RING, (1, 2))
    device.quorum(True, ((1, 1), (2, 1), (0, 0)))
    assert isinstance(device.start()[0], Connect)
    assert [x.kind for x in sent(device.connected())] == [Kind.PREINIT]
    effects = device.data(reply(Kind.PREINIT_REPLY, (Option.TLS_SUPPORTED, number(0))))
    assert [x.kind for x in sent(effects)] == [Kind.INIT]
    effects = device.data(reply(Kind.INIT_REPLY, (Option.ERROR, number(0, 2))))
    lists = [x for x in sent(effects) if x.kind == Kind.NODE_LIST]
    assert [x.number(Option.LIST_TYPE) for x in lists] == [
        ListType.INITIAL_CONFIG, ListType.MEMBERSHIP, ListType.QUORUM,
    ]  # fmt: skip
    assert device.state is State.RUNNING and device.vote is None
    return device


def test_the_server_decides_and_hears_back() -> None:
    device = running()
    effects = device.data(vote(Kind.VOTE_INFO, Vote.ACK))
    assert casts(effects) == [Cast(True, RING)]
    assert [x.kind for x in sent(effects)] == [Kind.VOTE_INFO_REPLY]
    assert casts(device.timer("vote")) == [Cast(True, RING)]
    assert casts(device.data(vote(Kind.VOTE_INFO, Vote.NACK))) == [Cast(False, RING)]


def test_a_vote_for_an_old_ring_is_not_cast() -> None:
    device = running()
    assert casts(device.data(vote(Kind.VOTE_INFO, Vote.ACK, (1, 5)))) == []


def test_a_new_ring_waits_for_a_new_vote() -> None:
    device = running()
    device.data(vote(Kind.VOTE_INFO, Vote.ACK))
    effects = device.nodelist((1, 13), (1,))
    assert casts(effects) == [] and device.vote is None
    assert sent(effects)[0].ring() == (1, 13)
    assert casts(device.data(vote(Kind.VOTE_INFO, Vote.ACK, (1, 13)))) == [Cast(True, (1, 13))]


def test_without_the_server_the_vote_is_no_at_once() -> None:
    device = running()
    device.data(vote(Kind.VOTE_INFO, Vote.ACK))
    effects = device.closed("it closed the connection")
    assert casts(effects) == [Cast(False, RING)]
    assert SetTimer("reconnect", 2.0) in effects
    assert casts(device.nodelist((1, 13), (1,))) == [Cast(False, (1, 13))]
    assert isinstance(device.timer("reconnect")[0], Connect)
    device.check_invariants()


def test_a_silent_server_is_given_up() -> None:
    device = running()
    assert [x.kind for x in sent(device.timer("heartbeat"))] == [Kind.ECHO_REQUEST]
    assert device.data(reply(Kind.ECHO_REPLY, (Option.SEQUENCE, number(1, 4)))) == []
    device.timer("heartbeat")
    assert any(isinstance(e, Close) for e in device.timer("heartbeat"))
    assert device.state is State.DOWN


def test_a_server_that_refuses_is_named() -> None:
    device = running()
    effects = device.data(reply(Kind.SERVER_ERROR, (Option.ERROR, number(9, 2))))
    assert device.state is State.DOWN and "error 9" in device.last_error
    assert any(isinstance(e, Close) for e in effects)


@pytest.mark.parametrize(("wanted", "offered", "state"), [
    ("off", 2, State.DOWN), ("required", 0, State.DOWN), ("on", 1, State.SECURING), ("on", 0, State.INTRODUCED),
])  # fmt: skip
def test_tls(wanted: str, offered: int, state: State) -> None:
    device = Qdevice(replace(CONFIG, tls=wanted))
    device.start()
    device.connected()
    effects = device.data(reply(Kind.PREINIT_REPLY, (Option.TLS_SUPPORTED, number(offered))))
    assert device.state is state
    assert any(isinstance(e, Secure) for e in effects) == (state is State.SECURING)


def test_messages_are_those_of_the_original() -> None:
    """Bytes as the original's device and server were seen to exchange them."""
    assert m.preinit(1, "lab").hex() == "00000000000f00000004000000010001" + "00036c6162"
    assert m.membership_list(5, RING, (1, 2)).hex() == (
        "000a00000035000000040000000500120001" + "02000d000c0000000100000000000000090011000800090004000000010011000800"
        "09000400000002"
    )
    assert m.quorum_list(6, True, ((2, 1),)).hex().endswith("0014000101" + "0011000d" + "00090004000000020010000101")


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_do_harm(pieces: list[bytes]) -> None:
    device = running()
    for piece in pieces:
        device.data(piece)
        device.check_invariants()
        if device.state is State.DOWN:
            return
