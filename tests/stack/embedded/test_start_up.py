"""Starting and stopping one real node with everything that can be wrong beforehand: files, ports, names, folders."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashell.client.cluster import open_cluster
from hashell.client.source import LiveSource
from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack.embedded import EmbeddedCluster
from hashell.stack.supervisor.prepare import running_pid
from hashell.stack.wire import qbframe

DEADLINE = 60.0


class OneNode:
    def __init__(self, base: Path) -> None:
        self.cluster = EmbeddedCluster(base, 1)
        self.cluster._write()
        self.settings = self.cluster.node_settings("node1")
        self.conf = self.settings.corosync_conf
        self.good = self.conf.read_text()
        self.file = base / "node1" / "settings.json"

    def hashelld(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("hashell.stack.hashelld", "--settings", str(self.file), *options)

    def hashell(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("hashell.cli", *words)

    def run(self, module: str, *words: str) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [sys.executable, "-m", module, *words], text=True, capture_output=True, timeout=DEADLINE,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.settings.env, "HASHELL_EMBEDDED_DIR": str(self.cluster.base)},
        )  # fmt: skip
        assert "Traceback" not in result.stderr + result.stdout
        return result

    def pid(self) -> int:
        return running_pid(self.settings)

    def stop(self) -> None:
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
        wait("the node to end", lambda: not self.pid())

    def log(self) -> str:
        return (self.settings.log_dir / "hashell.log").read_text()

    def configuration(self, change: str = "") -> str:
        """The property batch-limit, `-` without one, after setting it to `change`; '' when nobody answers."""

        async def ask() -> str:
            cluster = await open_cluster(LiveSource(self.settings))
            try:
                cib = await cluster.cib()
                return str(next(iter(cib.xpath("//crm_config//nvpair[@name='batch-limit']/@value")), "-"))
            finally:
                await cluster.close()

        if change:
            assert self.hashell("-F", "configure", "property", f"batch-limit={change}").returncode == 0
        with contextlib.suppress(HashellError):
            return asyncio.run(ask())
        return ""


def wait(what: str, condition) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[OneNode]:
    node = OneNode(tmp_path / "c")
    yield node
    asyncio.run(node.cluster.kill_node("node1"))


@pytest.mark.parametrize(
    ("old", "new", "said", "code"),
    [
        ("token: 1000", "token: abc", 'corosync.conf:5: error: totem.token cannot be "abc"', 78),
        ("token: 1000", "token 1000", "corosync.conf:5: error: Line is not opening", 78),
        ("totem {", "totem", "corosync.conf:1: error: Line is not opening", 78),
        ("version: 2", "version: 7", "corosync.conf:2: error: This totem parser", 78),
        ("name: node1", "name: other", "the nodelist has other", 78),
        ("127.0.0.11", "no such host", "corosync.conf:13: error: ring0_addr no such host has no address", 78),
        ("nodelist {", "nodes {", "there is no nodelist", 78),
        ("nodelist {", "nodelist {\n node {\n  ring0_addr: 127.0.0.9\n  nodeid: 1\n }", "appears twice", 78),
        ("timestamp: hires\n}", "timestamp: hires\n", "Missing closing brace", 78),
        ("totem {", "\udcff\udcfe\x00{ x", "corosync.conf:1: error", 78),
    ],
)
def test_a_broken_configuration_is_told_at_once(node: OneNode, old: str, new: str, said: str, code: int) -> None:
    assert old in node.good
    node.conf.write_text(node.good.replace(old, new, 1), errors="surrogateescape")
    result = node.hashelld()
    assert (result.returncode, node.pid()) == (code, 0), result.stderr
    assert said in result.stderr


def test_configuration_files_that_cannot_be_read(node: OneNode, tmp_path: Path) -> None:
    for spoil in (lambda: node.conf.unlink(), lambda: node.conf.mkdir()):
        spoil()
        result = node.hashelld()
        assert result.returncode == 6 and f"{node.conf} cannot be read" in result.stderr
    for text, name in (("garbage", "x.json"), ("[]", "y.json"), ("", "z.json")):
        (tmp_path / name).write_text(text)
        result = node.run("hashell.stack.hashelld", "--settings", str(tmp_path / name))
        assert result.returncode == 78 and name in result.stderr
    for options in (("--bogus",), ("--corosync-conf",), ("word",)):
        result = node.run("hashell.stack.hashelld", *options)
        assert result.returncode == 64 and "--help" in result.stderr and len(result.stderr.splitlines()) == 1


def test_what_is_in_the_way(node: OneNode) -> None:
    address = node.cluster.plan.address("node1"), node.cluster.plan.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(address)
        result = node.hashelld()
    assert (result.returncode, node.pid()) == (69, 0) and f"port {address[1]}" in result.stderr, result.stderr
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as taken:
        taken.bind(qbframe.abstract_address(node.settings.ipc_name("attrd")))
        taken.listen()
        result = node.hashelld()
    assert (result.returncode, node.pid()) == (69, 0) and node.settings.ipc_name("attrd") in result.stderr
    for folder in (node.settings.ring_dir, node.settings.cib_dir, node.settings.run_dir, node.settings.log_dir):
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("in the way")
        result = node.hashelld()
        assert result.returncode == 73 and f"{folder} cannot be used" in result.stderr, result.stderr
        folder.unlink()
    (node.settings.ring_dir / "ringid_1").mkdir(parents=True)
    result = node.hashelld()
    assert (result.returncode, node.pid()) == (72, 0) and "ringid_1" in result.stderr, result.stderr


@pytest.mark.timeout(300)
def test_two_starts_a_stale_pid_file_and_a_killed_supervisor(node: OneNode) -> None:
    assert node.hashell("cluster", "stop").returncode == ExitCode.NOT_RUNNING
    assert node.hashell("status").returncode == 102
    node.settings.run_dir.mkdir(parents=True)
    (node.settings.run_dir / "hashelld.pid").write_text(f"{os.getpid()}\n")
    assert node.hashelld().returncode == 0
    second = node.hashelld()
    assert second.returncode == 108 and f"kill {node.pid()}" in second.stderr
    for count, code in (("0", 64), ("17", 64), ("two", 64), ("2", 108), ("1", 0)):
        assert node.hashell("cluster", "start", "--embedded", count).returncode == code, count
    os.kill(node.pid(), signal.SIGKILL)
    wait("the end of the killed node", lambda: not node.pid())
    assert node.hashelld().returncode == 0
    wait("a configuration after the restart", lambda: node.configuration() != "")
    stopped = node.hashell("cluster", "stop")
    assert stopped.returncode == 0 and not node.pid()


@pytest.mark.timeout(300)
def test_a_damaged_cib_is_set_aside_and_the_newest_backup_used(node: OneNode) -> None:
    assert node.hashelld().returncode == 0
    wait("a configuration", lambda: node.configuration() != "")
    node.configuration("11")
    assert node.configuration("12") == "12"
    node.stop()
    folder = node.settings.cib_dir
    saved = node.settings.state_dir / "saved"
    shutil.copytree(folder, saved)
    newest = (saved / f"cib-{int((saved / 'cib.last').read_text()) - 1}.raw").read_text()
    wanted = next(value for value in ("12", "11") if f'name="batch-limit" value="{value}"' in newest)
    for data, reason in ((b"<cib", "line 1"), (b"", "empty"), (b"<other/>", "<other>"), (bytes(999), "line 1")):
        (folder / "cib.xml").write_bytes(data)
        started = node.hashelld()
        assert started.returncode == 0 and reason in started.stderr and "cib.auto.000000" in started.stderr
        assert "was read from the backup" in started.stderr
        wait("the configuration of the backup", lambda: node.configuration() != "")
        assert node.configuration() == wanted
        assert (folder / "cib.auto.000000").read_bytes() == data
        assert "is not usable" in node.log()
        node.stop()
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)
    (folder / "cib.xml").write_bytes((saved / "cib.xml").read_bytes().replace(b"<nvpair ", b"<nvbear "))
    (folder / "cib.xml.sig").unlink()
    assert "is not valid" in node.hashelld().stderr
    wait("the CIB manager's refusal", lambda: node.hashell("status").returncode == 78)
    assert "not valid" in node.hashell("status").stderr
    node.stop()
