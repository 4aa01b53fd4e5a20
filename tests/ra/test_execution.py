"""Real agent processes: results, deadlines, limits, environment."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import AgentId, AgentJob, AgentResult, exit_reason
from hashell.ra.process import LimitedText
from hashell.ra.registry import AgentRegistry
from hashell.stack.settings import NodeSettings


def job(name: str, action: str, timeout: float = 20.0, **params: str) -> AgentJob:
    return AgentJob(AgentId("ocf", "nasty", name), "r1", action, timeout, params=params)


async def run(settings: NodeSettings, name: str, action: str, timeout: float = 20.0, **params: str) -> AgentResult:
    return await AgentRegistry.of(settings).run(job(name, action, timeout, **params))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        await asyncio.sleep(0.02)
    return False


async def test_hanging_agent_is_killed_with_its_children(settings: NodeSettings) -> None:
    result = await run(settings, "hang", "start", 0.5)
    assert (result.rc, result.status) == (1, ExecStatus.TIMEOUT)
    assert result.reason == "Resource agent did not complete within 500ms"
    assert "about to hang" in result.output
    for name in ("hang.pid", "hang.child"):
        assert await gone(int((settings.agent_dir / name).read_text()))


async def test_cancelling_kills_the_group(settings: NodeSettings) -> None:
    task = asyncio.create_task(run(settings, "hang", "start", 0))
    record = settings.agent_dir / "hang.pid"
    while not record.exists() or not record.read_text().strip():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int(record.read_text()))
    assert await gone(int((settings.agent_dir / "hang.child").read_text()))


async def test_megabytes_are_cut_and_the_reason_survives(settings: NodeSettings) -> None:
    result = await run(settings, "chatty", "monitor")
    assert (result.rc, result.status, result.reason) == (1, ExecStatus.DONE, "too much to say")
    assert len(result.output) < 70000 and "output truncated: " in result.output


async def test_code_that_is_none_is_mapped_and_explained(settings: NodeSettings) -> None:
    result = await run(settings, "odd", "start")
    assert (result.rc, result.status) == (1, ExecStatus.DONE)
    assert "44" in result.reason and "not an OCF return code" in result.reason


async def test_death_by_signal(settings: NodeSettings) -> None:
    result = await run(settings, "odd", "stop")
    assert (result.rc, result.status) == (1, ExecStatus.ERROR)
    assert "interrupted by " + (signal.strsignal(signal.SIGSEGV) or "") in result.reason


async def test_bytes_that_are_no_text(settings: NodeSettings) -> None:
    result = await run(settings, "odd", "monitor")
    assert result.reason.startswith("bad<&>") and "\0" not in result.output


async def test_daemonized_child_does_not_hold_the_agent(settings: NodeSettings) -> None:
    result = await run(settings, "odd", "promote", 20)
    left = int((settings.agent_dir / "odd.left").read_text())
    assert result == AgentResult(0, ExecStatus.DONE) and alive(left)
    os.kill(left, signal.SIGKILL)


async def test_environment_and_descriptors(settings: NodeSettings) -> None:
    params = {"CRM_meta_op-x": "1", "OCF_CHECK_LEVEL": "10", "a": "b\nc", "x=": "n"}
    result = await run(settings, "odd", "demote", **params)
    lines = result.output.splitlines()
    for expected in (
        "OCF_RESKEY_CRM_meta_op_x=1",
        "OCF_CHECK_LEVEL=10",
        "OCF_RESKEY_a=b",
        "OCF_RESOURCE_INSTANCE=r1",
        "OCF_RESOURCE_TYPE=odd",
        "OCF_RESOURCE_PROVIDER=nasty",
        f"OCF_ROOT={settings.ocf_root}",
        "OCF_RA_VERSION_MAJOR=1",
        "OCF_RA_VERSION_MINOR=1",
        "OCF_EXIT_REASON_PREFIX=ocf-exit-reason:",
        f"HA_RSCTMP={settings.agent_dir}",
        "HA_cluster_type=corosync",
        "LC_ALL=C",
        "HASHELL_NODE=mark",
        "HASHELL_NODE_NAME=n1",
    ):
        assert expected in lines
    fds = (await run(settings, "odd", "notify")).output.split()
    assert set(fds) <= {"0", "1", "2", "3"}  # 3 is the folder that ls reads


@pytest.mark.parametrize(
    ("name", "rc", "status"),
    [
        ("nothere", 5, ExecStatus.NOT_INSTALLED),
        ("nointerpreter", 5, ExecStatus.NOT_INSTALLED),
        ("noexec", 4, ExecStatus.ERROR),
        ("empty", 1, ExecStatus.ERROR),
        ("../nasty/odd", 5, ExecStatus.NOT_INSTALLED),
    ],
)
async def test_agents_that_cannot_be_started(settings: NodeSettings, name: str, rc: int, status: ExecStatus) -> None:
    if name == "noexec":
        (settings.ocf_root / "resource.d" / "nasty" / "noexec").resolve().chmod(0o644)
    result = await run(settings, name, "start")
    assert (result.rc, result.status) == (rc, status)
    assert result.reason


async def test_parameter_too_long_for_an_environment(settings: NodeSettings) -> None:
    result = await run(settings, "odd", "demote", big="x" * (4 * 1024 * 1024))
    assert result.status == ExecStatus.ERROR and "cannot be started" in result.reason


async def test_unsupported_class_says_so(settings: NodeSettings) -> None:
    registry = AgentRegistry.of(settings)
    result = await registry.run(AgentJob(AgentId("upstart", "", "x"), "r1", "start"))
    assert (result.rc, result.status) == (5, ExecStatus.NOT_INSTALLED)
    assert "'upstart' are not supported" in result.reason
    with pytest.raises(HashellError, match="use one of the classes"):
        registry.types("upstart")


@pytest.mark.parametrize("name", ["odd", "nometa", "nothere", "empty"])
async def test_missing_metadata_is_one_message(settings: NodeSettings, name: str) -> None:
    with pytest.raises(HashellError) as caught:
        await AgentRegistry.of(settings).metadata(AgentId("ocf", "nasty", name))
    assert f"ocf:nasty:{name}" in str(caught.value) and "\n" not in str(caught.value)


async def test_metadata_is_cached_until_the_agent_changes(settings: NodeSettings) -> None:
    folder = settings.ocf_root / "resource.d" / "mine"
    folder.mkdir()
    agent = folder / "counter"
    script = "#!/bin/sh\necho x >> $HA_RSCTMP/calls\necho '<resource-agent name=\"counter\" version=\"%s\"/>'\n"
    agent.write_text(script % "1")
    agent.chmod(0o755)
    registry = AgentRegistry.of(settings)
    name = AgentId("ocf", "mine", "counter")
    assert [(await registry.metadata(name)).version for _ in range(3)] == ["1"] * 3
    assert (settings.agent_dir / "calls").read_text() == "x\n"
    agent.write_text(script % "2")
    os.utime(agent, (1, 1))
    assert (await registry.metadata(name)).version == "2"
    await registry.metadata_text(name, fresh=True)
    assert (settings.agent_dir / "calls").read_text() == "x\n" * 3


async def test_discovery(settings: NodeSettings) -> None:
    registry = AgentRegistry.of(settings)
    assert registry.class_names() == ["ocf", "stonith"]
    assert {"hashell", "heartbeat", "nasty", "pacemaker"} <= set(registry.providers("ocf"))
    assert {"IPaddr2", "Dummy"} <= set(registry.types("ocf", "heartbeat"))
    assert registry.types("ocf", "hashell") == ["Dummy", "IPaddr2", "Stateful", "webserver"]
    assert "hang" in registry.types("ocf", "nasty") and "noexec" not in registry.types("ocf", "nasty")
    assert "fence_embedded" in registry.types("stonith")
    system = settings.ocf_root / "resource.d" / "heartbeat"
    system.mkdir()
    (system / "Dummy").write_text("#!/bin/sh\necho system >&2\nexit 7\n")
    (system / "Dummy").chmod(0o755)
    result = await registry.run(AgentJob(AgentId("ocf", "heartbeat", "Dummy"), "d", "monitor"))
    assert result.output == "system\n"
    result = await registry.run(AgentJob(AgentId("ocf", "pacemaker", "Dummy"), "d", "monitor"))
    assert (result.rc, result.output) == (7, "")


def test_agent_names() -> None:
    assert AgentId.parse("Dummy") == AgentId("ocf", "heartbeat", "Dummy")
    assert AgentId.parse("stonith:fence_x") == AgentId("stonith", "", "fence_x")
    assert str(AgentId.parse("ocf:pacemaker:Dummy")) == "ocf:pacemaker:Dummy"
    for bad in ("", "a:b:c:d", "ocf::x"):
        with pytest.raises(ValueError, match="agent name"):
            AgentId.parse(bad)


def test_exit_reason_is_the_last_one_and_limited() -> None:
    assert exit_reason("x\nocf-exit-reason:one\nocf-exit-reason: two \nmore") == "two"
    assert exit_reason("nothing") == ""
    assert len(exit_reason("ocf-exit-reason:" + "a" * 500)) == 128


def test_limited_text_keeps_both_ends() -> None:
    text = LimitedText(10)
    for part in (b"abc", b"defghij", b"klmnop"):
        text.feed(part)
    assert text.text().startswith("abcde\n[") and text.text().endswith("\nlmnop") and text.dropped == 6
