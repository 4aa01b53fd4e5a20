"""`hashell monitor` over a CIB file: the operator's changes, the file that changes by itself, and no terminal."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from hashell.tui.tables import KeyedTable

from hashell.client.cluster import open_cluster
from hashell.client.source import FileSource
from hashell.model.diagnostics import HashellError
from hashell.tui.app import Monitor
from hashell.tui.main import ClusterOperator, FileBoard

CIB = """<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0">
 <configuration><crm_config/>
  <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
  <resources><group id="g"><primitive id="d" class="ocf" provider="pacemaker" type="Dummy"/></group></resources>
  <constraints/></configuration><status/></cib>"""


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    path = tmp_path / "cib.xml"
    path.write_text(CIB)
    return FileSource(path)


async def test_move_and_clear(source: FileSource) -> None:
    operator = ClusterOperator(source)
    await operator.move("d", "node2")
    text = source.path.read_text()
    assert 'id="cli-prefer-g"' in text and 'node="node2"' in text, "a member moves with its group"
    await operator.clear("g")
    assert "cli-prefer" not in source.path.read_text()


async def test_standby_and_back(source: FileSource) -> None:
    operator = ClusterOperator(source)
    await operator.standby("node1", True)
    assert 'name="standby" value="on"' in source.path.read_text()
    await operator.standby("node1", False)
    assert 'name="standby"' not in source.path.read_text()


async def test_what_needs_a_live_cluster_says_so(source: FileSource) -> None:
    with pytest.raises(HashellError, match="needs a live cluster"):
        await ClusterOperator(source).cleanup("d")


async def test_the_monitor_follows_a_file(source: FileSource) -> None:
    async def connect() -> FileBoard:
        return FileBoard(await open_cluster(source), source, poll_seconds=0.02)

    app = Monitor(connect, ClusterOperator(source))
    async with app.run_test() as pilot:
        table = app.query_one("#nodes", KeyedTable)
        for _ in range(500):
            await pilot.pause(0.02)
            if table.row_count == 2:
                break
        source.path.write_text(CIB.replace('<node id="2" uname="node2"/>', ""))
        for _ in range(500):
            await pilot.pause(0.02)
            if table.row_count == 1:
                break
        assert table.row_count == 1


async def test_a_file_that_goes_away_is_a_lost_connection(source: FileSource) -> None:
    board = FileBoard(await open_cluster(source), source, poll_seconds=0.01)
    board.on_change(lambda: None)
    source.path.unlink()
    assert str(source.path) in await asyncio.wait_for(board.wait_lost(), 30)


def test_without_a_terminal_the_remedy_is_told() -> None:
    command = [sys.executable, "-m", "hashell.cli", "monitor"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert result.returncode == 64
    assert "hashell status" in result.stderr and "Traceback" not in result.stderr
