"""The administrator's guide, without machines: its commands exist, and its steps are read as they are printed.

The lab types all of it on real hosts (tests/lab/test_guide.py).
"""

from __future__ import annotations

import re
import shlex

import pytest

from hashell.shell.table import Level, load_tree
from tests.lab.guide import GUIDE, REPO, Step, steps

_PROGRAMS = ("monitor", "exporter", "simulate", "demo")


def _exists(level: Level, words: list[str]) -> bool:
    below = level.level(words[0]) if words else None
    if below is not None:
        return _exists(below, words[1:])
    return not words or words[0] in _PROGRAMS or level.command(words[0]) is not None


def test_every_command_of_the_guide_exists() -> None:
    lines = [line for step in steps(GUIDE.read_text()) for line in step.command.splitlines()[:1]
             if line.startswith("hashell ")]
    inline = re.findall(r"`hashell ([a-z_ ]+)", GUIDE.read_text())
    for words in [*(shlex.split(line)[1:] for line in lines), *(text.split() for text in inline)]:
        plain = [word for word in words if not word.startswith(("-", "<<"))]
        assert _exists(load_tree(), plain[:2]), words


def test_files_that_the_guide_names_are_there() -> None:
    for name in re.findall(r"/root/hashell/([\w./-]+\w)", GUIDE.read_text()) + re.findall(
            r"\]\(\.\./([\w./-]+)\)", GUIDE.read_text()):
        assert (REPO / name).exists(), name


def test_steps() -> None:
    text = "```\nnode1# one\nfirst …\nboth# two <<'END'\nx\nEND\nend\n```\n```text\nno step\n```\n"
    assert steps(text) == [Step(2, "node1", "one", ("first …",)), Step(4, "both", "two <<'END'\nx\nEND", ("end",))]
    one = steps(text)[0]
    assert one.matches("noise\n  first  thing\n") and not one.matches("the first thing")
    with pytest.raises(ValueError, match="line 2"):
        steps("```\nno prompt\n```\n")


def test_what_is_printed_comes_in_order() -> None:
    step = Step(1, "node1", "x", ("a", "b"))
    assert step.matches("a\nc\nb") and not step.matches("b\na")
