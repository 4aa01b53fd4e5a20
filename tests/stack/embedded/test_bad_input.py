"""A real cluster of two nodes under garbage: whoever sends it is refused, and everybody else is served."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import random
import re
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lxml import etree

from hashell.client.board import Board
from hashell.client.cluster import Cluster, open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.stack.embedded import EmbeddedCluster
from hashell.stack.supervisor.core import DAEMONS
from hashell.stack.wire.ipcclient import IpcClient
from tests.stack.embedded import hostile, variations
from tests.stack.embedded.test_daemon_kills import until

SEED = 20261123
CONFIG = """property stonith-enabled=false
primitive one ocf:pacemaker:Dummy op monitor interval=2s timeout=60s op start timeout=60s op stop timeout=60s
primitive two ocf:pacemaker:Dummy op monitor interval=2s timeout=60s op start timeout=60s op stop timeout=60s
location l1 one inf: node1
location l2 two inf: node2
"""
SERVED_BY = {
    "pacemakerd": "pacemakerd", "cib_ro": "cib", "cib_rw": "cib", "cib_shm": "cib", "crmd": "crmd", "attrd": "attrd",
    "stonith-ng": "stonithd", "lrmd": "lrmd", "pengine": "schedulerd",
}  # fmt: skip
#: Milliseconds. Long enough that a busy machine makes no new ring: what is asked is whether garbage does.
TOKEN = 20000
#: Of the messages with one thing wrong every nth is sent here; the lab sends them all. A prime, so that all kinds come.
EVERY = 13
#: Lines at warning or above that one kind of garbage may cost a daemon: one for each client, not for each message.
LINES_OF_A_FLOOD = 400


class Site:
    """Two nodes, each with a resource of its own; agents that misbehave are found as ocf:bad:NAME."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.nodes = EmbeddedCluster(base / "cluster", 2)
        self.agents = base / "ocf" / "resource.d" / "bad"

    def write(self) -> None:
        self.agents.mkdir(parents=True)
        self.nodes._write()
        for name in self.nodes.names:
            path = self.nodes.base / name / "settings.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), "ocf_root": str(self.base / "ocf")}))
            conf = self.nodes.base / name / "corosync.conf"
            conf.write_text(re.sub(r"token: \d+", f"token: {TOKEN}", conf.read_text()))

    async def start(self) -> None:
        await asyncio.gather(*(self.nodes.start_node(name) for name in self.nodes.names))

    async def kill(self) -> None:
        for name in self.nodes.names:
            await self.nodes.kill_node(name)

    def crm(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hashell.cli", "-F", *words], input=text, text=True, capture_output=True,
            env={**os.environ, "HASHELL_EMBEDDED_DIR": str(self.nodes.base)}, timeout=120,
        )  # fmt: skip

    @contextlib.asynccontextmanager
    async def cluster(self, name: str) -> AsyncIterator[Cluster]:
        cluster = await open_cluster(LiveSource(self.nodes.node_settings(name)))
        try:
            yield cluster
        finally:
            await cluster.close()

    async def board(self, name: str = "node1") -> Board | None:
        with contextlib.suppress(HashellError):
            async with self.cluster(name) as cluster:
                return await cluster.board()
        return None

    async def online(self) -> bool:
        board = await self.board()
        return bool(board and board.dc and sum(n.state == "online" for n in board.nodes) == 2)

    async def places(self, *wanted: str) -> dict[str, list[str]]:
        board = await self.board()
        found = board.resources if board else []
        return {r.id: list(r.nodes) for r in found if r.id in wanted and r.role == "Started"}

    async def steady(self) -> bool:
        return await self.places("one", "two") == {"one": ["node1"], "two": ["node2"]}

    async def configuration(self) -> str:
        """The configuration as text, without the time of the last cleanup, which a cleanup of nothing sets, too."""
        async with self.cluster("node1") as cluster:
            configuration = (await cluster.cib()).find("configuration")
        assert configuration is not None
        for pair in configuration.findall("crm_config//nvpair[@name='last-lrm-refresh']"):
            pair.getparent().remove(pair)
        return etree.tostring(configuration).decode()

    def daemons(self) -> dict[str, list[int]]:
        """Process ids of the daemons of all nodes, by `NODE DAEMON`."""
        found: dict[str, list[int]] = {}
        for node in self.nodes.names:
            names = {f"hashelld-{spec.name}"[:15]: spec.name for spec in DAEMONS}
            for status in [s for s in self.nodes.status() if s.name == node]:
                for pid in _children(status.pid):
                    comm = _read(f"/proc/{pid}/comm").strip()
                    if comm in names:
                        found.setdefault(f"{node} {names[comm]}", []).append(pid)
        return found

    def log(self, node: str) -> list[str]:
        return _read(str(self.nodes.node_settings(node).log_dir / "hashell.log")).splitlines()

    def complaints(self) -> dict[str, int]:
        """Log lines of warning or above, by daemon."""
        counts: dict[str, int] = {}
        for node in self.nodes.names:
            for line in self.log(node):
                words = line.split()
                if len(words) > 4 and words[4] in ("WARNING:", "ERROR:", "CRITICAL:"):
                    daemon = f"{node} {words[3].partition('[')[0]}"
                    counts[daemon] = counts.get(daemon, 0) + 1
        return counts

    def memberships(self) -> int:
        return sum("A new membership" in line for node in self.nodes.names for line in self.log(node))

    def tracebacks(self) -> list[str]:
        return [
            line
            for node in self.nodes.names
            for line in self.log(node)
            if line.startswith(("Traceback", "  File ")) or "could not be handled" in line
        ]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def _children(pid: int) -> list[int]:
    return [int(word) for word in _read(f"/proc/{pid}/task/{pid}/children").split()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("bad"))
    site.write()

    async def begin() -> None:
        await site.start()
        await until("both nodes online", site.online)
        assert site.crm("configure", "load", "update", "-", text=CONFIG).returncode == 0
        await until("both resources started", site.steady)

    try:
        asyncio.run(begin())
        yield site
    finally:
        asyncio.run(site.kill())


class Calm:
    """Within it nothing may change but the log: the same processes, ring and places of resources, and no failure."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def __aenter__(self) -> None:
        await until("a settled cluster", self.site.steady)
        site = self.site
        self.before = site.daemons(), site.memberships()
        assert len(self.before[0]) == 2 * len(DAEMONS)
        self.complaints = site.complaints()

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None:
            return
        site = self.site
        for node in site.nodes.names:
            async with site.cluster(node) as cluster:
                assert await cluster.wait_idle(60)
                await cluster.set_attribute(node, "asked", node)

                async def known(cluster: Cluster = cluster, node: str = node) -> bool:
                    return (await cluster.attributes("asked")).get(node) == node

                await until(f"an attribute of {node}", known)
        assert await site.steady()
        board = await site.board()
        assert board is not None and not board.failures, board
        assert (site.daemons(), site.memberships()) == self.before
        assert site.tracebacks() == []
        if os.environ.get("SHOW"):
            print({d: c - self.complaints.get(d, 0) for d, c in site.complaints().items()})
        for daemon, count in site.complaints().items():
            assert count - self.complaints.get(daemon, 0) < LINES_OF_A_FLOOD, daemon


@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", [*hostile.CS_SERVICES, *hostile.CRM_SERVICES])
async def test_garbage_for_a_local_service(site: Site, service: str) -> None:
    async with Calm(site):
        before = site.complaints()
        await hostile.pester(site.nodes.node_settings("node1"), service, SEED)
        daemon = f"node1 {SERVED_BY.get(service, 'membership')}"

        async def told() -> bool:
            return site.complaints().get(daemon, 0) > before.get(daemon, 0)

        await until(f"a complaint of {daemon}", told)


@pytest.mark.timeout(300)
async def test_each_message_with_one_thing_wrong(site: Site) -> None:
    """Each gets the answer of the original, where it has one; no cause is told twice, and the configuration stays."""
    recorded = json.loads((Path(__file__).parent / "verdicts.json").read_text())
    services = [name for name in variations.SERVICES if name != "cib_ro"]  # the same daemon as that of cib_rw
    settings = site.nodes.node_settings("node1")
    async with Calm(site):
        logged = {node: len(site.log(node)) for node in site.nodes.names}
        before = await site.configuration()
        answers = await asyncio.gather(*(variations.ask_all(settings, name, every=EVERY) for name in services))
        for service, found in zip(services, answers, strict=True):
            assert variations.differences(service, found, recorded[service]) == {}
        assert await site.configuration() == before
        told = [line.partition("]")[2] for node in site.nodes.names for line in site.log(node)[logged[node] :]]
        complaints = [line for line in told if line.startswith((" WARNING:", " ERROR:", " CRITICAL:"))]
        assert sorted(complaints) == sorted(set(complaints))


@pytest.mark.timeout(300)
async def test_garbage_in_the_groups_of_the_daemons(site: Site) -> None:
    async with Calm(site):
        await hostile.shout_into_groups(site.nodes.node_settings("node1"), "node1", SEED)


@pytest.mark.timeout(300)
async def test_garbage_on_the_ring_port(site: Site) -> None:
    chance = random.Random(SEED)
    plan = site.nodes.plan
    async with Calm(site):
        for source in ("127.0.0.11", "127.0.0.12", "127.0.0.99"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((source, 0))
                for data in hostile.ring_noise(chance):
                    for name in plan.names:
                        sock.sendto(data, (plan.address(name), plan.port))
                    await asyncio.sleep(0)


@pytest.mark.timeout(300)
async def test_clients_that_never_read_and_many_idle_ones(site: Site) -> None:
    settings = site.nodes.node_settings("node1")
    query = "<cib_command t='cib' cib_op='cib_query' cib_callid='%d' cib_callopt='0' cib_clientname='mute'/>"
    clients: list[IpcClient] = []
    async with Calm(site):
        for number in range(100):
            service = [*hostile.CS_SERVICES, *hostile.CRM_SERVICES][number % 14]
            client = IpcClient(settings.ipc_name(service), on_event=lambda _data: None)
            await client.connect(wait=20.0)
            clients.append(client)
        mute = hostile.Mute(settings, "cib_rw")
        for number in range(600):
            if not mute.ask(query % number):
                break
            await asyncio.sleep(0)
        assert mute.asked > 10
        async with site.cluster("node1") as cluster:
            assert (await cluster.board()).dc
        mute.close()
    for client in clients:
        await client.close()


@pytest.mark.timeout(300)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_a_user_who_is_no_member(site: Site) -> None:
    """Refused at the door with EACCES by every service, each time, and told once a minute for each."""
    settings = site.nodes.node_settings("node1")
    async with Calm(site):
        logged = len(site.log("node1"))
        services = 3 * (*hostile.CS_SERVICES, *hostile.CRM_SERVICES)
        answers = await asyncio.to_thread(hostile.knock_as_nobody, settings, services)
        assert answers == [errno.EACCES] * len(services), answers
        told = [line for line in site.log("node1")[logged:] if "refused, not allowed" in line]
        assert len(told) == len(set(told)) >= len(hostile.CRM_SERVICES)


AGENTS = {
    # What it does on start (in all else it behaves), and what the status has to say.
    "hangs": ("sleep 600", "timed out"),
    "prints": ("yes 0123456789 | head -c 9000000; yes abc | head -c 3000000 >&2; exit 1", "error"),
    "big": ("exit 300", "44, which is not an OCF return code"),
    "dies": ("kill -SEGV $$", "Segmentation fault"),
    "refuses": ("echo 'ERROR: no licence for the frobnicator' >&2; exit 5", "not installed"),
    "binary": (r"printf '\377\376\0\001' >&2; exit 6", "not configured"),
}
AGENT = """#!/bin/sh
case "$1" in
meta-data) cat <<X
{metadata}
X
exit 0;;
start) {start};;
stop) exit 0;;
monitor) exit 7;;
esac
exit 3
"""
METADATA = (
    '<resource-agent name="x" version="1.0"><version>1.0</version><parameters/><actions>'
    '<action name="start" timeout="20s"/><action name="stop" timeout="20s"/></actions></resource-agent>'
)


def _write_agent(site: Site, name: str, start: str, metadata: str = METADATA, mode: int = 0o755) -> None:
    path = site.agents / name
    path.write_text(AGENT.format(start=start, metadata=metadata))
    path.chmod(mode)


@pytest.mark.timeout(300)
async def test_agents_that_misbehave(site: Site) -> None:
    for name, (start, _words) in AGENTS.items():
        _write_agent(site, name, start)
    _write_agent(site, "locked", "exit 0", mode=stat.S_IRUSR | stat.S_IWUSR)
    _write_agent(site, "garbled", "exit 1", metadata="<resource-agent><<<")
    (site.agents / "notscript").write_bytes(bytes(range(256)))
    (site.agents / "notscript").chmod(0o755)
    names = [*AGENTS, "locked", "garbled", "notscript", "absent"]
    await until("a settled cluster", site.steady)
    before = site.daemons(), site.memberships()
    limits = {"hangs": 3}
    config = "".join(
        f"primitive bad-{n} ocf:bad:{n} op start timeout={limits.get(n, 60)}s op stop timeout=20s\n" for n in names
    )
    loaded = site.crm("configure", "load", "update", "-", text=config)
    assert loaded.returncode in (0, 1), loaded.stderr
    assert "Traceback" not in loaded.stderr

    async def all_failed() -> bool:
        board = await site.board()
        return board is not None and {f"bad-{n}" for n in names} <= {f.resource for f in board.failures}

    await until("every bad agent has failed", all_failed)
    async with site.cluster("node1") as cluster:
        assert await cluster.wait_idle(60)
    shown = site.crm("status")
    assert shown.returncode == 0 and "Traceback" not in shown.stderr + shown.stdout
    said = {**AGENTS, "locked": ("", "may not be executed"), "notscript": ("", "Exec format error")}
    for name, (_start, words) in said.items():
        lines = [line for line in shown.stdout.splitlines() if f"bad-{name}" in line]
        assert any(words.lower() in line.lower() for line in lines), (name, lines)
    assert await site.places("one", "two") == {"one": ["node1"], "two": ["node2"]}
    removed = site.crm("configure", "delete", "--force", *(f"bad-{n}" for n in names))
    assert removed.returncode == 0, removed.stderr
    site.crm("resource", "cleanup")
    await until("a cluster without failures", lambda: _clean(site))
    assert (site.daemons(), site.memberships()) == before
    assert site.tracebacks() == []


async def _clean(site: Site) -> bool:
    board = await site.board()
    return board is not None and not board.failures and await site.steady()
