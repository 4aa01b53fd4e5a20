"""A node of real processes under the supervisor, with daemons that do nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest
from lxml import etree

from hashell.stack import hashelld
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.panic import kill_marked, marked_processes
from hashell.stack.supervisor.prepare import running_pid
from hashell.stack.wire import envelope
from hashell.stack.wire.ipcclient import IpcError
from hashell.stack.wire.pacemaker import PacemakerClient

DEADLINE = 30.0
REPO = Path(__file__).resolve().parents[3]
CONF = """totem {
    version: 2
    transport: udpu
}
nodelist {
    node {
        ring0_addr: 127.0.0.1
        name: one
        nodeid: 1
    }
}
"""


def until(condition, what: str = "") -> object:
    end = time.monotonic() + DEADLINE
    while not (value := condition()):
        assert time.monotonic() < end, f"not reached: {what}"
        time.sleep(0.02)
    return value


class Node:
    def __init__(self, folder: Path) -> None:
        self.marker = f"test-{uuid.uuid4().hex[:8]}"
        self.settings = NodeSettings(
            name="one", corosync_conf=folder / "corosync.conf", ring_dir=folder / "ring",
            state_dir=folder / "state", run_dir=folder / "run", agent_dir=folder / "agents",
            log_dir=folder / "log", ipc_prefix=f"s{uuid.uuid4().hex[:7]}-", user="", embedded=True,
        )  # fmt: skip
        self.settings.corosync_conf.write_text(CONF)
        self.settings_file = folder / "settings.json"
        self.settings_file.write_text(self.settings.to_json())
        self.process: subprocess.Popen[str] | None = None

    def script(self, daemons: dict[str, str]) -> list[str]:
        """A hashelld whose daemons are taken from the dummies."""
        modules = [
            (name, module if "." in module else f"tests.stack.supervisor.dummies.{module}")
            for name, module in daemons.items()
        ]
        code = f"""
            import sys
            from hashell.stack import hashelld
            from hashell.stack.supervisor.core import DaemonSpec
            ring = ("cib", "stonithd", "attrd", "crmd")
            specs = tuple(DaemonSpec(n, m, on_ring=n in ring, stop_seconds=5.0) for n, m in {modules!r})
            hashelld.choose_daemons = lambda **options: specs
            sys.exit(hashelld.main())
        """
        return [sys.executable, "-c", textwrap.dedent(code), "--settings", str(self.settings_file)]

    def start(self, *options: str, **daemons: str) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [*self.script(daemons), *options], cwd=REPO, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "HASHELL_NODE": self.marker, "PYTHONPATH": str(REPO)},
        )  # fmt: skip
        return self.process

    def log(self) -> str:
        path = self.settings.log_dir / "hashell.log"
        return path.read_text() if path.exists() else ""

    def idle(self) -> list[int]:
        """Processes of idle daemons that live."""
        pids = [int(path.suffix[1:]) for path in self.settings.run_dir.glob("idle.*")]
        return sorted(pid for pid in pids if Path("/proc", str(pid), "environ").exists() and _alive(pid))


def _alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    yield node
    assert kill_marked(node.marker)
    if node.process:
        node.process.communicate(timeout=DEADLINE)


def test_daemons_live_and_stop_in_order(node):
    process = node.start("--foreground", membership="ring", cib="idle", crmd="idle")
    until(lambda: node.log().count("idle starts") == 2)
    assert running_pid(node.settings) == process.pid
    names = {Path("/proc", str(pid), "comm").read_text().strip() for pid in node.idle()}
    assert names == {"hashelld-cib", "hashelld-crmd"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0
    stops = [line.split(" one ")[1].split("[")[0] for line in node.log().splitlines() if "idle stops" in line]
    assert stops == ["crmd", "cib"]
    assert running_pid(node.settings) == 0 and not marked_processes(node.marker)


def test_a_killed_daemon_is_back(node):
    node.start("--foreground", membership="ring", attrd="idle")
    first = until(node.idle)
    os.kill(first[0], signal.SIGKILL)
    second = until(lambda: [pid for pid in node.idle() if pid not in first])
    assert second and "attrd was ended by signal 9" in node.log()


def test_daemons_do_not_survive_a_killed_supervisor(node):
    process = node.start("--foreground", membership="ring", cib="idle", lrmd="idle")
    until(lambda: len(node.idle()) == 2)
    process.kill()
    until(lambda: not node.idle())
    until(lambda: running_pid(node.settings) == 0)


def test_a_daemon_that_gives_up_takes_the_node_down_with_its_words(node):
    process = node.start("--foreground", membership="refuses", cib="idle")
    _out, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 6
    assert errors == (
        "hashelld: error: /nowhere cannot be read: a test (write it first (see corosync.conf(5)), or name another "
        "one with --corosync-conf)\n"
    )
    assert "Traceback" not in node.log()


def test_in_the_background_the_starter_returns_when_the_ring_answers(node):
    starter = node.start(membership="ring", pacemakerd="hashell.stack.supervisor.pacemakerd", cib="idle")
    assert starter.communicate(timeout=DEADLINE) == ("", "") and starter.returncode == 0
    pid = running_pid(node.settings)
    assert pid and pid != starter.pid and os.getsid(pid) != os.getsid(0)
    second = node.start(membership="ring")
    _out, errors = second.communicate(timeout=DEADLINE)
    assert second.returncode == 108
    assert errors == f"hashelld: error: this node runs already (process {pid}) (stop it first: kill {pid})\n"
    os.kill(pid, signal.SIGTERM)
    until(lambda: running_pid(node.settings) == 0)


def test_in_the_background_a_failed_start_is_told(node):
    starter = node.start(membership="refuses", pacemakerd="hashell.stack.supervisor.pacemakerd")
    _out, errors = starter.communicate(timeout=DEADLINE)
    assert starter.returncode == 6
    assert errors.startswith("hashelld: error: the node did not start: /nowhere cannot be read: a test")


async def test_the_pacemakerd_service_answers_and_stops_the_node(node):
    process = node.start(
        "--foreground", membership="ring", pacemakerd="hashell.stack.supervisor.pacemakerd", cib="idle"
    )
    events: list[etree._Element] = []
    client = PacemakerClient(node.settings, "pacemakerd", on_event=events.append)
    await client.connect(DEADLINE)
    ask = {"t": "pacemakerd", "sys_from": "me", "sys_to": "pacemakerd", "now": 1}
    async with asyncio.timeout(DEADLINE):
        state = ""
        while state != "running":
            ack = await client.request(envelope.request("ping", counter=0, **ask), DEADLINE)
            assert ack.get("status") == "112"
            while not events:
                await asyncio.sleep(0.01)
            reply = events.pop()
            assert (reply.get("reference"), reply.get("crm_sys_to")) == ("ping-me-1-0", "me")
            state = envelope.payload(reply).get("pacemakerd_state")
    assert (await client.request(envelope.request("nonsense", counter=1, **ask), DEADLINE)).get("status") == "2"
    assert (await client.request(envelope.request("rm_node_cache", counter=2, **ask), DEADLINE)).get("status") == "0"
    ack = await client.request(envelope.request("quit", counter=3, **ask), DEADLINE)
    assert ack.get("status") == "112"
    assert await asyncio.to_thread(process.wait, DEADLINE) == 0
    assert envelope.payload(events[-1]).get("op_status") == "0"
    with pytest.raises(IpcError):
        await PacemakerClient(node.settings, "pacemakerd").connect()
    await client.close()


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "cannot be used"), ("[]", "not a JSON object"), ("{", "cannot be used"), (None, "No such file")],
)
def test_bad_settings_are_one_line(tmp_path, capsys, text, what):
    path = tmp_path / "settings.json"
    if text is not None:
        path.write_text(text)
    assert hashelld.main(["--settings", str(path), "-f"]) == 78
    errors = capsys.readouterr().err
    assert what in errors and errors.count("\n") == 1


def test_missing_configuration_and_unusable_folders_are_one_line(node, capsys, monkeypatch):
    monkeypatch.setattr(hashelld, "choose_daemons", lambda **options: ())
    arguments = ["--settings", str(node.settings_file), "-f"]
    node.settings.corosync_conf.unlink()
    assert hashelld.main(arguments) == 6
    assert "cannot be read: No such file" in capsys.readouterr().err
    node.settings.corosync_conf.write_text("")
    node.settings.state_dir.write_text("a file where a folder should be")
    assert hashelld.main(arguments) == 73
    errors = capsys.readouterr().err
    assert str(node.settings.state_dir) in errors and errors.count("\n") == 1


def test_foreign_stack_on_our_names_is_told(node, capsys, monkeypatch):
    monkeypatch.setattr(hashelld, "choose_daemons", lambda **options: ())
    node.start("--foreground", membership="ring")
    until(lambda: node.settings.ipc_name("cmap").encode() in Path("/proc/net/unix").read_bytes())
    data = json.loads(node.settings_file.read_text())
    data["run_dir"] = str(node.settings.run_dir / "other")
    node.settings_file.write_text(json.dumps(data))
    assert hashelld.main(["--settings", str(node.settings_file), "-f"]) == 69
    assert "cmap is already served" in capsys.readouterr().err
