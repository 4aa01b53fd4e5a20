"""The manual: up to date, every command with an example, and every example run at its level."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CIB, Hashell
from walk import prepare

from hashell.shell.manual import MANUAL, man_pages, markdown, shown_levels
from hashell.shell.table import Command, load_tree
from tests.lab.examples import WALK, machine_examples

EXAMPLES = [(path, command) for path, level in shown_levels(load_tree()) for command in level.commands
            if not command.hidden]
ON_FILES = [(path, command) for path, command in EXAMPLES if not command.needs]


def name_of(path: tuple[str, ...], command: Command) -> str:
    return "/".join((*path, command.name))


def test_the_manual_is_current() -> None:
    assert MANUAL.read_text() == markdown(load_tree()), "make it anew: python -m hashell.shell.manual"


def test_every_command_has_an_example_that_uses_it() -> None:
    without = [name_of(path, command) for path, command in EXAMPLES
               if not any(line.split(" ")[0] == command.name for line in command.example.split("\n"))]
    assert not without


def test_the_lab_types_every_example_that_needs_a_machine() -> None:
    """On Linux namespaces as root; here only that none is left out there."""
    assert sorted(name for name, _ in WALK) == sorted(machine_examples())


def test_every_level_is_in_the_manual_and_the_man_page() -> None:
    text, pages = markdown(load_tree()), man_pages(load_tree())
    for path, level in shown_levels(load_tree()):
        assert f"## {' '.join(path) or 'The root level'}\n" in text
        assert all(f".SS {' '.join((*path, c.name))}\n".replace("-", "\\-") in pages["hashell.crm.7"]
                   for c in level.commands if not c.hidden)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the CIB file and all files that examples name."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "cib.xml").write_text(CIB)
    before = {name: os.environ.get(name) for name in ("CIB_file", "HOME")}
    os.environ.update({"CIB_file": str(folder / "cib.xml"), "HOME": str(folder)})
    prepare(folder, folder / "cib.xml")
    yield folder
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.mark.parametrize(("path", "command"), ON_FILES, ids=[name_of(*e) for e in ON_FILES])
def test_example_on_a_cib_file(path: tuple[str, ...], command: Command, prepared: Path, hashell: Hashell,
                               cib_file: Path) -> None:
    """Typed at its level, like in a shell that reads from a pipe; changes are committed on leaving."""
    shutil.copytree(prepared, cib_file.parent, dirs_exist_ok=True)
    for words in _before(path, command):
        assert hashell(*words).code == 0
    result = hashell(*path, stdin=command.example + "\n")
    assert result.code == 0, result.err
    assert "error" not in result.err


def _before(path: tuple[str, ...], command: Command) -> list[list[str]]:
    """What has to be there first: a shadow CIB or a template."""
    if path == ("cib",) and command.name not in ("new", "import", "list"):
        return [["cib", "new", "trial"]]
    if path[-1:] == ("template",) and command.name not in ("new", "list"):
        return [["configure", "template", "new", "kept", "virtual-ip", "params", "id=kept-ip", "ip=192.0.2.8"]]
    return []
