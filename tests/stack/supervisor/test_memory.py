"""What is in memory before the daemons are forked, checks that leave nothing behind, and the parts of a node."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from hashell.model.diagnostics import HashellError
from hashell.model.exitcodes import ExitCode
from hashell.stack import hashelld
from hashell.stack.settings import NodeSettings
from hashell.stack.supervisor.apart import run_apart
from hashell.stack.supervisor.core import DaemonSpec
from hashell.stack.supervisor.prepare import AlreadyRunning
from hashell.stack.supervisor.processes import NodeProcess


def modules_after(code: str) -> set[str]:
    """The modules of a fresh interpreter that has run `code`."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(result.stdout.split())


def test_what_daemons_inherit_is_what_they_share():
    found = modules_after(
        "import hashell.stack.hashelld\nfrom hashell.stack.supervisor.preload import import_shared\nimport_shared()"
    )
    assert {"asyncio", "lxml.etree", "hashell.stack.wire.cluster"} <= found
    heavy = {"ssl", "_ssl", "tempfile", "rich", "pyparsing", "textual", "prompt_toolkit", "cryptography"}
    assert not found & heavy
    assert not [name for name in found if name.startswith(("hashell.stack.pengine", "hashell.stack.membership"))]


def test_ssl_is_there_for_whoever_wants_it():
    assert "ssl" in modules_after(
        "from hashell.stack.supervisor.preload import import_shared\nimport_shared()\nimport ssl"
    )


def test_daemons_without_work_for_the_policy_engine_do_not_load_it():
    for daemon in ("stonithd", "schedulerd"):
        found = modules_after(f"import hashell.stack.{daemon}.daemon")
        assert not [name for name in found if name.startswith("hashell.stack.pengine.unpack")], daemon


def test_a_check_apart_answers_as_it_would_here():
    warning = AlreadyRunning(pid=5)
    assert run_apart(lambda: [warning]) == [warning]
    assert run_apart(lambda: [AlreadyRunning(pid=os.getpid())]) != [AlreadyRunning(pid=os.getpid())]


def test_a_check_apart_fails_as_it_would_here():
    def refuse() -> list:
        raise HashellError(AlreadyRunning(pid=6), exit_code=ExitCode.CONFIG)

    with pytest.raises(HashellError) as caught:
        run_apart(refuse)
    assert caught.value.exit_code == ExitCode.CONFIG
    assert caught.value.diagnostics == (AlreadyRunning(pid=6),)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_apart(lambda: [1 / 0])  # type: ignore[list-item]


def test_parts_of_a_node():
    assert [spec.name for spec in hashelld.choose_daemons(with_corosync=False, only_ring=True)] == ["membership"]
    assert "membership" not in [spec.name for spec in hashelld.choose_daemons(with_corosync=True)]
    with pytest.raises(SystemExit) as caught:
        hashelld.parse_arguments(["--only-ring", "--ring", "corosync"])
    assert caught.value.code == ExitCode.USAGE


def test_a_daemon_that_cannot_be_imported_ends_the_node_with_its_name(tmp_path):
    settings = NodeSettings(log_dir=tmp_path, ipc_prefix=f"t{os.getpid()}-", user="")
    pid = os.fork()
    if pid == 0:
        node = NodeProcess(settings, (DaemonSpec("lost", "tests.no_such_daemon"),), on_ready=lambda: None)
        code = node.run()
        (tmp_path / "words").write_text(node.last_words)
        os._exit(code)
    deadline = time.monotonic() + 60
    while (done := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert os.waitstatus_to_exitcode(done[1]) == ExitCode.NOT_INSTALLED
    assert "tests.no_such_daemon cannot be imported" in (tmp_path / "words").read_text()
