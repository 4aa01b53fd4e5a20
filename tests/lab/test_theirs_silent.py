"""Daemons of a real cluster that are frozen or gone: what our shell and monitor show then.

Pass criterion: every command ends within a bound; it says which daemon does not answer and what to do; what was last
known is shown and marked stale; what does not need that daemon works; and once it answers again everything does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab import theirs
from tests.lab.peerlab import Host, wait_for
from tests.lab.theirs import Shell

DISCONNECT, TIMEOUT = 102, 124
#: Seconds in which a command has to end that asks a frozen daemon: more than ours waits, less than for ever.
BOUND = 90.0


@pytest.fixture(scope="module", params=theirs.RELEASES)
def shells(lab: None, request: pytest.FixtureRequest) -> Iterator[list[Shell]]:
    with theirs.cluster(request.param) as shells:
        shells[0].settle()
        yield shells


@pytest.fixture
def shell(shells: list[Shell]) -> Shell:
    """The shell on the DC, whose files know the newest state."""
    return Shell(Host(int(shells[0].dc()[-1])))


@pytest.mark.parametrize("words", [("status",), ("monitor", "--once", "-r")], ids=" ".join)
def test_the_last_known_state_is_shown_when_the_cib_manager_is_frozen(shell: Shell, words: tuple[str, ...]) -> None:
    with shell.frozen("pacemaker-based"):
        done = shell.say(*words, timeout=BOUND)
    assert done.returncode == TIMEOUT, done
    assert done.stdout.startswith("STALE:\n") and "[ node1 node2 ]" in done.stdout, done.stdout
    assert [name for name in ("d1", "d2", "d3") if f"* {name}\t" not in done.stdout] == []
    assert "CIB manager did not answer" in done.stderr
    wait_for("an answer again", lambda: shell.say(*words).returncode == 0)


def test_changes_are_not_made_when_the_cib_manager_is_frozen(shell: Shell) -> None:
    before = shell.cib("-o", "configuration")
    with shell.frozen("pacemaker-based"):
        for words in (("configure", "property", "cluster-delay=77s"), ("resource", "stop", "d1")):
            done = shell.say("-F", *words, timeout=BOUND)
            assert done.returncode == TIMEOUT and "CIB manager did not answer" in done.stderr, done
    wait_for("an answer again", lambda: shell.say("status").returncode == 0)
    assert shell.cib("-o", "configuration") == before


def test_the_monitor_marks_what_it_shows_as_stale_and_recovers(shell: Shell) -> None:
    with shell.following() as follower:
        wait_for("a look at all", lambda: follower.state == "" and follower.shots)
        with shell.frozen("pacemaker-based"):
            wait_for("the mark", lambda: "does not answer" in (follower.state or ""), BOUND)
            assert set(follower.shot["resources"]) == {"g", "d1", "d2", "d3"}, "what was last known stays"
        wait_for("the mark gone", lambda: follower.state == "", BOUND)
        shell.host.run("crm_attribute", "-N", "node2", "-n", "mood", "-v", "back", check=True)
        wait_for("news", lambda: follower.shot["attributes"].get("node2 mood") == "back")


def test_a_frozen_controller_does_not_keep_anybody_from_looking(shell: Shell) -> None:
    with shell.frozen("pacemaker-controld"):
        shown = shell.say("status", check=True, timeout=BOUND)
        assert "STALE" not in shown.stdout and shown.stdout.count("Started") == 3
        shell.say("configure", "property", "cluster-delay=61s", check=True, timeout=BOUND)
        done = shell.say("resource", "refresh", "d1", timeout=BOUND)
        assert done.returncode == TIMEOUT and "controller did not answer" in done.stderr, done
        shell.say("resource", "stop", "d3", check=True, timeout=BOUND)
    shell.say("resource", "start", "d3", check=True)
    wait_for("d3 started", lambda: shell.resources().count("Started") == 3)
    shell.settle()


def test_a_frozen_fencer_does_not_keep_anybody_from_looking(shell: Shell) -> None:
    with shell.following() as follower, shell.frozen("pacemaker-fenced"):
        wait_for("a look at all", lambda: follower.shots, BOUND)
        shell.host.run("crm_attribute", "-N", "node2", "-n", "mood", "-v", "calm", check=True)
        wait_for("news", lambda: follower.shot["attributes"].get("node2 mood") == "calm", BOUND)
        shown = shell.say("monitor", "--once", check=True, timeout=BOUND)
        assert shown.stdout.count("Started") == 3
        done = shell.say("-F", "node", "fence", "node2", timeout=BOUND)
        assert done.returncode == TIMEOUT and "fencer did not answer" in done.stderr, done


@pytest.mark.parametrize("words", [
    ("status",), ("monitor", "--once"), ("configure", "show"), ("resource", "stop", "d1"), ("resource", "cleanup"),
], ids=" ".join)  # fmt: skip
def test_a_cluster_that_is_down(shells: list[Shell], words: tuple[str, ...]) -> None:
    """Last of the module: the second node's Pacemaker is gone."""
    host = shells[1].host
    if host.run("pidof", "pacemakerd").returncode == 0:
        host.run("sh", "-c", "kill $(pidof pacemakerd)", check=True)
        wait_for("Pacemaker down", lambda: host.run("pidof", "pacemaker-based", "pacemakerd").returncode != 0)
    done = shells[1].say("-F", *words, timeout=BOUND)
    assert done.returncode == DISCONNECT and not done.stdout, done
    assert "no cluster is running" in done.stderr and "systemctl start pacemaker" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
