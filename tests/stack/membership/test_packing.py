"""totempg: packing, fragments, reassembly, the two streams."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.membership.totem.packing import Assembly, Packer, decode_frame, pack, unwrap_groups, wrap_group

MTU = 1410


def reassemble(frames: list[bytes]) -> list[bytes]:
    assembly = Assembly()
    out = []
    for data in frames:
        frame = decode_frame(data)
        assert frame is not None and len(data) <= MTU
        out += assembly.add(frame)
    return out


@given(st.lists(st.integers(0, 6000), max_size=30))
def test_what_is_packed_comes_out(sizes: list[int]) -> None:
    messages = [bytes([i]) * size for i, size in enumerate(sizes)]
    assert reassemble(pack(messages, MTU)) == messages


def test_a_fragmented_first_packet_is_as_long_as_corosyncs() -> None:
    frames = pack([bytes(1573)], MTU)
    first, last = decode_frame(frames[0]), decode_frame(frames[1])
    assert first and last
    assert (first.fragmented, first.continuation, len(first.parts[0])) == (1, 0, 1400)
    assert (last.fragmented, last.continuation, len(last.parts[0])) == (0, 1, 173)


def test_short_messages_are_never_cut() -> None:
    for data in pack([bytes(900)] * 9, MTU):
        frame = decode_frame(data)
        assert frame and not frame.fragmented and not frame.continuation


def test_fragment_numbers_skip_zero() -> None:
    message = bytes(range(256)) * 1600
    frames = pack([message], MTU)
    assert len(frames) > 256
    assert reassemble(frames) == [message]


def test_a_joiner_misses_only_the_message_whose_head_it_missed() -> None:
    frames = pack([b"a" * 3000, b"b" * 100, b"c" * 100], MTU)
    assert reassemble(frames[1:]) == [b"b" * 100, b"c" * 100]


def test_a_lost_middle_drops_one_message() -> None:
    frames = pack([b"a" * 5000, b"b" * 10], MTU)
    assert reassemble([frames[0], *frames[2:]]) == [b"b" * 10]


def test_an_abandoned_head_does_not_spoil_the_next() -> None:
    frames = pack([b"a" * 3000], MTU)[:1] + pack([b"b" * 10], MTU)
    assert reassemble(frames) == [b"b" * 10]


def test_broken_frames_are_refused() -> None:
    frame = pack([b"abc"], MTU)[0]
    assert decode_frame(frame[:-1]) is None
    assert decode_frame(frame + b"x") is None
    assert decode_frame(b"\0" * 7) is None
    assert unwrap_groups(b"\x05\x00") is None
    assert unwrap_groups(b"") is None


def test_groups() -> None:
    assert wrap_group(b"a", b"xyz") == bytes.fromhex("0100010061") + b"xyz"
    assert unwrap_groups(wrap_group(b"sync", b"xyz")) == ([b"sync"], b"xyz")


def test_the_two_streams_do_not_mix() -> None:
    sender, receiver = Packer(MTU), Packer(MTU)
    sender.synchronising = receiver.synchronising = False
    sender.put(b"a", b"x" * 3000)
    normal = sender.frames()
    assert receiver.receive(1, normal[0]) == []
    sender.synchronising = receiver.synchronising = True
    sender.put(b"sync", b"s" * 2000)
    for frame in sender.frames():
        done = receiver.receive(1, frame)
    assert done and done[0].endswith(b"s" * 2000)
    receiver.synchronising = False
    for frame in normal[1:]:
        done = receiver.receive(1, frame)
    assert done and done[0].endswith(b"x" * 3000)
    assert sender.waiting_bytes == 0
