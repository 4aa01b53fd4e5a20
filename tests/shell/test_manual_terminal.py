"""The examples of the manual that need a terminal, each typed at one."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import CIB
from walk import prepare

from hashell.cli import main
from hashell.shell.manual import shown_levels
from hashell.shell.table import load_tree
from tests.terminal import Terminal

EXAMPLES = {"/".join((*path, command.name)): (path, command.example)
            for path, level in shown_levels(load_tree()) for command in level.commands if command.needs == "terminal"}
#: Takes half a minute and the demo's own addresses: tests/lab/test_demo.py.
ELSEWHERE = {"demo"}
PROGRAM = (sys.executable, "-m", "hashell.cli")
Type = Callable[[str], Terminal]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any cluster."""
    for name in ("CIB_file", "CIB_shadow", "HASHELL_TALK_TO", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": str(tmp_path), "HASHELL_EMBEDDED_DIR": str(tmp_path / "embedded"),
                        "XDG_STATE_HOME": str(tmp_path / "state")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cib(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CIB file with the configuration that examples speak of."""
    path = home / "cib.xml"
    path.write_text(CIB)
    monkeypatch.setenv("CIB_file", str(path))
    prepare(home, path)
    return path


@pytest.fixture
def cluster(home: Path) -> Iterator[Path]:
    """An embedded cluster of one node that runs; its folder."""
    assert main(["cluster", "start", "--embedded", "1"]) == 0
    yield home / "embedded"
    main(["cluster", "destroy"])


@pytest.fixture
def at_prompt(home: Path) -> Iterator[Type]:
    """Opens the shell on a terminal, goes to the level of a command, and types its example."""
    opened: list[Terminal] = []

    def type_example(name: str) -> Terminal:
        path, example = EXAMPLES[name]
        terminal = Terminal(PROGRAM, os.environ, home)
        opened.append(terminal)
        terminal.expect("# ")
        for level in path:
            terminal.line(level)
            terminal.expect(f"{level}# ")
        terminal.line(example)
        return terminal

    yield type_example
    for terminal in opened:
        terminal.close()


def editor(monkeypatch: pytest.MonkeyPatch, home: Path, old: str, new: str) -> None:
    """An editor that replaces one text by another, and fails if it is not there."""
    script = home / "editor"
    script.write_text(f"#!/bin/sh\ngrep -q '{old}' \"$1\" && sed -i 's/{old}/{new}/' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))


def leave(terminal: Terminal) -> None:
    terminal.line("quit")
    terminal.expect("bye")
    assert terminal.end() == 0
    assert "internal error" not in terminal.screen() and "error:" not in terminal.screen()


def test_configure_edit(cib: Path, at_prompt: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, cib.parent, "timeout=20s", "timeout=33s")
    terminal = at_prompt("configure/edit")
    terminal.line("commit")
    terminal.expect("Do you want to commit this")
    terminal.line("y")
    leave(terminal)
    assert 'timeout="33s"' in cib.read_text()


def test_template_edit(cib: Path, at_prompt: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    made = main(["configure", "template", "new", "kept", "virtual-ip", "params", "id=kept-ip", "ip=192.0.2.8"])
    assert made == 0
    editor(monkeypatch, cib.parent, "192.0.2.8", "192.0.2.9")
    terminal = at_prompt("configure/template/edit")
    terminal.line("show kept")
    terminal.expect("ip=192.0.2.9")
    leave(terminal)


@pytest.mark.timeout(240)
def test_corosync_edit(cluster: Path, at_prompt: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, cluster.parent, "token: .*", "token: 1777")
    terminal = at_prompt("corosync/edit")
    terminal.expect("`corosync push` gives it to the others")
    leave(terminal)
    assert any("token: 1777" in path.read_text() for path in cluster.rglob("corosync.conf"))


@pytest.mark.timeout(240)
def test_monitor(cluster: Path, at_prompt: Type) -> None:
    """The whole screen, and the prompt again after q."""
    terminal = at_prompt("monitor")
    terminal.expect("quorum yes (1/1 votes)", 120)
    terminal.send("q")
    terminal.expect("# ", 60)
    leave(terminal)


def test_no_example_is_left_out() -> None:
    tests = {name.removeprefix("test_") for name in globals() if name.startswith("test_")} | ELSEWHERE
    wanted = {"_".join((*path[-1:], example.split(" ")[0])) for path, example in EXAMPLES.values()}
    assert wanted and wanted <= tests, f"without a test: {sorted(wanted - tests)}"
