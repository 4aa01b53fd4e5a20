"""Two nodes that lose each other, and each may fence the other: exactly one survives, the one that has the delay."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.fencing import WEB, FencedLab, is_on, isolate, mon
from tests.lab.peerlab import wait_for
from tests.lab.redfish import SYSTEMS

#: Rounds of the race; a soak run sets more.
ROUNDS = int(os.environ.get("HASHELL_ROUNDS", "2"))
#: Whoever fences node1 waits for so long: time enough to be fenced first, however busy the machine is.
DELAY = 45
CONFIG = """property stonith-enabled=true stonith-timeout=60s
{web}primitive power1 stonith:fence_redfish params {common} systems_uri={systems}/1 pcmk_host_list=node1 \
 pcmk_delay_base={delay}s
primitive power2 stonith:fence_redfish params {common} systems_uri={systems}/2 pcmk_host_list=node2
location elsewhere1 power1 -inf: node1
location elsewhere2 power2 -inf: node2
"""


@pytest.fixture(scope="module")
def pair(lab: None) -> Iterator[FencedLab]:
    with FencedLab.up(2) as fenced:
        fenced.configure(
            CONFIG.format(web=WEB, common=fenced.parameters(), systems=SYSTEMS, delay=DELAY)
        )
        wait_for("web and the devices started", lambda: mon(fenced.hosts[0]).count("Started node") == 3)
        yield fenced


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.timeout(900)
def test_exactly_one_survives(pair: FencedLab, number: int) -> None:
    """Node 1 is never switched off, node 2 once; the resource, wherever it was, runs on node 1 and was started there
    only after node 2 was confirmed as fenced."""
    survivor, victim = pair.hosts
    pair.settle()
    pair.run_web_on(victim if number % 2 == 0 else survivor)
    before = pair.started_at(survivor)
    pair.controller.seen.clear()
    isolate(1, 2, isolated=True)
    try:
        wait_for("node2 fenced", lambda: len(pair.orders(victim)) == 2, 240)
        wait_for("web on node1", lambda: pair.started_at(survivor), 240)
        wait_for("node2 known as down", lambda: "OFFLINE: [ node2 ]" in mon(survivor), 120)
    finally:
        isolate(1, 2, isolated=False)
    assert pair.orders() == ["2 ForceOff", "2 On"] and is_on(survivor.number)
    started = pair.started_at(survivor)
    assert started == before if before else started > pair.last_order(victim).ended
    pair.wait_online()
    assert pair.orders() == ["2 ForceOff", "2 On"], "fenced again after its return"
