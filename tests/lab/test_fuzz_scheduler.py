"""A few random clusters through both schedulers on every run; the module itself runs thousands."""

from __future__ import annotations

import pytest

from tests.lab import peerlab
from tests.lab.fuzz_scheduler import generate, run

pytestmark = [pytest.mark.smoke]


def test_the_same_seed_makes_the_same_cluster() -> None:
    from lxml import etree

    first, second = generate(7), generate(7)
    assert etree.tostring(first[0]) == etree.tostring(second[0])
    assert first[1] == second[1]
    assert etree.tostring(generate(8)[0]) != etree.tostring(first[0])


@pytest.mark.skipif(bool(peerlab.missing()), reason=peerlab.missing() or "-")
def test_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("LC_ALL", "C")
    refused, reports, _faults = run(list(range(1, 21)))
    assert not reports
    assert refused < 10
