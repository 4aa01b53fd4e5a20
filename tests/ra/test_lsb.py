"""Init scripts as resources, and the class that takes either kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lxml import etree

from hashell.model.diagnostics import HashellError
from hashell.model.outcomes import ExecStatus
from hashell.ra.agent import AgentId, AgentJob
from hashell.ra.lsb import LsbClass, header
from hashell.ra.service import ServiceClass
from hashell.ra.systemd import SystemdClass

SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides:          thing
# Required-Start:    $network
# Short-Description: runs the thing
# Description:       the thing runs
#                    until it is stopped
### END INIT INFO
case "$1" in
status) exit $(cat {codes}/status);;
*) echo "ocf-exit-reason:none" >&2; exit $(cat {codes}/other);;
esac
"""


class Scripts:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "init.d").mkdir()
        path = folder / "init.d" / "thing"
        path.write_text(SCRIPT.format(codes=folder))
        path.chmod(0o755)
        (folder / "init.d" / "README").write_text("no script")
        self.agents = LsbClass(dict(os.environ), folder, folder / "init.d")

    async def run(self, action: str, code: int, name: str = "thing"):
        (self.folder / "status").write_text(str(code))
        (self.folder / "other").write_text(str(code))
        return await self.agents.run(AgentJob(AgentId("lsb", "", name), name, action, 60.0))


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


@pytest.mark.parametrize(
    ("code", "rc"), [(0, 0), (1, 7), (2, 7), (3, 7), (4, 1), (5, 1), (150, 5), (151, 4), (199, 1)]
)
async def test_what_status_returns(scripts: Scripts, code: int, rc: int):
    result = await scripts.run("monitor", code)
    assert (result.rc, result.status, result.reason) == (rc, ExecStatus.DONE, "")


@pytest.mark.parametrize(("code", "rc"), [(0, 0), (2, 2), (5, 5), (7, 7), (8, 1), (42, 1)])
async def test_what_an_action_returns(scripts: Scripts, code: int, rc: int):
    result = await scripts.run("start", code)
    assert (result.rc, result.status, result.reason) == (rc, ExecStatus.DONE, "")


async def test_scripts_that_are_not_there(scripts: Scripts):
    for name in ("absent", "../init.d/thing"):
        result = await scripts.run("start", 0, name)
        assert (result.rc, result.status) == (5, ExecStatus.NOT_INSTALLED) and result.reason.endswith("directory")
    assert scripts.agents.types("") == ["thing"]


async def test_metadata_is_made_of_the_header(scripts: Scripts):
    root = etree.fromstring(await scripts.agents.metadata(AgentId("lsb", "", "thing")))
    assert root.findtext("longdesc") == "the thing runs\nuntil it is stopped"
    assert root.findtext("special/Required-Start") == "$network"
    with pytest.raises(HashellError):
        await scripts.agents.metadata(AgentId("lsb", "", "absent"))


def test_a_script_without_header_has_no_fields():
    assert header("#!/bin/sh\necho # Provides: x\n") == {}


async def test_service_takes_the_script_before_the_unit(scripts: Scripts, tmp_path: Path):
    (tmp_path / "units").mkdir()
    for name in ("thing.service", "unit.service"):
        (tmp_path / "units" / name).write_text("[Unit]\n")
    both = ServiceClass(
        scripts.agents, SystemdClass(bus_address="unix:path=/nowhere", unit_folders=(tmp_path / "units",))
    )
    assert both.types("") == ["thing", "unit"] and both.installed(AgentId("service", "", "unit"))
    (tmp_path / "status").write_text("3")
    assert (await both.run(AgentJob(AgentId("service", "", "thing"), "a", "monitor", 60.0))).rc == 7
    absent = AgentId("service", "", "absent")
    assert (await both.run(AgentJob(absent, "a", "start", 60.0))).status == ExecStatus.NOT_INSTALLED
    assert (await both.run(AgentJob(absent, "a", "stop", 60.0))).rc == 0
