"""Our shell on clusters that run only the real Corosync and Pacemaker, Debian 13's and Debian 12's.

Pass criterion: each command of a session does what it says, read back with the cluster's own tools; what both can
print is equal, but for the differences named here; ours starts no program but the agents whose metadata it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.lab import theirs
from tests.lab.older import in_newer_form
from tests.lab.peerlab import wait_for
from tests.lab.theirs import Shell

SESSION = """configure
primitive d4 ocf:pacemaker:Dummy op monitor interval=13s params fake=one
colocation with-d3 inf: d4 d3
order after-d3 Mandatory: d3 d4
rsc_defaults resource-stickiness=7
commit
up
resource
meta d4 set priority 5
param d4 set fake two
utilization d4 set cpu 2
up
node
attribute node2 set colour green
"""


@pytest.fixture(scope="module", params=theirs.RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shell(lab: None, release: str) -> Iterator[Shell]:
    with theirs.cluster(release) as shells:
        yield shells[0]


def test_show_is_what_crm_shows(shell: Shell) -> None:
    assert shell.say("configure", "show", check=True).stdout == shell.host.run("crm", "configure", "show").stdout


def test_status_names_the_dc_and_the_resources(shell: Shell) -> None:
    text = shell.say("status", check=True).stdout
    assert f"Current DC: {shell.dc()}" in text and "partition with quorum" in text
    assert text.count("Started") == 3


def test_a_session_typed_line_by_line(shell: Shell) -> None:
    shell.say(text=SESSION, check=True)
    wait_for("d4 started", lambda: re.search(r"d4\s.*Started", shell.resources()))
    cib = shell.cib()
    for piece in ('id="with-d3"', 'id="after-d3"', 'name="resource-stickiness" value="7"', 'name="priority" value="5"',
                  'name="fake" value="two"', 'name="cpu" value="2"', 'name="colour" value="green"'):  # fmt: skip
        assert piece in cib, piece
    assert shell.host.run("crm_resource", "-r", "d4", "-g", "fake").stdout.strip() == "two"
    assert shell.say("resource", "param", "d4", "show", "fake", check=True).stdout.strip() == "two"
    assert "green" in shell.say("node", "attribute", "node2", "show", "colour", check=True).stdout
    shell.say("resource", "stop", "d4", check=True)
    wait_for("d4 stopped", lambda: not re.search(r"d4\s.*Started", shell.resources()))
    shell.settle()
    shell.say("configure", "delete", "d4", check=True)
    assert 'id="d4"' not in shell.cib("-o", "configuration")


def test_a_wrong_session_changes_nothing(shell: Shell) -> None:
    before = shell.cib("-o", "configuration")
    wrong = shell.say(text="configure\nprimitive d9 ocf:pacemaker:Dummy\ncolocation c9 inf: d9 absent\ncommit\n")
    assert wrong.returncode == 1 and "absent" in wrong.stderr
    assert shell.cib("-o", "configuration") == before


def test_move_waits_until_it_is_done(shell: Shell) -> None:
    target = "node2" if re.search(r"d1\s.*Started node1", shell.resources()) else "node1"
    shell.say("-w", "resource", "move", "g", target, check=True)
    moved = re.compile(rf"d1\s.*Started {target}.*d2\s.*Started {target}", re.DOTALL)
    wait_for("the group moved", lambda: moved.search(shell.resources()))
    shell.say("resource", "clear", "g", check=True)
    assert "cli-prefer" not in shell.cib("-o", "constraints")


def test_ban_keeps_it_away_until_it_is_cleared(shell: Shell) -> None:
    node = "node2" if re.search(r"d3\s.*Started node2", shell.resources()) else "node1"
    shell.say("-w", "resource", "ban", "d3", node, check=True)
    wait_for("d3 elsewhere", lambda: re.search(r"d3\s.*Started", shell.resources())
             and not re.search(rf"d3\s.*Started {node}", shell.resources()))  # fmt: skip
    shell.say("resource", "clear", "d3", check=True)
    assert "cli-ban" not in shell.cib("-o", "constraints")


def test_cleanup_forgets_a_failure(shell: Shell) -> None:
    node = "node2" if re.search(r"d1\s.*Started node2", shell.resources()) else "node1"
    shell.host.run("crm_resource", "--fail", "-r", "d1", "-N", node, check=True)
    # 2.1.5 counts a simulated failure twice.
    failed = r"scope=status  name=fail-count-d1 value=([12])\n"
    wait_for("the failure", lambda: re.fullmatch(failed, shell.say("resource", "failcount", "d1", "show", node).stdout))
    assert "Failed Resource Actions" in shell.say("status", check=True).stdout
    shell.settle()
    counted = re.fullmatch(failed, shell.say("resource", "failcount", "d1", "show", node).stdout)
    assert counted is not None
    shell.say("resource", "failcount", "d1", "set", node, "4", check=True)
    count = ("crm_failcount", "-G", "-r", "d1", "-N", node)
    wait_for("4 more failures", lambda: f"value={4 + int(counted[1])}" in shell.host.run(*count).stdout)
    shell.say("resource", "cleanup", "d1", check=True)
    wait_for("the failure gone", lambda: "Failed Resource Actions" not in shell.host.run("crm_mon", "-1").stdout)
    assert "value=0" in shell.host.run(*count).stdout


def test_standby_empties_a_node(shell: Shell) -> None:
    shell.say("node", "standby", "node1", check=True)
    wait_for("everything on node2", lambda: shell.host.run("crm_mon", "-1").stdout.count("Started node2") == 3)
    shell.say("node", "online", "node1", check=True)
    wait_for("both online", lambda: "[ node1 node2 ]" in shell.host.run("crm_mon", "-1").stdout)


def test_a_node_in_maintenance_and_back(shell: Shell) -> None:
    shell.say("node", "maintenance", "node2", check=True)
    wait_for("maintenance", lambda: "Node node2: maintenance" in shell.host.run("crm_mon", "-1").stdout)
    shell.say("node", "ready", "node2", check=True)
    wait_for("both online", lambda: "[ node1 node2 ]" in shell.host.run("crm_mon", "-1").stdout)


def test_why_history_and_simulate_look_at_the_same_cluster(shell: Shell) -> None:
    shell.settle()
    here = re.search(r"d3\s.*Started (node\d)", shell.resources())
    assert here is not None
    assert here[1] in shell.say("why", "d3", check=True).stdout
    simulated = shell.say("simulate", "-S", "--node-down", here[1], check=True).stdout
    other = "node2" if here[1] == "node1" else "node1"
    assert re.search(rf"Revised Cluster Status.*d3\s.*Started {other}", simulated, re.DOTALL), simulated
    on_dc = Shell(theirs.Host(int(shell.dc()[-1])))
    inputs = on_dc.say("history", "peinputs", check=True).stdout
    saved = on_dc.host.run("sh", "-c", "cd /var/lib/pacemaker/pengine && ls -t *.bz2").stdout.split()
    assert saved[0].removesuffix(".bz2") in inputs


def _settled(text: str) -> str:
    """The report without the moment at which it was made."""
    text = re.sub(r"Last updated: .*", "Last updated:", text)
    text = re.sub(r'<last_update time="[^"]*"', '<last_update time=""', text)
    return re.sub(r'request="[^"]*"', 'request=""', text)


@pytest.mark.parametrize("options", ["", "-r", "-n -r", "-R", "-f -o -t", "-A -c -L", "-b -r", "-D", "-m 3",
                                     "--output-as=xml", "--output-as=html"])  # fmt: skip
def test_one_look_is_what_crm_mon_prints(shell: Shell, release: str, options: str) -> None:
    shell.settle()
    theirs_ = _settled(shell.host.run("crm_mon", "-1", *options.split(), check=True).stdout)
    ours = _settled(shell.say("monitor", "--once", *options.split(), check=True).stdout)
    assert ours == (theirs_ if release == "3.0.0" else in_newer_form(theirs_))


def test_a_change_by_others_is_seen_at_once(shell: Shell) -> None:
    with shell.following() as follower:
        wait_for("the first look", lambda: follower.state == "" and follower.shots)
        shell.host.run("crm_attribute", "-N", "node2", "-n", "mood", "-v", "fine", check=True)
        wait_for("the attribute", lambda: follower.shot["attributes"].get("node2 mood") == "fine")
        shell.host.run("cibadmin", "-C", "-o", "resources", "-X",
                       '<primitive id="d7" class="ocf" provider="pacemaker" type="Dummy"/>', check=True)  # fmt: skip
        wait_for("a resource that others made runs", lambda: follower.shot["resources"].get("d7"))
        shell.host.run("crm_resource", "-r", "d7", "-m", "-p", "target-role", "-v", "Stopped", check=True)
        wait_for("it stops", lambda: not follower.shot["resources"].get("d7"))
        shell.settle()
        shell.host.run("cibadmin", "-D", "-X", '<primitive id="d7"/>', check=True)
        wait_for("it goes away", lambda: "d7" not in follower.shot["resources"])
        assert follower.state == ""


def test_no_tool_of_the_cluster_was_started(shell: Shell) -> None:
    """Last of the module. What starts a process is noted by Python itself, as one that is started here shows."""
    before = shell.started()
    audited = ["env", "PYTHONPATH=/opt/audit", "python3", "-c", "import subprocess; subprocess.run(['true'])"]
    shell.host.run(*audited, check=True)
    assert any("'true'" in one for one in shell.started()[len(before) :])
    assert [one for one in before if "/usr/lib/ocf/resource.d/pacemaker/Dummy" not in one] == []
