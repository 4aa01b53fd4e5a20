"""A CIB file is read, changed and written with the rules of a live CIB, and never half written."""

from __future__ import annotations

import copy
import os
from pathlib import Path

import pytest
from lxml import etree

from hashell.client.cluster import open_cluster
from hashell.client.source import FileSource
from hashell.model.diagnostics import HashellError

CIB = (
    '<cib validate-with="pacemaker-4.0" admin_epoch="1" epoch="5" num_updates="3"><configuration><crm_config/><nodes/>'
    "<resources/><constraints/></configuration><status/></cib>"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "cib.xml"
    file.write_text(CIB)
    file.chmod(0o640)
    return file


async def test_commit_bumps_the_epoch_and_keeps_the_mode(path: Path) -> None:
    cluster = await open_cluster(FileSource(path))
    old = await cluster.cib()
    new = copy.deepcopy(old)
    etree.SubElement(new.find("configuration/resources"), "primitive", id="d", type="Dummy")
    await cluster.commit(old, new)
    written = await cluster.cib()
    assert (written.get("admin_epoch"), written.get("epoch"), written.get("num_updates")) == ("1", "6", "0")
    assert written.find("configuration/resources/primitive[@id='d']") is not None
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == ["cib.xml"]


async def test_what_was_written_after_opening_is_read(path: Path) -> None:
    cluster = await open_cluster(FileSource(path))
    first = CIB.replace('epoch="5"', 'epoch="51"')
    path.write_text(first)
    assert (await cluster.cib()).get("epoch") == "51"
    path.write_text(CIB)
    assert (await cluster.cib()).get("epoch") == "5"


async def test_an_unchanged_commit_does_not_touch_the_file(path: Path) -> None:
    cluster = await open_cluster(FileSource(path))
    old = await cluster.cib()
    await cluster.commit(old, copy.deepcopy(old))
    assert path.read_text() == CIB


async def test_a_change_by_somebody_else_is_a_conflict(path: Path) -> None:
    cluster = await open_cluster(FileSource(path))
    old = await cluster.cib()
    path.write_text(CIB.replace('epoch="5"', 'epoch="6"'))
    new = copy.deepcopy(old)
    new.set("have-quorum", "1")
    with pytest.raises(HashellError, match="changed meanwhile"):
        await cluster.commit(old, new)
    assert 'epoch="6"' in path.read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "not a CIB"), (b"<cib", "not a CIB"), (b"<other/>", "not <cib>"), (b"\xff\xfe\x00garbage", "not a CIB")],
)
async def test_an_unreadable_file_is_named_and_left_alone(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(HashellError, match=said) as caught:
        await open_cluster(FileSource(path))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


async def test_live_only_commands_say_so(path: Path) -> None:
    cluster = await open_cluster(FileSource(path))
    with pytest.raises(HashellError, match="needs a live cluster"):
        await cluster.fence("node1")
