from __future__ import annotations

from pathlib import Path

import pytest

from hashell.stack.settings import NodeSettings

NASTY = Path(__file__).resolve().parents[1] / "stack" / "lrmd" / "agents"


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    """A node whose OCF root holds the misbehaving agents as provider `nasty`."""
    folder = tmp_path / "ocf" / "resource.d"
    folder.mkdir(parents=True)
    (folder / "nasty").symlink_to(NASTY)
    (tmp_path / "rsctmp").mkdir()
    return NodeSettings(
        name="n1",
        ocf_root=tmp_path / "ocf",
        state_dir=tmp_path / "state",
        agent_dir=tmp_path / "rsctmp",
        run_dir=tmp_path / "run",
        log_dir=tmp_path / "log",
        ipc_prefix=f"t{abs(hash(tmp_path)) % 10**9}-",
        user="",
        group="",
        embedded=True,
        env={"HASHELL_ADDRESS_DIR": str(tmp_path / "addresses"), "HASHELL_NODE": "mark"},
    )
