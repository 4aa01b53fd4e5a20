"""A cluster on another machine: ssh is a script here, what it runs there is real."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import pretty
from hashell.tui.app import Monitor
from hashell.tui.main import main
from hashell.tui.remote import connect_by_ssh
from hashell.tui.sources import watched_word
from tests.tui.clusters import cluster
from tests.tui.stage import header, press, rows, until
from tests.tui.test_live import running

#: Runs the last word, which is the command for the other machine.
SSH = '#!/bin/sh\nfor word; do :; done\nexec sh -c "$word"\n'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, the only one that is searched besides the system's shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "sleep", "cat", "printf"):
        (folder / name).symlink_to(next(p for d in ("/bin", "/usr/bin") if (p := Path(d) / name).exists()))
    program(folder / "ssh", SSH)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def installed(tools: Path) -> None:
    program(tools / "hashell", f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m hashell.cli "$@"\n')


async def test_a_cluster_with_hashell_is_followed(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tools)
    async with running(tmp_path / "c") as there:
        monkeypatch.setenv("HASHELL_EMBEDDED_DIR", str(tmp_path / "c"))
        app = Monitor([watched_word("ssh:admin@db1")])
        async with app.run_test(size=(120, 34)) as pilot:
            await until(pilot, lambda: "online DC" in "".join(rows(app).get("(nodes)", [])))
            assert "read-only" in header(app) and "STALE" not in header(app)
            app.grid().go_to("(nodes)", "node1")
            await press(pilot, "s")
            assert len(app.screen_stack) == 1
            await there.kill_node("node1")
            await until(pilot, lambda: "STALE" in header(app))


async def test_a_cluster_with_pacemaker_s_tools_is_followed(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "cib.xml").write_text(pretty(cluster()))
    program(tools / "cibadmin", f"#!/bin/sh\nexec cat {tmp_path / 'cib.xml'}\n")
    program(tools / "stonith_admin", "#!/bin/sh\necho '<pacemaker-result><fence_history><fence_event status=\"success\""
            " action=\"off\" target=\"node2\" client=\"c\" origin=\"node1\"/></fence_history></pacemaker-result>'\n")
    app = Monitor([watched_word("ssh:db1"), watched_word("ssh:db1")])
    async with app.run_test(size=(160, 34)) as pilot:
        await until(pilot, lambda: "db" in rows(app))
        await press(pilot, "4")
        await until(pilot, lambda: any("node2" in cell for cells in rows(app).values() for cell in cells))
        await press(pilot, "1")
        (tmp_path / "new").write_text(pretty(cluster(standby=3)))
        os.replace(tmp_path / "new", tmp_path / "cib.xml")
        await until(pilot, lambda: "standby" in "".join(rows(app)["(nodes)"]))
        assert "STALE" not in header(app)


@pytest.mark.parametrize(("ssh", "cibadmin", "reason"), [
    ("echo 'ssh: connect to host db1 port 22: No route to host' >&2; exit 255", "", "No route to host"),
    ("exit 7", "", "ssh ended with exit code 7"),
    ("", "", "neither hashell nor Pacemaker's tools are in the PATH there"),
    ("", "echo 'cibadmin: Connection to the CIB manager failed' >&2; exit 102", "Connection to the CIB manager failed"),
    ("", "echo Welcome", "no look at a cluster: Welcome"),
])
async def test_what_hinders_is_said(tools: Path, ssh: str, cibadmin: str, reason: str) -> None:
    if ssh:
        program(tools / "ssh", f"#!/bin/sh\n{ssh}\n")
    if cibadmin:
        program(tools / "cibadmin", f"#!/bin/sh\n{cibadmin}\n")
    with pytest.raises(HashellError, match=reason):
        await connect_by_ssh("db1")


async def test_without_ssh_that_is_said(tools: Path) -> None:
    (tools / "ssh").unlink()
    with pytest.raises(HashellError, match="ssh is not installed here"):
        await connect_by_ssh("db1")


@pytest.mark.parametrize("word", ["ssh:", "ssh:-oProxyCommand=x"])
def test_what_is_no_host_is_refused(word: str) -> None:
    with pytest.raises(HashellError, match="a host is missing"):
        watched_word(word)


def test_a_stream_without_a_cluster_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CIB_file", str(tmp_path / "nothing.xml"))
    assert main(["--stream"]) != 0
    assert "nothing.xml" in capsys.readouterr().err
