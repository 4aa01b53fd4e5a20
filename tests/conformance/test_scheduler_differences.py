"""Inputs on which the policy engine once differed from the original, with the original's recorded outputs."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.lab.fuzz_scheduler import KINDS, own_outputs, sides_of

_CASES = Path(__file__).resolve().parent / "scheduler"


@pytest.mark.parametrize("name", sorted(folder.name for folder in _CASES.iterdir()))
def test_case(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    folder = _CASES / name
    theirs = {kind: (folder / kind).read_text() for kind in KINDS}
    ours = own_outputs((folder / "input.xml").read_bytes(), shlex.split((folder / "args").read_text()))
    assert not ours["fault"]
    for kind, (want, have) in sides_of(theirs, ours).items():
        assert have == want, kind
