"""What a failed fence agent is quoted with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hashell.ra.fence import FenceAgents

STAMP = "2026-11-27 22:06:13,279 ERROR: "


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (f"{STAMP}Unable to get PowerState: https://x/1\n\n{STAMP}Please use '-h' for usage\n\n",
         "Unable to get PowerState: https://x/1"),
        (f"{STAMP}Failed: Timed out waiting to power OFF\n\n\n", "Failed: Timed out waiting to power OFF"),
        ("plain words\nthe last of them\n", "the last of them"),
        (f"{STAMP}Please use '-h' for usage\n", "Please use '-h' for usage"),
        ("", "Fence agent exited with an error"),
    ],
)  # fmt: skip
async def test_the_reason_is_what_went_wrong(tmp_path: Path, said: str, reason: str) -> None:
    agent = tmp_path / "fence_talks"
    (tmp_path / "said").write_text(said)
    agent.write_text(f"#!/bin/sh\ncat '{tmp_path}/said' >&2\nexit 1\n")
    agent.chmod(0o755)
    agents = FenceAgents({"PATH": f"{tmp_path}:/usr/bin:/bin"}, sys.executable, tmp_path)
    result = await agents.execute("fence_talks", [("action", "off")], 60)
    assert (result.rc, result.reason) == (1, reason)
