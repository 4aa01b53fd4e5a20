"""Clients and senders that keep to no rule: garbage for the local sockets, the CPG groups and the ring port."""

from __future__ import annotations

import asyncio
import bz2
import contextlib
import random
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence

from hashell.stack.membership.totem import packets
from hashell.stack.settings import NodeSettings
from hashell.stack.wire import cpgframe, pcmkframe, qbframe
from hashell.stack.wire.corosync import cpg
from hashell.stack.wire.corosync.clients import CorosyncError, CpgClient
from hashell.stack.wire.ipcclient import IpcClient, IpcError

CS_SERVICES = ("cmap", "cfg", "cpg", "quorum", "votequorum")
CRM_SERVICES = (
    "pacemakerd", "cib_ro", "cib_rw", "cib_shm", "crmd", "attrd", "stonith-ng", "lrmd", "pengine",
)  # fmt: skip
GROUPS = ("cib", "attrd", "stonith-ng", "crmd", "pacemakerd")
#: Requests that do what they say whatever stands behind them: kill a node, shut the ring down.
_DEADLY = {"cfg": (2, 3, 4)}
_HEADER = struct.Struct("=i4xi4x")


def connection_requests(chance: random.Random) -> list[bytes]:
    """First messages of clients that are none."""
    good = qbframe.encode_connect_request(131072)
    return [
        b"", b"\0", good[:7], good[:-1], good + b"more", chance.randbytes(24), chance.randbytes(5000),
        b"GET / HTTP/1.0\r\n\r\n", qbframe.CONNECT_REQUEST.pack(7, 24, 1),
        qbframe.CONNECT_REQUEST.pack(qbframe.AUTHENTICATE, 2**31 - 1, 2**32 - 1),
    ]  # fmt: skip


def call_uninvited(settings: NodeSettings, service: str, chance: random.Random) -> None:
    """Open the service's socket and say every one of `connection_requests`, hanging up after each."""
    for data in connection_requests(chance):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(20)
            sock.connect(qbframe.abstract_address(settings.ipc_name(service)))
            with contextlib.suppress(OSError):
                sock.sendall(data)


def headers(chance: random.Random) -> Iterator[bytes]:
    """Messages with impossible headers."""
    yield b""
    yield b"x"
    yield chance.randbytes(15)
    for size in (-1, 0, 15, 2**31 - 1):
        yield _HEADER.pack(3, size) + b"abc"
    yield _HEADER.pack(-2, 16)
    yield _HEADER.pack(2**31 - 1, 16)


def cs_messages(service: str, chance: random.Random) -> Iterator[bytes]:
    """Requests of every number to a Corosync service: too short, too long, of noise and of extreme fields."""
    for ident in range(24):
        if ident in _DEADLY.get(service, ()):
            continue
        for length in (0, 1, 8, 24, chance.randrange(1200)):
            for body in (chance.randbytes(length), b"\xff" * length, bytes(length)):
                yield _HEADER.pack(ident, 16 + length) + body


def crm_texts(chance: random.Random) -> list[bytes]:
    """Texts that are no request of a Pacemaker daemon."""
    number = b"9" * 400
    known = (
        b"cib_command", b"message", b"stonith_command", b"lrmd_command", b"attribute", b"attrd", b"cib_callback",
        b"crm_message", b"st_notify", b"lrmd_notify", b"notify", b"cib-reply", b"op",
    )  # fmt: skip
    return [
        b"", b"\0", b"<", b"<a", b"<a/><b/>", chance.randbytes(300), b"\xff\xfe<a/>", b"not xml", b"<a>" * 5000,
        b"<a>" * 300 + b"</a>" * 300, b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a b='" + b"c" * 100000 + b"'/>", b"<!-- nothing -->", b"<a xmlns='urn:x' b:c='d'/>",
        *(b"<%s/>" % tag for tag in known),
        *(b"<%s t='x' crm_task='y' cib_op='z' st_op='q' lrmd_op='w' task='v' subt='request'/>" % tag for tag in known),
        *(
            b"<%s t='cib' cib_op='%s' cib_callopt='%s' cib_callid='%s' cib_section='//[' cib_timeout='-'/>"
            % (known[0], op, number, number)
            for op in (
                b"cib_query", b"cib_modify", b"cib_delete", b"cib_replace", b"cib_create", b"cib_apply_diff",
                b"cib_bump", b"cib_upgrade", b"register", b"cib_sync_one", b"cib_commit_transact", b"noop",
            )
        ),
        *(
            b"<lrmd_command t='lrmd' lrmd_op='%s' lrmd_callid='%s' lrmd_callopt='x' lrmd_timeout='%s'>"
            b"<lrmd_calldata><lrmd_rsc lrmd_rsc_id='' lrmd_rsc_interval='%s' lrmd_class='nope' lrmd_type='../../x'/>"
            b"</lrmd_calldata></lrmd_command>" % (op, number, number, number)
            for op in (
                b"lrmd_rsc_register", b"lrmd_rsc_exec", b"lrmd_rsc_cancel", b"lrmd_rsc_info", b"lrmd_rsc_unregister",
                b"lrmd_alert_exec", b"lrmd_rsc_get_recurring", b"lrmd_poke", b"register", b"lrmd_check",
            )
        ),
        *(
            b"<stonith_command t='stonith-ng' st_op='%s' st_callid='%s' st_timeout='%s' st_callopt='%s'>"
            b"<st_calldata><x st_target='nowhere' st_device_id='' st_device_action='frobnicate'/></st_calldata>"
            b"</stonith_command>" % (op, number, number, number)
            for op in (
                b"st_device_register", b"st_device_remove", b"st_query", b"st_execute", b"st_level_add",
                b"st_fence_history", b"st_notify", b"poke", b"register", b"st_relay",
            )
        ),
        *(
            b"<message t='crmd' subt='request' crm_task='%s' crm_sys_to='%s' crm_sys_from='x' crm_host_to='%s' "
            b"reference='' version='z'><crm_xml><rsc_op/></crm_xml></message>" % (task, to, host)
            for task in (b"lrm_fail", b"lrm_delete", b"rm_node_cache", b"ping", b"node-info", b"join_offer",
                         b"join_ack_nack", b"vote", b"pe_calc", b"remote_lrm", b"nonsense")
            for to in (b"crmd", b"dc", b"lrmd", b"pengine", b"nobody")
            for host in (b"", b"nowhere")
        ),
        *(
            b"<attrd task='%s' attr_name='' attr_value='%s' attr_host='nowhere' attr_host_id='%s' attr_dampening='-x' "
            b"attr_pattern='((('/>" % (task, number, number)
            for task in (b"update", b"query", b"clear-failure", b"update-both", b"update-delay", b"peer-remove", b"x")
        ),
    ]  # fmt: skip


def crm_messages(chance: random.Random) -> Iterator[bytes]:
    """Requests to a Pacemaker daemon whose frame or text is wrong."""
    texts = crm_texts(chance)
    for number, text in enumerate(texts):
        yield pcmkframe.encode(number, chance.choice((0, pcmkframe.CLIENT_RESPONSE, 0x7FFFFFFF & ~1)), text)
    pack = pcmkframe.HEADER.pack
    for flags in (0, 1, 0x200, 0xFFFFFFFF):
        yield pack(1, 40, 0, 0, 0, flags, 1)
        yield pack(1, 44, 0, 2**32 - 1, 0, flags, 1) + b"<a/>"
        yield pack(1, 44, 0, 4, 0, flags, 200) + b"<a/>"
        yield pack(1, 44, 0, 5, 2**32 - 1, flags, 1) + b"<a/>"
        yield pack(1, 140, 0, 1000, 100, flags, 1) + chance.randbytes(100)
    bomb = bz2.compress(bytes(50_000_000))
    yield pack(1, 40 + len(bomb), 0, 50_000_000, len(bomb), 0x201, 1) + bomb
    yield pack(1, 40 + len(bomb), 0, 100, len(bomb), 0x201, 1) + bomb


async def pester(settings: NodeSettings, service: str, seed: int) -> None:
    """Everything wrong that a client of this service can say; connects anew whenever it is thrown out."""
    chance = random.Random(seed)
    await asyncio.to_thread(call_uninvited, settings, service, chance)
    messages = [*headers(chance)]
    messages += crm_messages(chance) if service in CRM_SERVICES else cs_messages(service, chance)
    client: IpcClient | None = None
    for message in messages:
        if client is None or not client.connected:
            client = IpcClient(settings.ipc_name(service), on_event=lambda _data: None)
            await client.connect(wait=20.0)
        with contextlib.suppress(IpcError):
            client.send(message)
        await asyncio.sleep(0)
    if client is not None:
        await client.close()


def cpg_frames(chance: random.Random, sender: str) -> Iterator[bytes]:
    """What no peer would send to a group."""
    yield b""
    yield chance.randbytes(40)
    yield chance.randbytes(700)
    for text in crm_texts(chance):
        frame = cpgframe.encode(cpgframe.ClusterMessage(text, 0, sender, 4711, chance.randrange(9)))
        yield frame
        if chance.random() < 0.1:
            yield frame[: chance.randrange(len(frame))]
    yield cpgframe.encode(cpgframe.ClusterMessage(b"<a/>", 0, "someone-else", 1, 2))


async def shout_into_groups(settings: NodeSettings, sender: str, seed: int) -> None:
    """Join the daemons' groups as a stranger and multicast what no daemon says."""
    chance = random.Random(seed)
    for group in GROUPS:
        client = CpgClient(
            settings, on_deliver=lambda *_a: None, on_confchg=lambda *_a: None, on_lost=lambda: None
        )
        await client.connect()
        await client.join(cpg.group_name(group))
        for frame in cpg_frames(chance, sender):
            with contextlib.suppress(IpcError, CorosyncError):
                client.mcast(frame)
            await asyncio.sleep(0)
        await client.close()


def ring_noise(chance: random.Random) -> Iterator[bytes]:
    """Datagrams that are no packet of any ring: noise, damaged headers, packets cut off or of unknown kinds.

    A whole packet of another ring is not among them: whoever sends one is a ring to merge with.
    """
    ring = packets.RingId(1, 4)
    real = packets.Mcast(nodeid=1, seq=5, ring=ring, payload=chance.randbytes(200)).encode()
    for length in (0, 1, 9, 12, 13, 60, 1500, 60000):
        yield chance.randbytes(length)
        yield b"\x70\xc0\x03" + chance.randbytes(length)
    for cut in range(0, packets.MCAST_SIZE, 5):
        yield real[:cut]
    for place in range(3):
        yield real[:place] + bytes([real[place] ^ 0xFF]) + real[place + 1 :]
    for kind in range(256):
        length = chance.randrange(20 if kind <= packets.HOLD_CANCEL else 1400)
        yield real[:3] + bytes([kind]) + real[4 : 4 + length]


class Mute:
    """A client that asks and never reads an answer: a bare request socket behind a correct handshake."""

    def __init__(self, settings: NodeSettings, service: str) -> None:
        self.asked = 0
        self._setup = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._setup.settimeout(20)
        self._setup.connect(qbframe.abstract_address(settings.ipc_name(service)))
        self._setup.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._setup.sendall(qbframe.encode_connect_request(524288))
        data = b""
        while len(data) < qbframe.CONNECT_RESPONSE.size:
            data += self._setup.recv(65536)
        answer = qbframe.decode_handshake(data)
        base = answer.response
        self._sockets = []
        for suffix in ("-response", "-event"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sock.bind(qbframe.abstract_address(base + suffix))
            self._sockets.append(sock)
        self._sockets[0].connect(qbframe.abstract_address(base + "-request"))
        self._sockets[0].setblocking(False)

    def ask(self, text: str) -> bool:
        """Send a request that wants an answer; False when the server takes no more."""
        try:
            self._sockets[0].send(pcmkframe.encode(self.asked + 1, pcmkframe.CLIENT_RESPONSE, text.encode()))
        except OSError:
            return False
        self.asked += 1
        return True

    def close(self) -> None:
        for sock in (*self._sockets, self._setup):
            sock.close()


def knock_as_nobody(settings: NodeSettings, services: Sequence[str]) -> list[int]:
    """Connect to each service as a user who is in no group of the cluster's; the errors as positive numbers."""
    code = f"""
import os, socket
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for address in {[qbframe.abstract_address(settings.ipc_name(service)) for service in services]!r}:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(20)
        sock.connect(address)
        sock.sendall({qbframe.encode_connect_request(131072)!r})
        data = sock.recv(65536)
    print(-int.from_bytes(data[16:20], "little", signed=True))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]
