"""The executor behind its real socket, with real agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hashell.stack.lrmd.daemon import ExecutorDaemon, main
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.lrmdclient import LrmdClient, LrmdError, LrmdEvent

TIMEOUT = 30


@dataclass
class Bench:
    client: LrmdClient
    events: list[LrmdEvent] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, wanted: Callable[[LrmdEvent], bool]) -> LrmdEvent:
        async with asyncio.timeout(TIMEOUT):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                self.news.clear()
                await self.news.wait()

    async def result(self, call: int) -> LrmdEvent:
        event = await self.until(lambda e: e.kind == "lrmd_rsc_exec" and e.call_id == call)
        self.events.remove(event)
        return event

    async def do(self, rsc: str, action: str, timeout_ms: int = 20000, **params: str) -> LrmdEvent:
        return await self.result(await self.client.exec(rsc, action, params, timeout_ms=timeout_ms))


@asynccontextmanager
async def serving(settings: NodeSettings) -> AsyncIterator[Bench]:
    daemon = ExecutorDaemon(settings)
    await daemon.start()
    try:
        async with connected(settings) as bench:
            yield bench
    finally:
        await daemon.close()


@asynccontextmanager
async def connected(settings: NodeSettings) -> AsyncIterator[Bench]:
    bench: Bench

    def arrived(event: LrmdEvent) -> None:
        bench.events.append(event)
        bench.news.set()

    bench = Bench(LrmdClient(settings, on_event=arrived, on_lost=lambda: None))
    await bench.client.connect(wait=5)
    try:
        yield bench
    finally:
        await bench.client.close()


async def test_life_of_a_resource(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        client = bench.client
        assert await client.info("D") is None
        await client.register("D", "ocf", "pacemaker", "Dummy")
        info = await client.info("D")
        assert info is not None and (info.klass, info.provider, info.type) == ("ocf", "pacemaker", "Dummy")
        assert (await bench.do("D", "monitor")).exec_rc == 7
        assert (await bench.do("D", "start")).exec_rc == 0
        call = await client.exec("D", "monitor", {}, interval_ms=10000, userdata="key")
        event = await bench.result(call)
        assert (event.exec_rc, event.interval_ms, event.userdata) == (0, 10000, "key")
        (recurring,) = await client.get_recurring()
        assert (recurring.resource, recurring.action, recurring.interval_ms) == ("D", "monitor", 10000)
        assert await client.cancel("D", "monitor", 10000)
        assert (await bench.result(call)).exec_status == 1
        assert not await client.cancel("D", "monitor", 10000)
        assert (await bench.do("D", "stop")).exec_rc == 0
        assert await client.unregister("D")


async def test_recurring_notices_a_failure(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        await bench.client.register("D", "ocf", "hashell", "Dummy")
        await bench.do("D", "start")
        call = await bench.client.exec("D", "monitor", {}, interval_ms=50)
        assert (await bench.result(call)).exec_rc == 0
        (settings.agent_dir / "Dummy-D.state").unlink()
        event = await bench.result(call)
        assert event.exec_rc == 7 and event.rcchange_time > 0


async def test_nasty_agents_do_not_stop_the_others(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        for name in ("hang", "chatty", "odd", "nothere"):
            await bench.client.register(name, "ocf", "nasty", name)
        await bench.client.register("D", "ocf", "hashell", "Dummy")
        await bench.client.register("U", "upstart", "", "x")
        hang = await bench.client.exec("hang", "start", {}, timeout_ms=1500)
        chatty = await bench.do("chatty", "monitor")
        assert (chatty.exec_rc, chatty.exit_reason) == (1, "too much to say") and "truncated" in chatty.output
        assert (await bench.do("odd", "monitor")).exit_reason.startswith("bad<&>")
        nothere = await bench.do("nothere", "start")
        assert (nothere.exec_rc, nothere.exec_status) == (5, 7)
        upstart = await bench.do("U", "monitor")
        assert (upstart.exec_rc, upstart.exec_status) == (5, 7)
        assert (await bench.do("D", "start")).exec_rc == 0
        late = await bench.result(hang)
        assert (late.exec_rc, late.exec_status) == (1, 2) and "did not complete within" in late.exit_reason
        assert late.exec_ms >= 1500


async def test_running_recurring_operation_can_be_cancelled(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        await bench.client.register("hang", "ocf", "nasty", "hang")
        call = await bench.client.exec("hang", "monitor", {}, interval_ms=1000, timeout_ms=0)
        while not (settings.agent_dir / "hang.pid").exists():
            await asyncio.sleep(0.01)
        assert await bench.client.cancel("hang", "monitor", 1000)
        event = await bench.result(call)
        assert (event.exec_rc, event.exec_status) == (0, 1)
        assert (await bench.do("hang", "stop")).exec_rc == 0


async def test_metadata_of_several_agents_at_once(settings: NodeSettings) -> None:
    """None is lost while the first one connects."""
    async with serving(settings) as bench:
        kinds = ("Dummy", "Stateful", "Dummy")
        texts = await asyncio.gather(*(bench.client.metadata("ocf", "pacemaker", kind) for kind in kinds))
        assert all("<resource-agent" in text for text in texts)


async def test_metadata_over_the_wire(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        assert '<parameter name="fake"' in await bench.client.metadata("ocf", "pacemaker", "Dummy")
        assert "fence_embedded" in await bench.client.metadata("stonith", "", "fence_embedded")
        for provider, kind in (("nasty", "nometa"), ("nasty", "nothere")):
            with pytest.raises(LrmdError, match=f"metadata of ocf:{provider}:{kind}"):
                await bench.client.metadata("ocf", provider, kind)


async def test_alert_agent(settings: NodeSettings, tmp_path: Path) -> None:
    agent = tmp_path / "alert"
    agent.write_text(f'#!/bin/sh\necho "$CRM_alert_kind" > {tmp_path}/told\n')
    agent.chmod(0o755)
    async with serving(settings) as bench:
        await bench.client.alert("a", str(agent), {"CRM_alert_kind": "node"})
        await bench.until(lambda e: e.kind == "lrmd_alert_exec" and e.exec_rc == 0)
        assert (tmp_path / "told").read_text() == "node\n"
        await bench.client.alert("b", "/no/such/agent", {})
        await bench.until(lambda e: e.kind == "lrmd_alert_exec" and e.exec_rc == 1)


async def test_fence_device_without_fencer(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        await bench.client.register("F", "stonith", "", "fence_embedded")
        probe = await bench.do("F", "monitor")
        assert (probe.exec_rc, probe.exec_status) == (7, 4)
        start = await bench.do("F", "start")
        assert start.exec_rc == 1 and start.exec_status in (2, 8) and start.exit_reason
        assert (await bench.do("F", "stop")).exec_rc == 0


async def test_web_server_survives_a_restart_of_the_executor(settings: NodeSettings) -> None:
    from tests.ra.test_contract import free_port

    params = {"server": "python", "port": str(free_port())}
    async with serving(settings) as bench:
        await bench.client.register("W", "ocf", "hashell", "webserver")
        assert (await bench.do("W", "start", **params)).exec_rc == 0
    async with serving(settings) as bench:
        await bench.client.register("W", "ocf", "hashell", "webserver")
        assert (await bench.do("W", "monitor", **params)).exec_rc == 0
        assert (await bench.do("W", "stop", **params)).exec_rc == 0


async def test_hundreds_of_operations_at_once(settings: NodeSettings) -> None:
    async with serving(settings) as bench:
        calls = []
        for number in range(60):
            await bench.client.register(f"D{number}", "ocf", "hashell", "Dummy")
            calls += [await bench.client.exec(f"D{number}", action, {}) for action in ("start", "monitor", "stop")]
        for call in calls:
            assert (await bench.result(call)).exec_rc == 0


async def test_main_ends_when_told(settings: NodeSettings) -> None:
    stop = asyncio.Event()
    task: Awaitable[int] = asyncio.ensure_future(main(settings, stop))
    async with connected(settings):
        stop.set()
    assert await task == 0
