"""The Pacemaker header on CPG: layout and each receive check."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.wire.cpgframe import ClusterMessage, Daemon, Dropped, daemon_type, decode, encode


def frame(**changes) -> bytes:
    message = ClusterMessage(b"<a/>", 0, "node2", sender_pid=9, sender_type=2, ident=1)
    return encode(replace(message, **changes))


def test_layout_of_the_specification():
    data = frame(text=b"x" * 46, to_nodeid=3, to_name="node3", to_type=Daemon.CRMD)
    assert len(data) == 639
    assert struct.unpack_from("=i4xi4xi4xIiIIii", data, 0) == (0, 639, 1, 1, 0, 3, 0, 0, 3)
    assert struct.unpack_from("=I5s", data, 48) == (5, b"node3")
    assert struct.unpack_from("=IIiII5s", data, 308) == (0, 9, 0, 2, 5, b"node2")
    assert struct.unpack_from("=II", data, 584) == (47, 0)
    assert data[592:] == b"x" * 46 + b"\0"


@given(st.text(min_size=1, max_size=50).map(lambda t: t.replace("\0", "x").encode()), st.integers(1, 9))
def test_frames_survive_the_way(text, nodeid):
    message = decode(frame(text=text), nodeid, 1, "node1")
    assert (message.text, message.sender_nodeid, message.sender_name) == (text, nodeid, "node2")


def test_compression_starts_at_128_kib():
    assert len(frame(text=b"x" * 131070)) == 592 + 131071
    packed = frame(text=b"x" * 131071)
    assert len(packed) < 2000 and packed[592:596] == b"BZh4"
    assert decode(packed, 2, 1, "node1").text == b"x" * 131071


def test_addressed_to_others_is_dropped_silently():
    for data in (frame(to_nodeid=3), frame(to_name="node3")):
        with pytest.raises(Dropped) as caught:
            decode(data, 2, 1, "node1")
        assert caught.value.silent
    assert decode(frame(to_nodeid=1, to_name="NODE1"), 2, 1, "node1").text == b"<a/>"


def put(data: bytes, offset: int, value: int) -> bytes:
    return data[:offset] + struct.pack("=I", value) + data[offset + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        frame()[:591],
        frame()[:592],
        put(frame(), 308, 7),
        put(frame(), 8, 592),
        put(frame(), 8, 9999),
        put(frame(), 16, 2),
        put(frame(), 584, 4),
        put(frame(), 28, 1),
        frame()[:-1] + b"x",
        frame(text=b"<a/>\0"),
        frame(text=b""),
        put(frame(text=b"x" * 140000), 584, 140002),
        frame(text=b"x" * 140000)[:-8] + b"damaged!",
    ],
)
def test_damaged_frames_are_dropped_with_a_reason(data):
    with pytest.raises(Dropped) as caught:
        decode(data, 2, 1, "node1")
    assert not caught.value.silent and str(caught.value)


@given(st.integers(0, 600), st.binary(min_size=1, max_size=8))
def test_damage_anywhere_never_raises_anything_else(where, junk):
    data = frame(text=b"<abcdefg/>")
    try:
        decode(data[:where] + junk + data[where + len(junk) :], 2, 1, "node1")
    except Dropped:
        pass


def test_names_that_are_too_long_are_refused():
    with pytest.raises(ValueError):
        frame(sender_name="x" * 256)


def test_daemon_types():
    assert [daemon_type(g) for g in ("attrd", "cib", "crmd", "stonith-ng", "tengine", "else")] == [1, 2, 3, 5, 3, 0]
