"""Commands that need a running cluster: two embedded nodes for the whole module."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from conftest import Result

from hashell.cli import main

SCRIPT = """\
property stonith-enabled=false no-quorum-policy=ignore
rsc_defaults resource-stickiness=100
primitive p ocf:pacemaker:Dummy params state={}/p.state op monitor interval=10s
primitive q ocf:pacemaker:Dummy params state={}/q.state
"""


def run(*words: str, stdin: str = "") -> Result:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), patch("sys.stdin", io.StringIO(stdin)):
        code = main(list(words))
    assert "internal error" not in err.getvalue(), err.getvalue()
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("live")
    environ = {"HOME": str(home), "HASHELL_EMBEDDED_DIR": str(home / "embedded"), "NO_COLOR": "1", "TERM": "dumb",
               "PATH": os.environ["PATH"]}
    with patch.dict(os.environ, environ, clear=True):
        assert run("cluster", "start", "--embedded", "2").code == 0
        try:
            assert run("cluster", "wait_for_startup", "60").code == 0
            (home / "s.crm").write_text(SCRIPT.replace("{}", str(home)))
            loaded = run("-w", "configure", "load", "update", str(home / "s.crm"))
            assert loaded.code == 0, loaded.err
            yield home
        finally:
            run("cluster", "destroy")


def other(name: str) -> str:
    return "node2" if "node1" in run("resource", "locate", name).out else "node1"


def test_move_waits_and_leaves_nothing() -> None:
    goal = other("p")
    moved = run("resource", "move", "p", goal)
    assert moved.code == 0, moved.err
    assert f"moving p to {goal}" in moved.out and "settled" in moved.out and "is removed" in moved.out
    assert goal in run("resource", "locate", "p").out
    assert "cli-" not in run("configure", "show").out


def test_move_keep_stays_and_ban_goes() -> None:
    goal = other("p")
    assert run("-w", "resource", "move", "p", goal, "--keep").code == 0
    assert f"location cli-prefer-p p role=Started inf: {goal}" in run("configure", "show").out
    assert "left over" in run("status").out
    assert run("-w", "resource", "clear", "p").code == 0
    banned = run("resource", "ban", "p")
    assert banned.code == 0 and f"away from {goal}" in banned.out, banned.err
    assert goal not in run("resource", "locate", "p").out
    assert "cli-" not in run("configure", "show").out
    assert run("-w", "resource", "move", "p", goal, "--lifetime", "PT1H").code == 0
    assert "date lt" in run("configure", "show").out
    assert run("-w", "resource", "clear", "p").code == 0


def test_a_move_that_would_not_last_keeps_its_constraint() -> None:
    goal = other("q")
    home = "node1" if goal == "node2" else "node2"
    assert run("-w", "configure", "location", "home", "q", "1000:", home).code == 0
    moved = run("resource", "move", "q", goal)
    assert moved.code == 0 and "would move again" in moved.err and "cli-prefer-q" in run("configure", "show").out
    assert run("-w", "resource", "clear", "q").code == 0
    assert run("configure", "delete", "home").code == 0


def test_an_impossible_move_says_why_and_cleans_up() -> None:
    goal = other("p")
    assert run("-w", "node", "standby", goal).code == 0
    moved = run("resource", "move", "p", goal)
    assert moved.code == 1 and "did not move there" in moved.err and "why p" in moved.err
    assert "cli-" not in run("configure", "show").out
    assert run("-w", "node", "online", goal).code == 0


@pytest.mark.parametrize("words", [("move", "p"), ("restart", "p")])
def test_an_interrupt_leaves_nothing_behind(words: tuple[str, str]) -> None:
    before = run("configure", "show").out
    with patch("hashell.shell.commands.moving.wait_for_transition", side_effect=KeyboardInterrupt):
        assert run("resource", *words).code == 130
    assert run("configure", "show").out == before
    assert run("cluster", "wait_for_startup", "60").code == 0


def test_restart_shows_what_it_waits_for() -> None:
    before = run("configure", "show").out
    result = run("resource", "restart", "p")
    assert result.code == 0 and result.out.index("to stop") < result.out.index("settled") < result.out.index("to start")
    assert run("configure", "show").out == before and "running on" in run("resource", "locate", "p").out


def test_failcount_is_one_of_the_operation() -> None:
    node = "node1" if other("p") == "node2" else "node2"
    assert run("resource", "failcount", "p", "set", node, "7").code == 0
    assert run("cluster", "wait_for_startup", "60").code == 0
    assert "value=7" in run("resource", "failcount", "p", "show", node).out
    assert run("resource", "failcount", "p", "delete", node).code == 0
    assert run("cluster", "wait_for_startup", "60").code == 0
    assert "value=0" in run("resource", "failcount", "p", "show", node).out
    assert run("resource", "failcount", "p", "set", node, "many").code == 1


def test_secret_goes_out_of_the_cib_and_back(cluster: Path) -> None:
    assert run("resource", "secret", "q", "set", "fake", "hidden value").code == 0
    assert 'fake="lrm://"' in run("configure", "show").out
    assert run("resource", "secret", "q", "show", "fake").out == "hidden value\n"
    checked = run("resource", "secret", "q", "check", "fake")
    assert checked.code == 0 and checked.out.splitlines() == ["node1: ok", "node2: ok"]
    files = sorted(cluster.glob("embedded/**/secrets/q/fake"))
    assert len(files) == 2 and files[0].stat().st_mode & 0o777 == 0o600
    files[0].write_text("other\n")
    assert run("resource", "secret", "q", "check", "fake").code == 1
    assert run("resource", "secret", "q", "set", "fake", "x").code == 0
    assert run("resource", "secret", "q", "unstash", "fake").code == 0
    assert "fake=x" in run("configure", "show").out
    assert run("resource", "secret", "q", "show", "fake").code == 1


def test_node_server_names_addresses() -> None:
    assert run("node", "server", "node1").out.startswith("node1: 127.0.0.")
    assert run("node", "server", "none").code == 1


def meanwhile(*typed: str) -> Result:
    """Lines of a configure session; lines of another one, marked with `!`, are run between them."""
    from hashell.grammar.lines import logical_lines
    from hashell.shell.execute import run_line
    from hashell.shell.session import Session

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        session = Session()
        try:
            codes = []
            for line in ("configure", "show changed", *typed):
                if line.startswith("!"):
                    assert main(line[1:].split()) == 0
                else:
                    codes.append(int(run_line(session, logical_lines(line)[0])))
        finally:
            session.drop_workspace()
            session.close()
    return Result(max(codes), out.getvalue(), err.getvalue())


def test_changes_of_others_are_kept_when_they_do_not_overlap() -> None:
    result = meanwhile("property batch-limit=7", "!configure rsc_defaults priority=3",
                       "!configure primitive extra ocf:pacemaker:Dummy meta target-role=Stopped", "commit")
    assert result.code == 0 and "both are kept" in result.out, result.err
    shown = run("configure", "show").out
    assert "batch-limit=7" in shown and "priority=3" in shown and "primitive extra" in shown
    assert run("configure", "delete", "extra").code == 0


def test_a_conflict_shows_both_and_changes_nothing() -> None:
    result = meanwhile("set q.fake mine", "!resource param q set fake theirs", "commit", "diff")
    assert result.code != 0 and "changed meanwhile" in result.err
    assert "-\tparams" in result.out and "fake=theirs" in result.out and "fake=mine" in result.out, result.out
    assert "fake=theirs" in run("configure", "show", "q").out


def test_history_and_report_of_the_running_cluster(cluster: Path) -> None:
    assert run("configure", "primitive", "s", "ocf:pacemaker:Dummy", "params", "passwd=geheim").code == 0
    assert run("-w", "configure", "delete", "--force", "s").code == 0
    assert "result of p_start_0" in run("history", "resource", "p").out
    assert "starts" in run("history", "transitions").out
    report = run("report", str(cluster / "r"))
    assert report.code == 0, report.err
    assert run("report", str(cluster / "r")).code == 1
    stored = run("history", stdin=f"source {cluster}/r.tar.gz\ninfo\nresource p\n")
    assert stored.code == 0 and "Nodes: node1 node2" in stored.out and "p_start_0" in stored.out, stored.err
    import tarfile

    with tarfile.open(cluster / "r.tar.gz") as tar:
        names = tar.getnames()
        texts = b"".join(tar.extractfile(m).read() for m in tar if m.isfile())  # type: ignore[union-attr]
    assert {"r/status.txt", "r/configuration.crm", "r/cib.xml", "r/node1/hashell.log"} <= set(names)
    assert b"geheim" not in texts


def test_a_ticket_of_the_running_cluster() -> None:
    assert run("site", "ticket", "grant", "T").code == 0
    assert "granted" in run("site", "ticket", "show", "T").out
    assert run("site", "ticket", "revoke", "T").code == 0
    assert run("site", "ticket", "delete", "T").code == 0
    assert run("site", "ticket", "show", "T").code == 1
