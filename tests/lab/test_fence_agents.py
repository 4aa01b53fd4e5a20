"""Debian's fence_redfish and a management controller: our nodes fence as they must, and start nothing before that."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.fencing import WEB, FencedLab, is_on, mon
from tests.lab.peerlab import wait_for
from tests.lab.redfish import SYSTEMS

#: A system that is no host, for devices that never get to fence.
SPARE = 9
CONFIG = """property stonith-enabled=true stonith-timeout=25s
rsc_defaults resource-stickiness=100
{web}primitive board stonith:fence_redfish params {common} pcmk_host_argument=systems_uri pcmk_host_map="{board}" \
 pcmk_delay_base="node1:1s;node2:1s;node3:2s" pcmk_reboot_action=off pcmk_off_retries=3 pcmk_reboot_timeout=30s \
 op monitor interval=0 meta target-role=Stopped
primitive spare stonith:fence_redfish params {common} systems_uri={systems}/{spare} pcmk_host_list="node1 node2 node3" \
 op monitor interval=3s meta target-role=Stopped
"""
POWER = """primitive power{n} stonith:fence_redfish params {common} systems_uri={systems}/{n} pcmk_host_list=node{n}
location elsewhere{n} power{n} -inf: node{n}
"""


@pytest.fixture(scope="module")
def cluster(lab: None) -> Iterator[FencedLab]:
    """Three nodes, each with a device of its own; two further devices are configured but stopped."""
    with FencedLab.up(3, further=(SPARE,)) as fenced:
        common = fenced.parameters()
        board = ";".join(f"node{n}:{SYSTEMS}/{n}" for n in (1, 2, 3))
        text = CONFIG.format(web=WEB, common=common, board=board, systems=SYSTEMS, spare=SPARE)
        fenced.configure(text + "".join(POWER.format(n=n, common=common, systems=SYSTEMS) for n in (1, 2, 3)))
        wait_for("web and the devices started", lambda: mon(fenced.hosts[0]).count("Started node") == 4)
        yield fenced


@pytest.fixture
def calm(cluster: FencedLab) -> Iterator[FencedLab]:
    """The cluster at rest, and at rest again afterwards."""
    cluster.settle()
    yield cluster
    cluster.settle()


def test_the_real_agent_describes_itself(cluster: FencedLab) -> None:
    """Both programs show the agent's own text: its name, a parameter with its default, an action."""
    host = cluster.hosts[0]
    info = host.run("hashell", "ra", "info", "stonith:fence_redfish", check=True).stdout
    assert "Redfish" in info and "systems_uri" in info and "power_timeout" in info
    text = host.run("stonith_admin", "-M", "-a", "fence_redfish", check=True).stdout
    assert '<resource-agent name="fence_redfish"' in text and 'name="systems_uri"' in text
    assert "fence_redfish" in host.run("stonith_admin", "-I", check=True).stdout
    assert "fence_redfish" in host.run("hashell", "ra", "list", "stonith", check=True).stdout


def test_every_node_knows_which_devices_it_may_use(calm: FencedLab) -> None:
    """A device that is banned from its own node is registered everywhere else; stopped ones are nowhere."""
    for host in calm.hosts:
        usable = [f"power{n}" for n in (1, 2, 3) if n != host.number]
        listed = host.run("stonith_admin", "-L", check=True).stdout
        lines = sorted(line.strip() for line in listed.splitlines() if line.strip())
        assert lines == [f"{len(usable)} fence devices found", *usable]
        for number in (1, 2, 3):
            found = host.run("stonith_admin", "-l", f"node{number}").stdout
            assert (f"power{number}" in found) is (number != host.number), found


@pytest.mark.parametrize("how", ["power loss", "frozen", "frozen DC"])
def test_a_lost_node_is_fenced_before_its_resource_moves(calm: FencedLab, how: str) -> None:
    """The controller sees exactly one switching off (of a node that is on) and one on, for the lost node alone; the
    resource is started after the controller has confirmed the last, and on another node."""
    dc = calm.dc()
    victim = dc if how == "frozen DC" else calm.others(dc)[0]
    calm.run_web_on(victim)
    calm.controller.seen.clear()
    if how == "power loss":
        victim.kill()
    else:
        peerlab.peerlab("freeze", str(victim.number))
    _, started = calm.started_elsewhere(victim)
    wanted = ["On"] if how == "power loss" else ["ForceOff", "On"]
    assert calm.orders() == [f"{victim.number} {order}" for order in wanted]
    assert started > calm.last_order(victim).ended
    calm.wait_online()
    assert calm.orders() == [f"{victim.number} {order}" for order in wanted], "fenced again after its return"
    assert "Traceback" not in "".join(host.read("/var/log/hashelld.out") for host in calm.hosts)


@pytest.mark.parametrize("failures", [3, 5])
def test_nothing_starts_while_the_device_fails(calm: FencedLab, failures: int) -> None:
    """So many requests fail (the fifth is one of a second operation: two survivors try twice each); the resource is
    started only after those that followed have worked."""
    victim = calm.others(calm.dc())[0]
    calm.run_web_on(victim)
    calm.controller.seen.clear()
    calm.controller.moods[victim.number].failures = failures
    peerlab.peerlab("freeze", str(victim.number))
    survivor, started = calm.started_elsewhere(victim)
    seen = [s for s in calm.controller.seen if s.system == victim.number and s.ended < started]
    assert [s.status for s in seen[: failures + 1]] == [500] * failures + [200]
    assert calm.orders() == [f"{victim.number} ForceOff", f"{victim.number} On"]
    assert started > calm.last_order(victim).ended
    history = calm.history(survivor, victim.name)
    assert "successful" in history
    assert failures < 4 or re.search("failed .*Unable to get PowerState", history), history


@pytest.mark.parametrize("confirmation", [
    ("stonith_admin", "--confirm"), ("hashell", "--force", "node", "clearstate"),
], ids=["stonith_admin", "hashell"])  # fmt: skip
def test_a_human_frees_what_a_hanging_device_holds(calm: FencedLab, confirmation: tuple[str, ...]) -> None:
    """The device never answers: the resource is started nowhere, though two attempts have come to their timeout,
    until somebody confirms that the node is off; then it is, though the device still hangs."""
    victim = calm.others(calm.dc())[0]
    calm.run_web_on(victim)
    calm.controller.seen.clear()
    calm.controller.moods[victim.number].hangs = True
    victim.kill()
    survivor = calm.others(victim)[0]
    wait_for("an attempt given up", lambda: "failed" in calm.history(survivor, victim.name), 240)
    wait_for("two attempts", lambda: calm.controller.waiting(victim.number) >= 2, 240)
    assert not any(calm.started_at(host) for host in calm.others(victim))
    assert f"Node {victim.name}: UNCLEAN (offline)" in mon(survivor)
    confirmed = time.time()
    survivor.run(*confirmation, victim.name, check=True, timeout=120)
    _, started = calm.started_elsewhere(victim)
    assert started > confirmed and calm.orders() == []
    assert "a human" in calm.history(survivor, victim.name)
    # the attempt under way would switch the node off when it is back already
    calm.controller.moods[victim.number].hangs = False
    wait_for("the last attempt given up", lambda: "pending" not in calm.history(survivor, victim.name), 240)


def test_the_second_level_fences_when_the_first_fails(calm: FencedLab) -> None:
    """Level 1 is a device that fails for ever: it is asked, and then the node is fenced by level 2."""
    victim = calm.others(calm.dc())[0]
    host = calm.others(victim)[0]
    host.run("hashell", "resource", "start", "spare", check=True)
    wait_for("spare started", lambda: re.search(r"spare\s.*Started", mon(host)))
    calm.configure(f"fencing_topology {victim.name}: spare power{victim.number}\n")
    try:
        calm.run_web_on(victim)
        calm.controller.seen.clear()
        calm.controller.moods[SPARE].failures = 1_000_000
        peerlab.peerlab("freeze", str(victim.number))
        _, started = calm.started_elsewhere(victim)
        failed = [s for s in calm.controller.seen if s.system == SPARE and s.began < calm.last_order(victim).began]
        assert failed and {s.status for s in failed} == {500}
        assert calm.orders() == [f"{victim.number} ForceOff", f"{victim.number} On"]
        assert started > calm.last_order(victim).ended
    finally:
        host.run("hashell", "configure", "delete", "fencing_topology", check=True)
        host.run("hashell", "resource", "stop", "spare", check=True)


def test_one_device_for_all_nodes_by_a_map(calm: FencedLab) -> None:
    """The device of all nodes gives the agent the path of the target's system, switches it off where a reboot is
    asked for, and starts no sooner than its delay."""
    victim = calm.hosts[2]
    host = calm.hosts[0]
    host.run("hashell", "resource", "start", "board", check=True)
    wait_for("board started", lambda: re.search(r"board\s.*Started", mon(host)))
    calm.configure(f"fencing_topology {victim.name}: board\n")
    try:
        calm.controller.seen.clear()
        asked = time.time()
        host.run("stonith_admin", "--reboot", victim.name, check=True, timeout=180)
        assert calm.orders() == ["3 ForceOff"] and not is_on(victim.number)
        assert calm.controller.orders(3)[0].began >= asked + 2
    finally:
        host.run("hashell", "configure", "delete", "fencing_topology", check=True)
        host.run("hashell", "resource", "stop", "board", check=True)


def test_a_wrong_password_is_seen(calm: FencedLab) -> None:
    """The monitor of the device fails; the status of both programs has the agent's words for it."""
    host = calm.hosts[0]
    host.run("hashell", "resource", "start", "spare", check=True)
    wait_for("spare started", lambda: re.search(r"spare\s.*Started", mon(host)))
    calm.controller.moods[SPARE].refuses = True
    try:
        wait_for("the failure with its reason", lambda: re.search(r"spare .*Unable to get PowerState", mon(host)))
        status = host.run("hashell", "status", check=True).stdout
        assert re.search(r"spare .*Unable to get PowerState", status), status
    finally:
        host.run("hashell", "resource", "stop", "spare", check=True)


@pytest.mark.parametrize("words", [
    ("hashell", "--force", "node", "fence"), ("stonith_admin", "--reboot"),
], ids=["hashell", "stonith_admin"])  # fmt: skip
def test_a_node_is_fenced_on_request(calm: FencedLab, words: tuple[str, ...]) -> None:
    """The command ends when the controller has switched the node off and on; history names who did it."""
    victim, host = calm.hosts[2], calm.hosts[0]
    calm.controller.seen.clear()
    host.run(*words, victim.name, check=True, timeout=180)
    assert calm.orders() == ["3 ForceOff", "3 On"]
    assert re.search(r"reboot of node3 successful: delegate=node[12], client=", calm.history(host, victim.name))
    calm.wait_online()
    assert calm.orders() == ["3 ForceOff", "3 On"]


def test_off_and_on_on_request(calm: FencedLab) -> None:
    """A node that was switched off stays off, and is online again after it was switched on."""
    victim, host = calm.hosts[2], calm.hosts[0]
    host.run("stonith_admin", "--fence", victim.name, check=True, timeout=180)
    assert calm.orders() == ["3 ForceOff"] and not is_on(victim.number)
    wait_for("node3 known to be off", lambda: "OFFLINE: [ node3 ]" in mon(host))
    host.run("stonith_admin", "--unfence", victim.name, check=True, timeout=180)
    assert calm.orders() == ["3 ForceOff", "3 On"] and is_on(victim.number)
    calm.wait_online()


