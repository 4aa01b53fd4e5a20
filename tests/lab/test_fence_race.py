"""Two nodes that lose each other, and each may fence the other: exactly one survives, the one that has the delay."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab import peerlab
from tests.lab.fencing import is_on, isolate, mon
from tests.lab.oracle import uptime
from tests.lab.peerlab import Host, wait_for
from tests.lab.redfish import SYSTEMS
from tests.lab.trouble import TroubledLab

#: Rounds of the race; a soak run sets more.
ROUNDS = int(os.environ.get("HASHELL_ROUNDS", "2"))
#: Whoever fences node1 waits for so long: time enough to be fenced first, however busy the machine is.
DELAY = 45
CONFIG = """property stonith-enabled=true stonith-timeout=60s
primitive w1 ocf:lab:Watched op monitor interval=10s
primitive w2 ocf:lab:Watched op monitor interval=10s
location home1 w1 50: node1
location home2 w2 50: node2
primitive power1 stonith:fence_redfish params {common} systems_uri={systems}/1 pcmk_host_list=node1{delay}
primitive power2 stonith:fence_redfish params {common} systems_uri={systems}/2 pcmk_host_list=node2
location elsewhere1 power1 -inf: node1
location elsewhere2 power2 -inf: node2
"""


@pytest.fixture(scope="module", params=[DELAY, 0], ids=["delay", "nodelay"])
def pair(request: pytest.FixtureRequest, lab: None) -> Iterator[tuple[TroubledLab, int]]:
    """Two nodes with a resource at home on each, and the delay of whoever fences node1."""
    delay = f" pcmk_delay_base={request.param}s" if request.param else ""
    with TroubledLab.up(2) as troubled:
        troubled.configure(CONFIG.format(common=troubled.parameters(), systems=SYSTEMS, delay=delay))
        wait_for("resources and devices started", lambda: mon(troubled.hosts[0]).count("Started node") == 4)
        troubled.verify()
        yield troubled, request.param
    peerlab.down()


def _fenced(troubled: TroubledLab) -> Host | None:
    """The host that was switched off and on again."""
    return next((host for host in troubled.hosts if len(troubled.orders(host)) == 2), None)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.timeout(900)
def test_exactly_one_survives(pair: tuple[TroubledLab, int], number: int) -> None:
    """Pass: one node is switched off and on, once, the other never: node 2, when there is a delay. The survivor runs
    both resources, and began to start the other's only after the fencing was confirmed. When the nodes see each other
    again nobody is fenced, and all holds that `TroubledLab.verify` says."""
    troubled, delay = pair
    troubled.controller.calm()
    troubled.verify()
    troubled.hosts[0].run("crm_resource", "--cleanup", timeout=120)
    troubled.wait_idle()
    troubled.controller.seen.clear()
    since = uptime()
    isolate(1, 2, isolated=True)
    try:
        victim = wait_for("a node fenced", lambda: _fenced(troubled), 240)
        survivor = troubled.others(victim)[0]
        print(f"round {number}, delay {delay}: {survivor.name} survives")
        assert survivor.number == 1 or not delay
        wait_for("both on the survivor", lambda: [survivor.number] * 2 == [
            n for name in troubled.resources for n in troubled.oracle.where(name)], 240)  # fmt: skip
        wait_for(f"{victim.name} known as down", lambda: f"OFFLINE: [ {victim.name} ]" in mon(survivor), 120)
    finally:
        isolate(1, 2, isolated=False)
    assert is_on(survivor.number)
    taken_over = [at for name in troubled.resources for at in troubled.begun(name, "start", since, survivor)]
    assert all(at > troubled.confirmed(victim) for at in taken_over)
    troubled.verify(since)
    assert troubled.orders() == [f"{victim.number} ForceOff", f"{victim.number} On"], "fenced again after its return"
