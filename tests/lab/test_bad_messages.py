"""The same wrong messages for the real daemons and for ours.

Pass criterion: the real ones say what `verdicts.json` has recorded of them, ours the same but for the differences that
`variations.py` names with their reason; both serve a good client afterwards, and refuse a stranger alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import peerlab
from tests.lab.peerlab import HOST_LIB, Host, wait_for
from tests.stack.embedded import variations

RECORDED = Path(variations.__file__).parent / "verdicts.json"


def ask(host: Host, service: str) -> dict[str, str]:
    """What the daemons of a host answer."""
    host.write("/opt/variations.py", Path(variations.__file__).read_text())
    done = host.run("env", f"PYTHONPATH={HOST_LIB}", "python3", "/opt/variations.py", service, check=True, timeout=550)
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


@pytest.fixture(scope="module", params=["theirs", "ours"])
def host(lab: None, request: pytest.FixtureRequest) -> Iterator[Host]:
    hosts = peerlab.up_real_with_shell(1) if request.param == "theirs" else peerlab.up_ours(1)
    wait_for("a node online", lambda: "Online: [ node1 ]" in hosts[0].run("crm_mon", "-1").stdout, 240)
    hosts[0].run("crm_attribute", "-n", "stonith-enabled", "-v", "false", check=True)
    hosts[0].run("useradd", "-M", "stranger", check=True)
    hosts[0].run("useradd", "-M", "-G", "haclient", "member", check=True)
    yield hosts[0]
    peerlab.down()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("service", variations.SERVICES)
def test_answers(host: Host, service: str) -> None:
    assert variations.differences(service, ask(host, service), json.loads(RECORDED.read_text())[service]) == {}
    assert host.run("crm_mon", "-1").returncode == 0


@pytest.mark.parametrize(("words", "stranger", "member"), [
    (("crm_mon", "-1"), 102, 0), (("cibadmin", "-Q"), 102, 0), (("crmadmin", "-D"), 102, 0),
    (("attrd_updater", "-n", "a", "-U", "1"), 102, 0), (("stonith_admin", "-L"), 102, 0),
    (("crm_resource", "-l"), 102, 0), (("corosync-cmapctl", "totem.version"), 1, 0),
])  # fmt: skip
def test_users(host: Host, words: tuple[str, ...], stranger: int, member: int) -> None:
    for user, code in (("stranger", stranger), ("member", member)):
        done = host.run("runuser", "-u", user, "--", *words)
        assert done.returncode == code, (user, done)
