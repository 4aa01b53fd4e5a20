"""`hashell monitor` from the command line: what is printed once, what is refused, and the operator's changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from hashell.client.source import FileSource
from hashell.model.diagnostics import HashellError
from hashell.model.xmltext import pretty
from hashell.tui.main import main
from hashell.tui.operator import ClusterOperator, Order
from hashell.tui.web import command_of
from tests.tui.clusters import cluster


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    path = tmp_path / "cib.xml"
    path.write_text(pretty(cluster(db_failed=True)))
    return FileSource(path)


def configuration(text: str) -> bytes:
    """The configuration of a CIB, without the empty sets that a deleted last value leaves."""
    root = etree.fromstring(text.encode(), etree.XMLParser(remove_blank_text=True)).find("configuration")
    assert root is not None
    for block in root.xpath("//instance_attributes[not(*)]|//meta_attributes[not(*)]"):
        block.getparent().remove(block)
    return etree.tostring(root, method="c14n", with_tail=False)


@pytest.mark.parametrize(("order", "expected"), [
    (Order("move", "ip", "node2"), 'id="cli-prefer-web"'),
    (Order("ban", "db", "node3"), 'id="cli-ban-db-on-node3"'),
    (Order("stop", "db"), 'name="target-role" value="Stopped"'),
    (Order("standby", "node1", "on"), 'name="standby" value="on"'),
    (Order("maintenance", "node1", "on"), 'name="maintenance" value="on"'),
    (Order("maintenance", "db", "on"), 'name="maintenance" value="true"'),
    (Order("maintenance", "", "on"), 'name="maintenance-mode" value="true"'),
    (Order("demote", "disk-clone"), 'name="target-role" value="Unpromoted"'),
])  # fmt: skip
async def test_orders_change_the_configuration(source: FileSource, order: Order, expected: str) -> None:
    await ClusterOperator(source).carry_out(order)
    assert expected in source.path.read_text()


@pytest.mark.parametrize("order", [
    Order("move", "ip", "node2"), Order("ban", "db", "node3"), Order("stop", "db"), Order("start", "db"),
    Order("clear", "db"), Order("standby", "node1", "on"), Order("maintenance", "", "on"),
    Order("demote", "disk-clone"),
])  # fmt: skip
async def test_what_is_taken_back_is_as_it_was_and_the_rest_stays(source: FileSource, order: Order) -> None:
    operator = ClusterOperator(source)
    await operator.carry_out(Order("maintenance", "ip", "on"))
    before = source.path.read_text()
    change = await operator.carry_out(order)
    assert change is not None and configuration(source.path.read_text()) != configuration(before)
    await operator.carry_out(Order("standby", "node3", "on"))
    await operator.take_back(change)
    await operator.carry_out(Order("standby", "node3", "off"))
    assert configuration(source.path.read_text()) == configuration(before)


async def test_what_was_changed_again_is_not_taken_back(source: FileSource) -> None:
    operator = ClusterOperator(source)
    change = await operator.carry_out(Order("stop", "db"))
    await operator.carry_out(Order("maintenance", "db", "on"))
    before = source.path.read_text()
    assert change is not None
    with pytest.raises(HashellError, match="changed again since"):
        await operator.take_back(change)
    assert source.path.read_text() == before


async def test_clear_and_back_from_standby(source: FileSource) -> None:
    operator = ClusterOperator(source)
    await operator.carry_out(Order("clear", "db"))
    assert "cli-prefer-db" not in source.path.read_text()
    await operator.carry_out(Order("standby", "node1", "on"))
    await operator.carry_out(Order("standby", "node1", "off"))
    assert 'name="standby"' not in source.path.read_text()


@pytest.mark.parametrize("verb", ["cleanup", "refresh", "fence", "confirm"])
async def test_what_needs_a_live_cluster_says_so(source: FileSource, verb: str) -> None:
    with pytest.raises(HashellError, match="needs a live cluster"):
        await ClusterOperator(source).carry_out(Order(verb, "node1"))


async def test_a_command_of_a_story_is_run_on_the_same_source(source: FileSource) -> None:
    operator = ClusterOperator(source)
    await operator.run("resource stop db")
    assert 'value="Stopped"' in source.path.read_text()
    with pytest.raises(HashellError, match="nothing-such"):
        await operator.run("resource stop nothing-such")


def test_json_and_xml_say_the_same(source: FileSource, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--once", "-x", str(source.path), "--output-as=json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert main(["--once", "-x", str(source.path), "--output-as=xml"]) == 0
    root = etree.fromstring(capsys.readouterr().out)
    assert [node["name"] for node in data["nodes"]] == [str(e.get("name")) for e in root.iterfind("nodes/node")]
    assert [r["id"] for r in data["resources"]] == [str(e.get("id")) for e in root.iterfind("resources/*")]
    assert data["nodes"][0]["online"] is True and data["summary"]["nodes_configured"]["number"] == 3
    assert data["failures"][0]["exitreason"] == "the database is gone"


def test_errors_have_one_line_and_a_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--once", "-x", str(tmp_path / "none")]) != 0
    assert str(tmp_path / "none") in capsys.readouterr().err
    assert main(["--once", "--output-as=yaml"]) == 64
    assert main(["--help"]) == 0


def test_without_a_terminal_it_says_what_to_do() -> None:
    done = subprocess.run([sys.executable, "-m", "hashell.cli", "monitor"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)  # fmt: skip
    assert done.returncode == 64 and "--once" in done.stderr and "Traceback" not in done.stderr


def test_the_browser_gets_no_actions_unless_asked() -> None:
    words = ["--web", "--port", "1", "--host=h", "-x", "a b.xml"]
    assert command_of(words, False).endswith("monitor -x 'a b.xml' --read-only")
    assert command_of([*words, "--actions"], True).endswith("monitor -x 'a b.xml'")
