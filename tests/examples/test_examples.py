"""Each example does what it says: loaded into an empty CIB, started, and a node lost, all by the scheduler alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
EMPTY = """<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" epoch="1" num_updates="0" admin_epoch="0"
 have-quorum="1"><configuration><crm_config/><nodes>{nodes}</nodes><resources/><constraints/></configuration>
<status>{states}</status></cib>"""


class Site:
    """A CIB file with nodes that are up, and nothing on them."""

    def __init__(self, folder: Path, nodes: int) -> None:
        names = [f"node{n}" for n in range(1, nodes + 1)]
        self.path = folder / "cib.xml"
        states = "".join(
            f'<node_state id="{n}" uname="{name}" in_ccm="1" crmd="1" join="member" expected="member"/>'
            for n, name in enumerate(names, 1)
        )
        defined = "".join(f'<node id="{n}" uname="{name}"/>' for n, name in enumerate(names, 1))
        self.path.write_text(EMPTY.format(nodes=defined, states=states))

    def hashell(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "hashell.cli", *words], text=True, capture_output=True, timeout=120,
            env={**os.environ, "CIB_file": str(self.path)}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def load(self, name: str) -> None:
        # Sites differ in their fencing devices, so the examples leave them to the reader.
        self.hashell("configure", "property", "stonith-enabled=false")
        self.hashell("-F", "configure", "load", "update", str(EXAMPLES / f"{name}.crm"))

    def go_on(self, *events: str) -> dict[str, str]:
        """Carry out what the cluster would do; where every resource is then ('' = stopped)."""
        text = self.hashell("simulate", "-x", str(self.path), "-S", *events, "-O", str(self.path))
        after = text.rpartition("Revised Cluster Status:")[2]
        places = dict(re.findall(r"\* (\S+)\s+\(\S+\):\s+Started (\S+)", after))
        stopped = re.findall(r"\* (\S+)\s+\(\S+\):\s+Stopped", after)
        promoted = re.findall(r"\* Promoted: \[ (.*?) \]", after)
        return places | dict.fromkeys(stopped, "") | ({"promoted": promoted[0]} if promoted else {})


def test_every_example_is_fit_to_be_loaded() -> None:
    for path in sorted(EXAMPLES.glob("*.crm")):
        done = subprocess.run(
            [sys.executable, "-m", "hashell.cli", "check", str(path)], text=True, capture_output=True, timeout=120
        )
        # A unit or agent that this machine lacks is no fault of the example.
        faults = [line for line in done.stderr.splitlines() if ": error: " in line and "installed here" not in line]
        assert not faults and "Traceback" not in done.stderr, done.stderr


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    return Site(tmp_path, request.param)


@pytest.mark.parametrize("site", [2], indirect=True)
def test_web_systemd(site: Site) -> None:
    site.load("web-systemd")
    assert set(site.go_on().values()) == {"node1"}
    assert set(site.go_on("-d", "node1").values()) == {"node2"}
    assert set(site.go_on("-u", "node1").values()) == {"node2"}, "nothing moves back by itself"


@pytest.mark.parametrize("site", [2], indirect=True)
def test_drbd(site: Site) -> None:
    site.load("drbd-active-passive")
    after = site.go_on()
    # The agent decides who may be promoted, which a simulation does not do.
    assert after["data"] == after["database"] == ""
    site.hashell("configure", "location", "may-be-promoted", "disk-clone", "rule", "$role=Promoted", "10:", "#uname",
                 "eq", "node2")  # fmt: skip
    after = site.go_on()
    assert after["promoted"] == "node2" and {after[r] for r in ("data", "database", "database-ip")} == {"node2"}


def services(after: dict[str, str]) -> dict[str, str]:
    """Where each service is, whose address and server are always in one place."""
    found = {name.removesuffix("-server"): node for name, node in after.items() if name.endswith("-server")}
    assert all(after[f"{name}-ip"] == node for name, node in found.items())
    return found


@pytest.mark.parametrize("site", [2], indirect=True)
def test_web_filesystem(site: Site) -> None:
    site.load("web-filesystem")
    assert services(site.go_on()) == {"web": "node1"}
    after = site.go_on("-d", "node1")
    assert services(after) == {"web": "node2"} and after["web-disk"] == "node2"


@pytest.mark.parametrize("site", [4], indirect=True)
def test_n_plus_one(site: Site) -> None:
    site.load("n-plus-one")
    home = {"shop": "node1", "wiki": "node2", "blog": "node3"}
    assert services(site.go_on()) == home
    assert services(site.go_on("-d", "node2")) == {**home, "wiki": "node4"}
    assert services(site.go_on("-d", "node1")) == {**home, "wiki": "node4", "shop": "node4"}
    assert services(site.go_on("-u", "node2")) == {**home, "shop": "node4"}


@pytest.mark.parametrize("site", [3], indirect=True)
def test_n_to_n(site: Site) -> None:
    site.load("n-to-n")
    after = services(site.go_on())
    assert "" not in after.values() and set(after.values()) == {"node1", "node2", "node3"}
    after = services(site.go_on("-d", "node1"))
    assert sorted(after.values()) == ["node2", "node2", "node3", "node3"]
    after = services(site.go_on("-d", "node2"))
    assert sorted(after.values()) == ["", "", "node3", "node3"] and after["reports"] == ""


@pytest.mark.parametrize("site", [3], indirect=True)
def test_promotable(site: Site) -> None:
    site.load("promotable")
    after = site.go_on()
    assert after["promoted"] == "node1" == after["db-ip"]


@pytest.mark.parametrize("site", [2], indirect=True)
def test_site_ticket(site: Site) -> None:
    site.load("site-ticket")
    assert site.go_on() == {"shop-ip": "", "shop-server": ""}
    assert set(site.go_on("-g", "shop-ticket").values()) == {"node1"}
    assert set(site.go_on("-r", "shop-ticket").values()) == {""}
