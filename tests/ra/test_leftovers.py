"""Agents of a daemon that was killed: ended before the next one serves, and nothing else with them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

from hashell.ra.leftovers import AgentRecord
from hashell.ra.process import RunningProcess
from hashell.stack.lrmd.daemon import ExecutorDaemon
from hashell.stack.settings import NodeSettings

#: Leaves a service behind, as agents do, has a helper, and hangs.
SCRIPT = """setsid sh -c 'echo $$ >service; exec sleep 60' & sleep 60 & echo $! >helper
while [ ! -s service ]; do sleep 0.01; done; echo ready; sleep 60"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def leave_behind(folder: Path, record: AgentRecord) -> tuple[subprocess.Popen[bytes], int, int]:
    """An agent whose daemon is gone, its helper and the service that it left."""
    agent = subprocess.Popen(["sh", "-c", SCRIPT], cwd=folder, process_group=0, stdout=subprocess.PIPE)
    record.began(agent.pid)
    assert agent.stdout is not None and agent.stdout.readline() == b"ready\n"
    return agent, int((folder / "helper").read_text()), int((folder / "service").read_text())


async def test_the_agent_is_killed_with_its_group_and_the_service_goes_on(tmp_path: Path) -> None:
    agent, helper, service = leave_behind(tmp_path, AgentRecord(tmp_path / "agents"))
    try:
        assert await AgentRecord(tmp_path / "agents").end_former() == 1
        assert agent.wait(30) == -signal.SIGKILL
        async with asyncio.timeout(30):
            while runs(helper):
                await asyncio.sleep(0.01)
        assert runs(service)
        assert await AgentRecord(tmp_path / "agents").end_former() == 0
    finally:
        os.kill(service, signal.SIGKILL)
        assert agent.stdout is not None
        agent.stdout.close()


async def test_a_process_id_that_was_given_again_is_spared(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"], process_group=0)
    try:
        folder = tmp_path / "agents"
        AgentRecord(folder).began(stranger.pid)
        noted = folder / str(stranger.pid)
        noted.write_text(str(int(noted.read_text()) - 1))
        assert await AgentRecord(folder).end_former() == 0
        assert runs(stranger.pid) and not list(folder.iterdir())
    finally:
        stranger.kill()
        stranger.wait()


async def test_an_agent_that_ends_is_noted_no_longer(tmp_path: Path) -> None:
    record = AgentRecord(tmp_path / "agents")
    process = RunningProcess.start(["sleep", "0.2"], env={"PATH": os.environ["PATH"]}, cwd=tmp_path, record=record)
    assert [entry.name for entry in (tmp_path / "agents").iterdir()] == [str(process.pid)]
    await process.wait(30)
    assert not list((tmp_path / "agents").iterdir())


async def test_the_executor_ends_what_a_killed_one_left(tmp_path: Path, settings: NodeSettings) -> None:
    agent, _, service = leave_behind(tmp_path, AgentRecord(settings.run_dir / "agents-lrmd"))
    daemon = ExecutorDaemon(settings)
    try:
        await daemon.start()
        assert agent.wait(30) == -signal.SIGKILL and runs(service)
    finally:
        await daemon.close()
        os.kill(service, signal.SIGKILL)
        assert agent.stdout is not None
        agent.stdout.close()
