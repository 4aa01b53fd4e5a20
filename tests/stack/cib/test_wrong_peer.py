"""What a peer sends of the CIB with a wrong digest, or not at all a CIB: refused, told once, and nothing is lost."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from lxml import etree

from hashell.model.digest import digest_v2
from hashell.model.document import copy_tree
from hashell.model.xmltext import compact, parse
from hashell.stack.cib import messages
from hashell.stack.repeats import RepeatFilter
from hashell.stack.wire.corosync import cpg
from hashell.stack.wire.cpgframe import ClusterMessage, encode
from tests.stack.cib.test_daemon import DUMMY, Stack, connected, stack, until

__all__ = ["stack"]
GROUP = b"cib\0"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    repeats = RepeatFilter()
    caplog.handler.addFilter(repeats)
    yield caplog
    caplog.handler.removeFilter(repeats)


def say(stack: Stack, element: etree._Element) -> None:
    """Node 1, whose CIB manager is in the group, says this."""
    if not stack.ring.foreign:
        stack.ring.foreign[GROUP] = [cpg.Address(1, 77)]
        stack.ring.confchg(GROUP, joined=(cpg.Address(1, 77, 1),))
    stack.ring.deliver(GROUP, 1, 77, encode(ClusterMessage(compact(element).encode(), 0, "node1")))


def newer(cib: etree._Element) -> etree._Element:
    other = copy_tree(cib)
    other.set("admin_epoch", "9")
    other.find("configuration/resources").append(parse(DUMMY.format("smuggled")))
    return other


async def test_a_copy_with_a_wrong_digest_is_refused(stack, told) -> None:
    client = await connected(stack)
    await client.create("resources", parse(DUMMY.format("kept")))
    cib = await client.query()
    wrong = messages.sync_copy(etree.Element("sync-me"), "fallback", newer(cib))
    wrong.set("digest", "0" * 32)
    for _ in range(20):
        say(stack, wrong)
    await until(lambda: "does not have the digest" in told.text)
    assert digest_v2(await client.query()) == digest_v2(cib)
    await client.create("resources", parse(DUMMY.format("after")))
    assert [e.get("id") for e in await client.query("resources")] == ["kept", "after"]
    lines = [r.getMessage() for r in told.records if r.levelno >= logging.WARNING]
    assert len(lines) == 1 and "node1" in lines[0], lines
    await client.close()


async def test_the_same_copy_with_its_digest_is_taken(stack, told) -> None:
    """That the one above is refused for its digest, and for nothing else."""
    client = await connected(stack)
    cib = await client.query()
    say(stack, messages.sync_copy(etree.Element("sync-me"), "fallback", newer(cib)))
    await client.create("resources", parse(DUMMY.format("after")))
    assert [e.get("id") for e in await client.query("resources")] == ["smuggled", "after"]
    assert not [r for r in told.records if r.levelno >= logging.WARNING]
    await client.close()


async def test_a_patch_with_a_wrong_digest_is_refused(stack, told) -> None:
    client = await connected(stack)
    cib = await client.query()
    made = f'<change operation="create" path="/cib/configuration/resources" position="0">{DUMMY.format("x")}</change>'
    sides = f"<version><source {counters(cib, 0)}/><target {counters(cib, 1)}/></version>"
    patch = parse(f'<diff format="2" digest="{"0" * 32}">{sides}{made}</diff>')
    request = etree.Element("cib_command", t="cib", cib_op="cib_apply_diff", cib_callid="5", cib_callopt="0")
    etree.SubElement(request, "cib_calldata").append(patch)
    for _ in range(20):
        say(stack, request)
    await client.create("resources", parse(DUMMY.format("after")))
    assert [e.get("id") for e in await client.query("resources")] == ["after"]
    await client.close()


def counters(cib: etree._Element, more: int) -> str:
    epoch = int(cib.get("epoch")) + more
    return f'admin_epoch="{cib.get("admin_epoch")}" epoch="{epoch}" num_updates="{cib.get("num_updates")}"'


async def test_messages_of_a_peer_that_make_no_sense(stack, told) -> None:
    client = await connected(stack)
    cib = digest_v2(await client.query())
    for text in ("<cib_command t='cib' cib_op='frobnicate'/>", "<a/>", "<cib_command t='cib' cib_op='cib_replace'/>",
                 "<copy t='cib' cib_op='cib_replace' cib_isreplyto='fallback' cib_update='true' digest='1'/>",
                 "<cib_command t='cib' cib_op='cib_apply_diff'><cib_calldata><diff/></cib_calldata></cib_command>",
                 "<cib-reply t='cib' cib_op='ping' cib_isreplyto='fallback' cib_ping_id='x'/>",
                 "<cib_command t='cib' cib_op='cib_modify' cib_section='//[' cib_callopt='2'/>"):  # fmt: skip
        for _ in range(5):
            say(stack, parse(text))
    for data in (b"", b"x" * 591, b"\0" * 592, b"\xff" * 2000):
        for _ in range(5):
            stack.ring.deliver(GROUP, 1, 77, data)
    await client.create("resources", parse(DUMMY.format("after")))
    assert [e.get("id") for e in await client.query("resources")] == ["after"]
    assert not [r for r in told.records if r.exc_info], "a traceback"
    lines = [r.getMessage() for r in told.records if r.levelno >= logging.WARNING]
    assert len(lines) == len(set(lines)) and lines
    assert cib != digest_v2(await client.query()), "only the good client's change made a difference"
    await client.close()
