"""Each captured packet of corosync is a test of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import totem_vectors

PRESENT = totem_vectors.VECTORS.exists()
pytestmark = pytest.mark.skipif(not PRESENT, reason="the shared vectors are not beside this checkout")


@pytest.mark.parametrize("vector", totem_vectors.load() if PRESENT else [], ids=lambda v: v["name"])
def test_vector(vector: dict[str, Any]) -> None:
    if "key_hex" in vector:
        pytest.importorskip("cryptography", reason="encrypted packets need the cryptography package")
    assert totem_vectors.check(vector) == ""


@pytest.mark.skipif(not PRESENT, reason="the shared vectors are not beside this checkout")
def test_a_wrong_field_is_found() -> None:
    vector = next(v for v in totem_vectors.load() if v["name"] == "orf_token_idle")
    assert totem_vectors.check({**vector, "decoded": {**vector["decoded"], "fcc": 3}})
