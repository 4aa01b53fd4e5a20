"""Where the bundled agents lie, under which names they are found, and how they are started."""

from __future__ import annotations

import os
from pathlib import Path

AGENTS = Path(__file__).parent / "agents"
PROVIDER = "hashell"
#: Providers under which a bundled agent stands in when the system has no agent of that name.
STANDS_IN = {"heartbeat": ("Dummy", "IPaddr2", "Stateful"), "pacemaker": ("Dummy", "Stateful")}


def ocf_types() -> list[str]:
    return sorted(p.name for p in (AGENTS / "ocf").iterdir() if p.is_file() and p.name[0] not in "._")


def ocf_path(provider: str, name: str) -> Path | None:
    """The bundled agent for provider and type, or None."""
    if provider != PROVIDER and name not in STANDS_IN.get(provider, ()):
        return None
    return AGENTS / "ocf" / name if name in ocf_types() else None


def fence_types() -> list[str]:
    return sorted(p.name for p in (AGENTS / "stonith").iterdir() if p.name.startswith("fence_"))


def fence_path(name: str) -> Path | None:
    return AGENTS / "stonith" / name if name in fence_types() else None


def command(path: Path, python: str) -> list[str]:
    """How to start an agent file. A bundled one goes straight to its interpreter: no `env`, no site packages, and
    an installation that lost the executable bit still works."""
    if not path.is_relative_to(AGENTS):
        return [str(path)]
    with path.open("rb") as file:
        first = file.readline(200)
    if b"python" in first:
        return [python, "-S", "-E", str(path)]
    return ["/bin/sh", str(path)]


def runnable(path: Path) -> bool:
    return path.is_file() and (os.access(path, os.X_OK) or path.is_relative_to(AGENTS))
