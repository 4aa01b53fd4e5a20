"""A part of the scheduler cases on every run; `python -m tests.conformance.scheduler_runner` runs all of them."""

from __future__ import annotations

import json

import pytest

from tests.conformance.scheduler_runner import KINDS, cases_dir, run_case

_EVERY = 12


def _sample() -> list[tuple[str, list[str]]]:
    try:
        cases = json.loads((cases_dir() / "cases.json").read_text())
    except FileNotFoundError:
        return []
    return [(name, cases[name]["args"]) for name in sorted(cases)[::_EVERY]]


@pytest.mark.skipif(not _sample(), reason="the scheduler cases are not beside the checkout")
@pytest.mark.parametrize(("name", "args"), _sample())
def test_case(name: str, args: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    _, got, note, _ = run_case((name, args, True))
    assert all(got[kind] for kind in KINDS), note
