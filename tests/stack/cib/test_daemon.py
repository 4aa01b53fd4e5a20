"""The CIB manager as a process sees it: real sockets, real files, a ring of one."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from lxml import etree

from hashell.model.diagnostics import Diagnostic
from hashell.model.document import CallOption, Rc
from hashell.model.version import CibVersion
from hashell.model.xmltext import compact, parse
from hashell.stack.cib.daemon import DiskWriter, main
from hashell.stack.cib.storage import CibNotWritten, CibStorage
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.cibclient import CibClient, CibError, CibReply, command
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient
from tests.model.randomcib import BASE, mutate
from tests.stack.wire.fakering import FakeRing

DEADLINE = 30.0
DUMMY = '<primitive id="{}" class="ocf" provider="pacemaker" type="Dummy"/>'


class Stack:
    """A membership daemon and a CIB manager in this process."""

    def __init__(self, folder: Path) -> None:
        self.ring = FakeRing()
        self.settings: NodeSettings = replace(self.ring.settings, state_dir=folder)
        self.stop = asyncio.Event()
        self.task: asyncio.Task[int] | None = None

    async def start(self) -> None:
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(main(self.settings, self.stop))

    async def end(self) -> int:
        self.stop.set()
        assert self.task is not None
        return await asyncio.wait_for(self.task, DEADLINE)


@pytest.fixture
async def stack(tmp_path) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path)
    await stack.ring.start()
    await stack.start()
    yield stack
    if stack.task is not None and not stack.task.done():
        await stack.end()
    await stack.ring.close()


async def connected(stack: Stack, name: str = "test", **options) -> CibClient:
    client = CibClient(stack.settings, name, **options)
    await client.connect(DEADLINE)
    return client


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_change_is_answered_told_and_written(stack):
    seen: list[etree._Element | None] = []
    watcher = await connected(stack, "watcher", on_diff=seen.append)
    client = await connected(stack)
    await client.create("resources", parse(DUMMY.format("a")))
    assert compact(await client.query("resources")) == f"<resources>{DUMMY.format('a')}</resources>"
    assert (await client.query(xpath="//primitive")).get("id") == "a"
    await until(lambda: bool(seen))
    assert seen[0].get("cib_clientname") == "test" and watcher.cib.find(".//primitive").get("id") == "a"
    with pytest.raises(CibError) as refused:
        await client.create("resources", parse(DUMMY.format("a")))
    assert refused.value.rc == Rc.EEXIST and refused.value.output.tag == "failed"
    await client.delete_xpath("//primitive[@id='a']")
    for one in (watcher, client):
        await one.close()
    assert await stack.end() == 0
    assert CibVersion.of(parse((stack.settings.cib_dir / "cib.xml").read_bytes())).epoch == 2


async def test_what_was_written_is_there_after_a_restart(stack):
    client = await connected(stack)
    await client.create("resources", parse(DUMMY.format("a")))
    await client.modify("status", parse('<node_state id="1"/>'), CallOption.CAN_CREATE)
    lost = asyncio.Event()
    client._on_lost = lost.set
    assert await stack.end() == 0
    await asyncio.wait_for(lost.wait(), DEADLINE)
    with pytest.raises(IpcError):
        await client.query()
    await client.close()
    await stack.start()
    client = await connected(stack)
    cib = await client.query()
    assert cib.find(".//primitive") is not None and len(cib.find("status")) == 0
    await client.close()


async def test_the_local_copy_follows_any_change(stack):
    watcher = await connected(stack, "watcher", on_diff=lambda element: None)
    client = await connected(stack)
    rng = random.Random(4)
    base = parse(BASE.replace('epoch="5"', 'epoch="70"').replace("pacemaker-4.0", "none"))
    await client.replace(None, base)
    for number in range(40):
        section = await client.query("status" if number % 2 else None)
        mutate(rng, section, 3)
        if section.tag == "cib":
            section.set("epoch", str(100 + number))
            section.set("admin_epoch", "0")
        await client.replace("status" if number % 2 else None, section)
    final = compact(await client.query())
    await until(lambda: watcher.cib is not None and compact(watcher.cib) == final)
    await watcher.close()
    await client.close()


async def test_answers_come_to_who_did_not_wait_for_them(stack):
    client = await connected(stack)
    replies: list[CibReply] = []
    client.send("cib_bump", on_reply=replies.append)
    client.send("cib_bump")
    client.send("cib_delete_alt", on_reply=replies.append)
    await until(lambda: len(replies) == 2)
    assert [r.rc for r in replies] == [0, Rc.EINVAL]
    assert CibVersion.of(await client.query()).epoch == 2
    await client.close()


async def test_a_transaction_is_all_or_nothing(stack):
    client = await connected(stack)
    bit = CallOption.TRANSACTION
    good = command("cib_create", section="resources", data=parse(DUMMY.format("a")), options=bit)
    bad = command("cib_modify", section="resources", data=parse('<primitive id="q"/>'), options=bit)
    with pytest.raises(CibError):
        await client.commit([good, bad])
    assert len(await client.query("resources")) == 0
    await client.commit([command("cib_create", section="resources", data=parse(DUMMY.format("a")), options=bit)])
    assert len(await client.query("resources")) == 1
    await client.close()


async def test_the_bare_protocol(stack):
    client = await connected(stack)
    await client.close()
    events: list[etree._Element] = []
    bare = PacemakerClient(stack.settings, "cib_ro", on_event=events.append)
    await bare.connect()
    ack = await bare.request('<cib-callback cib_op="cib_notify" cib_notify_type="cib_none" cib_notify_activate="1"/>')
    assert (ack.tag, ack.get("status")) == ("ack", "2")
    nack = await bare.request("<cib_command")
    assert (nack.tag, nack.get("status")) == ("nack", "76")
    reply = await bare.request('<cib_command t="cib" cib_op="cib_query" cib_callid="9" cib_callopt="4128"/>')
    assert (reply.get("cib_rc"), reply.get("cib_callid"), len(reply[0][0])) == ("0", "9", 0)
    reply = await bare.request('<cib_command t="cib" cib_op="nonsense" cib_callid="10" cib_callopt="4096"/>')
    assert reply.get("cib_rc") == str(int(Rc.EOPNOTSUPP))
    bare.send('<cib_command t="cib" cib_op="ping" cib_callid="11" cib_callopt="0"/>')
    await until(lambda: bool(events))
    answer = events[0].find("cib_calldata/ping_response")
    assert len(answer.get("digest")) == 32 and answer.find("cib_calldata/cib") is not None
    await bare.close()


_SLEEPER = """
import asyncio, sys
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.cibclient import CibClient
async def main():
    client = CibClient(NodeSettings.from_json(sys.argv[1]), "sleeper", on_diff=lambda element: None)
    await client.connect(20)
    print("ready", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_one_who_does_not_read_costs_the_others_nothing(stack):
    root = Path(__file__).resolve().parents[3]
    sleeper = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SLEEPER, stack.settings.to_json(), cwd=root, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert sleeper.stdout is not None
        assert await asyncio.wait_for(sleeper.stdout.readline(), DEADLINE) == b"ready\n"
        sleeper.send_signal(signal.SIGSTOP)
        client = await connected(stack)
        for number in range(1500):
            state = parse(f'<node_state id="1" crmd="{number}"/>')
            if number % 50:
                client.send("cib_modify", section="status", options=CallOption.CAN_CREATE, data=state)
            else:
                await client.modify("status", state, CallOption.CAN_CREATE)
        await client.modify("status", parse('<node_state id="1" crmd="last"/>'))
        assert (await client.query("status"))[0].get("crmd") == "last"
        await client.close()
    finally:
        sleeper.kill()
        await sleeper.wait()


async def test_the_loss_of_the_ring_ends_the_daemon(stack):
    client = await connected(stack)
    await client.close()
    await stack.ring.close()
    assert stack.task is not None
    assert await asyncio.wait_for(stack.task, DEADLINE) == 102


class FullDisk:
    """Storage that has no room for the first `failures` documents."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.saved: list[str | None] = []

    def save(self, document: etree._Element, _now: str) -> list[Diagnostic]:
        if self.failures:
            self.failures -= 1
            return [CibNotWritten(file="cib.xml", reason="No space left on device")]
        self.saved.append(document.get("epoch"))
        return []


async def test_what_a_full_disk_refused_is_written_when_there_is_room(caplog: pytest.LogCaptureFixture) -> None:
    disk = FullDisk(3)
    writer = DiskWriter(cast(CibStorage, disk), retry=0.01)
    writer.write(etree.Element("cib", epoch="7"))
    async with asyncio.timeout(DEADLINE):
        while not disk.saved:
            await asyncio.sleep(0.005)
    assert disk.saved == ["7"]
    assert caplog.text.count("No space left on device") == 1, "a failure that lasts is said once"
    await writer.finish()


async def test_a_newer_document_takes_the_place_of_one_that_waits() -> None:
    disk = FullDisk(1)
    writer = DiskWriter(cast(CibStorage, disk), retry=3600)
    writer.write(etree.Element("cib", epoch="7"))
    await asyncio.sleep(0)
    writer.write(etree.Element("cib", epoch="8"))
    async with asyncio.timeout(DEADLINE):
        await writer.finish()
    assert disk.saved == ["8"]


async def test_the_end_does_not_wait_for_room() -> None:
    disk = FullDisk(1_000_000)
    writer = DiskWriter(cast(CibStorage, disk), retry=3600)
    writer.write(etree.Element("cib", epoch="7"))
    async with asyncio.timeout(DEADLINE):
        await writer.finish()
    assert disk.saved == [] and disk.failures <= 999_999
