"""Pacemaker framing, and its server and client end against each other over real sockets."""

from __future__ import annotations

import asyncio
import bz2
import struct
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from hashell.model.xmltext import compact
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import pcmkframe
from hashell.stack.wire.ipcclient import IpcClient, IpcError
from hashell.stack.wire.pacemaker import Client, PacemakerClient, PacemakerServer, Request

DEADLINE = 20.0


async def until(condition) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


def test_header_layout_matches_the_specification():
    data = pcmkframe.encode(5, 0x200, b"<a/>")
    assert struct.unpack("=i4xi4xi4xIIIB3x", data[:40]) == (5, 45, 0, 5, 0, 0x200, 1)
    assert data[40:] == b"<a/>\0"


def test_compressed_from_the_limit_on():
    below = pcmkframe.encode(1, 0, b"x" * (131072 - 42))
    at = pcmkframe.encode(1, 0, b"x" * (131072 - 41))
    assert len(below) == 131071 and struct.unpack_from("=I", below, 28) == (0,)
    assert at[40:44] == b"BZh4" and struct.unpack_from("=II", at, 28) == (len(at) - 40, 1)
    assert bz2.decompress(at[40:]) == b"x" * (131072 - 41) + b"\0"


@given(st.binary(max_size=300), st.integers(1, 2**31 - 1), st.sampled_from([0, 0x100, 0x200]), st.booleans())
def test_frames_survive_the_way(text, ident, flags, packed):
    frame = pcmkframe.decode(pcmkframe.encode(ident, flags, text, 0 if packed else 131072))
    assert (frame.ident, frame.text, frame.flags & ~1) == (ident, text, flags)


@given(st.binary(max_size=120))
def test_any_bytes_are_a_frame_or_an_error(data):
    try:
        pcmkframe.decode(data)
    except pcmkframe.FrameError:
        pass


@given(st.integers(0, 43), st.integers(0, 255))
def test_damaged_frames_never_raise_anything_else(where, value):
    for packed in (0, 131072):
        data = bytearray(pcmkframe.encode(1, 0, b"<abcdef/>", packed))
        data[where] = value
        try:
            pcmkframe.decode(bytes(data))
        except pcmkframe.FrameError:
            pass


def test_a_bomb_is_refused_without_unpacking_it():
    packed = bz2.compress(b"\0" * 50_000_000, 4)
    data = pcmkframe.HEADER.pack(1, 40 + len(packed), 0, 100, len(packed), 1, 1) + packed
    with pytest.raises(pcmkframe.FrameError, match="101 bytes instead of 100"):
        pcmkframe.decode(data)


class Daemon:
    def __init__(self, service: str = "crmd") -> None:
        self.settings = NodeSettings(ipc_prefix=f"t{uuid.uuid4().hex[:6]}-", user="", embedded=True)
        self.requests: list[Request] = []
        self.closed: list[Client] = []
        self.server = PacemakerServer(
            self.settings, service, on_request=self.request, on_close=self.closed.append
        )

    def request(self, client: Client, request: Request) -> None:
        self.requests.append(request)
        tag = request.element.tag
        if tag == "quiet":
            return
        if tag == "acked":
            client.ack(request, 112, ipc_protocol_version="7")
            client.event(etree.Element("reply", to=request.element.get("n") or ""))
        elif tag == "big":
            client.respond(request, etree.Element("big", text="ä" * 300_000))
        else:
            client.respond(request, etree.Element("echo", text=request.element.get("text") or ""))
            client.respond(request, etree.Element("second"))


@pytest.fixture
async def daemon():
    daemon = Daemon()
    await daemon.server.start()
    yield daemon
    await daemon.server.close()


async def test_exactly_one_response(daemon):
    client = PacemakerClient(daemon.settings, "crmd")
    await client.connect()
    for number in range(5):
        reply = await client.request(etree.Element("echo", text=f"<{number}&"), DEADLINE)
        assert compact(reply) == f'<echo text="&lt;{number}&amp;"/>'
    await client.close()
    await until(lambda: daemon.closed)
    assert not daemon.server.clients


async def test_ack_then_event(daemon):
    events: list[etree._Element] = []
    client = PacemakerClient(daemon.settings, "crmd", on_event=events.append)
    await client.connect()
    ack = await client.request(etree.Element("acked", n="3"), DEADLINE)
    assert compact(ack) == '<ack function="hashell" line="0" status="112" ipc-protocol-version="7"/>'
    await until(lambda: events)
    assert compact(events[0]) == '<reply to="3"/>'
    await client.close()


async def test_no_response_unless_asked(daemon):
    events: list[etree._Element] = []
    client = PacemakerClient(daemon.settings, "crmd", on_event=events.append)
    await client.connect()
    client.send(etree.Element("acked", n="1"))
    await until(lambda: events)
    assert not daemon.requests[0].wants_response
    assert (await client.request(etree.Element("echo", text="x"), DEADLINE)).get("text") == "x"
    await client.close()


async def test_long_messages_go_compressed_both_ways(daemon):
    client = PacemakerClient(daemon.settings, "crmd")
    await client.connect()
    reply = await client.request(etree.Element("echo", text="y" * 1_000_000), DEADLINE)
    assert reply.get("text") == "y" * 1_000_000
    assert (await client.request(etree.Element("big"), DEADLINE)).get("text") == "ä" * 300_000
    await client.close()


async def test_timeout_and_then_the_next_request(daemon):
    client = PacemakerClient(daemon.settings, "crmd")
    await client.connect()
    with pytest.raises(TimeoutError):
        await client.request(etree.Element("quiet"), 0.02)
    assert (await client.request(etree.Element("echo", text="b"), DEADLINE)).get("text") == "b"
    await client.close()


async def test_proxied_client_gets_everything_as_events(daemon):
    events: list[bytes] = []
    raw = IpcClient(daemon.settings.ipc_name("crmd"), on_event=events.append)
    await raw.connect()
    raw.send(pcmkframe.encode(1, pcmkframe.PROXIED | pcmkframe.CLIENT_RESPONSE, b'<acked n="1"/>'))
    await until(lambda: len(events) == 2)
    frames = [pcmkframe.decode(event) for event in events]
    assert [f.flags for f in frames] == [0x70300, 0x30000]
    assert frames[0].text.startswith(b"<ack ")
    await raw.close()


@pytest.mark.parametrize(
    ("service", "tag"), [("crmd", b"ack"), ("attrd", b"ack"), ("cib_rw", b"nack"), ("stonith-ng", b"nack")]
)
@pytest.mark.parametrize(
    "message",
    [
        pcmkframe.encode(9, 0x200, b"<open>"),
        pcmkframe.encode(9, 0x200, b""),
        pcmkframe.encode(9, 0x200, b"<a>\xff</a>"),
        pcmkframe.encode(9, 0x200, b"<a/>")[:-1] + b"x",
        pcmkframe.HEADER.pack(9, 45, 0, 5, 0, 0x200, 2) + b"<a/>\0",
        pcmkframe.HEADER.pack(9, 45, 0, 5, 5, 0x200, 1) + b"<a/>\0",
    ],
)
async def test_unreadable_requests_are_answered_with_protocol_error(service, tag, message):
    daemon = Daemon(service)
    await daemon.server.start()
    raw = IpcClient(daemon.settings.ipc_name(service))
    await raw.connect()
    answer = pcmkframe.decode(await raw.request(message, DEADLINE))
    assert answer.ident == 9
    assert answer.text.startswith(b"<" + tag + b" ") and b'status="76"' in answer.text
    good = await raw.request(pcmkframe.encode(10, 0x200, b"<echo/>"), DEADLINE)
    assert pcmkframe.decode(good).text == b'<echo text=""/>'
    await raw.close()
    await daemon.server.close()


async def test_server_that_shuts_down_refuses_new_clients(daemon):
    daemon.server.accepting = False
    with pytest.raises(IpcError, match="refused"):
        await PacemakerClient(daemon.settings, "crmd").connect()


async def test_request_handlers_may_be_coroutines():
    settings = NodeSettings(ipc_prefix=f"t{uuid.uuid4().hex[:6]}-", user="")

    async def handle(client: Client, request: Request) -> None:
        await asyncio.sleep(0)
        if request.element.tag == "bad":
            raise RuntimeError("a fault of the daemon")
        client.respond(request, "<done/>")

    server = PacemakerServer(settings, "pengine", on_request=handle)
    await server.start()
    lost: list[bool] = []
    client = PacemakerClient(settings, "pengine", on_lost=lambda: lost.append(True))
    await client.connect()
    assert (await client.request("<x/>", DEADLINE)).tag == "done"
    client.send("<bad/>")
    await until(lambda: lost)
    await server.close()
