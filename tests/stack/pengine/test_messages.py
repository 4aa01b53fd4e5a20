"""Problems of a configuration can all be told, whatever kind they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hashell.stack.pengine
from hashell.stack.pengine.messages import ConfigProblem

FOLDER = Path(hashell.stack.pengine.__file__).parent


def kinds() -> Iterator[str]:
    """The kinds that the policy engine's own code names."""
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("config_warning", "config_error"):
                kind = node.args[1]
                assert isinstance(kind, ast.Constant), f"{path}:{node.lineno}: a kind that is not written out"
                yield str(kind.value)


@pytest.mark.parametrize("kind", sorted(set(kinds())))
def test_every_kind_has_words(kind: str) -> None:
    said = str(ConfigProblem(kind=kind, id="the-id", name="the-name", value="the-value"))
    assert said.startswith("error: ") and "{" not in said
    assert any(word in said for word in ("the-id", "the-name", "the-value")) or kind == "no-fencing"
