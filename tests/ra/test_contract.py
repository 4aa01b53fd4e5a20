"""What OCF 1.1 asks of every agent, checked on each bundled one as a real process."""

from __future__ import annotations

import socket
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from hashell.model.outcomes import ExecStatus
from hashell.ra import bundled
from hashell.ra.agent import AgentId, AgentJob, AgentResult
from hashell.ra.registry import AgentRegistry
from hashell.stack.settings import NodeSettings

TYPES = bundled.ocf_types()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Bench:
    """One resource of one agent, with parameters that let it start on this machine."""

    def __init__(self, settings: NodeSettings, kind: str, **params: str) -> None:
        self.registry = AgentRegistry.of(settings)
        self.agent = AgentId("ocf", "hashell", kind)
        self.params = {
            "webserver": {"server": "python", "port": str(free_port())},
            "IPaddr2": {"ip": "127.0.0.100"},
        }.get(kind, {}) | params

    async def __call__(self, action: str, **params: str) -> AgentResult:
        job = AgentJob(self.agent, "r1", action, 20, params={"CRM_meta_timeout": "20000", **self.params, **params})
        return await self.registry.run(job)


@pytest.mark.parametrize("kind", TYPES)
async def test_metadata(settings: NodeSettings, kind: str) -> None:
    registry = AgentRegistry.of(settings)
    meta = await registry.metadata(AgentId("ocf", "hashell", kind))
    assert meta.name == kind and meta.ocf_version == "1.1" and meta.version
    assert meta.shortdesc and meta.longdesc
    for name in ("start", "stop", "monitor", "meta-data", "validate-all"):
        action = meta.action(name)
        assert action is not None and action.timeout
    for parameter in meta.parameters:
        assert parameter.shortdesc and parameter.longdesc
        assert parameter.required or parameter.default is not None or kind in ("webserver", "IPaddr2")
        assert parameter.required == (parameter.name == "ip")
    monitor = meta.action("monitor")
    assert monitor is not None and monitor.interval


@pytest.mark.parametrize("kind", TYPES)
def test_file_is_executable_and_xml_plain(kind: str) -> None:
    path = bundled.AGENTS / "ocf" / kind
    assert path.stat().st_mode & 0o111 == 0o111
    text = path.read_text()
    start, end = text.index("<resource-agent"), text.index("</resource-agent>")
    ElementTree.fromstring(text[start:end] + "</resource-agent>")


@pytest.mark.parametrize("kind", TYPES)
async def test_life_cycle_is_idempotent(settings: NodeSettings, kind: str) -> None:
    do = Bench(settings, kind)
    assert (await do("validate-all")).rc == 0
    assert (await do("monitor")).rc == 7
    assert (await do("stop")).rc == 0
    for _ in range(2):
        result = await do("start")
        assert (result.rc, result.status) == (0, ExecStatus.DONE), result
        assert (await do("monitor")).rc == 0
    if (await do.registry.metadata(do.agent)).supports("reload-agent"):
        assert (await do("reload-agent")).rc == 0
    for _ in range(2):
        assert (await do("stop")).rc == 0
        assert (await do("monitor")).rc == 7


@pytest.mark.parametrize("kind", TYPES)
async def test_unknown_action_is_unimplemented(settings: NodeSettings, kind: str) -> None:
    assert (await Bench(settings, kind)("no-such-action")).rc == 3


@pytest.mark.parametrize(
    ("kind", "params", "rc"),
    [
        ("IPaddr2", {"ip": ""}, 6),
        ("IPaddr2", {"ip": "127.0.0.256"}, 2),
        ("IPaddr2", {"ip": "1.2.3"}, 2),
        ("IPaddr2", {"ip": "$(id)"}, 2),
        ("IPaddr2", {"ip": "127.0.0.9", "cidr_netmask": "33"}, 2),
        ("webserver", {"port": "http"}, 2),
        ("webserver", {"port": "0"}, 2),
        ("webserver", {"listenaddress": "x; include"}, 2),
        ("webserver", {"server": "iis"}, 2),
        ("webserver", {"docroot": "/no/such/folder"}, 5),
        ("Dummy", {"state": "/no/such/folder/state"}, 4),
        ("Dummy", {"op_sleep": "1s"}, 2),
        ("Stateful", {"state": "/no/such/folder/state"}, 4),
    ],
)
async def test_bad_parameters_have_a_reason(settings: NodeSettings, kind: str, params: dict[str, str], rc: int) -> None:
    do = Bench(settings, kind, **params)
    result = await do("validate-all")
    assert result.rc == rc and result.reason
    assert (await do("start")).rc == rc
    assert (await do("stop")).rc == 0


async def test_dummy_migrates_and_fails_on_demand(settings: NodeSettings) -> None:
    do = Bench(settings, "Dummy")
    assert (await do("migrate_from")).rc == 0
    assert (await do("migrate_to")).rc == 0
    assert (await do("monitor")).rc == 7
    result = await do("start", fail_start_on="n1")
    assert result.rc == 1 and "fail_start_on" in result.reason
    assert (await do("reload-agent")).rc == 7


async def test_stateful_roles(settings: NodeSettings) -> None:
    do = Bench(settings, "Stateful")
    assert (await do("promote")).rc == 7
    assert (await do("start")).rc == 0
    for _ in range(2):
        assert (await do("promote")).rc == 0
        assert (await do("monitor")).rc == 8
    assert (await do("notify")).rc == 0
    assert (await do("demote")).rc == 0
    assert (await do("monitor")).rc == 0
    assert (await do("promote")).rc == 0
    assert (await do("stop")).rc == 0
    assert (await do("monitor")).rc == 7
    (settings.agent_dir / "Stateful-r1.state").write_text("garbage")
    assert (await do("monitor")).rc == 1


async def test_loopback_address_has_one_owner(settings: NodeSettings, tmp_path: Path) -> None:
    """A second node of the same machine takes the address over; the first one notices."""
    from dataclasses import replace

    other = replace(settings, name="n2", agent_dir=tmp_path / "rsctmp2")
    other.agent_dir.mkdir()
    one, two = Bench(settings, "IPaddr2"), Bench(other, "IPaddr2")
    assert (await one("start")).rc == 0
    assert (await two("monitor")).rc == 7
    assert (await two("start")).rc == 0
    assert (await one("monitor")).rc == 7
    assert (await one("stop")).rc == 0
    assert (await two("monitor")).rc == 0
    (other.agent_dir / "IPaddr2-r1.state").unlink()
    assert (await two("monitor")).rc == 7, "after a power loss nothing runs"
    assert (await two("stop")).rc == 0
