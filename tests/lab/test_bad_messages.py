"""The same wrong messages for the real daemons and for ours.

`python -m tests.lab.test_bad_messages [SERVICE…]` records anew what the real ones say.

Pass criterion: the real ones say what `verdicts.json` has recorded of them, ours the same but for the differences that
`variations.py` names with their reason; both serve a good client afterwards, and refuse a stranger alike.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOST_LIB, Host, wait_for
from tests.stack.embedded import variations

LOG = "/var/log/hashell/hashell.log"
RECORDED = Path(variations.__file__).parent / "verdicts.json"


def ask(host: Host, service: str, *options: str) -> dict[str, str]:
    """What the daemons of a host answer."""
    host.write("/opt/variations.py", Path(variations.__file__).read_text())
    words = ("env", f"PYTHONPATH={HOST_LIB}", "python3", "/opt/variations.py", service, *options)
    done = host.run(*words, check=True, timeout=550)
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


def up(whose: str) -> Host:
    """One node, online."""
    host = (peerlab.up_real_with_shell(1) if whose == "theirs" else peerlab.up_ours(1))[0]
    wait_for("a node online", lambda: "Online: [ node1 ]" in host.run("crm_mon", "-1").stdout, 240)
    host.run("crm_attribute", "-n", "stonith-enabled", "-v", "false", check=True)
    return host


@pytest.mark.timeout(900)
@pytest.mark.parametrize("service", variations.SERVICES)
def test_answers_of_the_original(lab: None, service: str) -> None:
    """On a node of its own for each: some of its daemons end of a message without a field, and others with them."""
    peerlab.down()
    recorded = json.loads(RECORDED.read_text())[service]
    found = ask(up("theirs"), service, "--alone")
    assert found.keys() == recorded.keys()
    assert {label for label in found if found[label] != recorded[label] and "cib_ismaster" not in label} == set()


@pytest.fixture(scope="module")
def ours(lab: None) -> Iterator[Host]:
    peerlab.down()
    yield up("ours")
    peerlab.down()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("service", variations.SERVICES)
def test_our_answers(ours: Host, service: str) -> None:
    recorded = json.loads(RECORDED.read_text())[service]
    before, logged = ours.run("cibadmin", "-Q", "-o", "resources").stdout, len(ours.read(LOG).splitlines())
    assert variations.differences(service, ask(ours, service), recorded) == {}
    assert ours.run("crm_mon", "-1").returncode == 0
    assert ours.run("cibadmin", "-Q", "-o", "resources").stdout == before
    told = [line.partition("]")[2] for line in ours.read(LOG).splitlines()[logged:]]
    complaints = [line for line in told if line.startswith((" WARNING:", " ERROR:", " CRITICAL:"))]
    assert sorted(complaints) == sorted(set(complaints)), "each cause is told once"
    assert not [line for line in told if "could not be handled" in line or "Traceback" in line]


@pytest.fixture(scope="module", params=["theirs", "ours"])
def node(lab: None, request: pytest.FixtureRequest) -> Iterator[Host]:
    peerlab.down()
    host = up(request.param)
    host.run("useradd", "-M", "stranger", check=True)
    host.run("useradd", "-M", "-G", "haclient", "member", check=True)
    yield host
    peerlab.down()


@pytest.mark.parametrize(("words", "stranger", "member"), [
    (("crm_mon", "-1"), 4, 0), (("cibadmin", "-Q"), 102, 0), (("crmadmin", "-D"), 4, 0),
    (("attrd_updater", "-n", "a", "-U", "1"), 4, 0), (("stonith_admin", "-L"), 102, 0),
    (("crm_resource", "-l"), 102, 105),  # there are none
    (("corosync-cmapctl", "totem.version"), 1, 1),  # the ring asks for the primary group
])  # fmt: skip
def test_users(node: Host, words: tuple[str, ...], stranger: int, member: int) -> None:
    for user, code in (("stranger", stranger), ("member", member)):
        done = node.run("runuser", "-u", user, "--", *words)
        assert done.returncode == code, (user, done)


if __name__ == "__main__":
    found = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    for name in sys.argv[1:] or variations.SERVICES:
        peerlab.down()
        found[name] = ask(up("theirs"), name, "--alone")
        RECORDED.write_text(json.dumps(found, indent=0) + "\n")
    peerlab.down()
