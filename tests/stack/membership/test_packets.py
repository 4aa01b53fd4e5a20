"""Totem packets: what comes in broken goes out as an error, what is encoded comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.membership.totem.packets import (
    CommitEntry,
    CommitToken,
    HoldCancel,
    Join,
    Mcast,
    MergeDetect,
    OrfToken,
    PacketError,
    RingId,
    decode,
)
from hashell.stack.membership.totem.variables import lt, lte

RING = RingId(1, 0x1234)
SAMPLES = [
    Mcast(1, 7, RING, b"payload", 2, 3),
    OrfToken(1, RING, 5, 6, 7, 8, 9, 10, 1, [(RING, 4), (RING, 5)]),
    Join(1, 1, [1, 2, 3], [3], 17),
    MergeDetect(2, 2, RING),
    HoldCancel(2, RING),
    CommitToken(1, RING, [1, 2], [CommitEntry(RING, 1, 2, 1), CommitEntry()], 3, 0, 1),
]


@pytest.mark.parametrize("packet", SAMPLES, ids=lambda p: type(p).__name__)
def test_round_trip(packet: Mcast) -> None:
    assert decode(packet.encode()) == packet


@pytest.mark.parametrize("packet", SAMPLES, ids=lambda p: type(p).__name__)
def test_every_cut_is_an_error_or_a_shorter_payload(packet: Mcast) -> None:
    data = packet.encode()
    for length in range(len(data)):
        if isinstance(packet, Mcast) and length >= 45:
            continue
        with pytest.raises(PacketError):
            decode(data[:length])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "short"),
        (b"\xff\xff" + bytes(20), "magic"),
        (b"\xc0\x70\x03\x00" + bytes(60), "byte-order"),
        (b"\x70\xc0\x02\x00" + bytes(60), "version"),
        (b"\x70\xc0\x03\x09" + bytes(60), "type"),
        (OrfToken(1, RING, rtr=[(RING, 1)]).encode()[:-1], "short"),
    ],
)
def test_kinds_of_garbage(data: bytes, kind: str) -> None:
    with pytest.raises(PacketError) as caught:
        decode(data)
    assert caught.value.kind == kind


def test_sender_of_foreign_magic_is_guessed() -> None:
    for first, name in ((b"\xfe\xfe", "Corosync 2.3+"), (b"\x01\x81", "unencrypted Kronosnet")):
        with pytest.raises(PacketError, match=name.replace("+", r"\+")):
            decode(first + bytes(30))


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_packet_error(tail: bytes) -> None:
    for kind in range(6):
        try:
            decode(b"\x70\xc0\x03" + bytes([kind]) + tail)
        except PacketError:
            pass


def test_sequence_numbers_wrap() -> None:
    assert lt(1, 2) and not lt(2, 1) and lte(2, 2)
    assert lt(0xFFFFFFFE, 0xFFFFFFFF)
    assert lt(0xFFFFFFFF, 3)
    assert not lt(3, 0xFFFFFFFF)
    assert not lte(0, 0xFFFFFFFF), "token_seq 0 follows the initial value"
