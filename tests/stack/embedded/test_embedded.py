"""Embedded clusters: their files, and nodes of real processes with daemons that do nothing."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hashell.model.diagnostics import HashellError
from hashell.stack.embedded import EmbeddedCluster, __main__
from hashell.stack.embedded.layout import Plan, corosync_conf, make_prefix, node_settings
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.panic import marked_processes

REPO = Path(__file__).resolve().parents[3]
DEADLINE = 30.0
COMMAND = [
    sys.executable,
    "-c",
    textwrap.dedent("""
        import sys
        from hashell.stack import hashelld
        from hashell.stack.supervisor.core import DaemonSpec
        specs = (
            DaemonSpec("membership", "tests.stack.supervisor.dummies.ring"),
            DaemonSpec("pacemakerd", "hashell.stack.supervisor.pacemakerd"),
            DaemonSpec("cib", "tests.stack.supervisor.dummies.idle", on_ring=True),
        )
        hashelld.choose_daemons = lambda **options: specs
        sys.exit(hashelld.main())
    """),
]


@pytest.fixture
async def cluster(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPO))
    cluster = EmbeddedCluster(tmp_path / "c", 2, command=COMMAND)
    yield cluster
    for name in cluster.names:
        await cluster.kill_node(name)


def test_the_ring_configuration():
    plan = Plan(2, 5415, "habc.")
    text = corosync_conf(plan, Path("/x/ring.log"))
    assert "mcastport: 5415" in text and "two_node: 1" in text and "transport: udpu" in text
    assert text.count("ring0_addr: 127.0.0.1") == 2 and "name: node2\n        nodeid: 2" in text
    assert "two_node" not in corosync_conf(Plan(3, 5415, "habc."), Path("/x"))
    assert text.count("{") == text.count("}")


def test_nodes_have_everything_below_their_folder_and_names_of_their_own(tmp_path):
    plan = Plan(3, 5405, make_prefix(tmp_path, 1000))
    one, two = (node_settings(plan, tmp_path, name) for name in ("node1", "node2"))
    for path in (one.state_dir, one.run_dir, one.log_dir, one.agent_dir, one.ring_dir, one.corosync_conf):
        assert path.is_relative_to(tmp_path / "node1")
    assert one.ipc_prefix != two.ipc_prefix and one.user == "" and one.embedded
    assert NodeSettings.from_json(one.to_json()) == one
    assert make_prefix(tmp_path, 1000) != make_prefix(tmp_path, 1001)
    longest = f"/dev/shm/qb-4194304-4194304-1000-abcdefgh/qb-{one.ipc_name('votequorum')}-response"
    assert len(longest) < 100


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": 99, "port": 5405, "prefix": "x", "name": "y"}', "null"])
def test_damaged_cluster_file_is_told(tmp_path, text):
    (tmp_path / "cluster.json").write_text(text)
    with pytest.raises(HashellError, match="no embedded cluster"):
        EmbeddedCluster(tmp_path)


def test_wrong_numbers_and_names(tmp_path):
    for nodes in (0, 17):
        with pytest.raises(HashellError, match="cannot have"):
            EmbeddedCluster(tmp_path, nodes)
    with pytest.raises(HashellError, match="no node nodeX.*node1, node2"):
        EmbeddedCluster(tmp_path, 2).node_settings("nodeX")


def test_default_folder(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/var/tmp/x")
    monkeypatch.delenv("HASHELL_EMBEDDED_DIR", raising=False)
    assert EmbeddedCluster(nodes=1).base == Path("/var/tmp/x/hashell/embedded")
    monkeypatch.setenv("HASHELL_EMBEDDED_DIR", "/var/tmp/y")
    assert EmbeddedCluster(nodes=1).base == Path("/var/tmp/y")


def test_a_taken_port_is_passed_over(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        cluster = EmbeddedCluster(tmp_path, 2)
        first = cluster._free_port()
        other.bind(("127.0.0.12", first))
        assert cluster._free_port() != first


def test_an_unwritable_place_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HashellError, match="cannot be written"):
        EmbeddedCluster(tmp_path / "file" / "c", 1)._write()


async def test_start_kill_and_start_again(cluster):
    await cluster.start()
    before = cluster.status()
    assert [s.running for s in before] == [True, True] and all(s.processes >= 4 for s in before)
    again = EmbeddedCluster(cluster.base)
    assert again.plan == cluster.plan
    with pytest.raises(HashellError, match="2 nodes runs"):
        EmbeddedCluster(cluster.base, 3)
    marker = cluster.plan.marker("node2")
    service = subprocess.Popen(
        ["sleep", "1000"], env={**os.environ, "HASHELL_NODE": marker}, start_new_session=True
    )
    await cluster.kill_node("node2")
    assert service.wait(DEADLINE) == -9
    assert [s.running for s in cluster.status()] == [True, False]
    assert not marked_processes(marker)
    prefix = cluster.node_settings("node2").ipc_prefix
    assert not list(Path("/dev/shm").glob(f"qb-*/qb-control-{prefix}*"))
    await cluster.start_node("node2")
    after = cluster.status()
    assert after[1].running and after[1].pid != before[1].pid and after[0].pid == before[0].pid
    await cluster.start_node("node2")
    await cluster.stop()
    assert [(s.running, s.processes) for s in cluster.status()] == [(False, 0)] * 2
    cluster.remove()
    assert not list(cluster.base.iterdir())


async def test_a_failed_start_says_why(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPO))
    command = [*COMMAND[:2], COMMAND[2].replace("dummies.ring", "dummies.refuses")]
    cluster = EmbeddedCluster(tmp_path / "c", 1, command=command)
    with pytest.raises(HashellError, match="node1 did not start: .*/nowhere cannot be read: a test"):
        await cluster.start()
    assert not cluster.node_running("node1")


async def test_verbs_of_the_fence_agent(cluster, capsys):
    await cluster.start()

    async def call(*words: str) -> int:
        return await asyncio.to_thread(__main__.main, [*words, "--base", str(cluster.base)])

    assert await call("list") == 0
    assert capsys.readouterr().out == "node1\nnode2\n"
    assert await call("status", "node1") == 0
    assert await call("off", "node1") == 0
    assert await call("status", "node1") == 2
    assert await call("off", "node1") == 0
    assert await call("status", "node2") == 0
    assert await call("kill-node", "node2") == 0
    assert await call("status", "node2") == 2
    assert capsys.readouterr().out.splitlines()[-1] == "node2 is off"
    assert await call("off", "nodeX") == 105
    assert "has no node nodeX" in capsys.readouterr().err


def test_verbs_without_a_cluster(tmp_path, capsys):
    assert __main__.main(["status", "node1", "--base", str(tmp_path)]) == 6
    assert capsys.readouterr().err.count("\n") == 1
