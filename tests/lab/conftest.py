"""The lab's tests are skipped, with the reason, where the lab cannot run; hosts go away after each module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import peerlab

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = peerlab.missing()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.lab)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="module")
def lab() -> Iterator[None]:
    """A clean lab before and after the module."""
    peerlab.down()
    yield
    peerlab.down()
