"""Units as resources, over a real message bus with a systemd made for the test behind it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import AgentId, AgentJob
from hashell.ra.systemd import SystemdClass, unit_name

DAEMON = shutil.which("dbus-daemon")
needs_bus = pytest.mark.skipif(DAEMON is None, reason="dbus-daemon is not installed")


class Machine:
    """A message bus and what stands for systemd on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix:path={folder / 'bus'}"
        self.overrides = folder / "run"
        self.units = folder / "units"
        self.units.mkdir()
        for name in ("good.service", "many@.service", "some.socket", "some.target"):
            (self.units / name).write_text("[Unit]\n")
        self._processes: list[subprocess.Popen[str]] = []
        self.up()

    def up(self) -> None:
        assert DAEMON
        (self.folder / "bus").unlink(missing_ok=True)
        for command, sign in (
            ([DAEMON, "--session", "--nofork", "--nopidfile", "--print-address", f"--address={self.address}"], "unix:"),
            ([sys.executable, "-m", "tests.ra.fakesystemd", self.address], "ready"),
        ):
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self._processes.append(process)
            assert process.stdout
            assert process.stdout.readline().startswith(sign)

    def down(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.communicate()
        self._processes.clear()



@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.down()


@pytest.fixture
async def agents(machine: Machine) -> AsyncIterator[SystemdClass]:
    made = SystemdClass(
        bus_address=machine.address, unit_folders=(machine.units,), override_folder=machine.overrides
    )
    yield made
    await made.close()


def job(unit: str, action: str, timeout: float = 60.0) -> AgentJob:
    return AgentJob(AgentId("systemd", "", unit), unit, action, timeout)


def test_unit_names():
    assert unit_name("nginx") == "nginx.service" and unit_name("a.socket") == "a.socket"
    assert unit_name("a.b") == "a.b.service"


def test_what_is_no_unit_is_not_looked_for(tmp_path: Path):
    (tmp_path / "x.service").write_text("")
    (tmp_path / "m@.service").write_text("")
    agents = SystemdClass(unit_folders=(tmp_path, tmp_path / "absent"))
    assert agents.types("") == ["m@", "x"]
    assert agents.installed(AgentId("systemd", "", "m@1")) and agents.installed(AgentId("systemd", "", "x"))
    assert not agents.installed(AgentId("systemd", "", "../x")) and not agents.installed(AgentId("systemd", "", "y"))


@needs_bus
async def test_start_monitor_reload_stop(machine: Machine, agents: SystemdClass):
    override = machine.overrides / "good.service.d" / "50-pacemaker.conf"
    probe = await agents.run(job("good", "monitor"))
    assert (probe.rc, probe.status, probe.reason) == (7, ExecStatus.DONE, "inactive")
    assert (await agents.run(job("good", "start"))).rc == 0
    assert "Restart=no" in override.read_text() and "Before=pacemaker.service" in override.read_text()
    assert (await agents.run(job("good", "monitor"))).rc == 0
    assert (await agents.run(job("good", "reload"))).rc == 0
    assert (await agents.run(job("good", "stop"))).rc == 0
    assert not override.exists() and (await agents.run(job("good", "monitor"))).rc == 7


@needs_bus
async def test_failures_are_told_apart(machine: Machine, agents: SystemdClass):
    bad = await agents.run(job("bad", "start"))
    assert (bad.rc, bad.status) == (1, ExecStatus.DONE) and bad.reason.startswith("failed: exit-code")
    slow = await agents.run(job("slow", "start", 0.5))
    assert (slow.rc, slow.status) == (1, ExecStatus.TIMEOUT) and "within 500ms" in slow.reason
    absent = await agents.run(job("nosuch", "start"))
    assert (absent.rc, absent.status) == (5, ExecStatus.NOT_INSTALLED)
    assert not (machine.overrides / "nosuch.service.d").exists()
    assert (await agents.run(job("nosuch", "monitor"))).rc == 7 and (await agents.run(job("nosuch", "stop"))).rc == 0
    assert (await agents.run(job("masked", "start"))).reason == "systemd unit masked.service is masked"
    refused = await agents.run(job("refused", "start"))
    assert (refused.rc, refused.status) == (4, ExecStatus.ERROR)
    assert (await agents.run(job("stuck", "stop", 0.5))).status == ExecStatus.TIMEOUT
    assert (await agents.run(job("bad", "reload"))).status == ExecStatus.NOT_SUPPORTED
    assert (await agents.run(job("good", "promote"))).status == ExecStatus.NOT_SUPPORTED


async def test_metadata_is_made_of_the_description(tmp_path: Path):
    (tmp_path / "x.service").write_text("[Unit]\nDescription = first\nDescription=The <unit> x\n")
    (tmp_path / "m@.service").write_text("[Unit]\nDescription=%p for %i at 100%%\n")
    agents = SystemdClass(unit_folders=(tmp_path,))
    text = await agents.metadata(AgentId("systemd", "", "x"))
    assert "The &lt;unit&gt; x" in text and '<special tag="systemd"/>' in text
    assert "m for one at 100%" in await agents.metadata(AgentId("systemd", "", "m@one"))
    with pytest.raises(HashellError):
        await agents.metadata(AgentId("systemd", "", "absent"))


@needs_bus
async def test_a_lost_bus_is_survived(machine: Machine, agents: SystemdClass):
    assert (await agents.run(job("good", "start"))).rc == 0
    machine.down()
    watching = asyncio.create_task(agents.run(job("good", "monitor")))
    await asyncio.to_thread(machine.up)
    # The systemd of the test begins anew with its bus: that an answer comes at all is what counts.
    assert (await watching).status == ExecStatus.DONE
    machine.down()
    lost = await agents.run(job("good", "monitor", 1.0))
    assert lost.status in (ExecStatus.TIMEOUT, ExecStatus.ERROR) and lost.rc == 1
