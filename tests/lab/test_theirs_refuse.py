"""What a real cluster's access rules permit each user, and what our shell says where they do not.

Pass criterion: a user may with our shell what the same user may with cibadmin, no more and no less; a refusal is one
line that names the reason and the remedy, with exit code 4 as the tools have it; nothing is changed by it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import theirs
from tests.lab.peerlab import Host, wait_for
from tests.lab.theirs import Shell

INSUFFICIENT_PRIV = 4
RULES = """role watcher read xpath:/cib
role keeper read xpath:/cib write ref:d3
role narrow read ref:d3 write ref:d3
role operator read xpath:/cib write xpath:/cib/status write xpath:/cib/configuration/resources
acl_target reader watcher
acl_target owner keeper
acl_target blinkered narrow
acl_target operates operator
property enable-acl=true
"""
MEMBERS = ("reader", "owner", "blinkered", "operates")


@pytest.fixture(scope="module", params=theirs.RELEASES)
def shell(lab: None, request: pytest.FixtureRequest) -> Iterator[Shell]:
    with theirs.cluster(request.param) as shells:
        for one in shells:
            for user in MEMBERS:
                one.host.run("useradd", "-M", "-G", "haclient", user, check=True)
            one.host.run("useradd", "-M", "stranger", check=True)
        shells[0].host.write("/root/rules.crm", RULES)
        shells[0].say("configure", "load", "update", "/root/rules.crm", check=True)
        yield shells[0]


def configuration(shell: Shell) -> str:
    return shell.cib("-o", "configuration")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == INSUFFICIENT_PRIV, done
    # A script that ends after a refused commit commits once more, and is refused again.
    assert len(set(done.stderr.strip().splitlines())) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def tool(host: Host, user: str, *words: str) -> int:
    return host.run("runuser", "-u", user, "--", *words).returncode


def test_who_may_read_everything_sees_what_root_sees(shell: Shell) -> None:
    whole = shell.say("configure", "show", check=True).stdout
    assert shell.say("configure", "show", user="reader", check=True).stdout == whole
    mine, roots = (shell.say("monitor", "--once", "-D", user=user, check=True).stdout for user in ("reader", ""))
    assert mine == roots


@pytest.mark.parametrize("words", [
    ("configure", "property", "cluster-delay=77s"), ("resource", "stop", "d3"), ("resource", "unmanage", "d1"),
    ("resource", "move", "d3"), ("resource", "ban", "d3", "node1"), ("node", "standby", "node2"),
    ("node", "attribute", "node2", "set", "colour", "red"), ("configure", "delete", "g"),
    ("configure", "primitive", "d8", "ocf:pacemaker:Dummy"),
], ids=" ".join)  # fmt: skip
def test_who_may_only_read_changes_nothing(shell: Shell, words: tuple[str, ...]) -> None:
    before = configuration(shell)
    refused(shell.say("-F", *words, user="reader"), "ACL", "reader")
    assert configuration(shell) == before


def test_a_commit_of_several_changes_that_is_refused_changes_nothing(shell: Shell) -> None:
    before = configuration(shell)
    text = "configure\nproperty cluster-delay=78s\nprimitive d8 ocf:pacemaker:Dummy\ncommit\n"
    refused(shell.say("-F", text=text, user="reader"), "ACL")
    assert configuration(shell) == before


@pytest.mark.parametrize("user", ["owner", "blinkered"])
def test_who_may_change_one_resource_changes_that_one(shell: Shell, user: str) -> None:
    if user == "owner":  # the tools of 3.0.0 do nothing for a user from whom the version of the CIB is hidden
        assert tool(shell.host, user, "crm_resource", "-r", "d3", "-m", "-p", "priority", "-v", "3") == 0
    shell.say("-F", "resource", "stop", "d3", user=user, check=True)
    wait_for("d3 stopped", lambda: shell.resources().count("Started") == 2)
    shell.say("-F", "resource", "start", "d3", user=user, check=True)
    wait_for("d3 started", lambda: shell.resources().count("Started") == 3)
    shell.say("-F", "resource", "param", "d3", "set", "fake", user, check=True, user=user)
    assert f'value="{user}"' in configuration(shell)
    before = configuration(shell)
    assert tool(shell.host, "owner", "crm_resource", "-r", "d1", "-m", "-p", "priority", "-v", "3") == INSUFFICIENT_PRIV
    assert shell.say("-F", "resource", "stop", "d1", user=user).returncode != 0
    assert shell.say("-F", "configure", "property", "cluster-delay=79s", user=user).returncode != 0
    assert configuration(shell) == before


def test_who_may_not_read_something_does_not_see_it(shell: Shell) -> None:
    shown = shell.say("configure", "show", user="blinkered", check=True).stdout
    assert "primitive d3" in shown and "d1" not in shown and "enable-acl" not in shown


def test_cleanup_by_who_may_not(shell: Shell) -> None:
    """The history of a failure belongs to the status: who may not write it clears nothing, and hears it."""
    node = "node2" if re.search(r"d1\s.*Started node2", shell.resources()) else "node1"
    shell.host.run("crm_resource", "--fail", "-r", "d1", "-N", node, check=True)
    wait_for("the failure shown", lambda: "Failed Resource Actions" in shell.resources())
    shell.settle()
    refused(shell.say("resource", "cleanup", "d1", user="reader"), "d1")
    assert "Failed Resource Actions" in shell.resources()
    assert "value=0" not in shell.host.run("crm_failcount", "-G", "-r", "d1", "-N", node).stdout
    shell.say("resource", "cleanup", "d1", user="operates", check=True)
    wait_for("the failure gone", lambda: "Failed Resource Actions" not in shell.resources())


@pytest.mark.parametrize("words", [
    ("status",), ("monitor", "--once"), ("configure", "show"), ("resource", "stop", "d1"), ("resource", "cleanup"),
    ("node", "standby", "node1"), ("why", "d1"), ("simulate",),
], ids=" ".join)  # fmt: skip
def test_a_stranger_is_told_what_it_takes(shell: Shell, words: tuple[str, ...]) -> None:
    before = configuration(shell)
    refused(shell.say("-F", *words, user="stranger"), "permission denied", "haclient")
    assert configuration(shell) == before
