"""The peer's own tools, run without a cluster on files, where this machine has them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tests.lab import peerlab


@cache
def missing_tools() -> str:
    """Why the peer's tools cannot be run here, or ''."""
    why = peerlab.missing()
    if not why and not any(peerlab.HOME.glob("image*")):
        why = "the lab's image has not been built"
    return why


def run_tool(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a tool with `folder` as its working folder (which it sees as /w)."""
    return subprocess.run(
        [str(peerlab.PEERLAB), "tool", *command], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
