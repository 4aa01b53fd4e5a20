"""The examples of the manual that need a running cluster, in one walk over three embedded nodes."""

from __future__ import annotations

import contextlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import Result
from walk import SETUP

from hashell.cli import main
from hashell.shell.manual import shown_levels
from hashell.shell.table import load_tree

EXAMPLES = {"/".join((*path, command.name)): (path, command.example)
            for path, level in shown_levels(load_tree()) for command in level.commands if command.needs == "cluster"}
FENCING = "".join(
    f"primitive fence-node{n} stonith:fence_embedded params plug=node{n} pcmk_host_list=node{n}\n"
    f"location fence-node{n}-elsewhere fence-node{n} -inf: node{n}\n" for n in (1, 2, 3))
#: In an order in which each finds what it needs; a line that begins with + is a command in between.
ORDER = """\
cluster/start
cluster/wait_for_startup
+ -w configure load update setup.crm
cluster/status
cluster/health
cluster/run
cluster/diff
corosync/status
corosync/tune
corosync/show
corosync/get
corosync/set
corosync/diff
corosync/push
corosync/pull
corosync/reload
corosync/log
corosync/link/show
+ resource move spare node1
resource/move
resource/ban
resource/clear
resource/restart
resource/cleanup
resource/refresh
resource/secret
node/status-attr
node/server
maintenance/action
+ -w resource stop spare
configure/rsctest
report
cluster/rename
node/fence
+ cluster start node2
+ cluster wait_for_startup 60
cluster/crash_test
cluster/restart
+ cluster wait_for_startup 60
cluster/kill
node/clearstate
+ cluster start node2
+ cluster wait_for_startup 60
cluster/stop
cluster/destroy
""".splitlines()


def run(*words: str, stdin: str = "") -> Result:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patch("sys.stdin", io.StringIO(stdin)):
        code = main(list(words))
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    environ = {"HOME": str(tmp_path), "HASHELL_EMBEDDED_DIR": str(tmp_path / "embedded"), "NO_COLOR": "1",
               "TERM": "dumb", "PATH": os.environ["PATH"]}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setup.crm").write_text(SETUP.replace("stonith-enabled=false", "stonith-enabled=true") + FENCING)
    with patch.dict(os.environ, environ, clear=True):
        try:
            yield tmp_path
        finally:
            run("cluster", "destroy")


def test_the_walk_leaves_no_example_out() -> None:
    assert sorted(EXAMPLES) == sorted(line for line in ORDER if not line.startswith("+"))


@pytest.mark.timeout(400)
def test_examples_on_a_cluster(home: Path) -> None:
    for line in ORDER:
        began = time.monotonic()
        if line.startswith("+"):
            result = run(*line[1:].split())
        else:
            path, example = EXAMPLES[line]
            result = run("-F", *path, stdin=example + "\n")
        print(f"--- {line}: {time.monotonic() - began:.1f} {result.code}\n{result.out}{result.err}")
        assert result.code == 0 and "internal error" not in result.err, (line, result.out, result.err)
