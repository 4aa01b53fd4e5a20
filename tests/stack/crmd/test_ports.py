"""The controller's ports over real sockets, against stand-ins of the daemons behind them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from lxml import etree

from hashell.stack.crmd import effects as fx
from hashell.stack.crmd.ports import AttributesPort, CibPort, SchedulerPort
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.cibclient import CibClient
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import Client, PacemakerServer, Request

DEADLINE = 120.0


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    prefix = f"hap{os.getpid()}-{tmp_path.name}-"
    return NodeSettings(name="n1", state_dir=tmp_path, run_dir=tmp_path, ipc_prefix=prefix, user="")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


async def serve(
    settings: NodeSettings, service: str, answer: Callable[[Client, Request], Awaitable[None] | None]
) -> PacemakerServer:
    server = PacemakerServer(settings, service, on_request=answer)
    await server.start()
    return server


async def test_cib_requests_keep_their_ids_and_answers(settings: NodeSettings) -> None:
    seen: list[etree._Element] = []

    def answer(client: Client, request: Request) -> None:
        element = request.element
        seen.append(element)
        if element.get("cib_op") in ("register", "cib_notify"):
            client.respond(request, etree.Element("answer", cib_op="register", cib_clientid="me"))
            return
        notice = etree.fromstring('<notify t="cib_notify" subt="cib_diff_notify"><x/></notify>')
        client.event(notice, notification=True)
        reply = etree.Element("cib-reply", t="cib", cib_callid=element.get("cib_callid", ""), cib_rc="-6")
        etree.SubElement(etree.SubElement(reply, "cib_calldata"), "cib")
        client.event(reply)

    server = await serve(settings, "cib_rw", answer)
    replies: list[tuple[int, int, str]] = []
    changes: list[etree._Element] = []
    port = CibPort(
        settings,
        lambda call, rc, output: replies.append((call, rc, str(output.tag) if output is not None else "")),
        changes.append,
        lambda: None,
    )
    await port.connect(DEADLINE)
    port.request(fx.CibRequest(7, "cib_modify", "status", etree.Element("status"), 8, "n2"))
    port.request(fx.CibRequest(8, "cib_query", None, None, 0))
    await until(lambda: len(replies) == 2)
    assert replies == [(7, -6, "cib"), (8, -6, "cib")]
    assert len(changes) == 2 and changes[0].get("subt") == "cib_diff_notify"
    assert etree.tostring(seen[2]).decode() == (
        '<cib_command t="cib" cib_op="cib_modify" cib_host="n2" cib_section="status" cib_user="hacluster" '
        'cib_callid="7" cib_callopt="8"><cib_calldata><status/></cib_calldata></cib_command>'
    )
    await port.close()
    await server.close()


async def test_loss_of_the_cib_manager_is_told(settings: NodeSettings) -> None:
    server = await serve(
        settings, "cib_rw", lambda client, request: client.respond(request, etree.Element("a", cib_clientid="x"))
    )
    lost: list[bool] = []
    port = CibPort(settings, lambda *_: None, lambda _: None, lambda: lost.append(True))
    await port.connect(DEADLINE)
    await server.close()
    await until(lambda: bool(lost))
    port.request(fx.CibRequest(1, "cib_query", None, None, 0))
    await port.close()


async def test_without_a_cib_manager_connecting_fails(settings: NodeSettings) -> None:
    port = CibPort(settings, lambda *_: None, lambda _: None, lambda: None)
    with pytest.raises((IpcError, TimeoutError, OSError)):
        await port.connect(0.2)


async def test_attributes_are_asked_for_in_order_and_after_a_restart(settings: NodeSettings) -> None:
    seen: list[etree._Element] = []

    def answer(client: Client, request: Request) -> None:
        seen.append(request.element)
        client.ack(request, 112)

    server = await serve(settings, "attrd", answer)
    port = AttributesPort(settings)
    port.do(fx.AttrdUpdate("n2", (("shutdown", "17"),)))
    port.do(fx.AttrdUpdate("n2", (("last-failure-a#x_0", "17"), ("fail-count-a#x_0", "value++"))))
    port.do(fx.AttrdClearFailures("n2", "a", "monitor", 10000))
    await until(lambda: len(seen) == 3)
    assert [e.get("task") for e in seen] == ["update", "update", "clear-failure"]
    assert (seen[0].get("attr_name"), seen[0].get("attr_value"), seen[0].get("attr_host")) == ("shutdown", "17", "n2")
    assert [o.get("attr_name") for o in seen[1]] == ["last-failure-a#x_0", "fail-count-a#x_0"]
    assert seen[2].get("attr_clear_interval") == "10000ms"
    await server.close()
    server = await serve(settings, "attrd", answer)
    port.do(fx.AttrdUpdate("n1", (("gone", None),)))
    await until(lambda: len(seen) == 4)
    assert seen[3].get("attr_value") is None
    await port.close()
    await server.close()


async def test_a_scheduler_that_dies_answers_with_nothing(settings: NodeSettings) -> None:
    asked: list[str] = []

    def answer(client: Client, request: Request) -> None:
        asked.append(request.element.get("reference", ""))
        if len(asked) == 2:
            client.close()
            return
        reply = etree.Element("message", crm_task="pe_calc", reference=asked[-1])
        etree.SubElement(etree.SubElement(reply, "crm_xml"), "transition_graph", transition_id="1")
        reply.set("crm-tgraph-in", "file")
        client.event(reply)

    server = await serve(settings, "pengine", answer)
    replies: list[tuple[str, bool, str]] = []
    port = SchedulerPort(settings, lambda ref, graph, file: replies.append((ref, graph is not None, file)))
    for number in (1, 2, 3):
        port.invoke(f"r{number}", etree.Element("cib"), "3.20.0")
        await until(lambda: len(replies) == number)  # noqa: B023
    assert replies == [("r1", True, "file"), ("r2", False, ""), ("r3", True, "file")]
    await port.close()
    await server.close()


async def test_a_scheduler_that_is_away_answers_nothing_but_is_not_waited_for(settings: NodeSettings) -> None:
    replies: list[tuple[str, bool]] = []
    port = SchedulerPort(settings, lambda ref, graph, _file: replies.append((ref, graph is not None)), patience=0.0)
    port.invoke("r1", etree.Element("cib"), "3.20.0")
    await until(lambda: replies == [("r1", False)])
    await port.close()


async def test_a_request_that_is_too_long_for_the_scheduler_leaves_no_connection_behind(settings: NodeSettings) -> None:
    server = await serve(settings, "pengine", lambda _client, _request: None)
    replies: list[tuple[str, bool]] = []
    port = SchedulerPort(settings, lambda ref, graph, _file: replies.append((ref, graph is not None)))
    huge = etree.Element("cib")
    huge.text = os.urandom(24 * 1024 * 1024).hex()
    port.invoke("r1", huge, "3.20.0")
    await until(lambda: replies == [("r1", False)])
    await until(lambda: not server.clients)
    await port.close()
    await server.close()


async def test_a_cib_manager_that_does_not_register_us_leaves_no_connection_behind(settings: NodeSettings) -> None:
    server = await serve(settings, "cib_rw", lambda client, request: client.ack(request, 1))
    with pytest.raises(IpcError, match="did not register"):
        await CibClient(settings, "test").connect(DEADLINE)
    await until(lambda: not server.clients)
    await server.close()
