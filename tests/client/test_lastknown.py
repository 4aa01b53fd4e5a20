"""A cluster that is there and does not answer: what was last known is shown, marked, with the code of a timeout."""

from __future__ import annotations

import bz2
import json
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from hashell.cli import main
from hashell.client import live
from hashell.model.exitcodes import ExitCode
from hashell.model.xmltext import pretty
from hashell.stack.settings import NodeSettings
from hashell.stack.wire.qbframe import abstract_address
from tests.tui.clusters import cluster

WHEN = 1700000000


@pytest.fixture
def frozen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeSettings]:
    """An embedded node whose CIB manager is in the state of a stopped process: the kernel connects, nobody accepts."""
    settings = NodeSettings(name="node1", ipc_prefix=f"f{uuid.uuid4().hex[:6]}-", user="", embedded=True,
                            state_dir=tmp_path / "embedded" / "node1" / "state")  # fmt: skip
    settings.pengine_dir.mkdir(parents=True)
    (tmp_path / "embedded" / "node1" / "settings.json").write_text(settings.to_json())
    monkeypatch.setenv("HASHELL_EMBEDDED_DIR", str(tmp_path / "embedded"))
    monkeypatch.setattr(live, "_ACCEPT_SECONDS", 0.1)
    opened = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(2)]
    for sock, service in zip(opened, ("cib_ro", "cib_rw"), strict=True):
        sock.bind(abstract_address(settings.ipc_name(service)))
        sock.listen(8)
    yield settings
    for sock in opened:
        sock.close()


def save(settings: NodeSettings, name: str, data: bytes, when: float) -> None:
    path = settings.pengine_dir / name
    path.write_bytes(data)
    os.utime(path, (when, when))


def known() -> bytes:
    cib = cluster()
    cib.set("execution-date", str(WHEN))
    return bz2.compress(pretty(cib).encode())


@pytest.mark.parametrize("words", [("status",), ("monitor", "--once")])
def test_the_last_known_state_is_shown_and_marked(
    frozen: NodeSettings, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    save(frozen, "pe-input-7.bz2", known(), WHEN)
    save(frozen, "pe-input-8.bz2", b"BZh4 torn off", WHEN + 100)
    assert main([*words]) == ExitCode.TIMEOUT
    out, err = capsys.readouterr()
    assert out.startswith("STALE:\n") and "Online: [ node1 node2 node3 ]" in out
    assert "pe-input-7.bz2" in out and "did not answer" in out
    assert "did not answer" in err and "Traceback" not in err


@pytest.mark.parametrize("words", [("status",), ("monitor", "--once")])
def test_programs_see_that_it_is_stale(
    frozen: NodeSettings, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    save(frozen, "pe-warn-0.bz2", known(), WHEN)
    assert main([*words, "--output-as=xml"]) == ExitCode.TIMEOUT
    root = etree.fromstring(capsys.readouterr().out)
    assert root.find("status").get("code") == "124" and "pe-warn-0" in root.findtext("status/errors/error")
    assert main([*words, "--output-as=json"]) == ExitCode.TIMEOUT
    assert json.loads(capsys.readouterr().out)["status"]["code"] == 124


@pytest.mark.parametrize("words", [("status",), ("monitor", "--once"), ("resource", "stop", "db")])
def test_without_any_there_are_words(
    frozen: NodeSettings, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    save(frozen, "pe-input-0", b"<nothing/>", WHEN)
    assert main([*words]) == ExitCode.TIMEOUT
    out, err = capsys.readouterr()
    assert not out and "did not answer" in err


def test_a_manager_that_is_frozen_for_long_has_no_room_for_anybody_who_waits(
    frozen: NodeSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HASHELL_TALK_TO", "node1")
    save(frozen, "pe-input-7.bz2", known(), WHEN)
    waiting = []
    with pytest.raises(BlockingIOError):
        while True:
            waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            waiting[-1].connect(abstract_address(frozen.ipc_name("cib_rw")))
    assert main(["status"]) == ExitCode.TIMEOUT
    assert capsys.readouterr().out.startswith("STALE:\n")
    for sock in waiting:
        sock.close()


def test_a_cluster_that_is_not_running_is_no_such_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = NodeSettings(name="node1", ipc_prefix=f"f{uuid.uuid4().hex[:6]}-", state_dir=tmp_path / "node1")
    settings.pengine_dir.mkdir(parents=True)
    (tmp_path / "settings.json").write_text(settings.to_json())
    save(settings, "pe-input-7.bz2", known(), WHEN)
    monkeypatch.setenv("HASHELL_EMBEDDED_DIR", str(tmp_path))
    monkeypatch.setenv("HASHELL_TALK_TO", "node1")
    assert main(["status"]) == ExitCode.DISCONNECT
    out, err = capsys.readouterr()
    assert not out and "no cluster is running" in err
