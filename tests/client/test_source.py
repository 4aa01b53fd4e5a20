"""What a command works on is found in a fixed order, and nothing unreadable stands in its way."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashell.client.source import FileSource, LiveSource, embedded_nodes, find_source, is_running
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.qbframe import abstract_address


def embedded(base: Path, name: str) -> NodeSettings:
    settings = NodeSettings(name=name, ipc_prefix=f"ht-{base.name[-12:]}-{name}-", embedded=True)
    folder = base / name
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(settings.to_json())
    return settings


@pytest.fixture
def listener() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for sock in opened:
        sock.close()


def listen(settings: NodeSettings, opened: list[socket.socket]) -> None:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.append(sock)
    sock.bind(abstract_address(settings.ipc_name("cib_ro")))
    sock.listen(4)


def test_a_file_comes_first(tmp_path: Path) -> None:
    env = {"CIB_file": "/x/cib.xml", "CIB_shadow": "s", "HASHELL_EMBEDDED_DIR": str(tmp_path)}
    assert find_source(env) == FileSource(Path("/x/cib.xml"))


def test_a_shadow_is_a_file(tmp_path: Path) -> None:
    assert find_source({"CIB_shadow": "s", "CIB_shadow_dir": "/d"}) == FileSource(Path("/d/shadow.s"))


def test_an_embedded_node_is_chosen_by_name(tmp_path: Path) -> None:
    embedded(tmp_path, "node1")
    second = embedded(tmp_path, "node2")
    assert find_source({"HASHELL_EMBEDDED_DIR": str(tmp_path)}, "node2") == LiveSource(second)


def test_the_first_running_embedded_node_is_used(tmp_path: Path, listener: list[socket.socket]) -> None:
    embedded(tmp_path, "node1")
    second = embedded(tmp_path, "node2")
    listen(second, listener)
    assert is_running(second)
    if not is_running(NodeSettings()):
        assert find_source({"HASHELL_EMBEDDED_DIR": str(tmp_path)}) == LiveSource(second)


def test_nothing_running_means_this_machine(tmp_path: Path) -> None:
    assert find_source({"HASHELL_EMBEDDED_DIR": str(tmp_path)}) == LiveSource(NodeSettings())


def test_broken_settings_are_left_out(tmp_path: Path) -> None:
    good = embedded(tmp_path, "node1")
    (tmp_path / "node2").mkdir()
    (tmp_path / "node2" / "settings.json").write_text("[1, 2")
    assert embedded_nodes(tmp_path) == [good]
