"""Messages of Corosync's services: sizes and offsets of the specification, and both directions of each codec."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashell.stack.wire.corosync import cfg, cmap, cpg, quorum, votequorum
from hashell.stack.wire.corosync.layout import CodecError, Message, bare_error

A = cpg.Address
GROUP = b"crmd\0"

REQUESTS = [
    (cpg, cpg.Join(GROUP, 7, 1), 168),
    (cpg, cpg.Leave(GROUP, 7), 160),
    (cpg, cpg.Mcast(b"hello"), 45),
    (cpg, cpg.Membership(GROUP), 152),
    (cpg, cpg.LocalGet(), 16),
    (cpg, cpg.IterInit(GROUP, cpg.ITER_ONE_GROUP), 160),
    (cpg, cpg.IterNext(2**63), 24),
    (cpg, cpg.IterFinalize(3), 24),
    (cpg, cpg.Finalize(), 16),
    (cpg, cpg.PartialMcast(b"abc", 10, cpg.FIRST), 59),
    (cmap, cmap.Set(b"a.b", cmap.ValueType.STRING, b"x\0"), 298),
    (cmap, cmap.Delete(b"a.b"), 280),
    (cmap, cmap.Get(b"a.b", 9), 288),
    (cmap, cmap.AdjustInt(b"a.b", -1), 288),
    (cmap, cmap.IterInit(b""), 280),
    (cmap, cmap.IterNext(1), 24),
    (cmap, cmap.IterFinalize(1), 24),
    (cmap, cmap.TrackAdd(b"a.", 15, 99), 296),
    (cmap, cmap.TrackDelete(1), 24),
    (cmap, cmap.SetCurrentMap(1), 24),
    (quorum, quorum.GetQuorate(), 16),
    (quorum, quorum.TrackStart(3), 24),
    (quorum, quorum.TrackStop(), 16),
    (quorum, quorum.GetType(), 16),
    (quorum, quorum.ModelGetType(1), 24),
    (votequorum, votequorum.GetInfo(1), 24),
    (votequorum, votequorum.SetExpected(3), 24),
    (votequorum, votequorum.SetVotes(2, 1), 24),
    (votequorum, votequorum.TrackStart(5, 3), 32),
    (votequorum, votequorum.TrackStop(), 16),
    (votequorum, votequorum.QdeviceRegister("Qdevice"), 272),
    (votequorum, votequorum.QdeviceUnregister("Qdevice"), 272),
    (votequorum, votequorum.QdeviceUpdate("a", "b"), 528),
    (votequorum, votequorum.QdevicePoll("Qdevice", 1, 1, 12), 296),
    (votequorum, votequorum.QdeviceMasterWins("Qdevice", 1), 280),
    (cfg, cfg.RingStatusGet(), 16),
    (cfg, cfg.RingReenable(), 16),
    (cfg, cfg.KillNode(2, b"why"), 288),
    (cfg, cfg.TryShutdown(2), 24),
    (cfg, cfg.ReplyToShutdown(1), 24),
    (cfg, cfg.GetNodeAddrs(1), 24),
    (cfg, cfg.LocalGet(), 16),
    (cfg, cfg.ReloadConfig(), 16),
    (cfg, cfg.ReopenLog(), 16),
    (cfg, cfg.NodeStatusGet(1), 32),
    (cfg, cfg.TrackStart(), 24),
    (cfg, cfg.TrackStop(), 16),
]  # fmt: skip

ANSWERS: list[tuple[Message, int]] = [
    (cpg.MembershipReply((A(1, 5), A(2, 6))), 9248),
    (cpg.LocalReply(3), 32),
    (cpg.IterHandle(2**60), 32),
    (cpg.IterEntry(GROUP, 1, 2), 168),
    (cpg.Deliver(GROUP, 1, 2, b"data"), 188),
    (cpg.PartialDeliver(GROUP, 1, 2, 10, cpg.LAST, b"data"), 204),
    (cpg.Confchg(GROUP, (A(1, 5), A(2, 6)), (A(3, 7, 3),), (A(2, 6, 1),)), 184 + 4 * 24),
    (cpg.TotemConfchg(1, 12, (1, 2, 3)), 48 + 12),
    (cmap.GetReply(5, 11, b"knet\0"), 45),
    (cmap.IterHandle(4), 32),
    (cmap.IterEntry(b"a.b", 4, 6), 304),
    (cmap.TrackAddReply(4), 32),
    (cmap.TrackDeleteReply(4), 32),
    (cmap.Notify(9, b"a.b", 2, 6, 11, b"1234", b"xy\0"), 343),
    (quorum.QuorateReply(1), 32),
    (quorum.TypeReply(1), 32),
    (quorum.ModelTypeReply(1), 32),
    (quorum.Notification(1, 5, (1,)), 52),
    (quorum.QuorumEvent(1, 1, 5, (1,)), 60),
    (quorum.NodelistEvent(1, 5, (1, 2), (2,), (3,)), 64 + 16),
    (votequorum.InfoReply(1, 1, 1, 3, 3, 3, 2, 2, 0, "Qdevice"), 320),
    (votequorum.QuorumEvent(1, 7, ((1, 1), (2, 2))), 64),
    (votequorum.ExpectedEvent(7, 3), 40),
    (votequorum.NodelistEvent(7, 1, 12, (1, 2)), 64),
    (cfg.RingStatusReply((("0 10.99.0.1", "n"),)), 10272),
    (cfg.NodeAddrsReply(("10.99.0.1",)), 48),
    (cfg.NodeAddrsReply(("fe80::1", "::1")), 64),
    (cfg.LocalReply(1), 32),
    (cfg.TestShutdown(1), 32),
]  # fmt: skip


@pytest.mark.parametrize(("service", "message", "size"), REQUESTS, ids=lambda v: type(v).__name__)
def test_requests_have_their_size_and_survive_the_way(service, message, size):
    data = message.encode()
    assert len(data) == size == struct.unpack_from("=i", data, 8)[0]
    assert service.decode_request(data) == message
    for cut in range(len(data)):
        try:
            service.decode_request(data[:cut])
        except CodecError:
            pass


@pytest.mark.parametrize(("message", "size"), ANSWERS, ids=lambda v: type(v).__name__)
def test_answers_have_their_size_and_survive_the_way(message, size):
    data = message.encode()
    assert len(data) == size == struct.unpack_from("=i", data, 8)[0]
    assert type(message).decode(data) == message
    for cut in range(24, min(len(data), 400)):
        try:
            type(message).decode(data[:cut])
        except CodecError:
            pass


def test_captured_quorum_events():
    """Bytes after the header as the specification records them (section 4.4)."""
    nodelist = bytes.fromhex("01000000 00000000 05000000 00000000 01000000" + " 00000000" * 4 + "01000000 00000000")
    event = bytes.fromhex("01000000 00000000 01000000 00000000 05000000 00000000 01000000 01000000 00000000")
    assert quorum.NodelistEvent(1, 5, (1,), (), ()).encode()[24:] == nodelist
    assert quorum.QuorumEvent(1, 1, 5, (1,)).encode()[24:] == event


def test_offsets_of_cpg_messages():
    data = cpg.Confchg(GROUP, (A(1, 5),), (A(3, 7, 3),), (A(2, 6, 1),)).encode()
    assert struct.unpack_from("=I", data, 24)[0] == 5 and data[32:37] == GROUP
    assert struct.unpack_from("=I4xI4xI", data, 160) == (1, 1, 1)
    assert [struct.unpack_from("=I4xI4xI", data, 184 + 24 * n) for n in range(3)] == [
        (1, 5, 0), (3, 7, 3), (2, 6, 1)
    ]  # fmt: skip
    totem = cpg.TotemConfchg(1, 12, (1, 2)).encode()
    assert struct.unpack_from("=I4xQIII", totem, 24) == (1, 12, 2, 1, 2)


def test_padding_garbage_is_ignored():
    data = bytearray(cpg.Deliver(GROUP, 1, 2, b"x").encode())
    for offset in (4, 12, 16, 20, 28, 164, 172, 180):
        data[offset : offset + 4] = b"\xff" * 4
    assert cpg.decode_event(bytes(data)) == cpg.Deliver(GROUP, 1, 2, b"x")


def test_get_replies_follow_the_room_asked_for():
    value = b"knet\0"
    assert cmap.GetReply.answer(cmap.Get(b"k", 0), 11, value).encode()[24:] == struct.pack("=QB7x", 5, 11)
    assert len(cmap.GetReply.answer(cmap.Get(b"k", 16), 11, value).encode()) == 56
    small = cmap.GetReply.answer(cmap.Get(b"k", 3), 11, value)
    assert (len(small.encode()), small.error, small.length, small.kind) == (40, 7, 0, 0)


@given(st.sampled_from([cpg, cmap, quorum, votequorum, cfg]), st.binary(max_size=400), st.integers(-3, 20))
def test_any_bytes_are_a_request_or_an_error(service, body, ident):
    data = struct.pack("=i4xi4x", ident, 16 + len(body)) + body
    for decode in (service.decode_request, service.decode_event):
        try:
            decode(data)
        except CodecError:
            pass


@pytest.mark.parametrize(
    ("kind", "value"),
    [(2, 255), (1, -128), (6, 4294967295), (8, 2**64 - 1), (7, -(2**63)), (10, 1.5), (11, "knet"), (12, b"\0\1")],
)
def test_typed_values(kind, value):
    assert cmap.decode_value(kind, cmap.encode_value(kind, value)) == value


def test_values_that_do_not_fit_are_refused():
    for kind, value in ((2, 256), (2, "x"), (11, 5)):
        with pytest.raises(CodecError):
            cmap.encode_value(kind, value)
    with pytest.raises(CodecError):
        cmap.decode_value(6, b"12")
    with pytest.raises(CodecError):
        cpg.Join(b"x" * 129, 1).encode()


def test_bare_error():
    assert bare_error(7) == struct.pack("=i4xi4xi4x", 0, 24, 7)


def test_ids_of_plain_responses():
    assert struct.unpack_from("=i", cpg.ack(cpg.PartialMcast(b"", 0, 1), 16))[0] == 18
    assert struct.unpack_from("=i", cmap.ack(cmap.SetCurrentMap(0)))[0] == 10
    assert struct.unpack_from("=i", votequorum.ack(votequorum.TrackStart(0, 1)))[0] == 0
    assert struct.unpack_from("=i", cfg.ack(cfg.TrackStart()))[0] == 2


def test_node_status_survives_the_way():
    links = (cfg.LinkStatus(1, 1, 0, 1410, "10.0.0.1", "10.0.0.2"),)
    reply = cfg.NodeStatusReply(3, 1, onwire_max=1, links=links)
    data = reply.encode()
    assert len(data) == 4200
    back = cfg.NodeStatusReply.decode(data)
    assert back.links[0] == links[0] and back.links[1] == cfg.LinkStatus()
    assert (back.nodeid, back.reachable, back.onwire_max, back.version) == (3, 1, 1, 1)
    assert len(cfg.node_status_version_error()) == 32
