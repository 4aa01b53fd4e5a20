"""The command table: complete, loadable, and light."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hashell.shell.execute import help_text, level_help
from hashell.shell.table import Command, load_tree

COMMANDS = [("/".join((*path, c.name)), c) for path, level in load_tree().walk() for c in level.commands]


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[n for n, _ in COMMANDS])
def test_every_command_has_a_handler_and_help(name: str, command: Command) -> None:
    assert callable(command.load())
    assert command.hidden or (command.summary and help_text(command).startswith(command.name))


def test_names_are_unique_at_each_level() -> None:
    for _, level in load_tree().walk():
        names = [n for c in level.commands for n in (c.name, *c.aliases)] + [x.name for x in level.levels]
        assert len(names) == len(set(names)), level.name


def test_level_help_lists_everything() -> None:
    for _, level in load_tree().walk():
        assert all(f"  {name}" in level_help(level) for name in level.children())


@pytest.mark.parametrize("words", [["--help"], ["help", "configure", "primitive"], ["--version"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = ("import sys; from hashell.cli import main; code = main(sys.argv[1:]); "
            "heavy = {'pyparsing', 'textual', 'prompt_toolkit', 'rich'} & set(sys.modules); "
            "sys.exit(f'loaded {heavy}' if heavy else code)")
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout
