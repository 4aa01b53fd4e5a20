"""Fencer, executor and CIB manager as real daemons on a ring of one node, with a real fence agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from hashell.model.xmltext import parse
from hashell.stack.cib import daemon as cib_daemon
from hashell.stack.lrmd import daemon as lrmd_daemon
from hashell.stack.settings import NodeSettings
from hashell.stack.stonithd import daemon as fencer_daemon
from hashell.stack.wire.cibclient import CibClient
from hashell.stack.wire.fencerclient import FencerClient
from hashell.stack.wire.lrmdclient import LrmdClient, LrmdEvent
from tests.stack.wire.fakering import FakeRing

AGENT = """#!/bin/sh
while read -r line; do
	case "$line" in action=*) action=${line#action=} ;; plug=*) plug=${line#plug=} ;; bad=*) bad=1 ;; esac
	echo "$line" >> FOLDER/said
done
case "$action" in
metadata) cat <<END
<resource-agent name="fence_test" shortdesc="Test"><longdesc>Test</longdesc><parameters>
<parameter name="plug"><content type="string"/></parameter></parameters>
<actions><action name="on"/><action name="off"/><action name="reboot"/><action name="monitor"/></actions>
</resource-agent>
END
;;
monitor) [ -z "$bad" ] ;;
off | reboot) case "$plug" in stubborn) echo "no way" >&2; exit 1 ;; esac; echo "$action $plug" >> FOLDER/done ;;
esac
"""
PRIMITIVE = """<primitive id="F" class="stonith" type="fence_test"><instance_attributes id="fa">
<nvpair id="f1" name="pcmk_host_list" value="node1 stubborn"/><nvpair id="f2" name="pcmk_off_retries" value="1"/>
</instance_attributes></primitive>"""


@pytest.fixture
async def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NodeSettings]:
    agent = tmp_path / "bin" / "fence_test"
    agent.parent.mkdir()
    agent.write_text(AGENT.replace("FOLDER", str(tmp_path)))
    agent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{agent.parent}:/usr/sbin:/usr/bin:/sbin:/bin")
    ring = FakeRing()
    await ring.start()
    yield replace(
        ring.settings, name="node2", state_dir=tmp_path / "state", run_dir=tmp_path / "run", log_dir=tmp_path / "log",
        agent_dir=tmp_path / "rsctmp", group="", embedded=True,
    )  # fmt: skip
    await ring.close()


@asynccontextmanager
async def running(settings: NodeSettings, *daemons: object) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.ensure_future(daemon.main(settings, stop)) for daemon in daemons]  # type: ignore[attr-defined]
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*tasks)


async def test_devices_come_from_the_cib_and_fence(settings: NodeSettings, tmp_path: Path) -> None:
    told: list[tuple[str, str | None]] = []

    def notified(kind: str, element: etree._Element) -> None:
        told.append((kind, element.get("st_target")))

    async with running(settings, cib_daemon, fencer_daemon), asyncio.timeout(60):
        cib = CibClient(settings, "test")
        await cib.connect(wait=20)
        await cib.create("nodes", parse('<node id="2" uname="node2"/>'))
        await cib.create("resources", parse(PRIMITIVE))
        client = FencerClient(settings, name="tool", on_notify=notified)
        await client.connect(wait=20)
        while not (devices := await client.devices("node1")):
            await asyncio.sleep(0.05)
        assert [(d.id, d.agent, d.flags) for d in devices] == [("F", "fence_test", 4 + 8 + 32)]
        assert (await client.execute("F", "monitor", 20)).ok
        assert (await client.execute("G", "monitor", 20)).no_device
        outcome = await client.fence("node1", "reboot", 20)
        assert outcome.ok and outcome.delegate == "node2" and outcome.operation
        assert (tmp_path / "done").read_text() == "reboot node1\n"
        assert "nodename=node1" in (tmp_path / "said").read_text().splitlines()
        failed = await client.fence("stubborn", "off", 20)
        assert not failed.ok and failed.reason == "no way"
        nobody = await client.fence("unknown", "off", 20)
        assert nobody.no_device
        assert (await client.confirm("unknown")).delegate == "a human"
        history = await client.history()
        assert [(r.target, r.action, r.state) for r in history] == [
            ("unknown", "off", 2),
            ("unknown", "off", 4),
            ("stubborn", "off", 4),
            ("node1", "reboot", 2),
        ]
        assert [entry for entry in told if entry[0] == "st_notify_fence"] == [
            ("st_notify_fence", target) for target in ("node1", "stubborn", "unknown", "unknown")
        ]
        assert (await client.cleanup_history("unknown")).ok
        while len(await client.history()) > 2:
            await asyncio.sleep(0.02)
        await cib.delete("resources", etree.Element("primitive", id="F"))
        while await client.devices():
            await asyncio.sleep(0.05)
        await client.close()
        await cib.close()


async def test_fence_device_as_a_resource(settings: NodeSettings) -> None:
    results: asyncio.Queue[LrmdEvent] = asyncio.Queue()

    async def do(action: str, interval: int = 0, **params: str) -> LrmdEvent:
        call = await client.exec("F", action, params, interval_ms=interval)
        while True:
            event = await results.get()
            if event.kind == "lrmd_rsc_exec" and event.call_id == call:
                return event

    async with running(settings, lrmd_daemon), asyncio.timeout(60):
        client = LrmdClient(settings, on_event=results.put_nowait, on_lost=lambda: None)
        await client.connect(wait=20)
        await client.register("F", "stonith", "", "fence_test")
        async with running(settings, fencer_daemon):
            assert (await do("monitor")).exec_rc == 7
            assert (await do("start", pcmk_host_list="node1")).exec_rc == 0
            assert (await do("monitor")).exec_rc == 0
            assert (await do("monitor", 50)).exec_rc == 0
            assert (await do("stop")).exec_rc == 0
            assert (await do("monitor")).exec_rc == 7
            bad = await do("start", bad="1")
            assert (bad.exec_rc, bad.exec_status) == (1, 4) and bad.exit_reason
            assert (await do("start", pcmk_host_list="node1")).exec_rc == 0
        while (await do("monitor")).exec_rc == 0:
            await asyncio.sleep(0.02)
        assert (await do("monitor", 60)).exec_rc == 1
        await client.close()


async def test_fencer_ends_when_told_while_it_waits_for_the_ring(tmp_path: Path) -> None:
    lonely = NodeSettings(name="x", ipc_prefix=f"lonely{tmp_path.name}-", user="", log_dir=tmp_path, embedded=True)
    async with running(lonely, fencer_daemon):
        await asyncio.sleep(0.05)
