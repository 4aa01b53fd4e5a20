"""Corosync's own tools on our ring print what they print on a real node: every call is made on both and compared.

Pass: the outputs are equal, up to what differs between two runs of the original itself (times, ring numbers counted
up, addresses of connections, counters' values), and the keys of services that we do not have (pload, mon, wd).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import extras, peerlab
from tests.lab.peerlab import PEERLAB, wait_for
from tests.lab.ring import Ring, RingConf, finished, up

CALLS = (
    "corosync-quorumtool", "corosync-quorumtool -s", "corosync-quorumtool -l", "corosync-quorumtool -i",
    "corosync-quorumtool -p", "corosync-quorumtool -a", "corosync-cfgtool -s", "corosync-cfgtool -sb",
    "corosync-cfgtool -n", "corosync-cfgtool -n 2", "corosync-cfgtool -a 2", "corosync-cfgtool -i 0",
    "corosync-cfgtool -a 9", "corosync-cpgtool", "corosync-cpgtool -e", "corosync-cpgtool -n",
    "corosync-quorumtool -e 0", "corosync-quorumtool -v 1 -n 9", "corosync-cmapctl -g nodelist.node.1.name",
    "corosync-cmapctl -g nothing.here", "corosync-cmapctl -s totem.version u32 3",
    "corosync-cmapctl -s lab.key u8 300", "corosync-cmapctl -s lab.key str words", "corosync-cmapctl lab.key",
    "corosync-cmapctl -d lab.key", "corosync-cmapctl -b runtime.config.",
)  # fmt: skip
#: keys of parts that the bundled ring does not have, and of the original's own inner life
NOT_OURS = re.compile(
    r"\.service\.[467]\.|services\.(pload|mon|wd)\.|^resources\.|^runtime\.blackbox|^stats\.ipcs\.service|"
    r"^stats\.knet\.handle\.|_(data|ping|pong|pmtu|total)_(bytes|packets|errors|retries)"
)
CONFS = {
    "udpu": RingConf(3, "udpu"),
    "knet": RingConf(3, "knet", crypto=True, links=2),
    "two_node": RingConf(2, "knet", quorum=("two_node: 1",)),
}


def steady(text: str) -> str:
    text = re.sub(r"^(Date: +).*$", r"\1", text, flags=re.MULTILINE)
    return re.sub(r"^(Ring ID: +)\S+$", r"\1", text, flags=re.MULTILINE)


def keys(text: str) -> set[str]:
    found = {line.partition(" = ")[0] for line in text.splitlines()}
    return {key for key in found if not NOT_OURS.search(key) and "stats.hashell" not in key}


def play(cast: str, conf: RingConf) -> dict[str, str]:
    peerlab.down()
    ring = up(cast, conf, image=extras.image())
    ring.whole()
    host = ring[1]
    if conf.transport == "knet":
        wait_for("links", lambda: "connected" in host.run("corosync-cfgtool", "-n").stdout, 60)
    else:
        # The original has no address to show before its first packet has come.
        wait_for("an address", lambda: "addr\t= 10." in host.run("corosync-cfgtool", "-s").stdout, 60)
    said = {}
    for call in CALLS:
        done = host.run(*call.split())
        said[call] = f"{steady(done.stdout)}|{done.stderr}|{done.returncode}"
    said["keys"] = "\n".join(sorted(keys(host.run("corosync-cmapctl").stdout)))
    said["statistics"] = "\n".join(sorted(keys(host.run("corosync-cmapctl", "-m", "stats").stdout)))
    said["notifyd"] = notifications(ring)
    return said


def notifications(ring: Ring) -> str:
    """What notifyd tells of a node that goes and returns."""
    host, other = ring[1], ring.hosts[-1]
    command = [str(PEERLAB), "run", "1", "sh", "-c", "timeout 25 corosync-notifyd -f -o 2>&1"]
    watcher = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    wait_for("notifyd", lambda: host.run("pidof", "corosync-notifyd").returncode == 0, 10)
    other.stop()
    ring.whole(ring.others(other))
    other.start()
    ring.whole()
    out, _ = watcher.communicate(timeout=60)
    lines = [re.sub(r"^.*?(\[\w+\]|notice|info)?\s*(?=Node|Quorum|Application)", "", line) for line in out.splitlines()]
    # What it says of the connections of local tools depends on who asks while it runs.
    # And whether a link or a node is told of first, on who pinged first.
    return "\n".join(sorted(x for x in lines if x.strip() and "[debug]" not in x and "corosync-" not in x))


@pytest.fixture(scope="module", params=CONFS)
def both(request: pytest.FixtureRequest, lab: None) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    conf = CONFS[request.param]
    yield play("r" * conf.count, conf), play("o" * conf.count, conf)
    peerlab.down()


@pytest.mark.parametrize("call", [*CALLS, "keys", "statistics", "notifyd"])
def test_output(both: tuple[dict[str, str], dict[str, str]], call: str) -> None:
    theirs, ours = both
    assert ours[call] == theirs[call]


def test_reload_is_followed(lab: None) -> None:
    """Pass: after a reload asked for on a real node ours has the new token, node names and votes, and one with an
    error changes nothing and says why; messages go on through it in one order."""
    peerlab.down()
    conf = RingConf(3, "knet", crypto=True)
    ring = up("orr", conf)
    before = ring.whole()
    changed = RingConf(3, "knet", crypto=True, token=2000, votes={2: 3}).text()
    words = ("--members", "3", "--count", "1500", "--size", "200", "--rate", "300", "--seconds", "60", "--verify")
    clients = [h.client("reload", *words) for h in ring.hosts]
    for host in ring.hosts:
        host.configure(changed)
    ring[2].run("corosync-cfgtool", "-R", check=True)

    def seen(text: str) -> bool:
        shown = [h.run("corosync-cmapctl", "-g", "runtime.config.totem.token").stdout for h in ring.hosts]
        return all(text in line for line in shown)

    wait_for("the new token", lambda: seen("= 2650"), 30)
    wait_for("five votes", lambda: all((s := h.see()) and s.field("Total votes") == "5" for h in ring.hosts), 30)
    ring[1].configure(changed.replace("token: 2000", "token: words"))
    ring[2].run("corosync-cfgtool", "-R")
    wait_for("the error in the log", lambda: "configuration not reloaded" in ring[1].log(), 30)
    reports = [finished(client) for client in clients]
    assert all(r["complete"] and not r["bad"] for r in reports) and len({r["digest"] for r in reports}) == 1
    assert seen("= 2650") and ring.whole() == before
